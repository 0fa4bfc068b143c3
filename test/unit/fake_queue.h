/*
 * fake_queue.h
 *		A queue of broadcasts in memory.
 */
#ifndef OUTBOX_TEST_FAKE_QUEUE_H
#define OUTBOX_TEST_FAKE_QUEUE_H

#include "application/ports.h"

#define FAKE_QUEUE 2048

typedef struct FakeBroadcast
{
	int64_t since;
	char aggregate_id[16]; /* its number, from 1 on */
	const char *action;
	size_t payload_length;
} FakeBroadcast;

typedef struct FakeQueue
{
	FakeBroadcast waiting[FAKE_QUEUE];
	int count;
	int numbers; /* given out so far */
	OutboxFate admitted;
	uint64_t fates[OUTBOX_FATES];
} FakeQueue;

extern const OutboxQueueRoutine fake_queue; /* self: FakeQueue */

extern void fake_queue_init(FakeQueue *queue);

/* A transaction has committed with one broadcast, of order.ACTION. */
extern void fake_queue_put(FakeQueue *queue, const char *action, size_t payload_length,
						   int64_t now);

#endif
