/*
 * adopt.c
 *		outbox.adopt.
 *
 * It works on what the relay of a fenced outbox does not touch, and keeps the
 * relay away until its transaction has ended, however that ends.
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#include "infrastructure/postgres/adoption.h"
#include "infrastructure/postgres/catalog.h"
#include "infrastructure/postgres/shared.h"
#include "infrastructure/postgres/wakeup.h"
#include "interface/argument.h"
#include "interface/record.h"

PG_FUNCTION_INFO_V1(outbox_adopt);

static bool take_mode(FunctionCallInfo fcinfo);
static void require_owner(void);
static void require_own_transaction(void);
static void require_fence(OutboxOrigin origin);
static void send_relay_away(void);

/* (mode text) */
Datum
outbox_adopt(PG_FUNCTION_ARGS)
{
	OutboxIdentity identity;
	bool forks;

	outbox_record_require_writable("outbox.adopt()");
	forks = take_mode(fcinfo);
	require_owner();
	require_own_transaction();
	outbox_identity_load(&identity);
	require_fence(identity.origin);
	send_relay_away();
	if (forks)
	{
		int64 left = outbox_adoption_fork(&identity);

		ereport(NOTICE, errmsg("pending events that are left to the original: " INT64_FORMAT, left),
				errhint("Where this database would publish to the same stream as the original, "
						"name another one in outbox.stream first."));
	}
	else
		outbox_adoption_continue(&identity);
	outbox_wakeup_announce_here();
	PG_RETURN_VOID();
}

/* Is it "fork"? */
static bool
take_mode(FunctionCallInfo fcinfo)
{
	const char *mode = outbox_argument_text(fcinfo, 0, "mode");

	if (strcmp(mode, "fork") == 0)
		return true;
	if (strcmp(mode, "continue") != 0)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("mode \"%s\" is not known", mode),
				errhint("Modes are \"continue\" (this is the successor of the original) and "
						"\"fork\" (this is an outbox of its own)."));
	return false;
}

static void
require_owner(void)
{
	if (!has_privs_of_role(GetUserId(), outbox_catalog_owner()))
		ereport(ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("permission denied for outbox.adopt()"),
				errdetail("It takes the owner of the extension, or a superuser."));
}

static void
require_own_transaction(void)
{
	if (IsolationUsesXactSnapshot() || TransactionIdIsValid(GetTopTransactionIdIfAny()))
		ereport(ERROR, errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				errmsg("outbox.adopt() cannot run inside this transaction"),
				errdetail("It must be the first that the transaction writes, at level READ "
						  "COMMITTED."),
				errhint("Call it in a transaction of its own."));
}

static void
require_fence(OutboxOrigin origin)
{
	int slot = outbox_shared_find(MyDatabaseId);
	OutboxSlotInfo info = {0};
	OutboxRelayStatus status = {0};

	if (slot != OUTBOX_NO_SLOT)
		outbox_shared_info(slot, &info);
	if (info.pid != 0)
		outbox_shared_status(slot, &status);
	if (outbox_origin_continues(origin) && !status.fenced_copy)
		ereport(
			ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			errmsg("this outbox is not fenced"), errdetail("There is nothing to decide."),
			errhint("See outbox.status. Only in state \"fenced copy\" an outbox can be adopted."));
}

/* Nobody else may write the cursor; the relay comes back when the transaction ends. */
static void
send_relay_away(void)
{
	int slot = outbox_shared_find(MyDatabaseId);
	OutboxSlotInfo info;

	if (slot == OUTBOX_NO_SLOT)
		return;
	outbox_wakeup_hold(MyDatabaseId);
	outbox_shared_info(slot, &info);
	if (info.pid != 0)
		ereport(ERROR, errcode(ERRCODE_OBJECT_IN_USE),
				errmsg("the relay of this database does not end"),
				errdetail("It is the process %d.", info.pid),
				errhint("Call outbox.adopt() again; if that does not help, end that process."));
}
