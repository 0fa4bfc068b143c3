/*
 * monitor.c
 *		What the relay tells of itself, for the views.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "domain/delivery.h"
#include "domain/verdict.h"
#include "infrastructure/nats/verdict.h"
#include "infrastructure/postgres/shared.h"
#include "interface/monitor.h"

#define STATE_COLUMNS 32

/* After the start of the server, which may take a while to recover. */
#define LAUNCHER_DUE_MS 10000

PG_FUNCTION_INFO_V1(outbox_monitor_relay_state);

static bool launcher_is_missed(void);
static void fill_slot(Datum *values, bool *nulls, int slot);
static void fill_status(Datum *values, bool *nulls, const OutboxRelayStatus *status);
static const char *worker_name(OutboxSlotState state);
static const char *phase_name(int phase);

/* outbox.relay_state(): one row; only "preloaded" is not null where there is no relay. */
Datum
outbox_monitor_relay_state(PG_FUNCTION_ARGS)
{
	TupleDesc description;
	Datum values[STATE_COLUMNS] = {0};
	bool nulls[STATE_COLUMNS];
	int slot = outbox_shared_find(MyDatabaseId);

	if (get_call_result_type(fcinfo, NULL, &description) != TYPEFUNC_COMPOSITE ||
		description->natts != STATE_COLUMNS)
		elog(ERROR, "could not match the declaration of outbox.relay_state()");
	memset(nulls, true, sizeof(nulls));
	values[0] = BoolGetDatum(outbox_shared_available());
	nulls[0] = false;
	values[1] = CStringGetTextDatum(launcher_is_missed() ? worker_name(OUTBOX_SLOT_NO_WORKER)
														 : worker_name(OUTBOX_SLOT_UNKNOWN));
	nulls[1] = false;
	if (slot != OUTBOX_NO_SLOT)
		fill_slot(values, nulls, slot);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(description), values, nulls));
}

/* It should have come by now: it is the first to take a worker slot, or gets none. */
static bool
launcher_is_missed(void)
{
	return outbox_shared_available() && !outbox_shared_has_launcher() &&
		   TimestampDifferenceExceeds(PgStartTime, GetCurrentTimestamp(), LAUNCHER_DUE_MS);
}

static void
fill_slot(Datum *values, bool *nulls, int slot)
{
	OutboxSlotInfo info;
	OutboxRelayStatus status;

	outbox_shared_info(slot, &info);
	values[1] = CStringGetTextDatum(worker_name(info.state));
	values[2] = TimestampTzGetDatum(info.since);
	nulls[2] = info.since == 0;
	values[3] = Int32GetDatum(info.pid);
	nulls[3] = info.pid == 0;
	values[4] = Int32GetDatum(info.failures);
	nulls[4] = false;
	/* In safe mode the launcher speaks for it. */
	if (info.pid == 0 && info.state != OUTBOX_SLOT_SAFE_MODE)
		return;
	outbox_shared_status(slot, &status);
	fill_status(values + 5, nulls + 5, &status);
}

static void
fill_status(Datum *values, bool *nulls, const OutboxRelayStatus *status)
{
	int i = 0;
	const char *cause;

	memset(nulls, false, sizeof(bool) * (STATE_COLUMNS - 5));
	values[i++] = BoolGetDatum(status->fenced_copy);
	values[i++] =
		CStringGetTextDatum(status->withheld ? "waiting for a standby" : phase_name(status->phase));
	nulls[i] = status->since == 0;
	values[i++] = TimestampTzGetDatum(status->since);
	values[i++] = BoolGetDatum(status->troubled);
	values[i++] = CStringGetTextDatum(outbox_monitor_verdict(status->cause));
	values[i++] = Int32GetDatum(status->code);
	nulls[i] = status->text[0] == '\0';
	values[i++] = CStringGetTextDatum(status->text);
	values[i++] = Int32GetDatum(status->attempt);
	nulls[i] = status->next_retry_at == 0;
	values[i++] = TimestampTzGetDatum(status->next_retry_at);
	nulls[i] = status->stream[0] == '\0';
	values[i++] = CStringGetTextDatum(status->stream);
	values[i++] = Int32GetDatum(status->in_flight);
	values[i++] = Int64GetDatum(status->published);
	values[i++] = Int64GetDatum(status->duplicates);
	values[i++] = Int64GetDatum(status->refused);
	values[i++] = Int64GetDatum(status->retries);
	values[i++] = Int64GetDatum(status->conflicts);
	values[i++] = Int64GetDatum(status->bytes);
	values[i++] = DirectFunctionCall1(int8_numeric, Int64GetDatum((int64) status->last_sequence));
	nulls[i] = status->last_ack_at == 0;
	values[i++] = TimestampTzGetDatum(status->last_ack_at);
	nulls[i] = status->max_payload < 0;
	values[i++] = Int64GetDatum(status->max_payload);
	nulls[i] = status->max_message_size < 0;
	values[i++] = Int64GetDatum(status->max_message_size);
	values[i++] = Int64GetDatum((int64) status->checks);
	values[i++] = Int64GetDatum((int64) status->lost);
	values[i++] = Int64GetDatum((int64) status->repaired);
	values[i++] = Int64GetDatum((int64) status->gone);
	values[i++] = Int64GetDatum((int64) status->waiting);
	cause = status->troubled ? outbox_nats_verdict_cause(status->code) : NULL;
	nulls[i] = cause == NULL;
	values[i++] = cause ? CStringGetTextDatum(cause) : (Datum) 0;
}

static const char *
worker_name(OutboxSlotState state)
{
	switch (state)
	{
		case OUTBOX_SLOT_FREE:
		case OUTBOX_SLOT_UNKNOWN:
			return "unknown";
		case OUTBOX_SLOT_ABSENT:
			return "absent";
		case OUTBOX_SLOT_EXCLUDED:
			return "excluded";
		case OUTBOX_SLOT_DISABLED:
			return "disabled";
		case OUTBOX_SLOT_NO_WORKER:
			return "no free worker slot";
		case OUTBOX_SLOT_RUNNING:
			return "running";
		case OUTBOX_SLOT_FAILED:
			return "failed";
		case OUTBOX_SLOT_SAFE_MODE:
			return "safe mode";
	}
	return "unknown";
}

static const char *
phase_name(int phase)
{
	switch ((OutboxDeliveryPhase) phase)
	{
		case OUTBOX_DELIVERY_OFFLINE:
			return "offline";
		case OUTBOX_DELIVERY_CONNECTING:
			return "connecting";
		case OUTBOX_DELIVERY_STREAMING:
			return "streaming";
	}
	return "offline";
}

const char *
outbox_monitor_verdict(int verdict)
{
	switch ((OutboxVerdict) verdict)
	{
		case OUTBOX_VERDICT_ACKED:
			return "acked";
		case OUTBOX_VERDICT_DUPLICATE:
			return "duplicate";
		case OUTBOX_VERDICT_TRANSIENT:
			return "transient";
		case OUTBOX_VERDICT_CONFLICT:
			return "conflict";
		case OUTBOX_VERDICT_REFUSED:
			return "refused";
		case OUTBOX_VERDICT_UNAUTHORIZED:
			return "unauthorized";
		case OUTBOX_VERDICT_MISCONFIGURED:
			return "misconfigured";
	}
	return "acked";
}
