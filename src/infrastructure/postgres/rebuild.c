/*
 * rebuild.c
 *		Hands out again the events that the broker has lost.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/memutils.h"
#include "utils/xid8.h"

#include "infrastructure/postgres/reader.h"
#include "infrastructure/postgres/rebuild.h"
#include "infrastructure/postgres/statement.h"
#include "infrastructure/postgres/transaction.h"

/* Events of a chunk, at least; a row more may be in it. */
#define CHUNK 65536

static OutboxStatement place_in_transaction = {
	.text = "SELECT pg_catalog.count(*), pg_catalog.count(*) FILTER (WHERE id <= $2)"
			"  FROM outbox.event WHERE xid = $1",
	.types = {XID8OID, INT8OID},
};

static void unfold(OutboxRebuild *rebuild);
static bool pass_over(OutboxRebuild *rebuild);
static void place(OutboxRebuild *rebuild, OutboxEvent *event);

void
outbox_rebuild_init(OutboxRebuild *rebuild)
{
	memset(rebuild, 0, sizeof(*rebuild));
	rebuild->chunk =
		AllocSetContextCreate(CurrentMemoryContext, "outbox rebuild", ALLOCSET_DEFAULT_SIZES);
}

void
outbox_rebuild_clear(OutboxRebuild *rebuild)
{
	/* What was found to be gone and is not settled is found so again. */
	for (int i = rebuild->settled; i < rebuild->seen; i++)
		rebuild->gone -= !rebuild->events[i].found;
	MemoryContextReset(rebuild->chunk);
	rebuild->rows = NULL;
	rebuild->row_count = 0;
	rebuild->events = NULL;
	rebuild->count = 0;
	rebuild->next = 0;
	rebuild->settled = 0;
	rebuild->seen = 0;
	rebuild->written = 0;
	rebuild->counted_xid = 0;
}

bool
outbox_rebuild_load(OutboxRebuild *rebuild, const char *stream)
{
	MemoryContext caller = CurrentMemoryContext;

	outbox_rebuild_clear(rebuild);
	outbox_transaction_begin();
	MemoryContextSwitchTo(rebuild->chunk);
	rebuild->rows = outbox_trail_read_lost(stream, CHUNK, &rebuild->row_count);
	outbox_transaction_commit();
	MemoryContextSwitchTo(rebuild->chunk);
	unfold(rebuild);
	outbox_finder_find(rebuild->events, rebuild->count);
	MemoryContextSwitchTo(caller);
	return rebuild->count > 0;
}

bool
outbox_rebuild_is_handed_out(const OutboxRebuild *rebuild)
{
	return rebuild->next == rebuild->count;
}

bool
outbox_rebuild_is_settled(const OutboxRebuild *rebuild)
{
	return rebuild->settled == rebuild->count;
}

int
outbox_rebuild_fetch(OutboxRebuild *rebuild, OutboxEvent *events, int max_events, size_t max_bytes)
{
	MemoryContext caller = CurrentMemoryContext;
	OutboxReader reader = {0};
	int count = 0;
	size_t bytes = 0;
	bool moved = false;

	outbox_transaction_begin();
	MemoryContextSwitchTo(caller);
	while (!moved && rebuild->next < rebuild->count && count < max_events &&
		   (count == 0 || bytes < max_bytes))
	{
		OutboxWanted *wanted = &rebuild->events[rebuild->next];
		OutboxEvent *event = &events[count];

		if (pass_over(rebuild))
			continue;
		moved = !outbox_reader_read(&reader, &wanted->entry, event);
		if (moved)
			continue;
		place(rebuild, event);
		wanted->tx_index = event->tx_index;
		wanted->entry.tx_count = event->tx_count;
		event->again = true;
		event->position = (OutboxPosition){++rebuild->next, event->id};
		bytes += event->payload_length + strlen(event->headers);
		count++;
	}
	rebuild->seen = Max(rebuild->seen, rebuild->next);
	outbox_reader_close(&reader);
	outbox_transaction_commit();
	MemoryContextSwitchTo(caller);
	if (!moved)
		return count;
	/* Rows have been moved since they were found. */
	for (int i = rebuild->next; i < rebuild->count; i++)
		rebuild->events[i].found = false;
	outbox_finder_find(rebuild->events, rebuild->count);
	MemoryContextSwitchTo(caller);
	return count;
}

