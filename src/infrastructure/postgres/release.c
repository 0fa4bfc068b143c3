/*
 * release.c
 *		What the quarantine lets go: dead letters that are sent again, and events
 *		that waited behind them.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "storage/bufmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "infrastructure/postgres/catalog.h"
#include "infrastructure/postgres/columns.h"
#include "infrastructure/postgres/decode.h"
#include "infrastructure/postgres/release.h"
#include "infrastructure/postgres/statement.h"

/* How often to look for what is cheap to find only while little is blocked. */
#define LOOK_INTERVAL_US INT64CONST(5000000)

/* The most events of a release; what is left comes in the next one. */
#define MOST 10000

static OutboxStatement find_marked = {
	.text = "SELECT FROM outbox.dead_letter"
			" WHERE redrive_at IS NOT NULL OR (blocks AND discarded_at IS NOT NULL) LIMIT 1",
};

/* Somebody has removed the dead letter by hand. */
static OutboxStatement find_free = {
	.text = "SELECT FROM outbox.blocked b"
			" WHERE NOT EXISTS (SELECT FROM outbox.dead_letter d"
			"                    WHERE d.aggregate = b.aggregate"
			"                      AND d.aggregate_id = b.aggregate_id"
			"                      AND d.blocks AND d.discarded_at IS NULL) LIMIT 1",
};

/* Given up, a dead letter holds nothing; what it held is found by outbox.blocked. */
static OutboxStatement unhold = {
	.text = "UPDATE outbox.dead_letter SET blocks = false"
			" WHERE blocks AND discarded_at IS NOT NULL",
};

static OutboxStatement list = {
	.text = "SELECT event_id FROM (SELECT d.event_id FROM outbox.dead_letter d"
			"  WHERE d.redrive_at IS NOT NULL"
			" UNION ALL"
			" SELECT w.event_id FROM outbox.blocked b"
			"   JOIN outbox.waiting w ON w.aggregate = b.aggregate"
			"                        AND w.aggregate_id = b.aggregate_id"
			"  WHERE NOT EXISTS (SELECT FROM outbox.dead_letter d"
			"                     WHERE d.aggregate = b.aggregate"
			"                       AND d.aggregate_id = b.aggregate_id"
			"                       AND d.blocks AND d.discarded_at IS NULL"
			"                       AND d.redrive_at IS NULL)) r"
			" ORDER BY event_id LIMIT $1",
	.types = {INT4OID},
};

#define EVENT                                                                                     \
	"event_id, xid, emitted_at, aggregate, aggregate_id, action, version, content_type, headers," \
	" payload, tx_index, tx_count"

/* In the order of columns.h. */
static OutboxStatement read_one = {
	.text = "SELECT " EVENT " FROM outbox.waiting WHERE event_id = $1"
			" UNION ALL SELECT " EVENT " FROM outbox.dead_letter"
			" WHERE event_id = $1 AND redrive_at IS NOT NULL",
	.types = {INT8OID},
};

static OutboxStatement remove_waiting = {
	.text = "DELETE FROM outbox.waiting WHERE event_id = ANY ($1)",
	.types = {INT8ARRAYOID},
};

static OutboxStatement remove_dead = {
	.text = "DELETE FROM outbox.dead_letter WHERE event_id = ANY ($1) AND redrive_at IS NOT NULL",
	.types = {INT8ARRAYOID},
};

static bool finds_any(const char *table, OutboxStatement *statement);
static Datum write_ids(const int64 *ids, int count);

void
outbox_release_init(OutboxRelease *release)
{
	memset(release, 0, sizeof(*release));
	release->ids = palloc(sizeof(int64) * MOST);
	release->due = true;
}

bool
outbox_release_is_due(OutboxRelease *release)
{
	int64 now = GetCurrentTimestamp();

	if (release->due || finds_any("dead_letter", &find_marked))
		return true;
	/* The clock may have been set back. */
	if (now >= release->looked_at && now < release->looked_at + LOOK_INTERVAL_US)
		return false;
	release->looked_at = now;
	return finds_any("blocked", &find_free);
}

bool
outbox_release_collect(OutboxRelease *release)
{
	Datum values[] = {Int32GetDatum(MOST)};
	bool isnull;

	SPI_connect();
	outbox_statement_run(&unhold, NULL);
	outbox_statement_run(&list, values);
	release->count = (int) SPI_processed;
	for (int i = 0; i < release->count; i++)
		release->ids[i] = DatumGetInt64(outbox_statement_value(i, 1, &isnull));
	SPI_finish();
	release->next = 0;
	release->gone = 0;
	release->due = false;
	return release->count > 0;
}

bool
outbox_release_read(OutboxRelease *release, OutboxEvent *event)
{
	MemoryContext caller = CurrentMemoryContext;
	int64 id = release->ids[release->next++];
	Datum argument[] = {Int64GetDatum(id)};
	bool found;

	SPI_connect();
	outbox_statement_run(&read_one, argument);
	found = SPI_processed > 0;
	if (found)
	{
		Datum values[OUTBOX_EVENT_COLUMNS + 2];
		bool nulls[OUTBOX_EVENT_COLUMNS + 2];

		heap_deform_tuple(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, values, nulls);
		MemoryContextSwitchTo(caller);
		outbox_decode_event(event, values, nulls);
		event->tx_index = DatumGetInt32(values[OUTBOX_EVENT_COLUMNS]);
		event->tx_count = DatumGetInt32(values[OUTBOX_EVENT_COLUMNS + 1]);
		event->position = (OutboxPosition){id, id};
		event->let_go = true;
	}
	SPI_finish();
	MemoryContextSwitchTo(caller);
	return found;
}

void
outbox_release_settle(OutboxRelease *release, int64_t upto)
{
	int first = release->gone;
	Datum values[1];

	while (release->gone < release->next && release->ids[release->gone] <= upto)
		release->gone++;
	if (release->gone == first)
		return;
	values[0] = write_ids(&release->ids[first], release->gone - first);
	SPI_connect();
	outbox_statement_run(&remove_waiting, values);
	outbox_statement_run(&remove_dead, values);
	SPI_finish();
}

void
outbox_release_rewind(OutboxRelease *release, int64_t settled)
{
	release->next = release->gone;
	while (release->next < release->count && release->ids[release->next] <= settled)
		release->next++;
}

void
outbox_release_end(OutboxRelease *release)
{
	release->count = 0;
	release->next = 0;
	release->gone = 0;
	release->due = true;
}

/* Asks only where the table holds something. */
static bool
finds_any(const char *table, OutboxStatement *statement)
{
	Relation relation = table_open(outbox_catalog_relation(table), AccessShareLock);
	bool found = false;

	if (RelationGetNumberOfBlocks(relation) > 0)
	{
		SPI_connect();
		outbox_statement_run(statement, NULL);
		found = SPI_processed > 0;
		SPI_finish();
	}
	table_close(relation, AccessShareLock);
	return found;
}

static Datum
write_ids(const int64 *ids, int count)
{
	Datum *elements = palloc(sizeof(Datum) * count);

	for (int i = 0; i < count; i++)
		elements[i] = Int64GetDatum(ids[i]);
	return PointerGetDatum(
		construct_array(elements, count, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}
