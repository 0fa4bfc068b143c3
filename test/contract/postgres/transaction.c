/*
 * transaction.c
 *		A transaction of the worker's own.
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"

#include "contract/postgres/transaction.h"

int
transaction_begin(void **state)
{
	(void) state;
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	MemoryContextSwitchTo(CurTransactionContext);
	return 0;
}

int
transaction_roll_back(void **state)
{
	(void) state;
	AbortOutOfAnyTransaction();
	MemoryContextSwitchTo(TopMemoryContext);
	return 0;
}

void
transaction_run(const char *sql)
{
	int result;

	SPI_connect();
	result = SPI_execute(sql, false, 0);
	if (result < 0)
		elog(ERROR, "could not run \"%s\": %s", sql, SPI_result_code_string(result));
	SPI_finish();
	CommandCounterIncrement();
	UpdateActiveSnapshotCommandId();
}

char *
transaction_ask(const char *sql)
{
	MemoryContext caller = CurrentMemoryContext;
	char *value = NULL;

	SPI_connect();
	if (SPI_execute(sql, false, 1) < 0)
		elog(ERROR, "could not run \"%s\"", sql);
	if (SPI_processed > 0)
		value = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	if (value != NULL)
		value = MemoryContextStrdup(caller, value);
	SPI_finish();
	return value;
}

uint32_t
transaction_ask_oid(const char *sql)
{
	char *value = transaction_ask(sql);

	if (value == NULL)
		elog(ERROR, "no oid for \"%s\"", sql);
	return strtoul(value, NULL, 10);
}

struct ErrorData *
transaction_attempt(void (*action)(void *argument), void *argument)
{
	MemoryContext memory = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(memory);
	PG_TRY();
	{
		action(argument);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(memory);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(memory);
	CurrentResourceOwner = owner;
	return error;
}
