/*
 * publish.c
 *		The part of the relay that sends: fetches, recalls, seals, publishes.
 */
#include "application/publish.h"

#include <stdio.h>
#include <string.h>

#include "application/halt.h"
#include "application/repair.h"
#include "application/settle.h"
#include "application/sift.h"

/* Microseconds between two looks at what is withheld. */
#define WITHHELD_PAUSE_MIN INT64_C(2000)
#define WITHHELD_PAUSE_MAX INT64_C(100000)

typedef enum Offer
{
	OFFER_TAKEN, /* sent, or found stored */
	OFFER_SET_ASIDE, /* refused; what was fetched is forgotten */
	OFFER_BLOCKED, /* waits for an answer */
	OFFER_HELD, /* waits until nothing straggles */
	OFFER_UNSURE, /* the stream must be looked at again */
	OFFER_LOST /* the connection is gone */
} Offer;

static bool fetch_is_due(const OutboxRelay *relay, int64_t now);
static void fetch(OutboxRelay *relay, int64_t now);
static void note_withheld(OutboxRelay *relay, bool withheld, int64_t now);
static void attend(const OutboxRelay *relay, int64_t at_hand);
static void ask(OutboxRelay *relay);
static bool pass_recalled(OutboxRelay *relay, const OutboxEvent *event, int64_t now);
static Offer offer(OutboxRelay *relay, const OutboxEvent *event, int64_t now);
static OutboxFault seal(OutboxRelay *relay, const OutboxEvent *event);
static bool has_room(const OutboxRelay *relay, const OutboxEvent *event);
static OutboxSendResult hand_over(OutboxRelay *relay, const OutboxEvent *event, int64_t now);
static Offer reject(OutboxRelay *relay, const OutboxEvent *event, OutboxFault fault, int64_t now);
static Offer set_aside(OutboxRelay *relay, const OutboxEvent *event, const char *text, int64_t now);
static Offer look_again(OutboxRelay *relay, OutboxVerdict verdict);
static size_t envelope_bytes(const OutboxRelay *relay);

bool
outbox_publish_slice(OutboxRelay *relay, int64_t now)
{
	if (!outbox_publish_is_due(relay, now))
		return true;
	if (relay->slice_next == relay->slice_count)
		fetch(relay, now);
	while (relay->slice_next < relay->slice_count)
	{
		Offer outcome = offer(relay, &relay->slice[relay->slice_next], now);

		if (outcome == OFFER_SET_ASIDE || outcome == OFFER_UNSURE)
			return true;
		if (outcome != OFFER_TAKEN)
		{
			relay->blocked_until = outcome == OFFER_HELD ? relay->window.straggle_until : INT64_MAX;
			return outcome != OFFER_LOST;
		}
		relay->slice_next++;
	}
	return true;
}

bool
outbox_publish_is_due(const OutboxRelay *relay, int64_t now)
{
	if (relay->halt.set || now < relay->blocked_until || outbox_recall_pending(&relay->recall) ||
		outbox_repair_checks(relay))
		return false;
	return relay->slice_next < relay->slice_count || fetch_is_due(relay, now);
}

void
outbox_publish_begin(OutboxRelay *relay, int64_t now)
{
	const OutboxFence *fence = &relay->fence;

	relay->blocked_until = now;
	outbox_recall_clear(&relay->recall);
	if (!outbox_sift_begin(relay))
	{
		if (!relay->options.fenced || !fence->astray || relay->broker->look == NULL)
			return;
		outbox_recall_begin(&relay->recall, fence->floor, fence->last);
	}
	relay->recalled_at = now;
	ask(relay);
}

void
outbox_publish_recall(OutboxRelay *relay, uint64_t sequence, const char *message_id, int64_t now)
{
	if (!outbox_recall_pending(&relay->recall))
		return;
	relay->recalled_at = now;
	outbox_recall_hear(&relay->recall, sequence, message_id, relay->options.envelope.uuid);
	if (!outbox_recall_pending(&relay->recall))
		outbox_sift_heard(relay);
	ask(relay);
}

void
outbox_publish_rewind(OutboxRelay *relay)
{
	relay->slice_count = 0;
	relay->slice_next = 0;
	relay->drained = false;
	relay->idle = false;
	relay->withheld = false;
	attend(relay, OUTBOX_AT_HAND_NOTHING);
	relay->store->rewind(relay->store_self);
}

static bool
fetch_is_due(const OutboxRelay *relay, int64_t now)
{
	if (relay->idle || relay->withheld)
		return relay->woken || now >= relay->poll_at;
	return !relay->drained || relay->window.count == 0;
}

