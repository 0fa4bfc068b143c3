/*
 * broadcast_test.c
 *		The part of the relay that broadcasts, over the fakes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "application/broadcast.h"
#include "unit/fake_desk.h"

static void
put(int count, size_t payload_length)
{
	for (int i = 0; i < count; i++)
		fake_queue_put(&desk.queue, "viewed", payload_length, desk.now);
}

/* One step for each slice that is left. */
static int
steps_until_quiet(void)
{
	int steps = 0;

	do
	{
		desk_step(false);
		steps++;
		assert_in_range(steps, 1, 1000);
	} while (desk.step.busy);
	return steps;
}

static void
connected(void)
{
	desk_run(SECOND);
	assert_int_equal(desk.queue.admitted, OUTBOX_FATE_SENT);
}

static void
they_are_sent_in_order_and_counted(void **state)
{
	(void) state;
	connected();
	put(3, 10);
	desk_step(false);
	assert_int_equal(desk.broker.air.heard, 3);
	assert_string_equal(desk.broker.air.subject, "live.order.3.viewed");
	assert_int_equal(desk.queue.fates[OUTBOX_FATE_SENT], 3);
	assert_int_equal(desk.queue.count, 0);
	assert_int_equal(desk.broker.stream.count, 0);
}

static void
each_has_an_id_that_no_other_relay_gives(void **state)
{
	char before[OUTBOX_MESSAGE_ID_SIZE];

	(void) state;
	desk.options.envelope.mode = OUTBOX_ENVELOPE_CLOUDEVENTS;
	desk_start();
	connected();
	put(1, 10);
	desk_step(false);
	strcpy(before, desk.broker.air.id);
	assert_non_null(strstr(before, "6f1c1fbc-0d0f-4c58-9f3e-3c1b0d5a7e11-b"));
	put(1, 10);
	desk_step(false);
	assert_string_not_equal(desk.broker.air.id, before);
	assert_int_equal(strlen(desk.broker.air.id), strlen(before));
	for (uint64_t seed = 0; seed < 1000; seed++)
	{
		OutboxRelayPorts none = {0};
		OutboxRelay other = {0};

		outbox_broadcast_init(&other, &none, seed);
		assert_true(other.broadcast_id >= 0);
		if (seed != 1)
			assert_false(other.broadcast_id - desk.relay.broadcast_id < INT64_C(1) << 32 &&
						 desk.relay.broadcast_id - other.broadcast_id < INT64_C(1) << 32);
	}
}

static void
they_are_dropped_while_no_connection_is_open(void **state)
{
	(void) state;
	desk.broker.trouble.down = true;
	put(2, 10);
	desk_run(SECOND);
	put(1, 10);
	assert_int_equal(desk.queue.fates[OUTBOX_FATE_OFFLINE], 3);
	desk.broker.trouble.down = false;
	desk_run(20 * SECOND);
	assert_int_equal(desk.queue.admitted, OUTBOX_FATE_SENT);
	put(1, 10);
	desk_step(false);
	assert_int_equal(desk.broker.air.heard, 1);
}

static void
those_that_wait_are_dropped_when_the_connection_ends(void **state)
{
	(void) state;
	connected();
	desk.broker.air.crowded = true;
	put(5, 10);
	desk_step(false);
	assert_int_equal(desk.queue.count, 5);
	desk.broker.trouble.down = true;
	fake_broker_cut(&desk.broker);
	desk_run(10 * MS);
	assert_int_equal(desk.queue.fates[OUTBOX_FATE_OFFLINE], 5);
	assert_int_equal(desk.broker.air.heard, 0);
}

static void
a_connection_found_gone_ends_the_epoch(void **state)
{
	(void) state;
	connected();
	desk.broker.connected = false;
	put(5, 10);
	desk_step(false);
	assert_int_not_equal(desk.report.phase, OUTBOX_DELIVERY_STREAMING);
	assert_int_equal(desk.queue.fates[OUTBOX_FATE_OFFLINE], 5);
}

static void
they_are_dropped_when_the_stream_would_store_them(void **state)
{
	(void) state;
	desk.broker.air.captured = true;
	desk_run(SECOND);
	assert_int_equal(desk.queue.admitted, OUTBOX_FATE_CAPTURED);
	put(1, 10);
	desk_commit_and_wake(0, 1, FAKE_PLAIN, 10);
	desk_run(SECOND);
	assert_int_equal(desk.broker.air.heard, 0);
	assert_int_equal(desk.queue.fates[OUTBOX_FATE_CAPTURED], 1);
	assert_int_equal(desk.report.counters.published, 1);
}

