/*
 * delivery_test.c
 *		When the relay connects, streams and pauses.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "domain/delivery.h"

#define INITIAL 1000
#define MAX 64000

static const OutboxRetryPolicy policy = {INITIAL, MAX};

static OutboxDeliveryStep
tell(OutboxDelivery *delivery, OutboxDeliverySignal signal, int64_t now)
{
	return outbox_delivery_decide(delivery, signal, OUTBOX_VERDICT_ACKED, &policy, now);
}

static OutboxDeliveryStep
end(OutboxDelivery *delivery, OutboxVerdict verdict, int64_t now)
{
	return outbox_delivery_decide(delivery, OUTBOX_DELIVERY_ENDED, verdict, &policy, now);
}

static OutboxDelivery
streaming_at(int64_t now)
{
	OutboxDelivery delivery;

	outbox_delivery_init(&delivery, 7, now);
	assert_int_equal(tell(&delivery, OUTBOX_DELIVERY_TICK, now), OUTBOX_DELIVERY_CONNECT);
	assert_int_equal(tell(&delivery, OUTBOX_DELIVERY_OPENED, now), OUTBOX_DELIVERY_STREAM);
	return delivery;
}

/* Ends the epoch and begins the next one as soon as it is due. */
static int64_t
pause_after(OutboxDelivery *delivery, OutboxVerdict verdict, int64_t now)
{
	int64_t pause;

	assert_int_equal(end(delivery, verdict, now), OUTBOX_DELIVERY_STOP);
	pause = delivery->retry_at - now;
	if (pause > 0)
		assert_int_equal(tell(delivery, OUTBOX_DELIVERY_TICK, now + pause - 1),
						 OUTBOX_DELIVERY_WAIT);
	assert_int_equal(tell(delivery, OUTBOX_DELIVERY_TICK, now + pause), OUTBOX_DELIVERY_CONNECT);
	assert_int_equal(tell(delivery, OUTBOX_DELIVERY_OPENED, now + pause), OUTBOX_DELIVERY_STREAM);
	return pause;
}

static void
it_connects_once_at_the_start(void **state)
{
	OutboxDelivery delivery;

	(void) state;
	outbox_delivery_init(&delivery, 1, 500);
	assert_int_equal(delivery.phase, OUTBOX_DELIVERY_OFFLINE);
	assert_int_equal(tell(&delivery, OUTBOX_DELIVERY_TICK, 500), OUTBOX_DELIVERY_CONNECT);
	assert_int_equal(tell(&delivery, OUTBOX_DELIVERY_TICK, 9000), OUTBOX_DELIVERY_WAIT);
	assert_int_equal(delivery.phase, OUTBOX_DELIVERY_CONNECTING);
	assert_false(delivery.troubled);
}

static void
a_signal_out_of_phase_changes_nothing(void **state)
{
	OutboxDelivery delivery;
	OutboxDelivery before;

	(void) state;
	outbox_delivery_init(&delivery, 1, 500);
	before = delivery;
	assert_int_equal(tell(&delivery, OUTBOX_DELIVERY_OPENED, 600), OUTBOX_DELIVERY_WAIT);
	assert_int_equal(end(&delivery, OUTBOX_VERDICT_TRANSIENT, 600), OUTBOX_DELIVERY_WAIT);
	assert_memory_equal(&delivery, &before, sizeof(before));
	delivery = streaming_at(500);
	before = delivery;
	assert_int_equal(tell(&delivery, OUTBOX_DELIVERY_OPENED, 600), OUTBOX_DELIVERY_WAIT);
	assert_memory_equal(&delivery, &before, sizeof(before));
}

static void
transient_trouble_pauses_longer_and_longer(void **state)
{
	OutboxDelivery delivery = streaming_at(0);
	int64_t ceiling = INITIAL;

	(void) state;
	for (int i = 0; i < 12; i++)
	{
		int64_t pause = pause_after(&delivery, OUTBOX_VERDICT_TRANSIENT, 100);

		assert_true(pause >= ceiling / 2 && pause <= ceiling);
		ceiling = ceiling * 2 > MAX ? MAX : ceiling * 2;
	}
	assert_int_equal(delivery.attempt, 12);
}

static void
progress_starts_the_pauses_anew(void **state)
{
	OutboxDelivery delivery = streaming_at(0);

	(void) state;
	for (int i = 0; i < 6; i++)
		pause_after(&delivery, OUTBOX_VERDICT_TRANSIENT, 100);
	assert_true(delivery.troubled);
	tell(&delivery, OUTBOX_DELIVERY_PROGRESS, 200);
	assert_false(delivery.troubled);
	assert_int_equal(delivery.since, 200);
	assert_true(pause_after(&delivery, OUTBOX_VERDICT_TRANSIENT, 300) <= INITIAL);
	assert_int_equal(delivery.since, 300);
}

