/*
 * quarantine.c
 *		Dead letters, and what is kept back behind them.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "storage/itemptr.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "domain/ring.h"
#include "infrastructure/postgres/decode.h"
#include "infrastructure/postgres/quarantine.h"
#include "infrastructure/postgres/statement.h"

/* "{aggregate}/{aggregate id}": no name of an aggregate holds a slash. */
#define KEY_SIZE 512

struct OutboxQuarantine
{
	HTAB *blocked;
};

#define EVENT "emitted_at, aggregate, aggregate_id, action, version, content_type, headers, payload"

#define PARK(child)                                                                         \
	{                                                                                       \
		.text = "INSERT INTO outbox.waiting (event_id, xid, tx_index, tx_count, " EVENT ")" \
				" SELECT id, xid, $2, $3, " EVENT " FROM ONLY outbox.event_" #child         \
				"  WHERE ctid = $1 ON CONFLICT (event_id) DO NOTHING",                      \
		.types = {TIDOID, INT4OID, INT4OID},                                                \
	}

static OutboxStatement park[OUTBOX_RING_CHILDREN] = {PARK(0), PARK(1), PARK(2)};

/* What later events have passed holds none of them from now on. */
static OutboxStatement refuse_again = {
	.text = "UPDATE outbox.dead_letter"
			"   SET refused_at = pg_catalog.now(), code = $2, reason = $3,"
			"       blocks = blocks AND $4,"
			"       attempts = attempts + 1, redrive_at = NULL, redrive_by = NULL"
			" WHERE event_id = $1 RETURNING aggregate, aggregate_id, blocks",
	.types = {INT8OID, INT4OID, TEXTOID, BOOLOID},
};

static OutboxStatement refuse_parked = {
	.text =
		"WITH moved AS (DELETE FROM outbox.waiting WHERE event_id = $1 RETURNING *)"
		" INSERT INTO outbox.dead_letter (event_id, code, reason, blocks, xid, tx_index, tx_count, " EVENT
		") SELECT event_id, $2, $3, $4, xid, tx_index, tx_count, " EVENT
		"    FROM moved RETURNING aggregate, aggregate_id, blocks",
	.types = {INT8OID, INT4OID, TEXTOID, BOOLOID},
};

/* What was to be sent again after it waits with the rest. */
static OutboxStatement call_back = {
	.text = "UPDATE outbox.dead_letter SET redrive_at = NULL, redrive_by = NULL"
			" WHERE aggregate = $1 AND aggregate_id = $2 AND event_id > $3"
			"   AND redrive_at IS NOT NULL",
	.types = {TEXTOID, TEXTOID, INT8OID},
};

static OutboxStatement block = {
	.text = "INSERT INTO outbox.blocked (aggregate, aggregate_id) VALUES ($1, $2)"
			" ON CONFLICT (aggregate, aggregate_id) DO NOTHING",
	.types = {TEXTOID, TEXTOID},
};

static OutboxStatement unblock = {
	.text = "DELETE FROM outbox.blocked b"
			" WHERE NOT EXISTS (SELECT FROM outbox.waiting w"
			"                    WHERE w.aggregate = b.aggregate"
			"                      AND w.aggregate_id = b.aggregate_id)"
			"   AND NOT EXISTS (SELECT FROM outbox.dead_letter d"
			"                    WHERE d.aggregate = b.aggregate"
			"                      AND d.aggregate_id = b.aggregate_id"
			"                      AND d.blocks AND d.discarded_at IS NULL)"
			" RETURNING aggregate, aggregate_id",
};

static OutboxStatement find_trace = {
	.text = "SELECT substring(headers FROM '(?:^|\n)traceparent: ([^\n]+)')"
			"  FROM outbox.dead_letter WHERE event_id = $1",
	.types = {INT8OID},
};

static void copy_dead(const char *source, Datum *values);
static void hold(OutboxQuarantine *quarantine, int64 event);
static void note(OutboxQuarantine *quarantine, HASHACTION action);
static void write_key(char *key, const char *aggregate, const char *aggregate_id);
static Datum place_of(const OutboxEntry *entry);

