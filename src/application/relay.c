/*
 * relay.c
 *		Publishes what the store holds, in order, and settles what is stored.
 *
 * A step hears what the broker said, settles the answered prefix (settle.c), ends
 * the epoch if it must (halt.c), and sends what has room (publish.c).  What verdicts
 * and the fence mean is decided in the domain (delivery.h, fence.h, window.h).
 */
#include "application/relay.h"

#include <stdio.h>
#include <string.h>

#include "application/broadcast.h"
#include "application/halt.h"
#include "application/publish.h"
#include "application/repair.h"
#include "application/settle.h"

static void hear(OutboxRelay *relay, int64_t now);
static void take(OutboxRelay *relay, const OutboxSignal *signal, int64_t now);
static void found(OutboxRelay *relay, const OutboxSignal *signal, int64_t now);
static void answer(OutboxRelay *relay, const OutboxSignal *signal);
static void accept_ack(OutboxRelay *relay, OutboxSlot *slot, const OutboxSignal *signal);
static void accept_duplicate(OutboxRelay *relay, OutboxSlot *slot, const OutboxSignal *signal);
static void watch(OutboxRelay *relay, int64_t now);
static int64_t overdue_at(const OutboxRelay *relay);
static int64_t oldest_at(const OutboxRelay *relay);
static bool reads(const OutboxRelay *relay);
static void begin_epoch(OutboxRelay *relay, const OutboxStreamFacts *facts, int64_t now);
static void lose_epoch(OutboxRelay *relay, int64_t now);
static void end_epoch(OutboxRelay *relay, const OutboxReason *reason, int64_t now);
static void reload(OutboxRelay *relay, int64_t now);
static void drop_epoch(OutboxRelay *relay, int64_t now);
static OutboxRelayStep plan(const OutboxRelay *relay, int64_t now);
static int64_t earlier(int64_t a, int64_t b);
static OutboxDeliveryStep decide(OutboxRelay *relay, OutboxDeliverySignal signal,
								 OutboxVerdict verdict, int64_t now);
static bool streaming(const OutboxRelay *relay);
static void set_options(OutboxRelay *relay, const OutboxRelayOptions *options);

void
outbox_relay_init(OutboxRelay *relay, const OutboxRelayOptions *options,
				  const OutboxRelayPorts *ports, uint64_t seed, int64_t now)
{
	uint64_t floor;
	int64_t created;

	memset(relay, 0, sizeof(*relay));
	set_options(relay, options);
	relay->store = ports->store;
	relay->store_self = ports->store_self;
	relay->broker = ports->broker;
	relay->broker_self = ports->broker_self;
	relay->scratch = ports->scratch;
	relay->scratch_size = ports->scratch_size;
	relay->persisted_at = now - options->persist_interval;
	relay->tally = ports->tally;
	outbox_broadcast_init(relay, ports, seed);
	outbox_delivery_init(&relay->delivery, seed, now);
	outbox_window_init(&relay->window);
	relay->inherited_until = now + relay->options.ack_timeout;
	outbox_window_straggle(&relay->window, relay->inherited_until);
	relay->store->settled(relay->store_self, &floor, &created);
	outbox_fence_init(&relay->fence, floor, created);
}

OutboxRelayStep
outbox_relay_step(OutboxRelay *relay, int64_t now, bool woken)
{
	relay->woken |= woken;
	hear(relay, now);
	watch(relay, now);
	if (outbox_repair_wants_epoch(relay))
		reload(relay, now);
	if (relay->stranger == 0 &&
		decide(relay, OUTBOX_DELIVERY_TICK, OUTBOX_VERDICT_ACKED, now) == OUTBOX_DELIVERY_CONNECT)
	{
		relay->began_at = now;
		relay->broker->connect(relay->broker_self);
	}
	if (streaming(relay) &&
		(!outbox_broadcast_slice(relay, now) || !outbox_publish_slice(relay, now)))
		lose_epoch(relay, now);
	outbox_settle_persist_when_due(relay, now);
	return plan(relay, now);
}

void
outbox_relay_reconfigure(OutboxRelay *relay, const OutboxRelayOptions *options, bool reconnect,
						 int64_t now)
{
	bool other_mode = options->fenced != relay->options.fenced;
	bool offline = relay->delivery.phase == OUTBOX_DELIVERY_OFFLINE;

	if (other_mode || reconnect || offline)
		reload(relay, now);
	set_options(relay, options);
	relay->blocked_until = now;
}

void
outbox_relay_pause(OutboxRelay *relay, int64_t now)
{
	reload(relay, now);
	outbox_settle_persist(relay, now);
}

