/*
 * broker_broadcasts.c
 *		The part of the suite about broadcasts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "contract/broker_driver.h"

#define SUBJECT "broadcast.order.viewed"

static void
a_broadcast_is_heard_and_not_stored(void **state)
{
	BrokerDriver test = driver_begin_open();

	(void) state;
	assert_false(test.signal.facts.captures_broadcasts);
	for (int i = 0; i < 3; i++)
		assert_int_equal(driver_broadcast(&test, SUBJECT, 10), OUTBOX_BROADCAST_DONE);
	assert_int_equal(driver_broadcast(&test, SUBJECT, 0), OUTBOX_BROADCAST_DONE);
	driver_expect_heard(&test, 4);
	assert_int_equal(driver_bench->stored(test.bench), 0);
	driver_finish(&test);
}

static void
broadcasts_between_messages_disturb_no_fence(void **state)
{
	BrokerDriver test = driver_begin_open();
	uint64_t first = test.token + 1;

	(void) state;
	for (uint64_t i = 0; i < 200; i++)
	{
		driver_must_send(&test, NULL, i);
		assert_int_equal(driver_broadcast(&test, SUBJECT, 100), OUTBOX_BROADCAST_DONE);
	}
	for (uint64_t i = 0; i < 200; i++)
		driver_expect_answer(&test, OUTBOX_VERDICT_ACKED, first + i, i + 1);
	driver_expect_heard(&test, 200);
	driver_finish(&test);
}

static void
what_is_unfit_is_not_broadcast(void **state)
{
	static const OutboxHeaderField illegal = {"a", "x\r\nb: c"};
	OutboxMessage message = {.subject = SUBJECT, .fields = &illegal, .field_count = 1};
	BrokerDriver test = driver_begin_open();

	(void) state;
	assert_int_equal(driver_broadcast(&test, "broadcast.order viewed", 1), OUTBOX_BROADCAST_UNFIT);
	assert_int_equal(driver_broadcast(&test, "broadcast.>", 1), OUTBOX_BROADCAST_UNFIT);
	assert_int_equal(driver_broadcast(&test, "", 1), OUTBOX_BROADCAST_UNFIT);
	assert_int_equal(driver_broadcast(&test, SUBJECT, driver_bench->max_payload + 1),
					 OUTBOX_BROADCAST_UNFIT);
	assert_int_equal(driver_bench->routine->broadcast(test.self, &message), OUTBOX_BROADCAST_UNFIT);
	assert_int_equal(driver_broadcast(&test, SUBJECT, 1), OUTBOX_BROADCAST_DONE);
	driver_expect_heard(&test, 1);
	driver_must_send(&test, NULL, 0);
	driver_expect_answer(&test, OUTBOX_VERDICT_ACKED, test.token, 1);
	driver_finish(&test);
}

static void
without_a_connection_nothing_is_broadcast(void **state)
{
	BrokerDriver test = driver_begin(BROKER_STREAM_TO_MAKE);

	(void) state;
	assert_int_equal(driver_broadcast(&test, SUBJECT, 1), OUTBOX_BROADCAST_LOST);
	driver_open(&test);
	assert_int_equal(driver_broadcast(&test, SUBJECT, 1), OUTBOX_BROADCAST_DONE);
	driver_expect_heard(&test, 1);
	driver_bench->kill(test.bench);
	driver_expect(&test, OUTBOX_SIGNAL_LOST, OUTBOX_VERDICT_TRANSIENT);
	assert_int_equal(driver_broadcast(&test, SUBJECT, 1), OUTBOX_BROADCAST_LOST);
	driver_expect_silence(&test);
	driver_finish(&test);
}

static void
a_stream_that_would_store_broadcasts_is_told(void **state)
{
	BrokerDriver test = driver_begin(BROKER_STREAM_OF_BROADCASTS);

	(void) state;
	driver_open(&test);
	assert_true(test.signal.facts.captures_broadcasts);
	driver_finish(&test);
}

int
broker_broadcasts_run(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_broadcast_is_heard_and_not_stored),
		cmocka_unit_test(broadcasts_between_messages_disturb_no_fence),
		cmocka_unit_test(what_is_unfit_is_not_broadcast),
		cmocka_unit_test(without_a_connection_nothing_is_broadcast),
		cmocka_unit_test(a_stream_that_would_store_broadcasts_is_told),
	};

	return cmocka_run_group_tests_name("broadcasts", tests, NULL, NULL);
}
