/*
 * sieve.c
 *		Compares events that were found in the stream with those of the database.
 *
 * The log has no index on ids, so each call reads what is pending, once.  That is
 * seldom: after a conflict, at the relay's start, and when an outbox was adopted.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "infrastructure/postgres/sieve.h"
#include "infrastructure/postgres/statement.h"

static OutboxStatement find_stranger = {
	.text = "SELECT f.id FROM pg_catalog.unnest($1) f(id)"
			"  LEFT JOIN (SELECT e.id FROM outbox.event e"
			"              WHERE e.xid >= pg_catalog.pg_snapshot_xmin($2::pg_snapshot)) p"
			"    ON p.id = f.id"
			" WHERE p.id IS NULL"
			"   AND NOT EXISTS (SELECT FROM outbox.waiting w WHERE w.event_id = f.id)"
			"   AND NOT EXISTS (SELECT FROM outbox.dead_letter d WHERE d.event_id = f.id)"
			" ORDER BY f.id DESC LIMIT 1",
	.types = {INT8ARRAYOID, TEXTOID},
};

#define REMOVE(table, id)                                                                      \
	{                                                                                          \
		.text = "DELETE FROM outbox." table " t USING pg_catalog.unnest($1) f(id) WHERE t." id \
				" = f.id",                                                                     \
		.types = {INT8ARRAYOID},                                                               \
	}

/* Dead letters that were given up stay: they are a record. */
static OutboxStatement removals[] = {
	REMOVE("event", "id"),
	REMOVE("waiting", "event_id"),
	REMOVE("dead_letter", "discarded_at IS NULL AND t.event_id"),
};

static ArrayType *gather(const int64_t *events, int count, int64_t above, int *gathered);

int64_t
outbox_sieve_find_stranger(const OutboxCursor *cursor, const int64_t *events, int count)
{
	int candidates;
	Datum values[] = {
		PointerGetDatum(gather(events, count, cursor->highest, &candidates)),
		CStringGetTextDatum(cursor->old_snapshot),
	};
	int64 stranger = 0;
	bool isnull;

	if (candidates == 0)
		return 0;
	SPI_connect();
	outbox_statement_run(&find_stranger, values);
	if (SPI_processed > 0)
		stranger = DatumGetInt64(outbox_statement_value(0, 1, &isnull));
	SPI_finish();
	return stranger;
}

void
outbox_sieve_remove(const int64_t *events, int count)
{
	int found;
	Datum values[] = {PointerGetDatum(gather(events, count, 0, &found))};

	if (found == 0)
		return;
	SPI_connect();
	for (int i = 0; i < lengthof(removals); i++)
		outbox_statement_run(&removals[i], values);
	SPI_finish();
}

/* Those above this one, as an array. */
static ArrayType *
gather(const int64_t *events, int count, int64_t above, int *gathered)
{
	Datum *elements = palloc(sizeof(Datum) * Max(count, 1));

	*gathered = 0;
	for (int i = 0; i < count; i++)
		if (events[i] > 0 && events[i] > above)
			elements[(*gathered)++] = Int64GetDatum(events[i]);
	return construct_array(elements, *gathered, INT8OID, sizeof(int64), FLOAT8PASSBYVAL,
						   TYPALIGN_DOUBLE);
}