void
outbox_rebuild_settle(OutboxRebuild *rebuild, OutboxPosition upto)
{
	rebuild->settled = (int) upto.last;
	while (rebuild->settled < rebuild->next && !rebuild->events[rebuild->settled].found)
		rebuild->settled++;
}

const OutboxWanted *
outbox_rebuild_event(const OutboxRebuild *rebuild, OutboxPosition position)
{
	return &rebuild->events[position.last - 1];
}

void
outbox_rebuild_rewind(OutboxRebuild *rebuild)
{
	rebuild->next = rebuild->settled;
}

void
outbox_rebuild_write(OutboxRebuild *rebuild, const char *stream)
{
	int64 done = 0;
	uint64 before = 0;
	bool whole = false;

	if (rebuild->written == rebuild->settled)
		return;
	for (int i = 0; i < rebuild->row_count; i++)
	{
		const OutboxLostRow *row = &rebuild->rows[i];
		uint64 events = outbox_trail_count(row->runs, row->count);

		if (before + events > rebuild->settled)
		{
			if (before < rebuild->settled)
				outbox_trail_cut_lost(stream, row, rebuild->settled - before);
			break;
		}
		before += events;
		done = row->place;
		whole = true;
	}
	if (whole)
		outbox_trail_remove_lost(stream, rebuild->rows[0].place, done);
	rebuild->written = rebuild->settled;
}

/* The events of all rows, in order. */
static void
unfold(OutboxRebuild *rebuild)
{
	uint64 total = 0;

	for (int i = 0; i < rebuild->row_count; i++)
		total += outbox_trail_count(rebuild->rows[i].runs, rebuild->rows[i].count);
	rebuild->events =
		palloc_extended(sizeof(OutboxWanted) * Max(total, 1), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int i = 0; i < rebuild->row_count; i++)
		for (int j = 0; j < rebuild->rows[i].count; j++)
			for (uint64 n = 0; n < rebuild->rows[i].runs[j].count; n++)
				rebuild->events[rebuild->count++].entry.position.id =
					rebuild->rows[i].runs[j].event + (int64) n;
}

/* An event that is no longer retained is lost for good. */
static bool
pass_over(OutboxRebuild *rebuild)
{
	if (rebuild->events[rebuild->next].found)
		return false;
	if (rebuild->next >= rebuild->seen)
		rebuild->gone++;
	if (rebuild->settled == rebuild->next)
		rebuild->settled++;
	rebuild->next++;
	rebuild->seen = Max(rebuild->seen, rebuild->next);
	return true;
}

/*
 * Tells the event's place in its transaction.  Those of a transaction mostly come one
 * after the other; then it is counted once.
 */
static void
place(OutboxRebuild *rebuild, OutboxEvent *event)
{
	bool isnull;

	if (rebuild->counted_xid == event->xid && event->id == rebuild->last_id + 1)
		rebuild->last_index++;
	else
	{
		Datum values[] = {FullTransactionIdGetDatum(FullTransactionIdFromU64(event->xid)),
						  Int64GetDatum(event->id)};

		SPI_connect();
		outbox_statement_run(&place_in_transaction, values);
		rebuild->counted = (uint32_t) DatumGetInt64(outbox_statement_value(0, 1, &isnull));
		rebuild->last_index = (uint32_t) DatumGetInt64(outbox_statement_value(0, 2, &isnull));
		SPI_finish();
		rebuild->counted_xid = event->xid;
	}
	rebuild->last_id = event->id;
	event->tx_index = rebuild->last_index;
	event->tx_count = rebuild->counted;
}
