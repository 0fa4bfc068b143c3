/*
 * interval.c
 *		Collects the entries of an interval.
 *
 * The index on xid brings the rows of a transaction one after the other, so a
 * transaction's last id is known when its *run* ends.  Entries of the run that
 * is being read stand at the end of the array, provisionally.  When the array
 * is full, the complete entries before them are *folded*: sorted, and the later
 * half dropped; from then on nothing beyond the *ceiling* is taken.  A run that
 * does not fit by itself is only counted, and then read once more with its last
 * id known.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/xid8.h"

#include "domain/ring.h"
#include "infrastructure/postgres/columns.h"
#include "infrastructure/postgres/compat.h"
#include "infrastructure/postgres/durable.h"
#include "infrastructure/postgres/interval.h"
#include "infrastructure/postgres/log.h"

typedef struct Collector
{
	OutboxInterval *interval;
	OutboxPosition after; /* take only what comes later */
	OutboxPosition ceiling; /* once folded: and not beyond this */
	int child; /* being read */
	Relation log;
	Relation index;

	/* the run: the transaction whose rows are being read */
	uint64_t xid;
	int run_start; /* its first entry */
	int64_t last; /* its greatest id so far */
	uint32_t run_count; /* its events so far */
	uint32_t passed; /* of them not after the position */
	bool spilled; /* entries did not fit */
	bool rereading; /* last and run_count are final */
} Collector;

static void scan_child(Collector *collector, int child, const OutboxSnapshot *old_snapshot,
					   const OutboxSnapshot *new_snapshot);
static void scan_range(Collector *collector, uint64_t from, uint64_t below);
static void take_row(Collector *collector, TupleTableSlot *slot);
static void begin_run(Collector *collector, uint64_t xid);
static void end_run(Collector *collector);
static void settle_run(Collector *collector);
static void reread_run(Collector *collector);
static void add(Collector *collector, OutboxEntry entry);
static bool make_room(Collector *collector);
static void fold(Collector *collector, int complete);
static bool wanted(const Collector *collector, OutboxPosition position);
static int compare_entries(const void *a, const void *b);

void
outbox_interval_collect(OutboxInterval *interval, const OutboxSnapshot *old_snapshot,
						const OutboxSnapshot *new_snapshot, OutboxPosition after)
{
	Collector collector = {.interval = interval, .after = after};

	interval->count = 0;
	interval->truncated = false;
	interval->first_index = 1;
	interval->newest_commit = 0;
	for (int child = 0; child < OUTBOX_RING_CHILDREN; child++)
		scan_child(&collector, child, old_snapshot, new_snapshot);
	qsort(interval->entries, interval->count, sizeof(OutboxEntry), compare_entries);
	/* Nothing is left of the transaction that the position stands in. */
	if (interval->count > 0 && interval->entries[0].position.last != after.last)
		interval->first_index = 1;
}

int
outbox_interval_find(const OutboxInterval *interval, OutboxPosition position)
{
	for (int i = 0; i < interval->count; i++)
		if (outbox_position_compare(interval->entries[i].position, position) == 0)
			return i;
	elog(ERROR, "no event at position " INT64_FORMAT, position.id);
}

uint32_t
outbox_interval_index(const OutboxInterval *interval, int entry)
{
	int64_t last = interval->entries[entry].position.last;
	int first = entry;

	while (first > 0 && interval->entries[first - 1].position.last == last)
		first--;
	return (first == 0 ? interval->first_index : 1) + (entry - first);
}

/* A child without blocks costs next to nothing: most of the ring is empty, mostly. */
static void
scan_child(Collector *collector, int child, const OutboxSnapshot *old_snapshot,
		   const OutboxSnapshot *new_snapshot)
{
	collector->child = child;
	collector->log = table_open(outbox_log_child(child), AccessShareLock);
	collector->index = index_open(outbox_log_child_index(child), AccessShareLock);

	/* Began after the old snapshot. */
	for (uint64_t from = old_snapshot->xmax, i = 0; from < new_snapshot->xmax; i++)
	{
		uint64_t hole = i < new_snapshot->count ? new_snapshot->running[i] : new_snapshot->xmax;

		if (hole < from)
			continue;
		scan_range(collector, from, hole);
		from = hole + 1;
	}
	/* In progress at the old snapshot, finished since. */
	for (uint32_t i = 0; i < old_snapshot->count; i++)
	{
		uint64_t xid = old_snapshot->running[i];

		if (xid < old_snapshot->xmax && outbox_snapshot_sees(new_snapshot, xid))
			scan_range(collector, xid, xid + 1);
	}

	/* The locks stay, so that places hold until the transaction ends. */
	index_close(collector->index, NoLock);
	table_close(collector->log, NoLock);
}

/* Reads the rows of the transactions from <= xid < below. */
static void
scan_range(Collector *collector, uint64_t from, uint64_t below)
{
	IndexScanDesc scan;
	ScanKeyData keys[2];
	TupleTableSlot *slot;

	if (from >= below)
		return;
	ScanKeyInit(&keys[0], 1, BTGreaterEqualStrategyNumber, F_XID8GE, UInt64GetDatum(from));
	ScanKeyInit(&keys[1], 1, BTLessStrategyNumber, F_XID8LT, UInt64GetDatum(below));
	slot = table_slot_create(collector->log, NULL);
	scan = outbox_compat_index_beginscan(collector->log, collector->index, GetActiveSnapshot(), 2);
	index_rescan(scan, keys, 2, NULL, 0);
	while (index_getnext_slot(scan, ForwardScanDirection, slot))
	{
		CHECK_FOR_INTERRUPTS();
		take_row(collector, slot);
	}
	index_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	if (!collector->rereading)
		end_run(collector);
}

