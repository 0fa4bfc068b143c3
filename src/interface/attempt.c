/*
 * attempt.c
 *		A query that may fail without harm to whoever asks.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "executor/spi.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "interface/attempt.h"

static void run(const OutboxQuery *query, OutboxAttempt *attempt);
static bool is_forgiven(const ErrorData *error);

void
outbox_attempt(const OutboxQuery *query, OutboxAttempt *attempt)
{
	MemoryContext caller = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData *volatile error = NULL;

	memset(attempt, 0, sizeof(*attempt));
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(caller);
	PG_TRY();
	{
		run(query, attempt);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(caller);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	CurrentResourceOwner = owner;
	if (error == NULL)
		return;
	/* Not before the subtransaction has ended, which else outlives the statement. */
	if (!is_forgiven(error))
		ReThrowError(error);
	attempt->done = false;
	attempt->sqlstate = error->sqlerrcode;
	attempt->message = error->message;
}

bool
outbox_attempt_was_locked_out(const OutboxAttempt *attempt)
{
	return !attempt->done && attempt->sqlstate == ERRCODE_LOCK_NOT_AVAILABLE;
}

uintptr_t
outbox_attempt_value(const OutboxAttempt *attempt, uint64_t row, int column, bool *isnull)
{
	return heap_getattr(attempt->rows[row], column, attempt->columns, isnull);
}

/* The result is copied out, since the subtransaction's memory goes. */
static void
run(const OutboxQuery *query, OutboxAttempt *attempt)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext inner;

	SPI_connect();
	if (SPI_execute_with_args(query->text, query->count, (Oid *) query->types,
							  (Datum *) query->values, query->nulls, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not execute \"%s\"", query->text);
	inner = MemoryContextSwitchTo(caller);
	attempt->count = SPI_processed;
	attempt->columns = CreateTupleDescCopy(SPI_tuptable->tupdesc);
	attempt->rows = palloc(sizeof(HeapTuple) * (SPI_processed + 1));
	for (uint64 i = 0; i < SPI_processed; i++)
		attempt->rows[i] = heap_copytuple(SPI_tuptable->vals[i]);
	attempt->done = true;
	MemoryContextSwitchTo(inner);
	SPI_finish();
}

/* Who cancels the statement, or ends the session, means all of it. */
static bool
is_forgiven(const ErrorData *error)
{
	return error->sqlerrcode != ERRCODE_QUERY_CANCELED &&
		   error->sqlerrcode != ERRCODE_ADMIN_SHUTDOWN &&
		   error->sqlerrcode != ERRCODE_CRASH_SHUTDOWN;
}
