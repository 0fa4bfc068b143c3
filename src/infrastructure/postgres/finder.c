/*
 * finder.c
 *		Finds events in the log by their ids.
 *
 * A child is read some blocks at a time, each in a transaction of its own, so that
 * vacuum is held back for moments only, however large the log is.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "domain/ring.h"
#include "infrastructure/postgres/columns.h"
#include "infrastructure/postgres/finder.h"
#include "infrastructure/postgres/log.h"
#include "infrastructure/postgres/transaction.h"

#define BLOCKS_AT_A_TIME 1024
/* Blocks before the place where an event should be. */
#define MARGIN 64

typedef struct Search
{
	OutboxWanted **wanted; /* by id */
	int count;
	int left;
} Search;

/* The blocks of a child that have been read: from first up to, not including, end. */
typedef struct Range
{
	BlockNumber first;
	BlockNumber end;
	BlockNumber blocks; /* that the child has */
} Range;

static void prepare(Search *search, OutboxWanted *wanted, int count);
static int compare_ids(const void *left, const void *right);
static Range start_at(int child, int64 id);
static bool first_id(Relation log, TupleTableSlot *slot, BlockNumber block, int64 *id);
static void search_near(Search *search, int child, Range *range);
static void search_rest(Search *search, int child, const Range *range);
static int64 search_blocks(Search *search, int child, BlockNumber first, BlockNumber end);
static void take(Search *search, int child, TupleTableSlot *slot, int64 id);
static TableScanDesc begin_scan(Relation log, BlockNumber first, BlockNumber end);

void
outbox_finder_find(OutboxWanted *wanted, int count)
{
	Search search;
	Range ranges[OUTBOX_RING_CHILDREN];

	prepare(&search, wanted, count);
	for (int i = 0; i < OUTBOX_RING_CHILDREN && search.left > 0; i++)
	{
		ranges[i] = start_at(i, search.wanted[0]->entry.position.id);
		search_near(&search, i, &ranges[i]);
	}
	for (int i = 0; i < OUTBOX_RING_CHILDREN && search.left > 0; i++)
		search_rest(&search, i, &ranges[i]);
	pfree(search.wanted);
}

static void
prepare(Search *search, OutboxWanted *wanted, int count)
{
	search->wanted = palloc(sizeof(OutboxWanted *) * Max(count, 1));
	search->count = 0;
	for (int i = 0; i < count; i++)
		if (!wanted[i].found)
			search->wanted[search->count++] = &wanted[i];
	search->left = search->count;
	qsort(search->wanted, search->count, sizeof(OutboxWanted *), compare_ids);
}

static int
compare_ids(const void *left, const void *right)
{
	int64 a = (*(OutboxWanted *const *) left)->entry.position.id;
	int64 b = (*(OutboxWanted *const *) right)->entry.position.id;

	return a < b ? -1 : a > b;
}

/* An empty range, from about where the id should be. */
static Range
start_at(int child, int64 id)
{
	Range range = {0};
	Relation log;
	TupleTableSlot *slot;
	BlockNumber low = 0;
	BlockNumber high;

	outbox_transaction_begin();
	log = table_open(outbox_log_child(child), AccessShareLock);
	slot = table_slot_create(log, NULL);
	high = range.blocks = RelationGetNumberOfBlocks(log);
	while (low < high)
	{
		BlockNumber middle = low + (high - low) / 2;
		int64 first;

		if (first_id(log, slot, middle, &first) && first < id)
			low = middle + 1;
		else
			high = middle;
	}
	ExecDropSingleTupleTableSlot(slot);
	table_close(log, AccessShareLock);
	outbox_transaction_commit();
	range.first = range.end = low > MARGIN ? low - MARGIN : 0;
	return range;
}

static bool
first_id(Relation log, TupleTableSlot *slot, BlockNumber block, int64 *id)
{
	TableScanDesc scan = begin_scan(log, block, block + 1);
	bool found = table_scan_getnextslot_tidrange(scan, ForwardScanDirection, slot);
	bool isnull;

	if (found)
		*id = DatumGetInt64(slot_getattr(slot, OUTBOX_EVENT_ID, &isnull));
	ExecClearTuple(slot);
	table_endscan(scan);
	return found;
}

/* Reads on as long as there may be something wanted. */
static void
search_near(Search *search, int child, Range *range)
{
	int64 last_wanted = search->wanted[search->count - 1]->entry.position.id;

	while (search->left > 0 && range->end < range->blocks)
	{
		BlockNumber end = Min(range->end + BLOCKS_AT_A_TIME, range->blocks);
		int64 lowest = search_blocks(search, child, range->end, end);

		range->end = end;
		if (lowest > last_wanted)
			break;
	}
}

static void
search_rest(Search *search, int child, const Range *range)
{
	for (BlockNumber at = 0; search->left > 0 && at < range->blocks;)
	{
		BlockNumber limit = at < range->first ? range->first : range->blocks;
		BlockNumber end = Min(at + BLOCKS_AT_A_TIME, limit);

		if (at >= range->first && at < range->end)
		{
			at = range->end;
			continue;
		}
		search_blocks(search, child, at, end);
		at = end;
	}
}

/* Returns the lowest id in these blocks. */
static int64
search_blocks(Search *search, int child, BlockNumber first, BlockNumber end)
{
	Relation log;
	TupleTableSlot *slot;
	TableScanDesc scan;
	int64 lowest = PG_INT64_MAX;

	CHECK_FOR_INTERRUPTS();
	outbox_transaction_begin();
	log = table_open(outbox_log_child(child), AccessShareLock);
	slot = table_slot_create(log, NULL);
	scan = begin_scan(log, first, end);
	while (table_scan_getnextslot_tidrange(scan, ForwardScanDirection, slot))
	{
		bool isnull;
		int64 id = DatumGetInt64(slot_getattr(slot, OUTBOX_EVENT_ID, &isnull));

		lowest = Min(lowest, id);
		take(search, child, slot, id);
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	table_close(log, AccessShareLock);
	outbox_transaction_commit();
	return lowest;
}

/* Takes note of the row's place, if the event is wanted. */
static void
take(Search *search, int child, TupleTableSlot *slot, int64 id)
{
	int low = 0;
	int high = search->count;

	while (low < high)
	{
		int middle = low + (high - low) / 2;

		if (search->wanted[middle]->entry.position.id < id)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < search->count && search->wanted[low]->entry.position.id == id; low++)
	{
		OutboxWanted *wanted = search->wanted[low];

		search->left -= !wanted->found;
		wanted->found = true;
		wanted->entry.child = (uint16_t) child;
		wanted->entry.block = ItemPointerGetBlockNumber(&slot->tts_tid);
		wanted->entry.offset = ItemPointerGetOffsetNumber(&slot->tts_tid);
	}
}

static TableScanDesc
begin_scan(Relation log, BlockNumber first, BlockNumber end)
{
	ItemPointerData lowest;
	ItemPointerData highest;

	ItemPointerSet(&lowest, first, FirstOffsetNumber);
	ItemPointerSet(&highest, end - 1, MaxOffsetNumber);
	return table_beginscan_tidrange(log, GetActiveSnapshot(), &lowest, &highest);
}