static void
fetch(OutboxRelay *relay, int64_t now)
{
	int count;

	relay->woken = false;
	relay->slice_next = 0;
	relay->slice_count = 0;
	attend(relay, OUTBOX_AT_HAND_LOG);
	count = relay->store->fetch(relay->store_self, relay->slice, relay->options.batch_size,
								relay->options.max_in_flight_bytes);
	attend(relay, OUTBOX_AT_HAND_NOTHING);
	note_withheld(relay, count == OUTBOX_STORE_WITHHELD, now);
	relay->slice_count = count > 0 ? count : 0;
	relay->drained = count == 0;
	relay->idle = relay->drained && relay->window.count == 0;
	if (relay->idle)
	{
		relay->poll_at = now + relay->options.poll_interval;
		outbox_settle_drained(relay, now);
	}
}

/* Looks again soon, and less often the longer it lasts. */
static void
note_withheld(OutboxRelay *relay, bool withheld, int64_t now)
{
	int64_t pause;

	if (withheld && !relay->withheld)
		relay->withheld_since = now;
	relay->withheld = withheld;
	if (!withheld)
		return;
	pause = (now - relay->withheld_since) / 4;
	if (pause < WITHHELD_PAUSE_MIN)
		pause = WITHHELD_PAUSE_MIN;
	if (pause > WITHHELD_PAUSE_MAX)
		pause = WITHHELD_PAUSE_MAX;
	relay->poll_at = now + pause;
}

static void
attend(const OutboxRelay *relay, int64_t at_hand)
{
	if (relay->options.attend)
		relay->options.attend(at_hand);
}

static void
ask(OutboxRelay *relay)
{
	uint64_t sequence;

	while ((sequence = outbox_recall_ask(&relay->recall, OUTBOX_LOOKS_MAX)) != 0)
		relay->broker->look(relay->broker_self, sequence);
}

/* An event that was found stored takes its turn in the window, unsent. */
static bool
pass_recalled(OutboxRelay *relay, const OutboxEvent *event, int64_t now)
{
	uint64_t sequence = outbox_recall_match(&relay->recall, event->id);
	OutboxSlot *slot;

	if (sequence == 0)
		return false;
	slot = outbox_window_push(&relay->window, event->position, 0, now);
	slot->recalled = true;
	slot->again = event->again;
	if (relay->tally)
		outbox_tally_enter(relay->tally, slot, event);
	outbox_window_answer(&relay->window, slot, sequence, false);
	outbox_settle_answered(relay, now);
	return true;
}

/* Sends the event if it has room, or sets it aside if it cannot be sent. */
static Offer
offer(OutboxRelay *relay, const OutboxEvent *event, int64_t now)
{
	OutboxFault fault;

	if (relay->options.attend && relay->window.count > 0)
		return OFFER_BLOCKED;
	attend(relay, event->id);
	if (event->let_go && now < relay->inherited_until)
		return OFFER_HELD;
	if (event->let_go && relay->began_at < relay->inherited_until)
		return look_again(relay, OUTBOX_VERDICT_REFUSED);
	if (relay->recall.left > 0)
	{
		if (!outbox_window_has_room(&relay->window, relay->options.max_in_flight,
									relay->options.max_in_flight_bytes, 0))
			return OFFER_BLOCKED;
		if (pass_recalled(relay, event, now))
			return OFFER_TAKEN;
	}
	if (relay->options.set_aside == event->id)
		return set_aside(relay, event, "set aside: the relay ended while it handled this event",
						 now);
	fault = seal(relay, event);
	if (fault != OUTBOX_FAULT_NONE)
		return reject(relay, event, fault, now);
	if (!has_room(relay, event))
		return OFFER_BLOCKED;
	switch (hand_over(relay, event, now))
	{
		case OUTBOX_SEND_DONE:
			return OFFER_TAKEN;
		case OUTBOX_SEND_TOO_LARGE:
			return reject(relay, event, OUTBOX_FAULT_OVER_MAX_PAYLOAD, now);
		case OUTBOX_SEND_ILLEGAL:
			return reject(relay, event, OUTBOX_FAULT_SUBJECT_ILLEGAL_CHARACTER, now);
		case OUTBOX_SEND_LOST:
			break;
	}
	return OFFER_LOST;
}

