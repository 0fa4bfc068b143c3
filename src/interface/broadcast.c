/*
 * broadcast.c
 *		How broadcasts stand, for the view.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "infrastructure/postgres/queue.h"

#define STATE_COLUMNS 10

PG_FUNCTION_INFO_V1(outbox_broadcast_state);

static const char *state_name(bool shared, OutboxFate admitted);

/* outbox.broadcast_state(): one row. */
Datum
outbox_broadcast_state(PG_FUNCTION_ARGS)
{
	TupleDesc description;
	Datum values[STATE_COLUMNS] = {0};
	bool nulls[STATE_COLUMNS] = {0};
	OutboxQueueReport report;
	bool shared = outbox_queue_report(&report);
	int i = 0;

	if (get_call_result_type(fcinfo, NULL, &description) != TYPEFUNC_COMPOSITE ||
		description->natts != STATE_COLUMNS)
		elog(ERROR, "could not match the declaration of outbox.broadcast_state()");
	values[i++] = CStringGetTextDatum(state_name(shared, report.admitted));
	values[i++] = Int64GetDatum((int64) outbox_queue_room());
	values[i++] = Int64GetDatum((int64) report.waiting);
	for (int fate = 0; fate < OUTBOX_FATES; fate++)
		values[i++] = Int64GetDatum((int64) report.fates[fate]);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(description), values, nulls));
}

static const char *
state_name(bool shared, OutboxFate admitted)
{
	if (!shared)
		return "not preloaded";
	if (outbox_queue_room() == 0)
		return "disabled";
	if (admitted == OUTBOX_FATE_SENT)
		return "ready";
	return admitted == OUTBOX_FATE_CAPTURED ? "captured" : "offline";
}
