/*
 * tally.h
 *		The tallies of all databases (domain/tally.h): in shared memory for whoever
 *		looks, in a file for the relays to come.
 *
 * The relay counts in memory of its own, and *publishes* what has changed once per
 * turn.  A slot (shared.h) has room for the counts; types are in *areas*, of which
 * there are as many as there can be relays: one whose database has no relay is given
 * to another database that needs it.
 *
 * Shared memory does not survive the crash of any process, so the relay also *keeps*
 * its book: a file of the database in the folder of temporary statistics, never
 * synced.  It is written before counts are published, so that no count ever falls that
 * somebody has seen; and before the cursor moves, so that nothing is behind the cursor
 * that is not in the book; what is in the book and not behind the cursor is recognised
 * (domain/tally.h).  A crash of the machine may set the counts back, and where
 * another server takes over, they begin anew.
 *
 * Locking: a slot's spinlock, for the time of copying the counts or one type.  Only the
 * relay, and who looks at its tally or resets it, ever takes it; who emits never does.
 */
#ifndef OUTBOX_INFRASTRUCTURE_POSTGRES_TALLY_H
#define OUTBOX_INFRASTRUCTURE_POSTGRES_TALLY_H

#include <stdbool.h>
#include <stdint.h>

#include "domain/tally.h"

#define OUTBOX_TALLY_DATABASE_SIZE 256

/* How the outbox stands, as the relay knows it; -1: it does not. */
typedef struct OutboxTallyGauges
{
	bool paused;
	bool idle; /* all that was committed is settled */
	int64_t backlog; /* events; exact when idle, else estimated from ids */
	int64_t oldest_at; /* the oldest of them was emitted, microseconds since 1970; 0: none waits */
	int64_t dead_letters; /* that are not given up */
	int64_t blocked; /* aggregates */
	int64_t waiting; /* events behind dead letters */
} OutboxTallyGauges;

/* A database's tally without types. */
typedef struct OutboxTallyReading
{
	char database[OUTBOX_TALLY_DATABASE_SIZE]; /* UTF-8, as far as a relay has told */
	bool counted; /* a relay has been here; else the rest is void */
	OutboxTallyCounts counts;
	OutboxTallyGauges gauges;
} OutboxTallyReading;

/* Asks for shared memory; from _PG_init while libraries are preloaded. */
extern void outbox_tally_request(void);

/* The launcher's: this is the name of the slot's database, where no relay has told. */
extern void outbox_tally_name(int slot, const char *database);

/* The slot's tally; false: there is no shared memory. */
extern bool outbox_tally_read(int slot, OutboxTallyReading *reading);

/* Copies the types of the slot's tally, and returns how many; the first is the other type. */
extern int outbox_tally_read_types(int slot, OutboxTallyType types[OUTBOX_TALLY_TYPES + 1]);

/* Begins anew.  Counts that the relay has not published yet are lost with the others. */
extern void outbox_tally_reset(int slot, uint32_t database);

/* The database is gone. */
extern void outbox_tally_forget(int slot, uint32_t database);

/*
 * The relay's: its tally, which goes on where that of this outbox was, and lives as long
 * as the process.  The name of its database is UTF-8.
 */
extern OutboxTally *outbox_tally_open(int slot, const char *database, const char *uuid);

/* Shows what the relay has counted, and how the outbox stands. */
extern void outbox_tally_publish(const OutboxTallyGauges *gauges);

/*
 * Write the book down: if anything in it has changed, or if events were settled since.
 * They do nothing where no tally was opened.
 */
extern void outbox_tally_keep(void);
extern void outbox_tally_keep_settled(void);

#endif