void
outbox_relay_restart(OutboxRelay *relay, int64_t now)
{
	reload(relay, now);
}

void
outbox_relay_report(const OutboxRelay *relay, OutboxRelayReport *report)
{
	const OutboxDelivery *delivery = &relay->delivery;

	memset(report, 0, sizeof(*report));
	report->phase = delivery->phase;
	report->troubled = delivery->troubled;
	if (delivery->troubled)
	{
		report->verdict = delivery->cause;
		report->code = relay->code;
		memcpy(report->text, relay->text, sizeof(report->text));
	}
	report->since = delivery->since;
	report->attempt = delivery->attempt;
	if (delivery->phase == OUTBOX_DELIVERY_OFFLINE)
		report->next_retry_at = delivery->retry_at;
	report->idle = relay->idle;
	if (relay->withheld)
		report->withheld_since = relay->withheld_since;
	report->in_flight = relay->window.count;
	report->in_flight_bytes = relay->window.bytes;
	report->last_sequence = relay->fence.highest;
	report->facts = relay->facts;
	report->counters = relay->counters;
	report->set_aside = relay->options.set_aside;
	report->refused_event = relay->refused_event;
	report->refused_code = relay->refused_code;
	memcpy(report->refused_text, relay->refused_text, sizeof(report->refused_text));
	outbox_repair_report(relay, report);
}

void
outbox_relay_glance(const OutboxRelay *relay, OutboxRelayGlance *glance)
{
	OutboxHeld held;

	relay->store->held(relay->store_self, &held);
	glance->counters = &relay->counters;
	glance->idle = relay->idle;
	glance->gone = held.gone;
	glance->oldest_at = oldest_at(relay);
}

int64_t
outbox_relay_stranger(const OutboxRelay *relay)
{
	return relay->stranger;
}

/* Takes all that the broker has said, then settles what is answered. */
static void
hear(OutboxRelay *relay, int64_t now)
{
	OutboxSignal signal;

	while (relay->broker->next(relay->broker_self, &signal))
		take(relay, &signal, now);
	if (streaming(relay))
		outbox_settle_answered(relay, now);
}

static void
take(OutboxRelay *relay, const OutboxSignal *signal, int64_t now)
{
	OutboxDeliveryPhase phase = relay->delivery.phase;
	OutboxReason reason = {signal->verdict, signal->code, signal->text};

	switch (signal->kind)
	{
		case OUTBOX_SIGNAL_OPENED:
			if (phase == OUTBOX_DELIVERY_CONNECTING)
				begin_epoch(relay, &signal->facts, now);
			break;
		case OUTBOX_SIGNAL_FAILED:
			if (phase == OUTBOX_DELIVERY_CONNECTING)
				end_epoch(relay, &reason, now);
			break;
		case OUTBOX_SIGNAL_LOST:
			if (phase != OUTBOX_DELIVERY_OFFLINE)
				end_epoch(relay, &reason, now);
			break;
		case OUTBOX_SIGNAL_ANSWER:
			if (phase == OUTBOX_DELIVERY_STREAMING)
				answer(relay, signal);
			break;
		case OUTBOX_SIGNAL_FOUND:
			if (phase == OUTBOX_DELIVERY_STREAMING)
				found(relay, signal, now);
			break;
	}
}

static void
found(OutboxRelay *relay, const OutboxSignal *signal, int64_t now)
{
	if (!outbox_repair_checks(relay))
		outbox_publish_recall(relay, signal->sequence, signal->text, now);
	outbox_repair_found(relay, signal, now);
}

static void
answer(OutboxRelay *relay, const OutboxSignal *signal)
{
	OutboxSlot *slot = outbox_window_find(&relay->window, signal->token);
	OutboxReason reason = {signal->verdict, signal->code, signal->text};

	if (slot == NULL)
		return;
	if (signal->verdict != OUTBOX_VERDICT_TRANSIENT)
		outbox_window_judge(&relay->window, slot);
	if (relay->halt.set && signal->token >= relay->halt.token)
	{
		outbox_halt_doubt(relay, &reason);
		return;
	}
	relay->blocked_until = 0;
	if (signal->verdict == OUTBOX_VERDICT_ACKED)
		accept_ack(relay, slot, signal);
	else if (signal->verdict == OUTBOX_VERDICT_DUPLICATE)
		accept_duplicate(relay, slot, signal);
	else
		outbox_halt_at(relay, signal->token, &reason);
}

