/*
 * settle.c
 *		The part of the relay that settles: what is stored, or set aside.
 */
#include "application/settle.h"

#include <stdio.h>

static bool head_is_stored(const OutboxRelay *relay);
static void note_place(OutboxRelay *relay, const OutboxSlot *slot);
static void count_stored(OutboxRelay *relay, const OutboxSlot *slot, int64_t now);
static void settle(OutboxRelay *relay, OutboxPosition upto, int events, int64_t now);
static void write_down(OutboxRelay *relay, bool durable, int64_t now);
static void note_progress(OutboxRelay *relay, int64_t now);

void
outbox_settle_answered(OutboxRelay *relay, int64_t now)
{
	OutboxPosition upto = OUTBOX_POSITION_START;
	int events = 0;

	while (head_is_stored(relay))
	{
		const OutboxSlot *slot = outbox_window_head(&relay->window);

		upto = slot->position;
		events++;
		if (slot->sequence != 0)
			note_place(relay, slot);
		count_stored(relay, slot, now);
		outbox_window_pop(&relay->window);
	}
	if (events > 0)
		settle(relay, upto, events, now);
}

void
outbox_settle_refused(OutboxRelay *relay, OutboxPosition position, uint16_t type,
					  const OutboxReason *reason, int64_t now)
{
	relay->store->refuse(relay->store_self, &position, reason->code, reason->text,
						 relay->fence.floor, relay->fence.created);
	relay->counters.refused++;
	if (relay->tally)
		outbox_tally_refused(relay->tally, type);
	relay->refused_event = position.id;
	relay->refused_code = reason->code;
	snprintf(relay->refused_text, sizeof(relay->refused_text), "%s", reason->text);
	relay->dirty = false;
	relay->forgettable = 0;
	relay->persisted_at = now;
	note_progress(relay, now);
}

void
outbox_settle_drained(OutboxRelay *relay, int64_t now)
{
	outbox_fence_drained(&relay->fence);
	outbox_recall_clear(&relay->recall);
	note_progress(relay, now);
}

void
outbox_settle_persist_when_due(OutboxRelay *relay, int64_t now)
{
	if (now - relay->persisted_at >= relay->options.persist_interval)
		outbox_settle_persist(relay, now);
}

void
outbox_settle_persist(OutboxRelay *relay, int64_t now)
{
	if (relay->dirty)
		write_down(relay, false, now);
}

static bool
head_is_stored(const OutboxRelay *relay)
{
	const OutboxSlot *slot = outbox_window_head(&relay->window);

	if (slot == NULL || !slot->answered)
		return false;
	return !relay->halt.set || relay->window.head_token < relay->halt.token;
}

static void
note_place(OutboxRelay *relay, const OutboxSlot *slot)
{
	OutboxTrailEntry entry = {slot->sequence, slot->position.id};

	outbox_fence_settle(&relay->fence, slot->sequence);
	relay->store->note(relay->store_self, entry);
}

static void
count_stored(OutboxRelay *relay, const OutboxSlot *slot, int64_t now)
{
	OutboxRelayCounters *counters = &relay->counters;

	if (slot->again)
	{
		counters->repaired += slot->sequence != 0 && !slot->unreadable;
		return;
	}
	counters->published++;
	counters->published_bytes += slot->bytes;
	counters->duplicates += slot->duplicate;
	counters->recalled += slot->recalled;
	if (relay->tally)
		outbox_tally_stored(relay->tally, slot, relay->fence.created, now);
}

static void
settle(OutboxRelay *relay, OutboxPosition upto, int events, int64_t now)
{
	relay->store->settle(relay->store_self, upto, relay->fence.floor, relay->fence.created);
	relay->dirty = true;
	relay->forgettable += events;
	note_progress(relay, now);
	if (relay->forgettable >= relay->options.durable_after)
		write_down(relay, true, now);
}

static void
write_down(OutboxRelay *relay, bool durable, int64_t now)
{
	relay->store->persist(relay->store_self, durable);
	relay->dirty = false;
	relay->persisted_at = now;
	if (durable)
		relay->forgettable = 0;
}

static void
note_progress(OutboxRelay *relay, int64_t now)
{
	outbox_delivery_decide(&relay->delivery, OUTBOX_DELIVERY_PROGRESS, OUTBOX_VERDICT_ACKED, NULL,
						   now);
}
