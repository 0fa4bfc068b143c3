/*
 * verify.c
 *		outbox.verify: has the relay compare the stream with what it should hold.
 *
 * The relay is asked through shared memory, by number; it tells the number of the last
 * verification that is over, with the outcome.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "infrastructure/postgres/shared.h"
#include "interface/deadline.h"

/* Time between two looks whether it is over. */
#define TURN_MS 20
#define COLUMNS 5

PG_FUNCTION_INFO_V1(outbox_verify);

static int find_relay(void);
static bool await(int slot, uint64 number, TimestampTz deadline, OutboxVerificationResult *result);

/* (timeout interval) */
Datum
outbox_verify(PG_FUNCTION_ARGS)
{
	TimestampTz deadline = outbox_deadline_take(fcinfo, 0);
	int slot = find_relay();
	TupleDesc description;
	Datum values[COLUMNS] = {0};
	bool nulls[COLUMNS];
	OutboxVerificationResult result;

	if (get_call_result_type(fcinfo, NULL, &description) != TYPEFUNC_COMPOSITE ||
		description->natts != COLUMNS)
		elog(ERROR, "could not match the declaration of outbox.verify()");
	memset(nulls, true, sizeof(nulls));
	nulls[0] = false;
	if (await(slot, outbox_shared_ask_verification(slot), deadline, &result))
	{
		memset(nulls, false, sizeof(nulls));
		values[0] = BoolGetDatum(true);
		values[1] = Int64GetDatum((int64) result.checked);
		values[2] = Int64GetDatum((int64) result.missing);
		values[3] = Int64GetDatum((int64) result.repaired);
		values[4] = Int64GetDatum((int64) result.gone);
	}
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(description), values, nulls));
}

static int
find_relay(void)
{
	int slot = outbox_shared_find(MyDatabaseId);
	OutboxSlotInfo info = {0};

	if (slot != OUTBOX_NO_SLOT)
		outbox_shared_info(slot, &info);
	if (info.pid == 0)
		ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("no relay runs for this database"),
				errhint("outbox.status says why, and what to do."));
	return slot;
}

/* A verification that was asked for later is as good. */
static bool
await(int slot, uint64 number, TimestampTz deadline, OutboxVerificationResult *result)
{
	for (;;)
	{
		OutboxRelayStatus status;

		outbox_shared_status(slot, &status);
		*result = status.verification;
		if (result->number >= number)
			return true;
		if (GetCurrentTimestamp() >= deadline)
			return false;
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, TURN_MS,
						 PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
}
