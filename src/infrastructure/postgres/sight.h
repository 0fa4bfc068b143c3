/*
 * sight.h
 *		What only a relay sees, kept in shared memory for those who ask: the stream, and
 *		a child of the log that is stuck.
 *
 * A child is *stuck* while it is due to be emptied and somebody holds a lock on it.
 *
 * Locking: one place per slot (shared.h), copied in and out under its spinlock.  It
 * names its database, so what an earlier owner of the slot has left is not taken for
 * news.
 */
#ifndef OUTBOX_INFRASTRUCTURE_POSTGRES_SIGHT_H
#define OUTBOX_INFRASTRUCTURE_POSTGRES_SIGHT_H

#include <stdbool.h>
#include <stdint.h>

#include "application/sight.h"

#define OUTBOX_NOT_STUCK (-1)

typedef struct OutboxSighting
{
	OutboxSight stream;
	int64_t seen_at; /* TimestampTz */
	int stuck_child; /* OUTBOX_NOT_STUCK: none is */
	int64_t stuck_since; /* TimestampTz */
} OutboxSighting;

/* Asks for shared memory; from _PG_init while libraries are preloaded. */
extern void outbox_sight_request(void);

/* The relay's: it begins, and has seen nothing yet. */
extern void outbox_sight_begin(int slot);

/* The relay's: the stream, as it is seen now. */
extern void outbox_sight_set_stream(int slot, const OutboxSight *stream);

/* The relay's: this child is stuck, or OUTBOX_NOT_STUCK. */
extern void outbox_sight_set_stuck(int slot, int child);

/* What the relay of this database has seen last; false: nothing. */
extern bool outbox_sight_read(OutboxSighting *sighting);

#endif
