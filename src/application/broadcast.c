/*
 * broadcast.c
 *		The part of the relay that broadcasts: sends what is in the queue, now or
 *		never.
 */
#include "application/broadcast.h"

static void admit(OutboxRelay *relay, OutboxFate fate);
static OutboxBroadcastResult offer(OutboxRelay *relay, OutboxEvent *event);
static OutboxFault seal(OutboxRelay *relay, const OutboxEvent *event);
static uint64_t scatter(uint64_t seed);

void
outbox_broadcast_init(OutboxRelay *relay, const OutboxRelayPorts *ports, uint64_t seed)
{
	relay->queue = ports->queue;
	relay->queue_self = ports->queue_self;
	relay->admitted = OUTBOX_FATE_OFFLINE;
	relay->broadcast_id = (int64_t) (scatter(seed) >> 2);
}

void
outbox_broadcast_open(OutboxRelay *relay)
{
	if (relay->options.broadcast_template != NULL)
		admit(relay, relay->facts.captures_broadcasts ? OUTBOX_FATE_CAPTURED : OUTBOX_FATE_SENT);
}

void
outbox_broadcast_close(OutboxRelay *relay)
{
	admit(relay, OUTBOX_FATE_OFFLINE);
}

bool
outbox_broadcast_slice(OutboxRelay *relay, int64_t now)
{
	const OutboxQueueRoutine *queue = relay->queue;
	size_t bytes = 0;
	OutboxEvent event;
	int64_t since;

	relay->queued = false;
	if (queue == NULL || relay->admitted != OUTBOX_FATE_SENT)
		return true;
	for (int i = 0; queue->peek(relay->queue_self, &event, &since); i++)
	{
		OutboxFate fate = OUTBOX_FATE_LATE;

		if (i >= OUTBOX_BROADCAST_SLICE || bytes >= OUTBOX_BROADCAST_SLICE_BYTES)
		{
			relay->queued = true;
			break;
		}
		bytes += event.payload_length;
		if (now - since <= OUTBOX_BROADCAST_PATIENCE)
		{
			OutboxBroadcastResult result = offer(relay, &event);

			if (result == OUTBOX_BROADCAST_LOST)
				return false;
			if (result == OUTBOX_BROADCAST_CROWDED)
				break;
			fate = result == OUTBOX_BROADCAST_DONE ? OUTBOX_FATE_SENT : OUTBOX_FATE_REFUSED;
		}
		queue->pass(relay->queue_self, fate);
	}
	return true;
}

static void
admit(OutboxRelay *relay, OutboxFate fate)
{
	relay->queued = false;
	relay->admitted = fate;
	if (relay->queue != NULL)
		relay->queue->admit(relay->queue_self, fate);
}

static OutboxBroadcastResult
offer(OutboxRelay *relay, OutboxEvent *event)
{
	const OutboxEnvelope *envelope = &relay->envelope;
	OutboxMessage message = {.expected_last = OUTBOX_UNFENCED};

	event->id = ++relay->broadcast_id;
	if (seal(relay, event) != OUTBOX_FAULT_NONE)
		return OUTBOX_BROADCAST_UNFIT;
	message.subject = envelope->subject;
	message.fields = envelope->fields;
	message.field_count = envelope->field_count;
	message.payload = envelope->payload;
	message.payload_length = envelope->payload_length;
	return relay->broker->broadcast(relay->broker_self, &message);
}

static OutboxFault
seal(OutboxRelay *relay, const OutboxEvent *event)
{
	OutboxEnvelopeOptions options = relay->options.envelope;

	options.template = relay->options.broadcast_template;
	options.broadcast = true;
	return outbox_envelope_seal(&relay->envelope, event, &options, relay->scratch,
								relay->scratch_size);
}

/* Seeds that are close to each other give numbers that are not (SplitMix64). */
static uint64_t
scatter(uint64_t seed)
{
	seed += UINT64_C(0x9e3779b97f4a7c15);
	seed = (seed ^ (seed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	seed = (seed ^ (seed >> 27)) * UINT64_C(0x94d049bb133111eb);
	return seed ^ (seed >> 31);
}
