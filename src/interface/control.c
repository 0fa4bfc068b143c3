/*
 * control.c
 *		outbox.pause, resume, wake and flush.
 *
 * Pausing is a row, so that it holds over restarts; the relay is told to look
 * when the row's transaction commits.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "infrastructure/postgres/cursor.h"
#include "infrastructure/postgres/shared.h"
#include "infrastructure/postgres/wakeup.h"
#include "interface/deadline.h"
#include "interface/record.h"

/* Time between two looks whether all is published. */
#define FLUSH_TURN_MS 20

PG_FUNCTION_INFO_V1(outbox_control_pause);
PG_FUNCTION_INFO_V1(outbox_control_resume);
PG_FUNCTION_INFO_V1(outbox_control_wake);
PG_FUNCTION_INFO_V1(outbox_control_flush);

static bool is_pending(const char *snapshot);
static void run(const char *command, Datum argument, bool isnull);

/* (reason text) */
Datum
outbox_control_pause(PG_FUNCTION_ARGS)
{
	outbox_record_require_writable("outbox.pause()");
	run("DELETE FROM outbox.paused", (Datum) 0, true);
	run("INSERT INTO outbox.paused (paused_by, reason) VALUES (session_user, $1)",
		PG_ARGISNULL(0) ? (Datum) 0 : PG_GETARG_DATUM(0), PG_ARGISNULL(0));
	outbox_wakeup_announce_here();
	PG_RETURN_VOID();
}

Datum
outbox_control_resume(PG_FUNCTION_ARGS)
{
	outbox_record_require_writable("outbox.resume()");
	run("DELETE FROM outbox.paused", (Datum) 0, true);
	outbox_wakeup_pardon_here(0);
	PG_RETURN_VOID();
}

Datum
outbox_control_wake(PG_FUNCTION_ARGS)
{
	outbox_shared_wake(MyDatabaseId);
	PG_RETURN_VOID();
}

/* (timeout interval) */
Datum
outbox_control_flush(PG_FUNCTION_ARGS)
{
	TimestampTz deadline = outbox_deadline_take(fcinfo, 0);
	char *snapshot;

	if (IsolationUsesXactSnapshot())
		ereport(ERROR, errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				errmsg("outbox.flush() cannot wait inside this transaction"),
				errdetail("At its isolation level it sees nothing that is written after it began."),
				errhint("Call it in a transaction of level READ COMMITTED."));
	snapshot = outbox_cursor_current_snapshot();
	outbox_shared_wake(MyDatabaseId);
	while (is_pending(snapshot))
	{
		if (GetCurrentTimestamp() >= deadline)
			PG_RETURN_BOOL(false);
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, FLUSH_TURN_MS,
						 PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
	PG_RETURN_BOOL(true);
}

/*
 * Is something that the snapshot sees not published yet?  The snapshot may see
 * this very transaction, once others have moved on.
 */
static bool
is_pending(const char *snapshot)
{
	Oid types[] = {TEXTOID};
	Datum values[] = {CStringGetTextDatum(snapshot)};
	bool found;

	SPI_connect();
	/* Not read-only, so that each look has a snapshot of its own. */
	if (SPI_execute_with_args(
			"SELECT FROM outbox.pending"
			" WHERE pg_catalog.pg_visible_in_snapshot(xid, $1::pg_snapshot)"
			"   AND xid IS DISTINCT FROM pg_catalog.pg_current_xact_id_if_assigned()",
			1, types, values, NULL, false, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not look for pending events");
	found = SPI_processed > 0;
	SPI_finish();
	return found;
}

static void
run(const char *command, Datum argument, bool isnull)
{
	Oid types[] = {TEXTOID};

	SPI_connect();
	if (SPI_execute_with_args(command, 1, types, &argument, isnull ? "n" : " ", false, 0) < 0)
		elog(ERROR, "could not execute \"%s\"", command);
	SPI_finish();
}
