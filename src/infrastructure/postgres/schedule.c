/*
 * schedule.c
 *		Events that enter the log later, outbox.scheduled.
 *
 * The index is read in the order of the times from the key that was passed last:
 * rows that are deleted stay in it for as long as somebody's snapshot may see them,
 * and are stepped over once per poll, not once per look.
 *
 * Locking: a row that somebody has locked (outbox.cancel_scheduled in an open
 * transaction) is left for the next poll.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "domain/header.h"
#include "infrastructure/postgres/catalog.h"
#include "infrastructure/postgres/columns.h"
#include "infrastructure/postgres/compat.h"
#include "infrastructure/postgres/log.h"
#include "infrastructure/postgres/schedule.h"
#include "infrastructure/postgres/shared.h"
#include "infrastructure/postgres/transaction.h"
#include "infrastructure/postgres/wakeup.h"

/* The most that enters in one transaction. */
#define MOST_EVENTS 500
#define MOST_BYTES ((size_t) 4 * 1024 * 1024)

/* Who wakes for the log's poll need not wake a moment later for this one. */
#define SLACK_US INT64CONST(10000)

static bool poll_is_due(const OutboxSchedule *schedule, int64 poll_interval);
static void begin_look(OutboxSchedule *schedule, bool poll);
static int enter_due(OutboxSchedule *schedule, Relation table);
static int64 get_key(TupleTableSlot *slot, int64 *id);
static bool enter(Relation table, TupleTableSlot *slot, size_t *bytes);
static bool delete_row(Relation table, TupleTableSlot *slot);

int64_t
outbox_schedule_append(const OutboxDraft *draft, int64_t deliver_at)
{
	int64 id = outbox_log_draw_id();

	outbox_row_insert(outbox_catalog_relation("scheduled"), id, TimestampTzGetDatum(deliver_at),
					  draft);
	outbox_wakeup_schedule(deliver_at);
	return id;
}

bool
outbox_schedule_turn(OutboxSchedule *schedule, int64_t poll_interval)
{
	bool poll = poll_is_due(schedule, poll_interval);
	int entered = 0;
	Relation table;

	if (!poll && GetCurrentTimestamp() < outbox_shared_due(schedule->slot))
		return false;
	/* Before the snapshot: whoever commits after it tells again. */
	begin_look(schedule, poll);
	outbox_transaction_begin();
	outbox_log_lock_ids();
	table = table_open(outbox_catalog_relation("scheduled"), RowExclusiveLock);
	if (RelationGetNumberOfBlocks(table) > 0)
		entered = enter_due(schedule, table);
	table_close(table, NoLock);
	outbox_transaction_commit();
	return poll || entered > 0;
}

int64_t
outbox_schedule_rest(const OutboxSchedule *schedule, int64_t poll_interval)
{
	int64 next = Min(outbox_shared_due(schedule->slot), schedule->looked_at + poll_interval);

	return Max(next - GetCurrentTimestamp(), 0);
}

static bool
poll_is_due(const OutboxSchedule *schedule, int64 poll_interval)
{
	int64 since = GetCurrentTimestamp() - schedule->looked_at;

	/* The clock may have been set back. */
	return since < 0 || since >= poll_interval - Min(SLACK_US, poll_interval / 10);
}

/* From where on to look: after what was passed, or, at a poll, from the beginning. */
static void
begin_look(OutboxSchedule *schedule, bool poll)
{
	int64 due = outbox_shared_take_due(schedule->slot);

	if (poll)
	{
		schedule->looked_at = GetCurrentTimestamp();
		schedule->passed_at = DT_NOBEGIN;
	}
	else if (due <= schedule->passed_at)
		schedule->passed_at = due - 1;
}

/* Returns how many have entered; sees to it that the next look comes in time. */
static int
enter_due(OutboxSchedule *schedule, Relation table)
{
	Relation index = index_open(outbox_catalog_relation("scheduled_due_idx"), AccessShareLock);
	TupleTableSlot *slot = table_slot_create(table, NULL);
	TimestampTz now = GetCurrentTimestamp();
	int entered = 0;
	size_t bytes = 0;
	ScanKeyData key;
	IndexScanDesc scan;

	ScanKeyInit(&key, 1, BTGreaterEqualStrategyNumber, F_TIMESTAMPTZ_GE,
				TimestampTzGetDatum(schedule->passed_at));
	scan = outbox_compat_index_beginscan(table, index, GetActiveSnapshot(), 1);
	index_rescan(scan, &key, 1, NULL, 0);
	while (index_getnext_slot(scan, ForwardScanDirection, slot))
	{
		int64 id;
		TimestampTz due = get_key(slot, &id);

		CHECK_FOR_INTERRUPTS();
		if (due == schedule->passed_at && id <= schedule->passed_id)
			continue;
		if (due > now || entered >= MOST_EVENTS || bytes >= MOST_BYTES)
		{
			outbox_shared_lower_due(MyDatabaseId, due);
			break;
		}
		schedule->passed_at = due;
		schedule->passed_id = id;
		entered += enter(table, slot, &bytes);
	}
	index_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	index_close(index, NoLock);
	return entered;
}

static int64
get_key(TupleTableSlot *slot, int64 *id)
{
	bool isnull;

	*id = DatumGetInt64(slot_getattr(slot, OUTBOX_SCHEDULED_ID, &isnull));
	return DatumGetTimestampTz(slot_getattr(slot, OUTBOX_SCHEDULED_DELIVER_AT, &isnull));
}

/* Moves the row's event, as emitted now; false when the row is somebody else's, or gone. */
static bool
enter(Relation table, TupleTableSlot *slot, size_t *bytes)
{
	OutboxDraft draft;
	bool isnull;
	int64 id = DatumGetInt64(slot_getattr(slot, OUTBOX_SCHEDULED_ID, &isnull));

	slot_getallattrs(slot);
	outbox_row_draft(&draft, slot->tts_values, slot->tts_isnull);
	if (!delete_row(table, slot))
		return false;
	draft.emitted_at = 0;
	draft.headers =
		psprintf("%s: " INT64_FORMAT "\n%s", OUTBOX_HEADER_SCHEDULED_ID, id, draft.headers);
	(void) outbox_log_append(&draft);
	*bytes += draft.payload_length + strlen(draft.headers);
	return true;
}

static bool
delete_row(Relation table, TupleTableSlot *slot)
{
	TM_FailureData failure;

	return table_tuple_delete(table, &slot->tts_tid, GetCurrentCommandId(true), GetActiveSnapshot(),
							  InvalidSnapshot, false, &failure, false) == TM_Ok;
}
