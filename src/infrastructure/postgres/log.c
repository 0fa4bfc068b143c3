/*
 * log.c
 *		Appends to the log of events, outbox.event.
 *
 * All events of a transaction go to one child, the one that was current when it
 * emitted first, so whoever reads a child finds transactions whole.  Which child
 * that is matters for nothing else: no child is truncated while a transaction
 * that has written to it is open.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_sequence.h"
#include "commands/sequence.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/fmgrprotos.h"
#include "utils/syscache.h"
#include "utils/xid8.h"

#include "domain/ring.h"
#include "infrastructure/postgres/catalog.h"
#include "infrastructure/postgres/grip.h"
#include "infrastructure/postgres/identity.h"
#include "infrastructure/postgres/log.h"
#include "infrastructure/postgres/shared.h"

/* Of the advisory lock; applications' ones cannot meet it. */
#define RAISE_LOCK_CLASS 0x6f63

static Oid choose_child(void);

int64_t
outbox_log_append(const OutboxDraft *draft)
{
	int64 id = outbox_log_draw_id();

	outbox_row_insert(choose_child(), id, FullTransactionIdGetDatum(GetTopFullTransactionId()),
					  draft);
	return id;
}

int64_t
outbox_log_draw_id(void)
{
	static bool looked = false;
	static OutboxGrip grip;
	static Oid sequence;
	int64 ids_from;
	int64 id;

	if (!outbox_grip_holds(&grip))
	{
		grip = outbox_grip_take();
		/* DROP EXTENSION may just have run. */
		sequence = outbox_catalog_lock("event_id_seq", RowExclusiveLock);
	}
	ids_from = looked ? 0 : outbox_identity_next_ids();
	id = nextval_internal(sequence, false);
	if (id < ids_from)
	{
		outbox_log_raise_ids(ids_from);
		id = nextval_internal(sequence, false);
	}
	looked = true;
	return id;
}

void
outbox_log_raise_ids(int64_t ids_from)
{
	Oid sequence = outbox_catalog_relation("event_id_seq");
	LOCKTAG tag;
	Oid user;
	int context;

	/* Between the look and setval nobody else may raise them, and go on. */
	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, 0, 0, RAISE_LOCK_CLASS);
	(void) LockAcquire(&tag, ExclusiveLock, false, false);
	if (nextval_internal(sequence, false) < ids_from)
	{
		GetUserIdAndSecContext(&user, &context);
		SetUserIdAndSecContext(outbox_catalog_owner(), context | SECURITY_LOCAL_USERID_CHANGE);
		(void) DirectFunctionCall2(setval_oid, ObjectIdGetDatum(sequence), Int64GetDatum(ids_from));
		SetUserIdAndSecContext(user, context);
	}
	(void) LockRelease(&tag, ExclusiveLock, false);
}

bool
outbox_log_ids_ascend(void)
{
	Oid oid = outbox_catalog_relation("event_id_seq");
	HeapTuple tuple = SearchSysCache1(SEQRELID, ObjectIdGetDatum(oid));
	bool ascend = false;

	if (HeapTupleIsValid(tuple))
	{
		Form_pg_sequence sequence = (Form_pg_sequence) GETSTRUCT(tuple);

		ascend = sequence->seqcache == 1 && sequence->seqincrement > 0 && !sequence->seqcycle;
		ReleaseSysCache(tuple);
	}
	return ascend;
}

void
outbox_log_lock_ids(void)
{
	(void) outbox_catalog_lock("event_id_seq", RowExclusiveLock);
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
static Oid
choose_child(void)
{
	static FullTransactionId chooser = {0};
	static int chosen = 0;
	static OutboxGrip grip;
	static int known = 0;
	static Oid child;
	FullTransactionId xid = GetTopFullTransactionId();

	if (!FullTransactionIdEquals(chooser, xid))
	{
		chooser = xid;
		chosen = outbox_shared_current_child();
	}
	if (known != chosen || !outbox_grip_knows(&grip))
	{
		grip = outbox_grip_take();
		known = chosen;
		child = outbox_log_child(chosen);
	}
	return child;
}
