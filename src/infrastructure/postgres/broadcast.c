/*
 * broadcast.c
 *		What a transaction has broadcast and not yet committed.
 *
 * The *pile* holds its packets in the order of the calls, in the transaction's
 * memory.  A *mark* says how the pile stood when a subtransaction first added to
 * it; rolling that back puts the pile there again.  Committing a subtransaction
 * gives its mark to the parent, unless the parent has an earlier one.
 *
 * All is ready when the transaction commits: the callback then copies the pile into
 * the queue, and cannot fail.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/memutils.h"

#include "domain/packet.h"
#include "infrastructure/postgres/broadcast.h"
#include "infrastructure/postgres/queue.h"

#define INITIAL_SIZE 1024
#define INITIAL_MARKS 8

typedef struct Mark
{
	SubTransactionId subtransaction;
	size_t length;
	uint64 count;
	uint64 excess;
} Mark;

typedef struct Pile
{
	char *packets;
	size_t size; /* of their memory */
	size_t length;
	uint64 count;
	uint64 excess; /* broadcasts that had no room */
	bool warned;
	Mark *marks;
	int mark_count;
	int mark_size;
} Pile;

static Pile pile = {0};

static void mark(void);
static char *make_room(size_t needed);
static void require_fit(const OutboxEvent *event, size_t needed, size_t most);
static void exceed(size_t most);
static void at_end(XactEvent event, void *arg);
static void at_sub_end(SubXactEvent event, SubTransactionId own, SubTransactionId parent,
					   void *arg);
static void hand_over(void);
static void refuse_to_prepare(void);

void
outbox_broadcast_keep(const OutboxEvent *event)
{
	size_t needed = outbox_packet_size(event);
	size_t most = outbox_queue_room();

	if (most > 0)
		require_fit(event, needed, most);
	mark();
	if (pile.excess > 0 || pile.length + needed > most)
	{
		exceed(most);
		return;
	}
	outbox_packet_write(event, make_room(needed));
	pile.length += needed;
	pile.count++;
}

void
outbox_broadcast_install(void)
{
	RegisterXactCallback(at_end, NULL);
	RegisterSubXactCallback(at_sub_end, NULL);
}

/* Notes how the pile stands, if this subtransaction has not done so. */
static void
mark(void)
{
	SubTransactionId own = GetCurrentSubTransactionId();

	if (pile.mark_count > 0 && pile.marks[pile.mark_count - 1].subtransaction == own)
		return;
	if (pile.marks == NULL)
	{
		pile.marks = MemoryContextAlloc(TopTransactionContext, INITIAL_MARKS * sizeof(Mark));
		pile.mark_size = INITIAL_MARKS;
	}
	else if (pile.mark_count == pile.mark_size)
	{
		pile.marks = repalloc(pile.marks, 2 * pile.mark_size * sizeof(Mark));
		pile.mark_size *= 2;
	}
	pile.marks[pile.mark_count++] = (Mark){own, pile.length, pile.count, pile.excess};
}

/* Where the next packet goes; the pile's length stays. */
static char *
make_room(size_t needed)
{
	size_t size = Max(pile.size, INITIAL_SIZE);

	while (size < pile.length + needed)
		size *= 2;
	if (pile.packets == NULL)
		pile.packets = MemoryContextAllocHuge(TopTransactionContext, size);
	else if (size > pile.size)
		pile.packets = repalloc_huge(pile.packets, size);
	pile.size = size;
	return pile.packets + pile.length;
}

static void
require_fit(const OutboxEvent *event, size_t needed, size_t most)
{
	if (needed > most)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("event is too large to be broadcast"),
				 errdetail("It takes %zu bytes, with a payload of %zu; the buffer has %zu bytes.",
						   needed, event->payload_length, most),
				 errhint("Send a reference to the data, or raise outbox.broadcast_buffer.")));
}

/* Without a queue it would be of no use to keep it: no relay would get it. */
static void
exceed(size_t most)
{
	pile.excess++;
	if (most == 0 || pile.warned)
		return;
	pile.warned = true;
	ereport(WARNING,
			(errmsg("transaction broadcasts more than the buffer holds"),
			 errdetail("What follows the first %zu events, of %zu bytes, is dropped.",
					   (size_t) pile.count, pile.length),
			 errhint("Raise outbox.broadcast_buffer, or use outbox.emit for what must arrive.")));
}

static void
at_end(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_COMMIT:
			hand_over();
			break;
		case XACT_EVENT_PRE_PREPARE:
			refuse_to_prepare();
			return;
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
			break;
		default:
			return;
	}
	/* Its memory goes with the transaction. */
	memset(&pile, 0, sizeof(pile));
}

static void
at_sub_end(SubXactEvent event, SubTransactionId own, SubTransactionId parent, void *arg)
{
	Mark *last = pile.mark_count > 0 ? &pile.marks[pile.mark_count - 1] : NULL;

	if (last == NULL || last->subtransaction != own)
		return;
	if (event == SUBXACT_EVENT_ABORT_SUB)
	{
		pile.length = last->length;
		pile.count = last->count;
		pile.excess = last->excess;
		pile.mark_count--;
	}
	else if (event == SUBXACT_EVENT_COMMIT_SUB)
	{
		if (pile.mark_count > 1 && last[-1].subtransaction == parent)
			pile.mark_count--;
		else
			last->subtransaction = parent;
	}
}

static void
hand_over(void)
{
	if (pile.count > 0)
		outbox_queue_put(pile.packets, pile.length, pile.count);
	if (pile.excess > 0)
		outbox_queue_count(outbox_queue_room() > 0 ? OUTBOX_FATE_EXCESS : OUTBOX_FATE_OFFLINE,
						   pile.excess);
}

/* Whoever commits it later would know nothing of them. */
static void
refuse_to_prepare(void)
{
	if (pile.count > 0 || pile.excess > 0)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("cannot PREPARE a transaction that has broadcast events"),
						errhint("Use outbox.emit in transactions that are prepared.")));
}
