/*
 * interval.c
 *		Collects the entries of an interval.
 *
 * The first time all of it is read, transaction by transaction (collector.h), and
 * charted (chart.h).  Collected again, it is read by the zones of its chart, the one
 * with the lowest positions first, until a zone begins beyond what is wanted.
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
#include "infrastructure/postgres/collector.h"
#include "infrastructure/postgres/columns.h"
#include "infrastructure/postgres/compat.h"
#include "infrastructure/postgres/durable.h"
#include "infrastructure/postgres/interval.h"
#include "infrastructure/postgres/log.h"

typedef struct Scan
{
	OutboxCollector collector;
	int child; /* being read */
	Relation log; /* NULL: none is */
	Relation index;
} Scan;

static void draw_chart(Scan *scan, const OutboxSnapshot *old_snapshot,
					   const OutboxSnapshot *new_snapshot);
static void scan_child(Scan *scan, const OutboxSnapshot *old_snapshot,
					   const OutboxSnapshot *new_snapshot);
static bool chart_holds(Scan *scan);
static void follow_chart(Scan *scan);
static void scan_zone(Scan *scan, const OutboxZone *zone);
static void open_child(Scan *scan, int child);
static void close_child(Scan *scan);
static void scan_range(Scan *scan, uint64_t from, uint64_t below);
static void scan_blocks(Scan *scan, uint32_t first, uint32_t last);
static void take_row(Scan *scan, TupleTableSlot *slot);
static void end_run(Scan *scan);

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
	Scan scan = {0};

	outbox_collector_start(&scan.collector, interval, after);
	if (chart_holds(&scan))
		follow_chart(&scan);
	else
		draw_chart(&scan, old_snapshot, new_snapshot);
	close_child(&scan);
	outbox_collector_finish(&scan.collector);
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
draw_chart(Scan *scan, const OutboxSnapshot *old_snapshot, const OutboxSnapshot *new_snapshot)
{
	OutboxChart *chart = &scan->collector.interval->chart;

	outbox_chart_begin(chart);
	scan->collector.charting = true;
	for (int child = 0; child < OUTBOX_RING_CHILDREN; child++)
	{
		open_child(scan, child);
		chart->files[child] = scan->log->rd_rel->relfilenode;
		scan_child(scan, old_snapshot, new_snapshot);
	}
	outbox_chart_finish(chart);
}

/* A child without blocks costs next to nothing: most of the ring is empty, mostly. */
static void
scan_child(Scan *scan, const OutboxSnapshot *old_snapshot, const OutboxSnapshot *new_snapshot)
{
	/* Began after the old snapshot. */
	for (uint64_t from = old_snapshot->xmax, i = 0; from < new_snapshot->xmax; i++)
	{
		uint64_t hole = i < new_snapshot->count ? new_snapshot->running[i] : new_snapshot->xmax;

		if (hole < from)
			continue;
		scan_range(scan, from, hole);
		from = hole + 1;
	}
	/* In progress at the old snapshot, finished since. */
	for (uint32_t i = 0; i < old_snapshot->count; i++)
	{
		uint64_t xid = old_snapshot->running[i];

		if (xid < old_snapshot->xmax && outbox_snapshot_sees(new_snapshot, xid))
			scan_range(scan, xid, xid + 1);
	}
}

/* Is there a chart, and are the rows still where it was drawn? */
static bool
chart_holds(Scan *scan)
{
	const OutboxChart *chart = &scan->collector.interval->chart;

	for (int child = 0; chart->complete && child < OUTBOX_RING_CHILDREN; child++)
	{
		open_child(scan, child);
		if (chart->files[child] != scan->log->rd_rel->relfilenode)
			return false;
	}
	return chart->complete;
}

/*
 * Reads the zones that can hold what comes next.  Events before the position may be
 * at other places than they were charted at (outbox.erase): only later ones count.
 */
static void
follow_chart(Scan *scan)
{
	OutboxCollector *collector = &scan->collector;
	OutboxInterval *interval = collector->interval;
	uint32_t left = 0; /* of the transaction that the position stands in */

	for (int i = 0; i < interval->chart.count; i++)
	{
		const OutboxZone *zone = &interval->chart.zones[i];
		bool begun = outbox_position_compare(zone->lowest, collector->after) <= 0;

		collector->left = zone->rows;
		if (begun && outbox_position_compare(zone->highest, collector->after) <= 0)
			collector->left = 0;
		else if (!outbox_collector_wants(collector, zone->lowest))
			interval->truncated = true;
		else
			scan_zone(scan, zone);
		if (zone->tx_count == 0 || zone->highest.last != collector->after.last)
			continue;
		left += begun ? collector->left : zone->rows;
		interval->first_index = zone->tx_count - left + 1;
	}
}

