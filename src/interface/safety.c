/*
 * safety.c
 *		outbox.set_aside: out of safe mode, without the event that led there.
 *
 * The relay makes the event a dead letter when its turn comes, without looking
 * into it, so that the order and all that holds for dead letters is kept.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"

#include "infrastructure/postgres/shared.h"
#include "infrastructure/postgres/wakeup.h"
#include "interface/argument.h"
#include "interface/record.h"

PG_FUNCTION_INFO_V1(outbox_safety_set_aside);

static void require_suspect(int64 event);

/* (event_id bigint) */
Datum
outbox_safety_set_aside(PG_FUNCTION_ARGS)
{
	outbox_record_require_writable("outbox.set_aside()");
	outbox_argument_require(fcinfo, 0, "event_id");
	require_suspect(PG_GETARG_INT64(0));
	outbox_wakeup_pardon_here(PG_GETARG_INT64(0));
	PG_RETURN_VOID();
}

static void
require_suspect(int64 event)
{
	int slot = outbox_shared_find(MyDatabaseId);
	OutboxSlotInfo info = {0};
	OutboxRelayStatus status = {0};

	if (slot != OUTBOX_NO_SLOT)
	{
		outbox_shared_info(slot, &info);
		outbox_shared_status(slot, &status);
	}
	if (info.state != OUTBOX_SLOT_SAFE_MODE)
		ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("the relay of this database is not in safe mode"),
				errhint("A dead letter is given up by outbox.discard()."));
	if (status.suspect <= 0)
		ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("no event is suspected"),
				errdetail("The relay did not crash while it handled an event."),
				errhint("Remove the cause and call outbox.resume()."));
	if (status.suspect != event)
		ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("event " INT64_FORMAT " is not the one that is suspected", event),
				errdetail("The relay crashed while it handled event " INT64_FORMAT ".",
						  status.suspect));
}
