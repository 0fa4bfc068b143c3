/*
 * refusal.c
 *		outbox.redrive, redrive_all and discard.
 *
 * They only mark the dead letter; the relay, woken by the commit, does the rest.
 * A dead letter that is marked is the relay's, so nothing here locks one: whoever
 * leaves his transaction open holds up nobody but himself.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"

#include "infrastructure/postgres/wakeup.h"
#include "interface/argument.h"
#include "interface/record.h"

PG_FUNCTION_INFO_V1(outbox_refusal_redrive);
PG_FUNCTION_INFO_V1(outbox_refusal_redrive_all);
PG_FUNCTION_INFO_V1(outbox_refusal_discard);

#define NOT_ERASED " AND headers NOT LIKE 'Outbox-Erased:%'"

/* Unmarked, and not behind another dead letter that holds its aggregate. */
static const char redrive_query[] =
	"UPDATE outbox.dead_letter d"
	"   SET redrive_at = pg_catalog.clock_timestamp(), redrive_by = session_user"
	" WHERE event_id = $1 AND redrive_at IS NULL AND discarded_at IS NULL" NOT_ERASED
	"   AND NOT EXISTS (SELECT FROM outbox.dead_letter b"
	"                    WHERE b.aggregate = d.aggregate AND b.aggregate_id = d.aggregate_id"
	"                      AND b.event_id < d.event_id AND b.blocks"
	"                      AND b.discarded_at IS NULL AND b.redrive_at IS NULL)";

static const char redrive_all_query[] =
	"UPDATE outbox.dead_letter"
	"   SET redrive_at = pg_catalog.clock_timestamp(), redrive_by = session_user"
	" WHERE redrive_at IS NULL AND discarded_at IS NULL" NOT_ERASED;

static const char discard_query[] =
	"UPDATE outbox.dead_letter"
	"   SET discarded_at = pg_catalog.clock_timestamp(), discarded_by = session_user,"
	"       discard_reason = $2"
	" WHERE event_id = $1 AND redrive_at IS NULL AND discarded_at IS NULL";

static const char look_query[] =
	"SELECT d.discarded_at IS NOT NULL, d.redrive_at IS NOT NULL, d.discarded_by::text,"
	"       d.discard_reason, d.aggregate, d.aggregate_id,"
	"       (SELECT pg_catalog.min(b.event_id) FROM outbox.dead_letter b"
	"         WHERE b.aggregate = d.aggregate AND b.aggregate_id = d.aggregate_id AND b.blocks"
	"           AND b.discarded_at IS NULL AND b.redrive_at IS NULL),"
	"       d.headers LIKE 'Outbox-Erased:%'"
	"  FROM outbox.dead_letter d WHERE d.event_id = $1";

static uint64 mark(const char *query, int arguments, Datum *values);
static bool look_at(int64 event);
static const char *column(int number);
static void report_discarded(int64 event);
static void report_held(int64 event);

/* (event_id bigint) */
Datum
outbox_refusal_redrive(PG_FUNCTION_ARGS)
{
	Datum values[1];
	int64 event;

	outbox_record_require_writable("outbox.redrive()");
	outbox_argument_require(fcinfo, 0, "event_id");
	event = PG_GETARG_INT64(0);
	values[0] = Int64GetDatum(event);
	SPI_connect();
	if (mark(redrive_query, 1, values) == 0 && !look_at(event))
		report_held(event);
	SPI_finish();
	PG_RETURN_VOID();
}

Datum
outbox_refusal_redrive_all(PG_FUNCTION_ARGS)
{
	uint64 count;

	outbox_record_require_writable("outbox.redrive_all()");
	SPI_connect();
	count = mark(redrive_all_query, 0, NULL);
	SPI_finish();
	PG_RETURN_INT64((int64) count);
}

/* (event_id bigint, reason text) */
Datum
outbox_refusal_discard(PG_FUNCTION_ARGS)
{
	Datum values[2];
	int64 event;

	outbox_record_require_writable("outbox.discard()");
	outbox_argument_require(fcinfo, 0, "event_id");
	outbox_argument_require(fcinfo, 1, "reason");
	event = PG_GETARG_INT64(0);
	values[0] = Int64GetDatum(event);
	values[1] = PG_GETARG_DATUM(1);
	SPI_connect();
	if (mark(discard_query, 2, values) == 0)
	{
		(void) look_at(event);
		ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("event " INT64_FORMAT " is being sent again", event),
				errhint("Discard it if it is refused once more; if it is published, there is no "
						"dead letter any more."));
	}
	SPI_finish();
	PG_RETURN_VOID();
}

/* Marks dead letters, has the commit wake the relay, and returns how many they are. */
static uint64
mark(const char *query, int arguments, Datum *values)
{
	Oid types[] = {INT8OID, TEXTOID};

	if (SPI_execute_with_args(query, arguments, types, values, NULL, false, 0) != SPI_OK_UPDATE)
		elog(ERROR, "could not execute \"%s\"", query);
	if (SPI_processed > 0)
		outbox_wakeup_mark();
	return SPI_processed;
}

/*
 * Looks why a dead letter was not marked: an error when there is none, or when it
 * has been given up; true when it is marked already.
 */
static bool
look_at(int64 event)
{
	Oid types[] = {INT8OID};
	Datum values[] = {Int64GetDatum(event)};

	if (SPI_execute_with_args(look_query, 1, types, values, NULL, false, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not look for a dead letter");
	if (SPI_processed == 0)
		ereport(ERROR, errcode(ERRCODE_NO_DATA_FOUND),
				errmsg("there is no dead letter of event " INT64_FORMAT, event),
				errhint("The table outbox.dead_letter holds them all; an event that was sent again "
						"and published is no longer there."));
	if (strcmp(column(1), "t") == 0)
		report_discarded(event);
	return strcmp(column(2), "t") == 0;
}

static const char *
column(int number)
{
	const char *value = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, number);

	return value ? value : "";
}

static void
report_discarded(int64 event)
{
	ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			errmsg("event " INT64_FORMAT " has been given up", event),
			errdetail("%s discarded it: %s.", column(3), column(4)),
			errhint("Emit a new event if it is wanted after all."));
}

static void
report_held(int64 event)
{
	if (strcmp(column(8), "t") == 0)
		ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("event " INT64_FORMAT " has been erased", event),
				errdetail("Its payload and headers are gone."),
				errhint("Call outbox.discard to let go what waits behind it."));
	ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			errmsg("event " INT64_FORMAT " is behind another dead letter of its aggregate", event),
			errdetail("Event %s of aggregate %s \"%s\" comes before it.", column(7), column(5),
					  column(6)),
			errhint("Call outbox.redrive or outbox.discard for that one first."));
}
