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
 *
 * Collected again, the interval is read by the zones of its chart, the one with the
 * lowest positions first, until a zone begins beyond the ceiling.
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
	bool charting; /* what is read is new to the chart */
	int child; /* being read */
	Relation log; /* NULL: none is */
	Relation index;
	BlockNumber first_block; /* read only what is between them */
	BlockNumber last_block;

	/* the run: the transaction whose rows are being read */
	uint64_t xid;
	int run_start; /* its first entry */
	int64_t last; /* its greatest id so far */
	uint32_t run_count; /* its events so far */
	uint32_t passed; /* of them not after the position */
	bool spilled; /* entries did not fit */
	bool rereading; /* last and run_count are final */
} Collector;

static void draw_chart(Collector *collector, const OutboxSnapshot *old_snapshot,
					   const OutboxSnapshot *new_snapshot);
static void scan_child(Collector *collector, const OutboxSnapshot *old_snapshot,
					   const OutboxSnapshot *new_snapshot);
static bool chart_holds(Collector *collector);
static void follow_chart(Collector *collector);
static void scan_zone(Collector *collector, const OutboxZone *zone);
static void open_child(Collector *collector, int child);
static void close_child(Collector *collector);
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
static void chart_entry(Collector *collector, const OutboxEntry *entry, bool whole);
static int compare_entries(const void *a, const void *b);

void
outbox_interval_reset(OutboxInterval *interval)
{
	interval->count = 0;
	interval->truncated = false;
	interval->chart.complete = false;
}

void
outbox_interval_collect(OutboxInterval *interval, const OutboxSnapshot *old_snapshot,
						const OutboxSnapshot *new_snapshot, OutboxPosition after)
{
	Collector collector = {.interval = interval, .after = after, .last_block = MaxBlockNumber};

	interval->count = 0;
	interval->truncated = false;
	interval->first_index = 1;
	interval->newest_commit = 0;
	if (chart_holds(&collector))
		follow_chart(&collector);
	else
		draw_chart(&collector, old_snapshot, new_snapshot);
	close_child(&collector);
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

/* Reads all of the interval. */
static void
draw_chart(Collector *collector, const OutboxSnapshot *old_snapshot,
		   const OutboxSnapshot *new_snapshot)
{
	OutboxChart *chart = &collector->interval->chart;

	outbox_chart_begin(chart);
	collector->charting = true;
	for (int child = 0; child < OUTBOX_RING_CHILDREN; child++)
	{
		open_child(collector, child);
		chart->files[child] = collector->log->rd_rel->relfilenode;
		scan_child(collector, old_snapshot, new_snapshot);
	}
	outbox_chart_finish(chart);
}

/* A child without blocks costs next to nothing: most of the ring is empty, mostly. */
static void
scan_child(Collector *collector, const OutboxSnapshot *old_snapshot,
		   const OutboxSnapshot *new_snapshot)
{
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
}

/* Is there a chart, and are the rows still where it was drawn? */
static bool
chart_holds(Collector *collector)
{
	const OutboxChart *chart = &collector->interval->chart;

	for (int child = 0; chart->complete && child < OUTBOX_RING_CHILDREN; child++)
	{
		open_child(collector, child);
		if (chart->files[child] != collector->log->rd_rel->relfilenode)
			return false;
	}
	return chart->complete;
}

/* Reads the zones that can hold what comes next. */
static void
follow_chart(Collector *collector)
{
	OutboxInterval *interval = collector->interval;
	int64_t last = collector->after.last;
	uint32_t passed = 0; /* of the transaction that the position stands in */

	for (int i = 0; i < interval->chart.count; i++)
	{
		const OutboxZone *zone = &interval->chart.zones[i];
		bool part = zone->tx_count > 0 && zone->highest.last == last;

		if (!wanted(collector, zone->lowest))
		{
			interval->truncated = true;
			break;
		}
		collector->passed = 0;
		if (outbox_position_compare(zone->highest, collector->after) > 0)
			scan_zone(collector, zone);
		else
			collector->passed = zone->rows;
		if (!part)
			continue;
		passed += collector->passed;
		interval->first_index = passed + 1;
	}
}

static void
scan_zone(Collector *collector, const OutboxZone *zone)
{
	open_child(collector, zone->child);
	if (zone->tx_count == 0)
	{
		scan_range(collector, zone->first_xid, zone->last_xid + 1);
		return;
	}
	outbox_durable_note(&collector->interval->newest_commit, zone->first_xid);
	collector->rereading = true;
	collector->xid = zone->first_xid;
	collector->last = zone->highest.last;
	collector->run_count = zone->tx_count;
	collector->first_block = zone->first_block;
	collector->last_block = zone->last_block;
	scan_range(collector, zone->first_xid, zone->last_xid + 1);
	collector->rereading = false;
	collector->run_count = 0;
	collector->first_block = 0;
	collector->last_block = MaxBlockNumber;
}

static void
open_child(Collector *collector, int child)
{
	if (collector->log && collector->child == child)
		return;
	close_child(collector);
	collector->child = child;
	collector->log = table_open(outbox_log_child(child), AccessShareLock);
	collector->index = index_open(outbox_log_child_index(child), AccessShareLock);
}

/* The locks stay, so that places hold until the transaction ends. */
static void
close_child(Collector *collector)
{
	if (collector->log == NULL)
		return;
	index_close(collector->index, NoLock);
	table_close(collector->log, NoLock);
	collector->log = NULL;
}

/* Reads the rows of the transactions from <= xid < below. */
static void
scan_range(Collector *collector, uint64_t from, uint64_t below)
{
	IndexScanDesc scan;
	ScanKeyData keys[2];
	TupleTableSlot *slot;
	ItemPointer place;

	if (from >= below)
		return;
	ScanKeyInit(&keys[0], 1, BTGreaterEqualStrategyNumber, F_XID8GE, UInt64GetDatum(from));
	ScanKeyInit(&keys[1], 1, BTLessStrategyNumber, F_XID8LT, UInt64GetDatum(below));
	slot = table_slot_create(collector->log, NULL);
	scan = outbox_compat_index_beginscan(collector->log, collector->index, GetActiveSnapshot(), 2);
	index_rescan(scan, keys, 2, NULL, 0);
	/* The places of a transaction's rows ascend. */
	while ((place = index_getnext_tid(scan, ForwardScanDirection)) != NULL)
	{
		CHECK_FOR_INTERRUPTS();
		if (ItemPointerGetBlockNumber(place) > collector->last_block)
			break;
		if (ItemPointerGetBlockNumber(place) >= collector->first_block &&
			index_fetch_heap(scan, slot))
			take_row(collector, slot);
	}
	index_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	if (collector->rereading)
		return;
	end_run(collector);
	if (collector->charting)
		outbox_chart_break(&collector->interval->chart);
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
		chart_entry(collector, &entry, true);
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

	chart_entry(collector, &entry, false);
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
		interval->capacity = Min(1024, OUTBOX_INTERVAL_MAX_ENTRIES);
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

/* Notes a complete entry of the run in the chart; whole: all of the run comes at once. */
static void
chart_entry(Collector *collector, const OutboxEntry *entry, bool whole)
{
	OutboxChartRow row = {.position = entry->position,
						  .xid = collector->xid,
						  .block = entry->block,
						  .tx_count = whole ? 0 : entry->tx_count,
						  .child = entry->child};

	if (collector->charting)
		outbox_chart_note(&collector->interval->chart, &row);
}

static int
compare_entries(const void *a, const void *b)
{
	return outbox_position_compare(((const OutboxEntry *) a)->position,
								   ((const OutboxEntry *) b)->position);
}
