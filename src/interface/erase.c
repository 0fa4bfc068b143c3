/*
 * erase.c
 *		outbox.erase: forgets what the published events of an aggregate said.
 *
 * An erased event keeps its place, id, type and time; only what may tell of a person
 * goes.  Its headers begin with the mark Outbox-Erased, other marks stay.
 *
 * An UPDATE moves rows of the log, which the relay reads by their places.  So only
 * rows that it has settled are touched: it never reads them again.  A dead letter
 * that is marked is the relay's (refusal.c) and left alone, too, so that the relay
 * never waits for the caller's transaction.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"

#include "interface/argument.h"
#include "interface/record.h"

PG_FUNCTION_INFO_V1(outbox_erase);

/* What becomes of a row.  JSON stays JSON. */
#define BLANK                                                                               \
	"SET payload = CASE WHEN content_type ~* '^[^;]*[/+]json *(;|$)' THEN '\\x7b7d'::bytea" \
	"                   ELSE ''::bytea END,"                                                \
	"    headers = E'Outbox-Erased: true\\n' || pg_catalog.array_to_string(ARRAY("          \
	"      SELECT m[1] FROM pg_catalog.regexp_matches("                                     \
	"        headers, '^(Outbox-(?:Replay|Scheduled-Id): .*\\n)', 'gn') m), '')"            \
	" WHERE aggregate = $1 AND aggregate_id = $2 AND headers NOT LIKE 'Outbox-Erased:%'"

#define OF_AGGREGATE " WHERE aggregate = $1 AND aggregate_id = $2"

/* The relay's: to be sent again, or given up and not yet let go. */
#define MARKED "(redrive_at IS NOT NULL OR (blocks AND discarded_at IS NOT NULL))"

/*
 * The dead letters first: from then on they are locked, and what is found to be held
 * stays held.
 */
static const char letters_query[] =
	"WITH letters AS (UPDATE outbox.dead_letter " BLANK " AND NOT " MARKED " RETURNING event_id)"
	" SELECT coalesce(pg_catalog.array_agg(event_id), '{}') FROM letters";

/* How many were erased, with the dead letters $3, and how many were left. */
static const char events_query[] =
	"WITH held AS MATERIALIZED ("
	"  SELECT id FROM outbox.pending" OF_AGGREGATE
	"  UNION SELECT event_id FROM outbox.waiting" OF_AGGREGATE
	"  UNION SELECT event_id FROM outbox.dead_letter" OF_AGGREGATE " AND " MARKED
	"  UNION SELECT id FROM outbox.scheduled" OF_AGGREGATE "),"
	" events AS (UPDATE outbox.event e " BLANK
	"     AND EXISTS (SELECT FROM outbox.cursor c WHERE c.name = 'relay')"
	"     AND NOT EXISTS (SELECT FROM held h WHERE h.id = e.id) RETURNING id)"
	" SELECT (SELECT pg_catalog.count(*) FROM"
	"          (SELECT id FROM events UNION SELECT pg_catalog.unnest($3)) a),"
	"        (SELECT pg_catalog.count(*) FROM held)";

static void run(const char *statement, int arguments, Datum *values);
static Datum column(int number);

/* (aggregate text, aggregate_id text) */
Datum
outbox_erase(PG_FUNCTION_ARGS)
{
	Datum values[3];
	int64 erased;
	int64 held;

	outbox_record_require_writable("outbox.erase()");
	outbox_argument_require(fcinfo, 0, "aggregate");
	outbox_argument_require(fcinfo, 1, "aggregate_id");
	values[0] = PG_GETARG_DATUM(0);
	values[1] = PG_GETARG_DATUM(1);
	SPI_connect();
	run(letters_query, 2, values);
	values[2] = column(1);
	run(events_query, 3, values);
	erased = DatumGetInt64(column(1));
	held = DatumGetInt64(column(2));
	SPI_finish();
	if (held > 0)
		ereport(NOTICE,
				errmsg_plural(INT64_FORMAT " event is still to be published and is not erased",
							  INT64_FORMAT " events are still to be published and are not erased",
							  (unsigned long) held, held),
				errhint("Call outbox.erase again when outbox.pending, outbox.waiting and "
						"outbox.scheduled_event no longer hold them; outbox.discard and "
						"outbox.cancel_scheduled keep them from being published."));
	PG_RETURN_INT64(erased);
}

static void
run(const char *statement, int arguments, Datum *values)
{
	Oid types[] = {TEXTOID, TEXTOID, INT8ARRAYOID};

	if (SPI_execute_with_args(statement, arguments, types, values, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not erase events");
}

static Datum
column(int number)
{
	bool isnull;

	return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, number, &isnull);
}
