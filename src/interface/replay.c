/*
 * replay.c
 *		outbox.replay: sends published events again.
 *
 * Copies of the events are appended to the log in the caller's transaction, so the
 * relay knows nothing of replays, and a replay is rolled back as any emit.  The
 * events are read through a portal, and each portion is forgotten when it has been
 * appended: memory does not grow with their number.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/memutils.h"
#include "utils/portal.h"

#include "infrastructure/postgres/columns.h"
#include "infrastructure/postgres/log.h"
#include "infrastructure/postgres/wakeup.h"
#include "interface/record.h"

#define PORTION 100 /* events */
#define ARGUMENTS 4

PG_FUNCTION_INFO_V1(outbox_replay);

/*
 * In the order of columns.h, then whether it is erased.  Ordered as the relay orders
 * events: by the last id of their transactions, then by their own.
 */
static const char query[] =
	"SELECT e.id, e.xid, e.emitted_at, e.aggregate, e.aggregate_id, e.action, e.version,"
	"       e.content_type, 'Outbox-Replay: ' || i.uuid || '-' || e.id || E'\\n' || e.headers,"
	"       e.payload, e.headers LIKE 'Outbox-Erased:%'"
	"  FROM outbox.identity i, outbox.event e"
	"  JOIN (SELECT xid, pg_catalog.max(id) AS last FROM outbox.event GROUP BY xid) t"
	"    ON t.xid = e.xid"
	" WHERE ($1 IS NULL OR e.aggregate || '.' || e.action = ANY ($1))"
	"   AND ($2 IS NULL OR e.aggregate_id = $2)"
	"   AND ($3 IS NULL OR e.emitted_at >= $3)"
	"   AND ($4 IS NULL OR e.emitted_at < $4)"
	"   AND e.headers NOT LIKE 'Outbox-Replay:%'"
	"   AND e.headers NOT LIKE E'Outbox-Erased:%\\nOutbox-Replay:%'"
	"   AND EXISTS (SELECT FROM outbox.cursor c WHERE c.name = 'relay')"
	"   AND NOT EXISTS (SELECT FROM outbox.pending p WHERE p.id = e.id)"
	"   AND NOT EXISTS (SELECT FROM outbox.waiting w WHERE w.event_id = e.id)"
	"   AND NOT EXISTS (SELECT FROM outbox.dead_letter d WHERE d.event_id = e.id)"
	" ORDER BY t.last, e.id";

static Portal open_portal(FunctionCallInfo fcinfo);
static void check_types(FunctionCallInfo fcinfo);
static int64 append_portion(int64 *erased);
static bool append(HeapTuple row, TupleDesc columns);

/* (event_types text[], aggregate_id text, since timestamptz, until timestamptz) */
Datum
outbox_replay(PG_FUNCTION_ARGS)
{
	MemoryContext portion =
		AllocSetContextCreate(CurrentMemoryContext, "outbox replay", ALLOCSET_DEFAULT_SIZES);
	int64 appended = 0;
	int64 erased = 0;
	Portal portal;

	outbox_record_require_writable("outbox.replay()");
	check_types(fcinfo);
	outbox_log_lock_ids();
	SPI_connect();
	portal = open_portal(fcinfo);
	for (;;)
	{
		MemoryContext caller;

		SPI_cursor_fetch(portal, true, PORTION);
		if (SPI_processed == 0)
			break;
		caller = MemoryContextSwitchTo(portion);
		appended += append_portion(&erased);
		MemoryContextSwitchTo(caller);
		MemoryContextReset(portion);
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_cursor_close(portal);
	SPI_finish();
	if (erased > 0)
		ereport(NOTICE, errmsg_plural(INT64_FORMAT " erased event is left out",
									  INT64_FORMAT " erased events are left out",
									  (unsigned long) erased, erased));
	if (appended > 0)
		outbox_wakeup_mark();
	PG_RETURN_INT64(appended);
}

static Portal
open_portal(FunctionCallInfo fcinfo)
{
	Oid types[] = {TEXTARRAYOID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID};
	Datum values[ARGUMENTS];
	char nulls[ARGUMENTS];

	for (int i = 0; i < ARGUMENTS; i++)
	{
		values[i] = PG_ARGISNULL(i) ? (Datum) 0 : PG_GETARG_DATUM(i);
		nulls[i] = PG_ARGISNULL(i) ? 'n' : ' ';
	}
	return SPI_cursor_open_with_args(NULL, query, ARGUMENTS, types, values, nulls, false, 0);
}

static void
check_types(FunctionCallInfo fcinfo)
{
	if (!PG_ARGISNULL(0) && array_contains_nulls(PG_GETARG_ARRAYTYPE_P(0)))
		ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				errmsg("event_types must not hold nulls"),
				errhint("Leave the argument out to replay events of all types."));
}

/* Appends the rows that were fetched; returns how many, without the erased ones. */
static int64
append_portion(int64 *erased)
{
	int64 count = 0;

	CHECK_FOR_INTERRUPTS();
	for (uint64 i = 0; i < SPI_processed; i++)
		count += append(SPI_tuptable->vals[i], SPI_tuptable->tupdesc);
	*erased += SPI_processed - count;
	return count;
}

/* Appends a copy of the row, emitted when the original was; false when that is erased. */
static bool
append(HeapTuple row, TupleDesc columns)
{
	Datum values[OUTBOX_EVENT_COLUMNS + 1];
	bool nulls[OUTBOX_EVENT_COLUMNS + 1];
	OutboxDraft draft;

	heap_deform_tuple(row, columns, values, nulls);
	if (DatumGetBool(values[OUTBOX_EVENT_COLUMNS]))
		return false;
	outbox_row_draft(&draft, values, nulls);
	(void) outbox_log_append(&draft);
	return true;
}