static void
scan_zone(Scan *scan, const OutboxZone *zone)
{
	open_child(scan, zone->child);
	if (zone->tx_count == 0)
	{
		scan_range(scan, zone->first_xid, zone->last_xid + 1);
		return;
	}
	outbox_durable_note(&scan->collector.interval->newest_commit, zone->first_xid);
	outbox_collector_begin_part(&scan->collector, zone);
	scan_blocks(scan, zone->first_block, zone->last_block);
	outbox_collector_end_run(&scan->collector);
}

static void
open_child(Scan *scan, int child)
{
	if (scan->log && scan->child == child)
		return;
	close_child(scan);
	scan->child = child;
	scan->log = table_open(outbox_log_child(child), AccessShareLock);
	scan->index = index_open(outbox_log_child_index(child), AccessShareLock);
}

/* The locks stay, so that places hold until the transaction ends. */
static void
close_child(Scan *scan)
{
	if (scan->log == NULL)
		return;
	index_close(scan->index, NoLock);
	table_close(scan->log, NoLock);
	scan->log = NULL;
}

/* Reads the rows of the transactions from <= xid < below. */
static void
scan_range(Scan *scan, uint64_t from, uint64_t below)
{
	IndexScanDesc rows;
	ScanKeyData keys[2];
	TupleTableSlot *slot;

	if (from >= below)
		return;
	ScanKeyInit(&keys[0], 1, BTGreaterEqualStrategyNumber, F_XID8GE, UInt64GetDatum(from));
	ScanKeyInit(&keys[1], 1, BTLessStrategyNumber, F_XID8LT, UInt64GetDatum(below));
	slot = table_slot_create(scan->log, NULL);
	rows = outbox_compat_index_beginscan(scan->log, scan->index, GetActiveSnapshot(), 2);
	index_rescan(rows, keys, 2, NULL, 0);
	while (index_getnext_slot(rows, ForwardScanDirection, slot))
	{
		CHECK_FOR_INTERRUPTS();
		take_row(scan, slot);
	}
	index_endscan(rows);
	ExecDropSingleTupleTableSlot(slot);
	if (scan->collector.rereading)
		return;
	end_run(scan);
	if (scan->collector.charting)
		outbox_chart_break(&scan->collector.interval->chart);
}

/* Reads the run's rows between two blocks, both included. */
static void
scan_blocks(Scan *scan, uint32_t first, uint32_t last)
{
	TupleTableSlot *slot = table_slot_create(scan->log, NULL);
	ItemPointerData from;
	ItemPointerData to;
	TableScanDesc rows;
	bool isnull;

	ItemPointerSet(&from, first, FirstOffsetNumber);
	ItemPointerSet(&to, last, MaxOffsetNumber);
	rows = table_beginscan_tidrange(scan->log, GetActiveSnapshot(), &from, &to);
	while (table_scan_getnextslot_tidrange(rows, ForwardScanDirection, slot))
	{
		CHECK_FOR_INTERRUPTS();
		if (DatumGetUInt64(slot_getattr(slot, OUTBOX_EVENT_XID, &isnull)) == scan->collector.xid)
			take_row(scan, slot);
	}
	table_endscan(rows);
	ExecDropSingleTupleTableSlot(slot);
}

static void
take_row(Scan *scan, TupleTableSlot *slot)
{
	OutboxEntry entry = {.child = scan->child};
	bool isnull;
	uint64_t xid;

	xid = DatumGetUInt64(slot_getattr(slot, OUTBOX_EVENT_XID, &isnull));
	entry.position.id = DatumGetInt64(slot_getattr(slot, OUTBOX_EVENT_ID, &isnull));
	entry.block = ItemPointerGetBlockNumber(&slot->tts_tid);
	entry.offset = ItemPointerGetOffsetNumber(&slot->tts_tid);
	if (xid != scan->collector.xid)
	{
		end_run(scan);
		outbox_collector_begin_run(&scan->collector, xid);
	}
	outbox_collector_take(&scan->collector, entry);
}

/* The run's last id and count are known now. */
static void
end_run(Scan *scan)
{
	OutboxCollector *collector = &scan->collector;

	if (collector->run_count == 0)
		return;
	outbox_durable_note(&collector->interval->newest_commit, collector->xid);
	if (collector->spilled)
	{
		outbox_collector_reread_run(collector);
		scan_range(scan, collector->xid, collector->xid + 1);
	}
	else
		outbox_collector_settle_run(collector);
	outbox_collector_end_run(collector);
}
