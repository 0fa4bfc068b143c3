/*
 * move.c
 *		Rows that an UPDATE moves from one partition to another.
 *
 * They end in the order in which they began, so the one that is looked for is mostly
 * the first that is left.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "utils/memutils.h"

#include "infrastructure/postgres/move.h"

typedef struct Move
{
	Oid table;
	char *id;
	Oid partition;
	HeapTuple old_row;
	SubTransactionId began; /* invalid: it is over */
	bool left;
} Move;

static Move *moves = NULL;
static int count = 0;
static int room = 0;
static int first = 0; /* those before it are over */

static void forget(XactEvent event, void *arg);
static void end_subtransaction(SubXactEvent event, SubTransactionId mine, SubTransactionId parent,
							   void *arg);

void
outbox_move_install(void)
{
	RegisterXactCallback(forget, NULL);
	RegisterSubXactCallback(end_subtransaction, NULL);
}

void
outbox_move_begin(uint32_t table, const char *id, uint32_t partition, HeapTuple old_row)
{
	MemoryContext before = MemoryContextSwitchTo(TopTransactionContext);

	if (first == count)
		first = count = 0;
	if (count == room)
	{
		room = Max(16, 2 * room);
		moves =
			moves == NULL ? palloc(sizeof(Move) * room) : repalloc_huge(moves, sizeof(Move) * room);
	}
	moves[count++] = (Move){.table = table,
							.id = pstrdup(id != NULL ? id : ""),
							.partition = partition,
							.old_row = heap_copytuple(old_row),
							.began = GetCurrentSubTransactionId()};
	MemoryContextSwitchTo(before);
}

bool
outbox_move_leaves(uint32_t partition, HeapTuple row)
{
	for (int i = first; i < count; i++)
	{
		Move *move = &moves[i];

		if (move->began == InvalidSubTransactionId || move->left || move->partition != partition ||
			!ItemPointerEquals(&move->old_row->t_self, &row->t_self))
			continue;
		move->left = true;
		return true;
	}
	return false;
}

bool
outbox_move_is_under_way(void)
{
	return first < count;
}

HeapTuple
outbox_move_arrives(uint32_t table, const char *id, uint32_t *partition)
{
	for (int i = first; i < count; i++)
	{
		Move *move = &moves[i];

		if (move->began == InvalidSubTransactionId || !move->left || move->table != table ||
			strcmp(move->id, id != NULL ? id : "") != 0)
			continue;
		move->began = InvalidSubTransactionId;
		while (first < count && moves[first].began == InvalidSubTransactionId)
			first++;
		*partition = move->partition;
		return move->old_row;
	}
	return NULL;
}

static void
forget(XactEvent event, void *arg)
{
	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
		return;
	moves = NULL;
	count = room = first = 0;
}

static void
end_subtransaction(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *arg)
{
	for (int i = first; i < count; i++)
	{
		if (moves[i].began != mine)
			continue;
		if (event == SUBXACT_EVENT_ABORT_SUB)
			moves[i].began = InvalidSubTransactionId;
		else if (event == SUBXACT_EVENT_COMMIT_SUB)
			moves[i].began = parent;
	}
}