/* Seals the event; also a fault when the broker could not take the message. */
static OutboxFault
seal(OutboxRelay *relay, const OutboxEvent *event)
{
	const OutboxStreamFacts *facts = &relay->facts;
	OutboxFault fault;

	if (facts->max_payload > 0 && event->payload_length > (uint64_t) facts->max_payload)
		return OUTBOX_FAULT_OVER_MAX_PAYLOAD;
	fault = outbox_envelope_seal(&relay->envelope, event, &relay->options.envelope, relay->scratch,
								 relay->scratch_size);
	if (fault != OUTBOX_FAULT_NONE)
		return fault;
	if (facts->max_payload > 0 && envelope_bytes(relay) > (uint64_t) facts->max_payload)
		return OUTBOX_FAULT_OVER_MAX_PAYLOAD;
	if (facts->max_message_size > 0 && envelope_bytes(relay) > (uint64_t) facts->max_message_size)
		return OUTBOX_FAULT_OVER_MAX_MESSAGE_SIZE;
	return OUTBOX_FAULT_NONE;
}

static bool
has_room(const OutboxRelay *relay, const OutboxEvent *event)
{
	const OutboxRelayOptions *options = &relay->options;

	if (!outbox_window_has_room(&relay->window, options->max_in_flight,
								options->max_in_flight_bytes, envelope_bytes(relay)))
		return false;
	if (options->fenced)
		return relay->window.count == 0 || !outbox_fence_at_edge(&relay->fence);
	return outbox_window_gate_open(&relay->window, outbox_window_gate(event));
}

/* Publishes the envelope at hand and enters it into the window. */
static OutboxSendResult
hand_over(OutboxRelay *relay, const OutboxEvent *event, int64_t now)
{
	const OutboxEnvelope *envelope = &relay->envelope;
	bool fenced = relay->options.fenced;
	OutboxMessage message = {
		.subject = envelope->subject,
		.fields = envelope->fields,
		.field_count = envelope->field_count,
		.payload = envelope->payload,
		.payload_length = envelope->payload_length,
		.token = outbox_window_next_token(&relay->window),
		.expected_last = fenced ? relay->fence.next : OUTBOX_UNFENCED,
	};
	OutboxSendResult result = relay->broker->publish(relay->broker_self, &message);
	OutboxSlot *slot;

	if (result != OUTBOX_SEND_DONE)
		return result;
	slot = outbox_window_push(&relay->window, event->position, envelope_bytes(relay), now);
	slot->expected_last = message.expected_last;
	slot->again = event->again;
	if (relay->tally)
		outbox_tally_enter(relay->tally, slot, event);
	if (fenced)
		outbox_fence_advance(&relay->fence);
	else
		outbox_window_close_gate(&relay->window, slot, outbox_window_gate(event));
	relay->counters.sent++;
	relay->counters.sent_bytes += slot->bytes;
	return result;
}

/* Sets an event aside that cannot be sent. */
static Offer
reject(OutboxRelay *relay, const OutboxEvent *event, OutboxFault fault, int64_t now)
{
	char number[64];

	snprintf(number, sizeof(number), "not legal as a message: fault %d", (int) fault);
	return set_aside(relay, event, relay->options.explain ? relay->options.explain(fault) : number,
					 now);
}

/* Makes the event a dead letter, once it is the oldest. */
static Offer
set_aside(OutboxRelay *relay, const OutboxEvent *event, const char *text, int64_t now)
{
	OutboxReason reason = {OUTBOX_VERDICT_REFUSED, 0, text};

	if (relay->window.count > 0)
		return OFFER_BLOCKED;
	if (!outbox_window_is_quiet(&relay->window, now))
		return OFFER_HELD;
	if (relay->options.fenced && relay->began_at < relay->window.straggle_until)
		return look_again(relay, OUTBOX_VERDICT_REFUSED);
	if (relay->options.fenced && !outbox_fence_is_free(&relay->fence))
		return look_again(relay, OUTBOX_VERDICT_CONFLICT);
	outbox_settle_refused(relay, event->position,
						  relay->tally ? outbox_tally_type(relay->tally, event) : 0, &reason, now);
	/* What is sent again later is not meant. */
	if (relay->options.set_aside == event->id)
		relay->options.set_aside = 0;
	outbox_publish_rewind(relay);
	return OFFER_SET_ASIDE;
}

/* The stream may hold more than this epoch knows: ends it. */
static Offer
look_again(OutboxRelay *relay, OutboxVerdict verdict)
{
	OutboxReason reason = {verdict, 0, "the stream holds what was not expected"};

	outbox_halt_at(relay, outbox_window_next_token(&relay->window), &reason);
	return OFFER_UNSURE;
}

static size_t
envelope_bytes(const OutboxRelay *relay)
{
	return relay->envelope.header_bytes + relay->envelope.payload_length;
}