static void
a_crowded_broker_is_waited_for_but_not_for_long(void **state)
{
	(void) state;
	connected();
	desk.broker.air.crowded = true;
	put(2, 10);
	desk_step(false);
	assert_false(desk.step.busy);
	desk_run(SECOND);
	desk.broker.air.crowded = false;
	desk_step(false);
	assert_int_equal(desk.broker.air.heard, 2);

	desk.broker.air.crowded = true;
	put(2, 10);
	desk_run(OUTBOX_BROADCAST_PATIENCE + SECOND + 10 * MS);
	assert_int_equal(desk.queue.fates[OUTBOX_FATE_LATE], 2);
	assert_int_equal(desk.queue.count, 0);
}

static void
what_cannot_be_sent_is_dropped_and_the_rest_is_sent(void **state)
{
	(void) state;
	connected();
	put(1, 10);
	put(1, 5000); /* the broker takes 4096 */
	fake_queue_put(&desk.queue, "not legal", 10, desk.now);
	put(1, 10);
	desk_step(false);
	assert_int_equal(desk.broker.air.heard, 2);
	assert_int_equal(desk.queue.fates[OUTBOX_FATE_REFUSED], 2);
	desk.broker.air.denied = true;
	put(3, 10);
	desk_step(false);
	assert_int_equal(desk.queue.fates[OUTBOX_FATE_REFUSED], 5);
	assert_int_equal(desk.report.phase, OUTBOX_DELIVERY_STREAMING);
}

static void
a_step_sends_one_slice(void **state)
{
	(void) state;
	connected();
	put(OUTBOX_BROADCAST_SLICE * 2 + 1, 10);
	desk_step(false);
	assert_int_equal(desk.broker.air.heard, OUTBOX_BROADCAST_SLICE);
	assert_true(desk.step.busy);
	assert_int_equal(steps_until_quiet(), 2);
	assert_int_equal(desk.broker.air.heard, OUTBOX_BROADCAST_SLICE * 2 + 1);

	put(200, 3500);
	desk_step(false);
	assert_in_range(desk.broker.air.heard - OUTBOX_BROADCAST_SLICE * 2 - 1, 1,
					OUTBOX_BROADCAST_SLICE_BYTES / 3500 + 1);
	steps_until_quiet();
	assert_int_equal(desk.queue.fates[OUTBOX_FATE_SENT], OUTBOX_BROADCAST_SLICE * 2 + 201);
}

/* The fence: no message finds the stream where it does not expect it. */
static void
events_go_on_between_slices(void **state)
{
	(void) state;
	connected();
	for (int i = 0; i < 20; i++)
	{
		put(OUTBOX_BROADCAST_SLICE, 10);
		desk_commit_and_wake(0, 10, FAKE_PLAIN, 10);
		desk_run(5 * MS);
	}
	assert_int_equal(desk.broker.stream.count, 200);
	assert_int_equal(desk.report.counters.published, 200);
	assert_int_equal(desk.report.counters.epochs, 1);
	assert_int_equal(desk.report.counters.conflicts, 0);
	assert_int_equal(desk.broker.air.heard, 20 * OUTBOX_BROADCAST_SLICE);
}

static void
a_pause_drops_them(void **state)
{
	(void) state;
	connected();
	outbox_relay_pause(&desk.relay, desk.now);
	assert_int_equal(desk.queue.admitted, OUTBOX_FATE_OFFLINE);
	put(1, 10);
	assert_int_equal(desk.queue.fates[OUTBOX_FATE_OFFLINE], 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(they_are_sent_in_order_and_counted, desk_set_up),
		cmocka_unit_test_setup(each_has_an_id_that_no_other_relay_gives, desk_set_up),
		cmocka_unit_test_setup(they_are_dropped_while_no_connection_is_open, desk_set_up),
		cmocka_unit_test_setup(those_that_wait_are_dropped_when_the_connection_ends, desk_set_up),
		cmocka_unit_test_setup(a_connection_found_gone_ends_the_epoch, desk_set_up),
		cmocka_unit_test_setup(they_are_dropped_when_the_stream_would_store_them, desk_set_up),
		cmocka_unit_test_setup(a_crowded_broker_is_waited_for_but_not_for_long, desk_set_up),
		cmocka_unit_test_setup(what_cannot_be_sent_is_dropped_and_the_rest_is_sent, desk_set_up),
		cmocka_unit_test_setup(a_step_sends_one_slice, desk_set_up),
		cmocka_unit_test_setup(events_go_on_between_slices, desk_set_up),
		cmocka_unit_test_setup(a_pause_drops_them, desk_set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
