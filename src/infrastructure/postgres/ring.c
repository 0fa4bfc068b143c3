/*
 * ring.c
 *		The ring of the log's children, kept in outbox.ring.
 *
 * Locking: a child is truncated under ACCESS EXCLUSIVE, taken without waiting,
 * so that nobody ever queues behind it.  SHARE, taken first, tells writers from
 * readers: while a transaction that has emitted into the child is open, its
 * events are new, so the child counts as left only now.  A reader (pg_dump) just
 * makes it wait.  Under the lock it is looked at once more whether all of the
 * child is settled; writers are gone by then, so that cannot change.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "infrastructure/postgres/log.h"
#include "infrastructure/postgres/ring.h"
#include "infrastructure/postgres/shared.h"
#include "infrastructure/postgres/transaction.h"

static void read_rows(OutboxRing *ring);
static void look_which_are_empty(OutboxRing *ring);
static void enter(OutboxRing *ring, int child);
static void empty(OutboxRing *ring, int child, const char *settled);
static void leave_again(OutboxRing *ring, int child);
static bool is_settled(int child, const char *settled);
static void execute(const char *command);

void
outbox_ring_load(OutboxRing *ring, int slot)
{
	outbox_transaction_begin();
	read_rows(ring);
	outbox_transaction_commit();
	outbox_shared_set_current_child(slot, ring->current);
}

void
outbox_ring_turn(OutboxRing *ring, int slot, const char *settled, int64_t retention)
{
	OutboxRingStep step;

	outbox_transaction_begin();
	look_which_are_empty(ring);
	step = outbox_ring_decide(ring, GetCurrentTimestamp(), retention);
	if (step.action == OUTBOX_RING_ENTER)
		enter(ring, step.child);
	else if (step.action == OUTBOX_RING_EMPTY)
		empty(ring, step.child, settled);
	outbox_transaction_commit();
	/* Only now: a child that emitters use is never one that is not recorded as current. */
	outbox_shared_set_current_child(slot, ring->current);
}

static void
read_rows(OutboxRing *ring)
{
	SPI_connect();
	if (SPI_execute("SELECT child::integer, current, entered_at, coalesce(left_at, entered_at)"
					"  FROM outbox.ring ORDER BY child",
					true, OUTBOX_RING_CHILDREN) != SPI_OK_SELECT ||
		SPI_processed != OUTBOX_RING_CHILDREN)
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("\"outbox.ring\" is incomplete"),
						errhint("Restore its rows, or drop and create the extension.")));
	for (int i = 0; i < OUTBOX_RING_CHILDREN; i++)
	{
		HeapTuple row = SPI_tuptable->vals[i];
		TupleDesc columns = SPI_tuptable->tupdesc;
		OutboxRingChild *child = &ring->children[i];
		bool isnull;

		if (DatumGetBool(SPI_getbinval(row, columns, 2, &isnull)))
			ring->current = i;
		child->entered_at = DatumGetTimestampTz(SPI_getbinval(row, columns, 3, &isnull));
		child->left_at = DatumGetTimestampTz(SPI_getbinval(row, columns, 4, &isnull));
	}
	SPI_finish();
}

static void
look_which_are_empty(OutboxRing *ring)
{
	for (int i = 0; i < OUTBOX_RING_CHILDREN; i++)
	{
		Relation child = table_open(outbox_log_child(i), AccessShareLock);

		ring->children[i].empty = RelationGetNumberOfBlocks(child) == 0;
		table_close(child, AccessShareLock);
	}
}

static void
enter(OutboxRing *ring, int child)
{
	TimestampTz now = GetCurrentTimestamp();

	execute(psprintf(
		"UPDATE outbox.ring SET current = child = %d,"
		"       entered_at = CASE child WHEN %d THEN pg_catalog.clock_timestamp() ELSE entered_at END,"
		"       left_at = CASE child WHEN %d THEN pg_catalog.clock_timestamp() ELSE left_at END"
		" WHERE child IN (%d, %d)",
		child, child, ring->current, child, ring->current));
	ring->children[ring->current].left_at = now;
	ring->children[child].entered_at = now;
	ring->current = child;
}

static void
empty(OutboxRing *ring, int child, const char *settled)
{
	Oid oid = outbox_log_child(child);

	if (!ConditionalLockRelationOid(oid, ShareLock))
		leave_again(ring, child);
	else if (is_settled(child, settled) && ConditionalLockRelationOid(oid, AccessExclusiveLock))
	{
		execute(psprintf("TRUNCATE ONLY outbox.event_%d", child));
		ring->children[child].empty = true;
	}
}

/* Somebody still writes there. */
static void
leave_again(OutboxRing *ring, int child)
{
	ring->children[child].left_at = GetCurrentTimestamp();
	execute(psprintf(
		"UPDATE outbox.ring SET left_at = pg_catalog.clock_timestamp() WHERE child = %d", child));
}

/* Does the snapshot see all of the child? */
static bool
is_settled(int child, const char *settled)
{
	Oid types[] = {TEXTOID};
	Datum values[] = {CStringGetTextDatum(settled)};
	char *query = psprintf("SELECT 1 FROM ONLY outbox.event_%d"
						   " WHERE xid >= pg_catalog.pg_snapshot_xmin($1::pg_snapshot)"
						   "   AND NOT pg_catalog.pg_visible_in_snapshot(xid, $1::pg_snapshot)",
						   child);
	bool none;

	SPI_connect();
	if (SPI_execute_with_args(query, 1, types, values, NULL, false, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not look for events that are not settled");
	none = SPI_processed == 0;
	SPI_finish();
	return none;
}

static void
execute(const char *command)
{
	SPI_connect();
	if (SPI_execute(command, false, 0) < 0)
		elog(ERROR, "could not execute \"%s\"", command);
	SPI_finish();
}
