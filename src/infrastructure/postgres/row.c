/*
 * row.c
 *		Inserts events into the tables that hold them.
 *
 * The row goes in through the executor's table API: about half the cost of SPI,
 * and further indexes would be kept up to date.  No constraint, trigger, policy
 * or privilege is looked at, so whoever calls this has checked the draft.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "executor/executor.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "infrastructure/postgres/columns.h"
#include "infrastructure/postgres/compat.h"
#include "infrastructure/postgres/row.h"

static void insert(Relation table, TupleTableSlot *slot);
static Datum copy_bytes(const void *bytes, size_t length);

void
outbox_row_insert(uint32_t table, int64_t id, uintptr_t second, const OutboxDraft *draft)
{
	Relation relation = table_open(table, RowExclusiveLock);
	TupleTableSlot *slot = table_slot_create(relation, NULL);
	Datum *values = slot->tts_values;
	TimestampTz emitted_at = draft->emitted_at != 0 ? draft->emitted_at : GetCurrentTimestamp();

	ExecClearTuple(slot);
	memset(slot->tts_isnull, false, sizeof(bool) * OUTBOX_EVENT_COLUMNS);
	values[OUTBOX_EVENT_ID - 1] = Int64GetDatum(id);
	values[OUTBOX_EVENT_XID - 1] = second;
	values[OUTBOX_EVENT_EMITTED_AT - 1] = TimestampTzGetDatum(emitted_at);
	values[OUTBOX_EVENT_AGGREGATE - 1] = CStringGetTextDatum(draft->aggregate);
	values[OUTBOX_EVENT_AGGREGATE_ID - 1] = CStringGetTextDatum(draft->aggregate_id);
	values[OUTBOX_EVENT_ACTION - 1] = CStringGetTextDatum(draft->action);
	values[OUTBOX_EVENT_VERSION - 1] = Int64GetDatum(draft->version);
	slot->tts_isnull[OUTBOX_EVENT_VERSION - 1] = !draft->has_version;
	values[OUTBOX_EVENT_CONTENT_TYPE - 1] = CStringGetTextDatum(draft->content_type);
	values[OUTBOX_EVENT_HEADERS - 1] = CStringGetTextDatum(draft->headers);
	values[OUTBOX_EVENT_PAYLOAD - 1] = copy_bytes(draft->payload, draft->payload_length);
	ExecStoreVirtualTuple(slot);

	insert(relation, slot);
	ExecDropSingleTupleTableSlot(slot);
	table_close(relation, NoLock);
}

void
outbox_row_draft(OutboxDraft *draft, const uintptr_t *values, const bool *nulls)
{
	bytea *payload = DatumGetByteaPP(values[OUTBOX_EVENT_PAYLOAD - 1]);

	draft->emitted_at = DatumGetTimestampTz(values[OUTBOX_EVENT_EMITTED_AT - 1]);
	draft->aggregate = TextDatumGetCString(values[OUTBOX_EVENT_AGGREGATE - 1]);
	draft->aggregate_id = TextDatumGetCString(values[OUTBOX_EVENT_AGGREGATE_ID - 1]);
	draft->action = TextDatumGetCString(values[OUTBOX_EVENT_ACTION - 1]);
	draft->has_version = !nulls[OUTBOX_EVENT_VERSION - 1];
	draft->version = draft->has_version ? DatumGetInt64(values[OUTBOX_EVENT_VERSION - 1]) : 0;
	draft->content_type = TextDatumGetCString(values[OUTBOX_EVENT_CONTENT_TYPE - 1]);
	draft->headers = TextDatumGetCString(values[OUTBOX_EVENT_HEADERS - 1]);
	draft->payload = VARDATA_ANY(payload);
	draft->payload_length = VARSIZE_ANY_EXHDR(payload);
}

static void
insert(Relation table, TupleTableSlot *slot)
{
	EState *estate = CreateExecutorState();
	ResultRelInfo *target = makeNode(ResultRelInfo);

	InitResultRelInfo(target, table, 1, NULL, 0);
	ExecOpenIndices(target, false);
	table_tuple_insert(table, slot, GetCurrentCommandId(true), 0, NULL);
	if (target->ri_NumIndices > 0)
		outbox_compat_insert_index_tuples(target, slot, estate);
	ExecCloseIndices(target);
	FreeExecutorState(estate);
}

static Datum
copy_bytes(const void *bytes, size_t length)
{
	bytea *copy = palloc(VARHDRSZ + length);

	SET_VARSIZE(copy, VARHDRSZ + length);
	memcpy(VARDATA(copy), bytes, length);
	return PointerGetDatum(copy);
}
