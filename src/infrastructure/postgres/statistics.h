/*
 * statistics.h
 *		Counts what sessions do to aggregates: transitions that their states made, and
 *		rules that were violated.
 *
 * Counts are of events in time, not of rows: what a transaction counted stays counted
 * when it is rolled back, which a violated rule always causes.  They are kept in shared
 * memory from the start of the server on, or from a reset; the crash of any process
 * begins them anew.  There is room for OUTBOX_STATISTICS_ENTRIES kinds of things in all
 * databases together; what comes later is counted as one for each database.
 *
 * Locking: whoever counts something known takes no lock.  Something new is entered
 * under a spinlock, for some instructions.  Counts are atomics.
 */
#ifndef OUTBOX_INFRASTRUCTURE_POSTGRES_STATISTICS_H
#define OUTBOX_INFRASTRUCTURE_POSTGRES_STATISTICS_H

#include <stdbool.h>
#include <stdint.h>

#define OUTBOX_STATISTICS_ENTRIES 2048
#define OUTBOX_STATISTICS_NAME_SIZE 64

typedef enum OutboxStatisticsKind
{
	OUTBOX_STATISTICS_TRANSITION, /* names: aggregate, from, to */
	OUTBOX_STATISTICS_VIOLATION /* names: aggregate, rule, "" */
} OutboxStatisticsKind;

#define OUTBOX_STATISTICS_KINDS (OUTBOX_STATISTICS_VIOLATION + 1)

typedef struct OutboxStatisticsEntry
{
	OutboxStatisticsKind kind;
	char names[3][OUTBOX_STATISTICS_NAME_SIZE]; /* "", "", "": all that had no room */
	uint64_t count;
} OutboxStatisticsEntry;

/* Asks for shared memory; from _PG_init while libraries are preloaded. */
extern void outbox_statistics_request(void);

/*
 * An aggregate's state has changed from one to another; from is "" for a new one.
 * Names are text of the database, of which the first 63 bytes count.  Never fails, never
 * waits, does nothing where the library is not preloaded; call it at any time.
 */
extern void outbox_statistics_count_transition(const char *aggregate, const char *from,
											   const char *to);

/* The same: an aggregate's rule was violated.  Call it before the error is raised. */
extern void outbox_statistics_count_violation(const char *aggregate, const char *rule);

/*
 * Entry number index of the slot's; false: there is none of this number, but perhaps of
 * others below outbox_statistics_limit.
 */
extern bool outbox_statistics_read(int slot, int index, OutboxStatisticsEntry *entry);
extern int outbox_statistics_limit(void);

/* Since when the slot's are counted, TimestampTz. */
extern int64_t outbox_statistics_since(int slot);

/* Begins the slot's anew. */
extern void outbox_statistics_reset(int slot);

/* The slot goes to another database. */
extern void outbox_statistics_forget(int slot);

#endif
