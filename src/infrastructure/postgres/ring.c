/*
 * ring.c
 *		The ring of the log's children, kept in outbox.ring.
 *
 * Locking: a child is truncated under ACCESS EXCLUSIVE, taken without waiting,
 * so that nobody ever queues behind it.  SHARE, taken first, tells writers from
 * readers: while a transaction that has emitted into the child is open, its
 * events are new, so the child counts as left only now; that is looked at in every
 * turn, so that late events are kept as long as others.  A reader (pg_dump) just
 * makes it wait.  So does whoever works on the TOAST table alone (autovacuum), for
 * TRUNCATE would wait for that one.  Under the lock it is looked at once more whether all of the
 * child is settled; writers are gone by then, so that cannot change.
 */
#include "postgres.h"

#include <time.h>

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
#include "infrastructure/postgres/sight.h"
#include "infrastructure/postgres/trail.h"
#include "infrastructure/postgres/transaction.h"

static void read_rows(OutboxRing *ring);
static void mind_clock(OutboxRing *ring);
static void write_times(int child, const OutboxRingChild *times);
static void look_for_late_writers(OutboxRing *ring);
static void look_which_are_empty(OutboxRing *ring);
static void enter(OutboxRing *ring, int child);
static void mark(OutboxRing *ring, int child, const char *settled);
static void empty(OutboxRing *ring, int child, const char *settled);
static void forget(const OutboxRing *ring);
static void tell_stuck(const OutboxRing *ring, int slot, const OutboxRingStep *step);
static void leave_again(OutboxRing *ring, int child);
static bool lock_alone(Oid child);
static void unmark(OutboxRing *ring, int child);
static bool is_settled(int child, const char *settled);
static void execute(const char *command);

void
outbox_ring_load(OutboxRing *ring, int slot)
{
	outbox_transaction_begin();
	read_rows(ring);
	mind_clock(ring);
	outbox_transaction_commit();
	outbox_shared_set_current_child(slot, ring->current);
}

void
outbox_ring_turn(OutboxRing *ring, int slot, const char *settled, const OutboxRingPolicy *policy)
{
	OutboxRingStep step;

	outbox_transaction_begin();
	mind_clock(ring);
	look_which_are_empty(ring);
	look_for_late_writers(ring);
	step = outbox_ring_decide(ring, GetCurrentTimestamp(), policy);
	if (step.action == OUTBOX_RING_ENTER)
		enter(ring, step.child);
	else if (step.action == OUTBOX_RING_MARK)
		mark(ring, step.child, settled);
	else if (step.action == OUTBOX_RING_EMPTY)
		empty(ring, step.child, settled);
	outbox_transaction_commit();
	tell_stuck(ring, slot, &step);
	if (step.action == OUTBOX_RING_EMPTY && ring->children[step.child].empty)
		forget(ring);
	/* Only now: a child that emitters use is never one that is not recorded as current. */
	outbox_shared_set_current_child(slot, ring->current);
}

static void
read_rows(OutboxRing *ring)
{
	SPI_connect();
	if (SPI_execute("SELECT child::integer, current, entered_at, coalesce(left_at, entered_at),"
					"       settled_at, turn"
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
		child->settled_at = DatumGetTimestampTz(SPI_getbinval(row, columns, 5, &isnull));
		child->turn = DatumGetInt64(SPI_getbinval(row, columns, 6, &isnull));
	}
	SPI_finish();
}

/* A clock that was set must neither empty a child early nor keep it for ever. */
static void
mind_clock(OutboxRing *ring)
{
	struct timespec steady;

	clock_gettime(CLOCK_BOOTTIME, &steady);
	if (!outbox_ring_mind_clock(ring, GetCurrentTimestamp(),
								steady.tv_sec * USECS_PER_SEC + steady.tv_nsec / 1000))
		return;
	for (int i = 0; i < OUTBOX_RING_CHILDREN; i++)
		write_times(i, &ring->children[i]);
}

static void
write_times(int child, const OutboxRingChild *times)
{
	Oid types[] = {INT4OID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID};
	Datum values[] = {Int32GetDatum(child), TimestampTzGetDatum(times->entered_at),
					  TimestampTzGetDatum(times->left_at), TimestampTzGetDatum(times->settled_at)};

	SPI_connect();
	if (SPI_execute_with_args(
			"UPDATE outbox.ring SET entered_at = $2,"
			"       left_at = CASE WHEN left_at IS NULL THEN NULL ELSE $3 END,"
			"       settled_at = CASE WHEN settled_at IS NULL THEN NULL ELSE $4 END"
			" WHERE child = $1",
			lengthof(types), types, values, NULL, false, 0) != SPI_OK_UPDATE)
		elog(ERROR, "could not move the ring's times");
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
		"       left_at = CASE child WHEN %d THEN pg_catalog.clock_timestamp() ELSE left_at END,"
		"       turn = CASE child WHEN %d THEN " INT64_FORMAT " ELSE turn END, settled_at = NULL"
		" WHERE child IN (%d, %d)",
		child, child, ring->current, child, ring->children[ring->current].turn + 1, child,
		ring->current));
	ring->children[child].turn = ring->children[ring->current].turn + 1;
	ring->children[ring->current].left_at = now;
	ring->children[ring->current].settled_at = 0;
	ring->children[child].entered_at = now;
	ring->current = child;
}