static void
opening_is_no_progress(void **state)
{
	OutboxDelivery delivery = streaming_at(0);

	(void) state;
	pause_after(&delivery, OUTBOX_VERDICT_MISCONFIGURED, 100);
	assert_int_equal(delivery.phase, OUTBOX_DELIVERY_STREAMING);
	assert_true(delivery.troubled);
	assert_int_equal(delivery.cause, OUTBOX_VERDICT_MISCONFIGURED);
	assert_int_equal(delivery.since, 100);
}

static void
what_a_person_must_mend_is_tried_at_the_ceiling(void **state)
{
	OutboxDelivery delivery = streaming_at(0);

	(void) state;
	assert_int_equal(pause_after(&delivery, OUTBOX_VERDICT_MISCONFIGURED, 0), MAX);
	assert_int_equal(pause_after(&delivery, OUTBOX_VERDICT_UNAUTHORIZED, 0), MAX);
}

static void
a_reload_tries_at_once(void **state)
{
	OutboxDelivery delivery = streaming_at(0);

	(void) state;
	end(&delivery, OUTBOX_VERDICT_UNAUTHORIZED, 10);
	assert_int_equal(tell(&delivery, OUTBOX_DELIVERY_RELOADED, 20), OUTBOX_DELIVERY_WAIT);
	assert_int_equal(tell(&delivery, OUTBOX_DELIVERY_TICK, 20), OUTBOX_DELIVERY_CONNECT);
	assert_int_equal(tell(&delivery, OUTBOX_DELIVERY_RELOADED, 30), OUTBOX_DELIVERY_STOP);
	assert_int_equal(tell(&delivery, OUTBOX_DELIVERY_TICK, 30), OUTBOX_DELIVERY_CONNECT);
}

static void
a_first_conflict_is_no_trouble_the_next_ones_are(void **state)
{
	OutboxDelivery delivery = streaming_at(0);

	(void) state;
	assert_int_equal(pause_after(&delivery, OUTBOX_VERDICT_CONFLICT, 10), 0);
	assert_false(delivery.troubled);
	assert_true(pause_after(&delivery, OUTBOX_VERDICT_CONFLICT, 20) > 0);
	assert_true(delivery.troubled);
	assert_int_equal(delivery.cause, OUTBOX_VERDICT_CONFLICT);
	tell(&delivery, OUTBOX_DELIVERY_PROGRESS, 30);
	assert_int_equal(pause_after(&delivery, OUTBOX_VERDICT_CONFLICT, 40), 0);
}

static void
a_refused_event_costs_no_pause(void **state)
{
	OutboxDelivery delivery = streaming_at(0);

	(void) state;
	for (int i = 0; i < 5; i++)
		assert_int_equal(pause_after(&delivery, OUTBOX_VERDICT_REFUSED, 10), 0);
	assert_false(delivery.troubled);
	assert_int_equal(delivery.attempt, 0);
}

static void
relays_with_other_seeds_pause_differently(void **state)
{
	OutboxDelivery one;
	OutboxDelivery other;
	int differing = 0;

	(void) state;
	outbox_delivery_init(&one, 1, 0);
	outbox_delivery_init(&other, 2, 0);
	for (int i = 0; i < 10; i++)
	{
		one.phase = other.phase = OUTBOX_DELIVERY_STREAMING;
		end(&one, OUTBOX_VERDICT_TRANSIENT, 0);
		end(&other, OUTBOX_VERDICT_TRANSIENT, 0);
		differing += one.retry_at != other.retry_at;
	}
	assert_true(differing > 5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_connects_once_at_the_start),
		cmocka_unit_test(a_signal_out_of_phase_changes_nothing),
		cmocka_unit_test(transient_trouble_pauses_longer_and_longer),
		cmocka_unit_test(progress_starts_the_pauses_anew),
		cmocka_unit_test(opening_is_no_progress),
		cmocka_unit_test(what_a_person_must_mend_is_tried_at_the_ceiling),
		cmocka_unit_test(a_reload_tries_at_once),
		cmocka_unit_test(a_first_conflict_is_no_trouble_the_next_ones_are),
		cmocka_unit_test(a_refused_event_costs_no_pause),
		cmocka_unit_test(relays_with_other_seeds_pause_differently),
	};

	return cmocka_run_group_tests_name("delivery", tests, NULL, NULL);
}
