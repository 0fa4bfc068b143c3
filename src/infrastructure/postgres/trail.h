/*
 * trail.h
 *		The trail as rows of outbox.trail, and what was lost of it as rows of
 *		outbox.lost.
 *
 * The relay alone writes these tables.  Everything here runs inside a transaction
 * of the caller.
 */
#ifndef OUTBOX_INFRASTRUCTURE_POSTGRES_TRAIL_H
#define OUTBOX_INFRASTRUCTURE_POSTGRES_TRAIL_H

#include <stdbool.h>
#include <stdint.h>

#include "domain/trail.h"

/* A row of outbox.lost. */
typedef struct OutboxLostRow
{
	int64_t place;
	OutboxTrailRun *runs;
	int count;
} OutboxLostRow;

/* Writes down what is noted, and clears it. */
extern void outbox_trail_write(const char *stream, OutboxTrail *noted);

/* The entry with the highest sequence; sequence 0: there is none. */
extern OutboxTrailEntry outbox_trail_newest(const char *stream);

/* At most max entries that follow the sequence, ascending; returns how many. */
extern int outbox_trail_read(const char *stream, uint64_t after, OutboxTrailEntry *entries,
							 int max);

/*
 * Moves the entries with sequences from first to last to outbox.lost, from *place
 * on; returns how many, and raises *place to the next free one.
 */
extern uint64_t outbox_trail_lose(const char *stream, uint64_t first, uint64_t last,
								  int64_t *place);

/* The lowest place of what is lost, 0 when nothing is; and how many events are. */
extern int64_t outbox_trail_first_lost(const char *stream, uint64_t *events);

/*
 * Reads rows of what is lost from the front, with at least so many events if there
 * are as many.  They live in the current memory context.
 */
extern OutboxLostRow *outbox_trail_read_lost(const char *stream, uint64_t events, int *count);

/* Removes what is lost from one place to another. */
extern void outbox_trail_remove_lost(const char *stream, int64_t first, int64_t last);

/* Removes the first so many entries of a row of what is lost. */
extern void outbox_trail_cut_lost(const char *stream, const OutboxLostRow *row, uint64_t entries);

/* How many holes the stream was known to have; 0 if it is not known. */
extern uint64_t outbox_trail_deleted(const char *stream);
extern void outbox_trail_set_deleted(const char *stream, uint64_t deleted);

/* Forgets what stands before this sequence; rows that reach beyond it stay. */
extern void outbox_trail_expire(const char *stream, uint64_t first);

/* Forgets what was settled before this turn of the ring, of any stream. */
extern void outbox_trail_forget(int64_t turn);

#endif
