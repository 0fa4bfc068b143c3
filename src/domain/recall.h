/*
 * recall.h
 *		What the stream holds beyond the floor, found by reading it.
 *
 * When the fence has gone astray, and when the relay starts, it reads the ids of the
 * messages beyond the floor before it sends anything.  An event that is found there is stored,
 * whatever the broker's duplicate window remembers, whoever sent it, and whatever
 * else the stream holds.
 *
 * At most OUTBOX_RECALL_MAX messages are read, the newest ones: no more are beyond
 * the floor, unless somebody else fills the stream.  For a crash forgets no more than
 * OUTBOX_RECALL_FORGOTTEN settled events and what was settled at once with the last
 * of them, since then the position is made durable; and besides there is what is in
 * flight, also at most OUTBOX_WINDOW_MAX.  What is older is left to the duplicate
 * window.
 */
#ifndef OUTBOX_DOMAIN_RECALL_H
#define OUTBOX_DOMAIN_RECALL_H

#include <stdbool.h>
#include <stdint.h>

#define OUTBOX_RECALL_MAX 16384
#define OUTBOX_RECALL_FORGOTTEN 8192

typedef struct OutboxRecall
{
	uint64_t first; /* sequence of the first message to read */
	int count; /* messages to read; 0: none */
	int asked; /* of them asked for */
	int heard; /* of them answered */
	int left; /* events found and not matched yet */
	int hint; /* where the next match is likely */
	int64_t events[OUTBOX_RECALL_MAX]; /* ids; 0: none of ours, -1: not heard */
} OutboxRecall;

/* Nothing to read. */
extern void outbox_recall_clear(OutboxRecall *recall);

/* Everything beyond floor, up to last, is to be read. */
extern void outbox_recall_begin(OutboxRecall *recall, uint64_t floor, uint64_t last);

/* The same, but if they are too many, the oldest ones. */
extern void outbox_recall_begin_oldest(OutboxRecall *recall, uint64_t floor, uint64_t last);

/* The last sequence to be read. */
extern uint64_t outbox_recall_end(const OutboxRecall *recall);

/* Is there still something to be heard? */
extern bool outbox_recall_pending(const OutboxRecall *recall);

/* The next sequence to ask for; 0: all is asked for, or so many are on their way. */
extern uint64_t outbox_recall_ask(OutboxRecall *recall, int most);

/* The message at this sequence has this id; uuid is of our outbox. */
extern void outbox_recall_hear(OutboxRecall *recall, uint64_t sequence, const char *message_id,
							   const char *uuid);

/* Where this event is stored; 0: not found.  Each is matched once. */
extern uint64_t outbox_recall_match(OutboxRecall *recall, int64_t event);

#endif
