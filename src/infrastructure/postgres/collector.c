/*
 * collector.c
 *		Collects entries by runs, in bounded memory.
 */
#include "postgres.h"

#include "infrastructure/postgres/collector.h"

static void add(OutboxCollector *collector, OutboxEntry entry);
static bool make_room(OutboxCollector *collector);
static void fold(OutboxCollector *collector, int complete);
static void chart_entry(OutboxCollector *collector, const OutboxEntry *entry, bool whole);
static int compare_entries(const void *a, const void *b);

void
outbox_collector_start(OutboxCollector *collector, OutboxInterval *interval, OutboxPosition after)
{
	*collector = (OutboxCollector){.interval = interval, .after = after};
	interval->count = 0;
	interval->truncated = false;
	interval->first_index = 1;
	interval->newest_commit = 0;
}

void
outbox_collector_begin_run(OutboxCollector *collector, uint64_t xid)
{
	collector->xid = xid;
	collector->run_start = collector->interval->count;
	collector->last = 0;
	collector->run_count = 0;
	collector->passed = 0;
	collector->spilled = false;
}

void
outbox_collector_take(OutboxCollector *collector, OutboxEntry entry)
{
	if (collector->rereading)
	{
		entry.tx_count = collector->run_count;
		entry.position.last = collector->last;
		add(collector, entry);
		return;
	}
	collector->run_count++;
	collector->last = Max(collector->last, entry.position.id);
	if (!collector->spilled && make_room(collector))
		collector->interval->entries[collector->interval->count++] = entry;
	else
		collector->spilled = true;
}

void
outbox_collector_reread_run(OutboxCollector *collector)
{
	collector->interval->count = collector->run_start;
	collector->rereading = true;
}

void
outbox_collector_begin_part(OutboxCollector *collector, const OutboxZone *zone)
{
	collector->xid = zone->first_xid;
	collector->last = zone->highest.last;
	collector->run_count = zone->tx_count;
	collector->left = 0;
	collector->rereading = true;
}

void
outbox_collector_end_run(OutboxCollector *collector)
{
	if (collector->last == collector->after.last)
		collector->interval->first_index = collector->passed + 1;
	collector->rereading = false;
	collector->run_count = 0;
	collector->xid = 0;
}

void
outbox_collector_finish(OutboxCollector *collector)
{
	OutboxInterval *interval = collector->interval;

	qsort(interval->entries, interval->count, sizeof(OutboxEntry), compare_entries);
	/* Nothing is left of the transaction that the position stands in. */
	if (interval->count > 0 && interval->entries[0].position.last != collector->after.last)
		interval->first_index = 1;
}

void
outbox_collector_settle_run(OutboxCollector *collector)
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
		else if (outbox_collector_wants(collector, entry.position))
			interval->entries[kept++] = entry;
		else
			interval->truncated = true;
	}
	interval->count = kept;
}

/* Takes a complete entry. */
static void
add(OutboxCollector *collector, OutboxEntry entry)
{
	OutboxInterval *interval = collector->interval;

	chart_entry(collector, &entry, false);
	if (outbox_position_compare(entry.position, collector->after) <= 0)
	{
		collector->passed++;
		return;
	}
	collector->left++;
	if (outbox_collector_wants(collector, entry.position) && !make_room(collector))
		fold(collector, interval->count);
	if (outbox_collector_wants(collector, entry.position))
		interval->entries[interval->count++] = entry;
	else
		interval->truncated = true;
}

/* Room for one more entry: by growing, or by folding what is complete. */
static bool
make_room(OutboxCollector *collector)
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
fold(OutboxCollector *collector, int complete)
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

bool
outbox_collector_wants(const OutboxCollector *collector, OutboxPosition position)
{
	return collector->ceiling.id == 0 || outbox_position_compare(position, collector->ceiling) <= 0;
}

/* Notes a complete entry of the run in the chart; whole: all of the run comes at once. */
static void
chart_entry(OutboxCollector *collector, const OutboxEntry *entry, bool whole)
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
