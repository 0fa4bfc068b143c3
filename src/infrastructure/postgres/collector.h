/*
 * collector.h
 *		Collects the entries of an interval by runs, in bounded memory.
 *
 * The index on xid brings the rows of a transaction one after the other, so a
 * transaction's last id is known when its *run* ends.  Entries of the run that
 * is being read stand at the end of the array, provisionally.  When the array
 * is full, the complete entries before them are *folded*: sorted, and the later
 * half dropped; from then on nothing beyond the *ceiling* is taken.  A run that
 * does not fit by itself has *spilled*: it is only counted, and then read once more
 * with its last id known.
 */
#ifndef OUTBOX_INFRASTRUCTURE_POSTGRES_COLLECTOR_H
#define OUTBOX_INFRASTRUCTURE_POSTGRES_COLLECTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "domain/cursor.h"
#include "infrastructure/postgres/interval.h"

typedef struct OutboxCollector
{
	OutboxInterval *interval;
	OutboxPosition after; /* take only what comes later */
	OutboxPosition ceiling; /* once folded: and not beyond this */
	bool charting; /* what is read is new to the chart */

	/* the run: the transaction whose rows are being read */
	uint64_t xid;
	int run_start; /* its first entry */
	int64_t last; /* its greatest id so far */
	uint32_t run_count; /* its events so far */
	uint32_t passed; /* of them not after the position */
	uint32_t left; /* of the part that is being read, after the position */
	bool spilled; /* entries did not fit */
	bool rereading; /* last and run_count are final */
} OutboxCollector;

/* Begins to collect what comes after the position. */
extern void outbox_collector_start(OutboxCollector *collector, OutboxInterval *interval,
								   OutboxPosition after);

extern void outbox_collector_begin_run(OutboxCollector *collector, uint64_t xid);

/* Takes an entry of the run: its place, and of its position the id. */
extern void outbox_collector_take(OutboxCollector *collector, OutboxEntry entry);

/* The run has spilled: forgets its entries, all of it follows once more. */
extern void outbox_collector_reread_run(OutboxCollector *collector);

/* A part of a run follows, of which all is known. */
extern void outbox_collector_begin_part(OutboxCollector *collector, const OutboxZone *zone);

/* Completes the entries of a run that has not spilled, drops what is not wanted. */
extern void outbox_collector_settle_run(OutboxCollector *collector);

/* Nothing of the run follows. */
extern void outbox_collector_end_run(OutboxCollector *collector);

/* Can an entry at or after this position be wanted? */
extern bool outbox_collector_wants(const OutboxCollector *collector, OutboxPosition position);

/* Puts the entries in order. */
extern void outbox_collector_finish(OutboxCollector *collector);

#endif
