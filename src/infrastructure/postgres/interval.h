/*
 * interval.h
 *		The events of one interval of the log, in the order of their positions.
 *
 * An interval is read in two steps: first its *entries* (position and place of
 * each event) are collected and sorted in one pass, then events are fetched by
 * their places, slice by slice, in short transactions.  So no snapshot is held
 * while events travel, and a row is read twice but sorted never.
 *
 * Memory is bounded: when an interval holds more entries than fit, the first
 * ones (by position) are kept, the interval is *truncated*, and collecting again
 * from the last kept position gives the next ones.  The first collection charts the
 * interval (chart.h), so that the others read only what they need.
 *
 * A place is certain only in the transaction that collected it.  Rows of the log
 * are updated (outbox.erase) and removed only after they were settled, but VACUUM
 * FULL, CLUSTER and ALTER TABLE move them; so whoever uses a place later looks whether
 * the row is the one that was meant, and collects again if it is not.
 */
#ifndef OUTBOX_INFRASTRUCTURE_POSTGRES_INTERVAL_H
#define OUTBOX_INFRASTRUCTURE_POSTGRES_INTERVAL_H

#include <stdbool.h>
#include <stdint.h>

#include "domain/cursor.h"
#include "infrastructure/postgres/chart.h"

typedef struct OutboxEntry
{
	OutboxPosition position;
	uint32_t tx_count; /* events of the transaction */
	uint32_t block; /* where the row is */
	uint16_t offset;
	uint16_t child;
} OutboxEntry;

/* The most entries that are kept: 32 bytes each. */
#ifndef OUTBOX_INTERVAL_MAX_ENTRIES
#define OUTBOX_INTERVAL_MAX_ENTRIES 262144
#endif

typedef struct OutboxInterval
{
	OutboxEntry *entries;
	int count;
	int capacity;
	bool truncated; /* more follows the last entry */
	uint32_t first_index; /* tx_index of the first entry */
	uint64_t newest_commit; /* WAL position up to which all of it is durable */
	OutboxChart chart;
} OutboxInterval;

/* Forgets all; another interval follows. */
extern void outbox_interval_reset(OutboxInterval *interval);

/*
 * Collects the entries of what new_snapshot sees and old_snapshot does not,
 * after the position; the same snapshots until reset.  Needs an active snapshot at least as new as new_snapshot.
 * Entries live in the memory context that is current at the first call.
 */
extern void outbox_interval_collect(OutboxInterval *interval, const OutboxSnapshot *old_snapshot,
									const OutboxSnapshot *new_snapshot, OutboxPosition after);

/* Which entry stands at the position. */
extern int outbox_interval_find(const OutboxInterval *interval, OutboxPosition position);

/* The place of an entry's event in its transaction, from 1. */
extern uint32_t outbox_interval_index(const OutboxInterval *interval, int entry);

#endif
