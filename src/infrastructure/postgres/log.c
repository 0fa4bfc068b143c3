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

#include "access/xact.h"
#include "commands/sequence.h"
#include "storage/lmgr.h"
#include "utils/xid8.h"

#include "domain/ring.h"
#include "infrastructure/postgres/catalog.h"
#include "infrastructure/postgres/log.h"
#include "infrastructure/postgres/shared.h"

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
	/* DROP EXTENSION may just have run. */
	return nextval_internal(outbox_catalog_lock("event_id_seq", RowExclusiveLock), false);
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
	FullTransactionId xid = GetTopFullTransactionId();

	if (!FullTransactionIdEquals(chooser, xid))
	{
		chooser = xid;
		chosen = outbox_shared_current_child();
	}
	return outbox_log_child(chosen);
}