/* It is stored; if not where it had to be, somebody else wrote to the stream. */
static void
accept_ack(OutboxRelay *relay, OutboxSlot *slot, const OutboxSignal *signal)
{
	char text[OUTBOX_REASON_SIZE];
	OutboxReason reason = {OUTBOX_VERDICT_CONFLICT, 0, text};
	bool fits = relay->options.fenced ? signal->sequence == slot->expected_last + 1
									  : signal->sequence > relay->fence.floor;

	outbox_window_answer(&relay->window, slot, signal->sequence, false);
	if (fits)
		return;
	snprintf(text, sizeof(text), "stored at stream sequence %llu, which was not expected",
			 (unsigned long long) signal->sequence);
	outbox_halt_at(relay, signal->token + 1, &reason);
}

static void
accept_duplicate(OutboxRelay *relay, OutboxSlot *slot, const OutboxSignal *signal)
{
	char text[OUTBOX_REASON_SIZE];
	OutboxReason reason = {OUTBOX_VERDICT_MISCONFIGURED, OUTBOX_CODE_ID_TAKEN, text};

	if (outbox_fence_admits(&relay->fence, signal->sequence, relay->options.fenced))
	{
		outbox_window_answer(&relay->window, slot, signal->sequence, true);
		return;
	}
	if (slot->again)
	{
		/*
		 * A server that lost it would not know its id: it was removed on purpose.  But
		 * where more is missing than was removed, the server cannot read it, and takes
		 * it once it has forgotten the id.
		 */
		slot->unreadable = relay->inspection.missing > relay->facts.deleted;
		if (slot->unreadable)
			relay->inspection.hopeless_until =
				slot->sent_at + relay->facts.duplicate_window / INT64_C(1000);
		outbox_window_answer(&relay->window, slot, slot->unreadable ? signal->sequence : 0, true);
		return;
	}
	snprintf(text, sizeof(text),
			 "message id already taken by another message, at stream sequence %llu",
			 (unsigned long long) signal->sequence);
	outbox_halt_at(relay, signal->token, &reason);
}

/* Ends the epoch when a halt is reached or an answer is overdue. */
static void
watch(OutboxRelay *relay, int64_t now)
{
	char text[OUTBOX_REASON_SIZE];
	OutboxReason reason = {OUTBOX_VERDICT_TRANSIENT, 0, text};

	if (!streaming(relay))
		return;
	if (outbox_halt_is_due(relay, now))
	{
		outbox_halt_resolve(relay, now);
		reason = (OutboxReason){relay->halt.verdict, relay->halt.code, relay->halt.text};
		end_epoch(relay, &reason, now);
		return;
	}
	if (now < overdue_at(relay))
		return;
	snprintf(text, sizeof(text), "no answer within %lld ms%s",
			 (long long) (relay->options.ack_timeout / 1000),
			 reads(relay) ? " from reading the stream" : "");
	end_epoch(relay, &reason, now);
}

/* When what is asked of the broker should have been answered. */
static int64_t
overdue_at(const OutboxRelay *relay)
{
	const OutboxSlot *oldest = outbox_window_oldest_travelling(&relay->window);
	int64_t looks = outbox_repair_overdue_at(relay);

	if (outbox_recall_pending(&relay->recall))
		looks = earlier(looks, relay->recalled_at + relay->options.ack_timeout);
	return oldest ? earlier(looks, oldest->sent_at + relay->options.ack_timeout) : looks;
}

/* When the oldest event that was fetched and is not settled was emitted; 0: not known. */
static int64_t
oldest_at(const OutboxRelay *relay)
{
	const OutboxSlot *head = outbox_window_head(&relay->window);

	if (head)
		return head->emitted_at;
	return relay->slice_next < relay->slice_count ? relay->slice[relay->slice_next].emitted_at : 0;
}

/* Is the stream being read before anything is sent? */
static bool
reads(const OutboxRelay *relay)
{
	return outbox_recall_pending(&relay->recall) || outbox_repair_checks(relay);
}

static void
begin_epoch(OutboxRelay *relay, const OutboxStreamFacts *facts, int64_t now)
{
	OutboxFenceFinding finding;

	relay->facts = *facts;
	/*
	 * Whoever was here before: what he has sent since he wrote down the floor is read.
	 * What is to be set aside may be stored already: then it is not.
	 */
	if (relay->counters.epochs++ == 0 || relay->options.set_aside != 0)
		outbox_fence_conflict(&relay->fence);
	finding = outbox_fence_open(&relay->fence, facts->last_sequence, facts->created);
	relay->counters.setbacks += finding == OUTBOX_FENCE_SETBACK;
	/* What the former one could not read is looked for now: it may be the same one. */
	if (finding == OUTBOX_FENCE_NEW && relay->inspection.hopeless_until > now)
		relay->inspection.hopeless_until = now;
	decide(relay, OUTBOX_DELIVERY_OPENED, OUTBOX_VERDICT_ACKED, now);
	outbox_broadcast_open(relay);
	outbox_repair_start(relay, now);
}

