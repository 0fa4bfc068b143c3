/*
 * row.c
 *		Inserts events into the tables that hold them.
 *
 * The row goes in through the table's and its index's API: about a third of the cost
 * of SPI.  Further indexes are kept up to date by the executor's.  No constraint,
 * trigger, policy or privilege is looked at, so whoever calls this has checked the
 * draft.
 *
 * Locking: the index stays locked as the table does, until the transaction ends, since
 * to lock it for each event costs more.  What waits for one of them waits for the other.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_am_d.h"
#include "catalog/pg_index.h"
#include "executor/executor.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "infrastructure/postgres/columns.h"
#include "infrastructure/postgres/compat.h"
#include "infrastructure/postgres/row.h"

static Relation open_only_index(Relation table);
static bool is_plain(Relation index);
static void insert(Relation table, Relation index, TupleTableSlot *slot);
static void insert_anyhow(Relation table, TupleTableSlot *slot);
static Datum copy_bytes(const void *bytes, size_t length);

void
outbox_row_insert(uint32_t table, int64_t id, uintptr_t second, const OutboxDraft *draft)
{
	Relation relation = table_open(table, RowExclusiveLock);
	TupleTableSlot *slot = table_slot_create(relation, NULL);
	Datum *values = slot->tts_values;
	TimestampTz emitted_at = draft->emitted_at != 0 ? draft->emitted_at : GetCurrentTimestamp();
	Relation index;

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

	index = open_only_index(relation);
	if (index != NULL)
		insert(relation, index, slot);
	else
		insert_anyhow(relation, slot);
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

/* NULL: there are others, or it is not a plain one. */
static Relation
open_only_index(Relation table)
{
	List *indexes = RelationGetIndexList(table);
	Relation index = NULL;

	if (list_length(indexes) == 1)
	{
		index = index_open(linitial_oid(indexes), RowExclusiveLock);
		if (!is_plain(index))
		{
			index_close(index, NoLock);
			index = NULL;
		}
	}
	list_free(indexes);
	return index;
}

/* As log.sql makes it: over columns, and with nothing to judge. */
static bool
is_plain(Relation index)
{
	return index->rd_rel->relam == BTREE_AM_OID && index->rd_index->indisready &&
		   !index->rd_index->indisunique &&
		   heap_attisnull(index->rd_indextuple, Anum_pg_index_indexprs, NULL) &&
		   heap_attisnull(index->rd_indextuple, Anum_pg_index_indpred, NULL);
}

static void
insert(Relation table, Relation index, TupleTableSlot *slot)
{
	Datum values[INDEX_MAX_KEYS];
	bool nulls[INDEX_MAX_KEYS];

	table_tuple_insert(table, slot, GetCurrentCommandId(true), 0, NULL);
	for (int i = 0; i < index->rd_index->indnatts; i++)
		values[i] = slot_getattr(slot, index->rd_index->indkey.values[i], &nulls[i]);
	(void) index_insert(index, values, nulls, &slot->tts_tid, table, UNIQUE_CHECK_NO, false, NULL);
	index_close(index, NoLock);
}

static void
insert_anyhow(Relation table, TupleTableSlot *slot)
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
