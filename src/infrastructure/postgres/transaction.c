/*
 * transaction.c
 *		The relay's short transactions.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/snapmgr.h"

#include "infrastructure/postgres/catalog.h"
#include "infrastructure/postgres/transaction.h"

static Oid caller_user;
static int caller_context;

void
outbox_transaction_begin(void)
{
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	GetUserIdAndSecContext(&caller_user, &caller_context);
	SetUserIdAndSecContext(outbox_catalog_owner(), SECURITY_RESTRICTED_OPERATION);
}

void
outbox_transaction_look_again(void)
{
	PopActiveSnapshot();
	PushActiveSnapshot(GetTransactionSnapshot());
}

void
outbox_transaction_commit(void)
{
	SetUserIdAndSecContext(caller_user, caller_context);
	PopActiveSnapshot();
	CommitTransactionCommand();
	pgstat_report_stat(false);
}