static void
mark(OutboxRing *ring, int child, const char *settled)
{
	if (!is_settled(child, settled))
		return;
	ring->children[child].settled_at = GetCurrentTimestamp();
	execute(psprintf(
		"UPDATE outbox.ring SET settled_at = pg_catalog.clock_timestamp() WHERE child = %d",
		child));
}

static void
empty(OutboxRing *ring, int child, const char *settled)
{
	if (!is_settled(child, settled))
		unmark(ring, child);
	else if (lock_alone(outbox_log_child(child)))
	{
		execute(psprintf("TRUNCATE ONLY outbox.event_%d", child));
		ring->children[child].empty = true;
	}
}

/* SHARE is had only while nobody writes, and held until this transaction ends. */
static void
look_for_late_writers(OutboxRing *ring)
{
	for (int i = 0; i < OUTBOX_RING_CHILDREN; i++)
		if (i != ring->current && !ring->children[i].empty &&
			!ConditionalLockRelationOid(outbox_log_child(i), ShareLock))
			leave_again(ring, i);
}

/* Events that were settled before the oldest child that holds events was current are gone. */
static void
forget(const OutboxRing *ring)
{
	int64_t oldest = ring->children[ring->current].turn;

	for (int i = 0; i < OUTBOX_RING_CHILDREN; i++)
		if (!ring->children[i].empty)
			oldest = Min(oldest, ring->children[i].turn);
	outbox_transaction_begin();
	outbox_trail_forget(oldest);
	outbox_transaction_commit();
}

/* For people: which child could not be emptied, because somebody has locked it. */
static void
tell_stuck(const OutboxRing *ring, int slot, const OutboxRingStep *step)
{
	if (step->action == OUTBOX_RING_REST ||
		(step->action == OUTBOX_RING_EMPTY && ring->children[step->child].empty))
		outbox_sight_set_stuck(slot, OUTBOX_NOT_STUCK);
	else if (step->action == OUTBOX_RING_EMPTY && ring->children[step->child].settled_at != 0)
		outbox_sight_set_stuck(slot, step->child);
}

/* Somebody still writes there. */
static void
leave_again(OutboxRing *ring, int child)
{
	ring->children[child].left_at = GetCurrentTimestamp();
	ring->children[child].settled_at = 0;
	execute(psprintf("UPDATE outbox.ring SET left_at = pg_catalog.clock_timestamp(),"
					 "       settled_at = NULL WHERE child = %d",
					 child));
}

/* Somebody has written there since it was marked. */
static void
unmark(OutboxRing *ring, int child)
{
	ring->children[child].settled_at = 0;
	execute(psprintf("UPDATE outbox.ring SET settled_at = NULL WHERE child = %d", child));
}

/* Locks the child and what TRUNCATE locks with it, or gives up at once. */
static bool
lock_alone(Oid child)
{
	Oid toast;
	Relation log;

	if (!ConditionalLockRelationOid(child, AccessExclusiveLock))
		return false;
	log = table_open(child, NoLock);
	toast = log->rd_rel->reltoastrelid;
	table_close(log, NoLock);
	return !OidIsValid(toast) || ConditionalLockRelationOid(toast, AccessExclusiveLock);
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