OutboxQuarantine *
outbox_quarantine_load(void)
{
	OutboxQuarantine *quarantine = palloc(sizeof(OutboxQuarantine));
	HASHCTL layout = {.keysize = KEY_SIZE, .entrysize = KEY_SIZE, .hcxt = CurrentMemoryContext};

	quarantine->blocked = hash_create("outbox blocked aggregates", 64, &layout,
									  HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	SPI_connect();
	if (SPI_execute("SELECT aggregate, aggregate_id FROM outbox.blocked", false, 0) !=
		SPI_OK_SELECT)
		elog(ERROR, "could not read the blocked aggregates");
	note(quarantine, HASH_ENTER);
	SPI_finish();
	return quarantine;
}

bool
outbox_quarantine_blocks(const OutboxQuarantine *quarantine, const OutboxEvent *event)
{
	char key[KEY_SIZE];

	if (hash_get_num_entries(quarantine->blocked) == 0)
		return false;
	write_key(key, event->aggregate, event->aggregate_id);
	return hash_search(quarantine->blocked, key, HASH_FIND, NULL) != NULL;
}

void
outbox_quarantine_park(const OutboxEntry *entry, uint32_t tx_index)
{
	Datum values[] = {place_of(entry), Int32GetDatum(tx_index), Int32GetDatum(entry->tx_count)};

	SPI_connect();
	outbox_statement_run(&park[entry->child], values);
	SPI_finish();
}

void
outbox_quarantine_bury(OutboxQuarantine *quarantine, const OutboxEntry *entry, uint32_t tx_index,
					   const OutboxRefusal *refusal)
{
	Datum values[] = {Int64GetDatum(entry->position.id),
					  Int32GetDatum(tx_index),
					  Int32GetDatum(entry->tx_count),
					  Int32GetDatum(refusal->code),
					  CStringGetTextDatum(refusal->reason),
					  BoolGetDatum(refusal->blocks),
					  place_of(entry)};

	SPI_connect();
	/* Where it was; if its row has moved, wherever it is. */
	copy_dead(psprintf("ONLY outbox.event_%d WHERE id = $1 AND ctid = $7", entry->child), values);
	if (SPI_processed == 0)
		copy_dead("outbox.event WHERE id = $1 AND $7 IS NOT NULL", values);
	hold(quarantine, entry->position.id);
	SPI_finish();
}

void
outbox_quarantine_bury_again(OutboxQuarantine *quarantine, int64_t event,
							 const OutboxRefusal *refusal)
{
	Datum values[] = {Int64GetDatum(event), Int32GetDatum(refusal->code),
					  CStringGetTextDatum(refusal->reason), BoolGetDatum(refusal->blocks)};

	SPI_connect();
	outbox_statement_run(&refuse_again, values);
	if (SPI_processed == 0)
		outbox_statement_run(&refuse_parked, values);
	hold(quarantine, event);
	SPI_finish();
}

void
outbox_quarantine_unblock(OutboxQuarantine *quarantine)
{
	SPI_connect();
	outbox_statement_run(&unblock, NULL);
	note(quarantine, HASH_REMOVE);
	SPI_finish();
}

void
outbox_quarantine_trace(int64_t event, char trace[OUTBOX_TRACE_SIZE])
{
	Datum values[] = {Int64GetDatum(event)};
	bool isnull = true;
	Datum found = 0;

	trace[0] = '\0';
	SPI_connect();
	outbox_statement_run(&find_trace, values);
	if (SPI_processed > 0)
		found = outbox_statement_value(0, 1, &isnull);
	if (!isnull)
		strlcpy(trace, TextDatumGetCString(found), OUTBOX_TRACE_SIZE);
	SPI_finish();
}

/* Copies an event of the log to the dead letters. */
static void
copy_dead(const char *source, Datum *values)
{
	Oid types[] = {INT8OID, INT4OID, INT4OID, INT4OID, TEXTOID, BOOLOID, TIDOID};
	char *query =
		psprintf("INSERT INTO outbox.dead_letter"
				 " (event_id, xid, tx_index, tx_count, code, reason, blocks, " EVENT ")"
				 " SELECT id, xid, $2, $3, $4, $5, $6, " EVENT " FROM %s"
				 " ON CONFLICT (event_id) DO UPDATE SET refused_at = pg_catalog.now(),"
				 "       code = $4, reason = $5, blocks = $6, attempts = dead_letter.attempts + 1"
				 " RETURNING aggregate, aggregate_id, blocks",
				 source);

	if (SPI_execute_with_args(query, lengthof(types), types, values, NULL, false, 0) !=
		SPI_OK_INSERT_RETURNING)
		elog(ERROR, "could not write a dead letter");
}

/* Blocks the aggregate of the dead letter that was just written, if that blocks. */
static void
hold(OutboxQuarantine *quarantine, int64 event)
{
	Datum values[3];
	bool isnull;

	if (SPI_processed == 0)
		ereport(WARNING, errcode(ERRCODE_NO_DATA_FOUND),
				errmsg("refused event " INT64_FORMAT " leaves no dead letter", event),
				errdetail("Its row was removed while it was being sent."));
	if (SPI_processed == 0 || !DatumGetBool(outbox_statement_value(0, 3, &isnull)))
		return;
	note(quarantine, HASH_ENTER);
	values[0] = outbox_statement_value(0, 1, &isnull);
	values[1] = outbox_statement_value(0, 2, &isnull);
	values[2] = Int64GetDatum(event);
	outbox_statement_run(&block, values);
	outbox_statement_run(&call_back, values);
}

/* Takes note of the aggregates that the last statement returned. */
static void
note(OutboxQuarantine *quarantine, HASHACTION action)
{
	char key[KEY_SIZE];
	bool isnull;

	for (uint64 i = 0; i < SPI_processed; i++)
	{
		write_key(key, outbox_decode_text(outbox_statement_value(i, 1, &isnull)),
				  outbox_decode_text(outbox_statement_value(i, 2, &isnull)));
		(void) hash_search(quarantine->blocked, key, action, NULL);
	}
}

static void
write_key(char *key, const char *aggregate, const char *aggregate_id)
{
	snprintf(key, KEY_SIZE, "%s/%s", aggregate, aggregate_id);
}

static Datum
place_of(const OutboxEntry *entry)
{
	ItemPointer place = palloc(sizeof(ItemPointerData));

	ItemPointerSet(place, entry->block, entry->offset);
	return PointerGetDatum(place);
}
