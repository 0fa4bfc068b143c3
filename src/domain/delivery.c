/*
 * delivery.c
 *		When to connect, when to stream, when to pause.
 */
#include "domain/delivery.h"

#include <string.h>

#include "domain/backoff.h"

static OutboxDeliveryStep tick(OutboxDelivery *delivery, int64_t now);
static OutboxDeliveryStep open_epoch(OutboxDelivery *delivery, int64_t now);
static OutboxDeliveryStep progress(OutboxDelivery *delivery, int64_t now);
static OutboxDeliveryStep reload(OutboxDelivery *delivery, int64_t now);
static OutboxDeliveryStep end_epoch(OutboxDelivery *delivery, OutboxVerdict verdict,
									const OutboxRetryPolicy *policy, int64_t now);
static int64_t pause_for(OutboxDelivery *delivery, OutboxVerdict verdict,
						 const OutboxRetryPolicy *policy);
static bool is_trouble(const OutboxDelivery *delivery, OutboxVerdict verdict);
static void enter(OutboxDelivery *delivery, OutboxDeliveryPhase phase, int64_t now);

void
outbox_delivery_init(OutboxDelivery *delivery, uint64_t seed, int64_t now)
{
	memset(delivery, 0, sizeof(*delivery));
	delivery->phase = OUTBOX_DELIVERY_OFFLINE;
	delivery->cause = OUTBOX_VERDICT_TRANSIENT;
	delivery->since = now;
	delivery->retry_at = now;
	delivery->seed = seed;
}

OutboxDeliveryStep
outbox_delivery_decide(OutboxDelivery *delivery, OutboxDeliverySignal signal, OutboxVerdict verdict,
					   const OutboxRetryPolicy *policy, int64_t now)
{
	switch (signal)
	{
		case OUTBOX_DELIVERY_TICK:
			return tick(delivery, now);
		case OUTBOX_DELIVERY_OPENED:
			return open_epoch(delivery, now);
		case OUTBOX_DELIVERY_PROGRESS:
			return progress(delivery, now);
		case OUTBOX_DELIVERY_ENDED:
			return end_epoch(delivery, verdict, policy, now);
		case OUTBOX_DELIVERY_RELOADED:
			return reload(delivery, now);
	}
	return OUTBOX_DELIVERY_WAIT;
}

static OutboxDeliveryStep
tick(OutboxDelivery *delivery, int64_t now)
{
	if (delivery->phase != OUTBOX_DELIVERY_OFFLINE || now < delivery->retry_at)
		return OUTBOX_DELIVERY_WAIT;
	enter(delivery, OUTBOX_DELIVERY_CONNECTING, now);
	return OUTBOX_DELIVERY_CONNECT;
}

static OutboxDeliveryStep
open_epoch(OutboxDelivery *delivery, int64_t now)
{
	if (delivery->phase != OUTBOX_DELIVERY_CONNECTING)
		return OUTBOX_DELIVERY_WAIT;
	enter(delivery, OUTBOX_DELIVERY_STREAMING, now);
	return OUTBOX_DELIVERY_STREAM;
}

static OutboxDeliveryStep
progress(OutboxDelivery *delivery, int64_t now)
{
	if (delivery->troubled)
		delivery->since = now;
	delivery->troubled = false;
	delivery->attempt = 0;
	delivery->conflicts = 0;
	return OUTBOX_DELIVERY_WAIT;
}

/* Whatever kept us waiting may have been mended. */
static OutboxDeliveryStep
reload(OutboxDelivery *delivery, int64_t now)
{
	OutboxDeliveryPhase phase = delivery->phase;

	delivery->retry_at = now;
	if (phase == OUTBOX_DELIVERY_OFFLINE)
		return OUTBOX_DELIVERY_WAIT;
	enter(delivery, OUTBOX_DELIVERY_OFFLINE, now);
	return OUTBOX_DELIVERY_STOP;
}

static OutboxDeliveryStep
end_epoch(OutboxDelivery *delivery, OutboxVerdict verdict, const OutboxRetryPolicy *policy,
		  int64_t now)
{
	if (delivery->phase == OUTBOX_DELIVERY_OFFLINE)
		return OUTBOX_DELIVERY_WAIT;
	enter(delivery, OUTBOX_DELIVERY_OFFLINE, now);
	delivery->retry_at = now + pause_for(delivery, verdict, policy);
	if (is_trouble(delivery, verdict))
	{
		if (!delivery->troubled)
			delivery->since = now;
		delivery->troubled = true;
		delivery->cause = verdict;
	}
	return OUTBOX_DELIVERY_STOP;
}

/* Counts what failed and tells how long to wait before the next try. */
static int64_t
pause_for(OutboxDelivery *delivery, OutboxVerdict verdict, const OutboxRetryPolicy *policy)
{
	if (verdict == OUTBOX_VERDICT_REFUSED)
		return 0;
	if (verdict == OUTBOX_VERDICT_CONFLICT && delivery->conflicts++ == 0)
		return 0;
	delivery->attempt++;
	if (verdict == OUTBOX_VERDICT_UNAUTHORIZED || verdict == OUTBOX_VERDICT_MISCONFIGURED)
		return policy->max;
	delivery->seed = outbox_backoff_mix(delivery->seed);
	return outbox_backoff_delay(delivery->attempt, policy->initial, policy->max, delivery->seed);
}

static bool
is_trouble(const OutboxDelivery *delivery, OutboxVerdict verdict)
{
	if (verdict == OUTBOX_VERDICT_REFUSED)
		return false;
	return verdict != OUTBOX_VERDICT_CONFLICT || delivery->conflicts > 1;
}

static void
enter(OutboxDelivery *delivery, OutboxDeliveryPhase phase, int64_t now)
{
	delivery->phase = phase;
	if (!delivery->troubled)
		delivery->since = now;
}