/* The connection turned out to be gone; the broker may tell why. */
static void
lose_epoch(OutboxRelay *relay, int64_t now)
{
	OutboxReason reason = {OUTBOX_VERDICT_TRANSIENT, 0, "connection lost"};

	/* A part of what could not be sent may have been. */
	outbox_window_straggle(&relay->window, now + relay->options.ack_timeout);
	hear(relay, now);
	if (streaming(relay))
		end_epoch(relay, &reason, now);
}

static void
end_epoch(OutboxRelay *relay, const OutboxReason *reason, int64_t now)
{
	if (streaming(relay))
		outbox_settle_answered(relay, now);
	decide(relay, OUTBOX_DELIVERY_ENDED, reason->verdict, now);
	if (relay->delivery.troubled)
	{
		relay->counters.failures++;
		relay->code = reason->code;
		snprintf(relay->text, sizeof(relay->text), "%s", reason->text);
	}
	drop_epoch(relay, now);
}

/* Ends the epoch without blame; the next one begins at once. */
static void
reload(OutboxRelay *relay, int64_t now)
{
	if (streaming(relay))
		outbox_settle_answered(relay, now);
	if (decide(relay, OUTBOX_DELIVERY_RELOADED, OUTBOX_VERDICT_ACKED, now) == OUTBOX_DELIVERY_STOP)
		drop_epoch(relay, now);
}

/* The outcome of all in flight is unknown. */
static void
drop_epoch(OutboxRelay *relay, int64_t now)
{
	relay->broker->disconnect(relay->broker_self);
	outbox_broadcast_close(relay);
	outbox_window_clear(&relay->window, now + relay->options.ack_timeout);
	relay->halt.set = false;
	outbox_recall_clear(&relay->recall);
	outbox_repair_stop(relay);
	outbox_publish_rewind(relay);
}

/* When to call again. */
static OutboxRelayStep
plan(const OutboxRelay *relay, int64_t now)
{
	OutboxRelayStep step = {now + relay->options.poll_interval, false};

	if (relay->delivery.phase == OUTBOX_DELIVERY_OFFLINE && relay->stranger == 0)
	{
		step.wake_at = relay->delivery.retry_at;
		step.busy = relay->delivery.retry_at <= now;
	}
	else if (streaming(relay))
	{
		step.busy =
			outbox_publish_is_due(relay, now) || outbox_halt_is_due(relay, now) || relay->queued;
		if (relay->idle || (relay->withheld && !relay->halt.set))
			step.wake_at = relay->poll_at;
		step.wake_at = earlier(step.wake_at, overdue_at(relay));
		if (relay->window.straggle_until > now)
			step.wake_at = earlier(step.wake_at, relay->window.straggle_until);
	}
	if (relay->dirty)
		step.wake_at = earlier(step.wake_at, relay->persisted_at + relay->options.persist_interval);
	return step;
}

static int64_t
earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static OutboxDeliveryStep
decide(OutboxRelay *relay, OutboxDeliverySignal signal, OutboxVerdict verdict, int64_t now)
{
	OutboxRetryPolicy policy = {relay->options.retry_initial, relay->options.retry_max};

	return outbox_delivery_decide(&relay->delivery, signal, verdict, &policy, now);
}

static bool
streaming(const OutboxRelay *relay)
{
	return relay->delivery.phase == OUTBOX_DELIVERY_STREAMING;
}

static void
set_options(OutboxRelay *relay, const OutboxRelayOptions *options)
{
	OutboxRelayOptions *own = &relay->options;

	*own = *options;
	if (own->max_in_flight < 1)
		own->max_in_flight = 1;
	if (own->max_in_flight > OUTBOX_WINDOW_MAX)
		own->max_in_flight = OUTBOX_WINDOW_MAX;
	if (own->durable_after < 1 || own->durable_after > OUTBOX_RECALL_FORGOTTEN)
		own->durable_after = OUTBOX_RECALL_FORGOTTEN;
	if (own->batch_size < 1)
		own->batch_size = 1;
	if (own->batch_size > OUTBOX_RELAY_BATCH_MAX)
		own->batch_size = OUTBOX_RELAY_BATCH_MAX;
}
