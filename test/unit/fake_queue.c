/*
 * fake_queue.c
 *		A queue of broadcasts in memory.
 */
#include "unit/fake_queue.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static bool peek(void *self, OutboxEvent *event, int64_t *since);
static void pass(void *self, OutboxFate fate);
static void admit(void *self, OutboxFate fate);

const OutboxQueueRoutine fake_queue = {
	.peek = peek,
	.pass = pass,
	.admit = admit,
};

void
fake_queue_init(FakeQueue *queue)
{
	memset(queue, 0, sizeof(*queue));
	queue->admitted = OUTBOX_FATE_OFFLINE;
}

void
fake_queue_put(FakeQueue *queue, const char *action, size_t payload_length, int64_t now)
{
	FakeBroadcast *broadcast = &queue->waiting[queue->count];
	OutboxFate fate = queue->admitted;

	queue->numbers++;
	if (fate == OUTBOX_FATE_SENT && queue->count == FAKE_QUEUE)
		fate = OUTBOX_FATE_FULL;
	if (fate != OUTBOX_FATE_SENT)
	{
		queue->fates[fate]++;
		return;
	}
	broadcast->since = now;
	broadcast->action = action;
	broadcast->payload_length = payload_length;
	snprintf(broadcast->aggregate_id, sizeof(broadcast->aggregate_id), "%d", queue->numbers);
	queue->count++;
}

static bool
peek(void *self, OutboxEvent *event, int64_t *since)
{
	static char payload[65536];
	FakeQueue *queue = self;
	const FakeBroadcast *oldest = &queue->waiting[0];

	if (queue->count == 0)
		return false;
	assert(oldest->payload_length <= sizeof(payload));
	memset(payload, 'x', oldest->payload_length);
	memset(event, 0, sizeof(*event));
	event->aggregate = "order";
	event->aggregate_id = oldest->aggregate_id;
	event->action = oldest->action;
	event->content_type = "application/json";
	event->headers = "";
	event->payload = payload;
	event->payload_length = oldest->payload_length;
	*since = oldest->since;
	return true;
}

static void
pass(void *self, OutboxFate fate)
{
	FakeQueue *queue = self;

	assert(queue->count > 0);
	queue->fates[fate]++;
	memmove(&queue->waiting[0], &queue->waiting[1],
			(size_t) --queue->count * sizeof(FakeBroadcast));
}

static void
admit(void *self, OutboxFate fate)
{
	FakeQueue *queue = self;

	queue->admitted = fate;
	while (fate != OUTBOX_FATE_SENT && queue->count > 0)
		pass(queue, fate);
}
