/*
 * row.c
 *		Inserts events into the tables that hold them.
 *
 * A table that is *as made*, by log.sql, takes the row directly: about a third of the
 * cost of SPI.  Any other one takes it through the table's and the executor's API.  No
 * constraint, trigger, policy or privilege is looked at, so whoever calls this has
 * checked the draft.
 *
 * Locking: the index stays locked as the table does, until the transaction ends.  What
 * waits for one of them waits for the other.  So both are opened once in a transaction
 * (grip.h); in between nobody may count on them.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_am_d.h"
#include "catalog/pg_index.h"
#include "executor/executor.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/timestamp.h"

#include "infrastructure/postgres/columns.h"
#include "infrastructure/postgres/compat.h"
#include "infrastructure/postgres/form.h"
#include "infrastructure/postgres/grip.h"
#include "infrastructure/postgres/row.h"

/* The table that was opened last, while the grip holds. */
typedef struct Opened
{
	OutboxGrip grip;
	Oid oid;
	Oid index_oid; /* of its only one; 0: the table is not as made */
	Relation table;
	Relation index;
} Opened;

static Opened opened;

static void open_again(void);
static void open_anew(Oid table);
static Relation open_only_index(Relation table);
static bool is_plain(Relation index);
static void insert(int64 id, Datum second, const OutboxDraft *draft);
static void insert_anyhow(Relation table, int64 id, Datum second, const OutboxDraft *draft);
static void fill(TupleTableSlot *slot, int64 id, Datum second, const OutboxDraft *draft);
static Datum copy_bytes(const void *bytes, size_t length);

void
outbox_row_insert(uint32_t table, int64_t id, uintptr_t second, const OutboxDraft *draft)
{
	OutboxDraft timed = *draft;

	if (timed.emitted_at == 0)
		timed.emitted_at = GetCurrentTimestamp();
	if (opened.oid == table && outbox_grip_holds(&opened.grip))
		open_again();
	else
		open_anew(table);
	if (opened.index != NULL)
	{
		insert(id, second, &timed);
		index_close(opened.index, NoLock);
		table_close(opened.table, NoLock);
	}
	else
		insert_anyhow(opened.table, id, second, &timed);
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
open_again(void)
{
	RelationIncrementReferenceCount(opened.table);
	if (opened.index != NULL)
		RelationIncrementReferenceCount(opened.index);
}

static void
open_anew(Oid table)
{
	OutboxGrip grip = outbox_grip_take();

	opened.table = table_open(table, RowExclusiveLock);
	opened.index = NULL;
	if (opened.oid == table && outbox_grip_knows(&opened.grip))
	{
		if (OidIsValid(opened.index_oid))
			opened.index = index_open(opened.index_oid, RowExclusiveLock);
	}
	else if (opened.table->rd_rel->relam == HEAP_TABLE_AM_OID &&
			 outbox_form_fits(RelationGetDescr(opened.table)))
		opened.index = open_only_index(opened.table);
	opened.oid = table;
	opened.index_oid = opened.index != NULL ? RelationGetRelid(opened.index) : InvalidOid;
	opened.grip = grip;
}

/* NULL: there are others, or it is not as log.sql makes it. */
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

/* Over the second column alone, and with nothing to judge. */
static bool
is_plain(Relation index)
{
	return index->rd_rel->relam == BTREE_AM_OID && index->rd_index->indisready &&
		   !index->rd_index->indisunique && index->rd_index->indnatts == 1 &&
		   index->rd_index->indkey.values[0] == OUTBOX_EVENT_XID &&
		   heap_attisnull(index->rd_indextuple, Anum_pg_index_indpred, NULL);
}

static void
insert(int64 id, Datum second, const OutboxDraft *draft)
{
	HeapTuple tuple = outbox_form_row(id, second, draft);
	bool is_null = false;

	heap_insert(opened.table, tuple, GetCurrentCommandId(true), 0, NULL);
	(void) index_insert(opened.index, &second, &is_null, &tuple->t_self, opened.table,
						UNIQUE_CHECK_NO, false, NULL);
}

/* An index may call functions, and they may emit: opened is no longer ours after that. */
static void
insert_anyhow(Relation table, int64 id, Datum second, const OutboxDraft *draft)
{
	TupleTableSlot *slot = table_slot_create(table, NULL);
	EState *estate = CreateExecutorState();
	ResultRelInfo *target = makeNode(ResultRelInfo);

	fill(slot, id, second, draft);
	InitResultRelInfo(target, table, 1, NULL, 0);
	ExecOpenIndices(target, false);
	table_tuple_insert(table, slot, GetCurrentCommandId(true), 0, NULL);
	if (target->ri_NumIndices > 0)
		outbox_compat_insert_index_tuples(target, slot, estate);
	ExecCloseIndices(target);
	FreeExecutorState(estate);
	ExecDropSingleTupleTableSlot(slot);
	table_close(table, NoLock);
}

/* Columns besides ours stay null. */
static void
fill(TupleTableSlot *slot, int64 id, Datum second, const OutboxDraft *draft)
{
	Datum *values = slot->tts_values;

	ExecStoreAllNullTuple(slot);
	memset(slot->tts_isnull, false, sizeof(bool) * OUTBOX_EVENT_COLUMNS);
	values[OUTBOX_EVENT_ID - 1] = Int64GetDatum(id);
	values[OUTBOX_EVENT_XID - 1] = second;
	values[OUTBOX_EVENT_EMITTED_AT - 1] = TimestampTzGetDatum(draft->emitted_at);
	values[OUTBOX_EVENT_AGGREGATE - 1] = CStringGetTextDatum(draft->aggregate);
	values[OUTBOX_EVENT_AGGREGATE_ID - 1] = CStringGetTextDatum(draft->aggregate_id);
	values[OUTBOX_EVENT_ACTION - 1] = CStringGetTextDatum(draft->action);
	values[OUTBOX_EVENT_VERSION - 1] = Int64GetDatum(draft->version);
	slot->tts_isnull[OUTBOX_EVENT_VERSION - 1] = !draft->has_version;
	values[OUTBOX_EVENT_CONTENT_TYPE - 1] = CStringGetTextDatum(draft->content_type);
	values[OUTBOX_EVENT_HEADERS - 1] = CStringGetTextDatum(draft->headers);
	values[OUTBOX_EVENT_PAYLOAD - 1] = copy_bytes(draft->payload, draft->payload_length);
}

static Datum
copy_bytes(const void *bytes, size_t length)
{
	bytea *copy = palloc(VARHDRSZ + length);

	SET_VARSIZE(copy, VARHDRSZ + length);
	memcpy(VARDATA(copy), bytes, length);
	return PointerGetDatum(copy);
}