static void
take_row(Collector *collector, TupleTableSlot *slot)
{
	OutboxEntry entry = {.tx_count = collector->run_count, .child = collector->child};
	bool isnull;
	uint64_t xid;

	xid = DatumGetUInt64(slot_getattr(slot, OUTBOX_EVENT_XID, &isnull));
	entry.position.id = DatumGetInt64(slot_getattr(slot, OUTBOX_EVENT_ID, &isnull));
	entry.block = ItemPointerGetBlockNumber(&slot->tts_tid);
	entry.offset = ItemPointerGetOffsetNumber(&slot->tts_tid);
	if (collector->rereading)
	{
		entry.position.last = collector->last;
		add(collector, entry);
		return;
	}

	if (xid != collector->xid)
	{
		end_run(collector);
		begin_run(collector, xid);
	}
	collector->run_count++;
	collector->last = Max(collector->last, entry.position.id);
	if (!collector->spilled && make_room(collector))
		collector->interval->entries[collector->interval->count++] = entry;
	else
		collector->spilled = true;
}

static void
begin_run(Collector *collector, uint64_t xid)
{
	collector->xid = xid;
	collector->run_start = collector->interval->count;
	collector->last = 0;
	collector->run_count = 0;
	collector->passed = 0;
	collector->spilled = false;
}

/* The run's last id and count are known now. */
static void
end_run(Collector *collector)
{
	if (collector->run_count == 0)
		return;
	outbox_durable_note(&collector->interval->newest_commit, collector->xid);
	if (collector->spilled)
		reread_run(collector);
	else
		settle_run(collector);
	if (collector->last == collector->after.last)
		collector->interval->first_index = collector->passed + 1;
	collector->run_count = 0;
	collector->xid = 0;
}

/* Completes the run's provisional entries, and drops those that are not wanted. */
static void
settle_run(Collector *collector)
{
	OutboxInterval *interval = collector->interval;
	int kept = collector->run_start;

	for (int i = collector->run_start; i < interval->count; i++)
	{
		OutboxEntry entry = interval->entries[i];

		entry.position.last = collector->last;
		entry.tx_count = collector->run_count;
		if (outbox_position_compare(entry.position, collector->after) <= 0)
			collector->passed++;
		else if (wanted(collector, entry.position))
			interval->entries[kept++] = entry;
		else
			interval->truncated = true;
	}
	interval->count = kept;
}

static void
reread_run(Collector *collector)
{
	collector->interval->count = collector->run_start;
	collector->rereading = true;
	scan_range(collector, collector->xid, collector->xid + 1);
	collector->rereading = false;
}

/* Takes a complete entry. */
static void
add(Collector *collector, OutboxEntry entry)
{
	OutboxInterval *interval = collector->interval;

	if (outbox_position_compare(entry.position, collector->after) <= 0)
	{
		collector->passed++;
		return;
	}
	if (wanted(collector, entry.position) && !make_room(collector))
		fold(collector, interval->count);
	if (wanted(collector, entry.position))
		interval->entries[interval->count++] = entry;
	else
		interval->truncated = true;
}

/* Room for one more entry: by growing, or by folding what is complete. */
static bool
make_room(Collector *collector)
{
	OutboxInterval *interval = collector->interval;

	if (interval->count < interval->capacity)
		return true;
	if (interval->capacity == 0)
	{
		interval->capacity = 1024;
		interval->entries = palloc(sizeof(OutboxEntry) * interval->capacity);
		return true;
	}
	if (interval->capacity < OUTBOX_INTERVAL_MAX_ENTRIES)
	{
		interval->capacity *= 2;
		interval->entries = repalloc(interval->entries, sizeof(OutboxEntry) * interval->capacity);
		return true;
	}
	if (collector->rereading || collector->run_start <= interval->capacity / 2)
		return false;
	fold(collector, collector->run_start);
	return true;
}

/* Keeps the first half of the complete entries, and what stands behind them. */
static void
fold(Collector *collector, int complete)
{
	OutboxInterval *interval = collector->interval;
	int kept = interval->capacity / 2;

	qsort(interval->entries, complete, sizeof(OutboxEntry), compare_entries);
	collector->ceiling = interval->entries[kept - 1].position;
	interval->truncated = true;
	memmove(&interval->entries[kept], &interval->entries[complete],
			sizeof(OutboxEntry) * (interval->count - complete));
	interval->count -= complete - kept;
	collector->run_start = Min(collector->run_start, kept);
}

static bool
wanted(const Collector *collector, OutboxPosition position)
{
	return collector->ceiling.id == 0 || outbox_position_compare(position, collector->ceiling) <= 0;
}

static int
compare_entries(const void *a, const void *b)
{
	return outbox_position_compare(((const OutboxEntry *) a)->position,
								   ((const OutboxEntry *) b)->position);
}
