/*
 * queue.c
 *		The queue in shared memory under the hooks of the queue's contract: this
 *		process is both the relay and the transactions.
 */
#include "postgres.h"

#include <time.h>

#include "miscadmin.h"

#include "contract/postgres/queue.h"
#include "domain/packet.h"
#include "infrastructure/postgres/queue.h"
#include "infrastructure/postgres/shared.h"

#define QUEUE_SIZE 8000 /* no power of two, and soon full */
#define PACKETS_SIZE (64 * 1024)

void _PG_init(void);

static int numbers = 0;

void
_PG_init(void)
{
	if (!process_shared_preload_libraries_in_progress)
		return;
	outbox_shared_request();
	outbox_queue_request(QUEUE_SIZE);
}

static void *
open_queue(void)
{
	static OutboxQueue *queue = NULL;

	if (queue == NULL)
		queue = outbox_queue_open();
	if (queue == NULL)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("there is no queue")));
	outbox_postgres_queue.admit(queue, OUTBOX_FATE_OFFLINE);
	numbers = 0;
	return queue;
}

static void
put(void *self, int count, size_t payload_length)
{
	static char packets[PACKETS_SIZE];
	static char payload[PACKETS_SIZE];
	char id[16];
	OutboxEvent event = {.aggregate = "order",
						 .aggregate_id = id,
						 .action = "viewed",
						 .content_type = "application/json",
						 .headers = "",
						 .payload = payload,
						 .payload_length = payload_length};
	size_t length = 0;

	memset(payload, 'x', sizeof(payload));
	for (int i = 0; i < count; i++)
	{
		snprintf(id, sizeof(id), "%d", ++numbers);
		Assert(length + outbox_packet_size(&event) <= PACKETS_SIZE);
		outbox_packet_write(&event, packets + length);
		length += outbox_packet_size(&event);
	}
	outbox_queue_put(packets, length, count);
}

static uint64_t
count_fate(void *self, OutboxFate fate)
{
	OutboxQueueReport report;

	outbox_queue_report(&report);
	return report.fates[fate];
}

static int64_t
now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64CONST(1000000) + now.tv_nsec / 1000;
}

const QueueBench postgres_queue_bench = {
	.name = "queue in shared memory",
	.routine = &outbox_postgres_queue,
	.open = open_queue,
	.put = put,
	.count = count_fate,
	.now = now_us,
};
