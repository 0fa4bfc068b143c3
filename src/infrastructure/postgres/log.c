/*
 * log.c
 *		Appends to the log of events, outbox.event.
 *
 * The row goes in through the executor's table API: about half the cost of SPI,
 * and further indexes would be kept up to date.  No constraint, trigger, policy
 * or privilege is looked at, so whoever calls this has checked the draft.
 *
 * All events of a transaction go to one child, the one that was current when it
 * emitted first, so whoever reads a child finds transactions whole.  Which child
 * that is matters for nothing else: no child is truncated while a transaction
 * that has written to it is open.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "commands/sequence.h"
#include "executor/executor.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
#include "utils/xid8.h"

#include "domain/ring.h"
#include "infrastructure/postgres/catalog.h"
#include "infrastructure/postgres/columns.h"
#include "infrastructure/postgres/compat.h"
#include "infrastructure/postgres/log.h"
#include "infrastructure/postgres/shared.h"

static Relation open_child(void);
static void insert(Relation log, TupleTableSlot *slot);
static Datum copy_bytes(const void *bytes, size_t length);

int64_t
outbox_log_append(const OutboxDraft *draft)
{
	/* The sequence first: DROP EXTENSION locks in that order, too. */
	int64 id = nextval_internal(outbox_catalog_relation("event_id_seq"), false);
	Relation log = open_child();
	TupleTableSlot *slot = table_slot_create(log, NULL);
	Datum *values = slot->tts_values;

	ExecClearTuple(slot);
	memset(slot->tts_isnull, false, sizeof(bool) * OUTBOX_EVENT_COLUMNS);
	values[OUTBOX_EVENT_ID - 1] = Int64GetDatum(id);
	values[OUTBOX_EVENT_XID - 1] = FullTransactionIdGetDatum(GetTopFullTransactionId());
	values[OUTBOX_EVENT_EMITTED_AT - 1] = TimestampTzGetDatum(GetCurrentTimestamp());
	values[OUTBOX_EVENT_AGGREGATE - 1] = CStringGetTextDatum(draft->aggregate);
	values[OUTBOX_EVENT_AGGREGATE_ID - 1] = CStringGetTextDatum(draft->aggregate_id);
	values[OUTBOX_EVENT_ACTION - 1] = CStringGetTextDatum(draft->action);
	values[OUTBOX_EVENT_VERSION - 1] = Int64GetDatum(draft->version);
	slot->tts_isnull[OUTBOX_EVENT_VERSION - 1] = !draft->has_version;
	values[OUTBOX_EVENT_CONTENT_TYPE - 1] = CStringGetTextDatum(draft->content_type);
	values[OUTBOX_EVENT_HEADERS - 1] = CStringGetTextDatum(draft->headers);
	values[OUTBOX_EVENT_PAYLOAD - 1] = copy_bytes(draft->payload, draft->payload_length);
	ExecStoreVirtualTuple(slot);

	insert(log, slot);
	ExecDropSingleTupleTableSlot(slot);
	table_close(log, NoLock);
	return id;
}

void
outbox_log_lock(void)
{
	for (int i = 0; i < OUTBOX_RING_CHILDREN; i++)
		LockRelationOid(outbox_log_child(i), AccessShareLock);
}

uint32_t
outbox_log_child(int child)
{
	char name[] = "event_0";

	name[sizeof(name) - 2] += child;
	return outbox_catalog_relation(name);
}

uint32_t
outbox_log_child_index(int child)
{
	char name[] = "event_0_xid_idx";

	name[strlen("event_")] += child;
	return outbox_catalog_relation(name);
}

/* The child of this transaction. */
static Relation
open_child(void)
{
	static FullTransactionId chooser = {0};
	static int chosen = 0;
	FullTransactionId xid = GetTopFullTransactionId();

	if (!FullTransactionIdEquals(chooser, xid))
	{
		chooser = xid;
		chosen = outbox_shared_current_child();
	}
	return table_open(outbox_log_child(chosen), RowExclusiveLock);
}

static void
insert(Relation log, TupleTableSlot *slot)
{
	EState *estate = CreateExecutorState();
	ResultRelInfo *target = makeNode(ResultRelInfo);

	InitResultRelInfo(target, log, 1, NULL, 0);
	ExecOpenIndices(target, false);
	table_tuple_insert(log, slot, GetCurrentCommandId(true), 0, NULL);
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
