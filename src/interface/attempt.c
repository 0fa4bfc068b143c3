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
static void take_error(OutboxAttempt *attempt, MemoryContext caller);

void
outbox_attempt(const OutboxQuery *query, OutboxAttempt *attempt)
{
	MemoryContext caller = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;

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
		take_error(attempt, caller);
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	CurrentResourceOwner = owner;
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

static void
take_error(OutboxAttempt *attempt, MemoryContext caller)
{
	ErrorData *error;

	MemoryContextSwitchTo(caller);
	error = CopyErrorData();
	if (error->sqlerrcode == ERRCODE_QUERY_CANCELED ||
		error->sqlerrcode == ERRCODE_ADMIN_SHUTDOWN || error->sqlerrcode == ERRCODE_CRASH_SHUTDOWN)
		PG_RE_THROW();
	FlushErrorState();
	attempt->done = false;
	attempt->sqlstate = error->sqlerrcode;
	attempt->message = error->message;
}
