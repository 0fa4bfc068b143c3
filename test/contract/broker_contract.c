/*
 * broker_contract.c
 *		The suite.
 *
 * Promises: Accounted.
 */
#include "contract/broker_contract.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "contract/broker_driver.h"

static void
connecting_tells_how_the_stream_stands(void **state)
{
	BrokerDriver test = driver_begin_open();

	(void) state;
	assert_int_equal(test.signal.facts.last_sequence, 0);
	assert_true(test.signal.facts.created > 0);
	assert_int_equal(test.signal.facts.max_payload, driver_bench->max_payload);
	assert_int_equal(test.signal.facts.max_message_size, -1);
	assert_true(test.signal.facts.duplicate_window > 0);
	driver_expect_silence(&test);
	driver_finish(&test);
}

static void
each_message_gets_its_own_ack_with_ascending_sequences(void **state)
{
	BrokerDriver test = driver_begin_open();
	uint64_t first = test.token + 1;

	(void) state;
	for (int i = 0; i < 500; i++)
		driver_must_send(&test, NULL, OUTBOX_UNFENCED);
	for (uint64_t i = 0; i < 500; i++)
		driver_expect_answer(&test, OUTBOX_VERDICT_ACKED, first + i, i + 1);
	driver_expect_silence(&test);
	assert_int_equal(driver_bench->stored(test.bench), 500);
	driver_finish(&test);
}

static void
a_known_id_is_a_duplicate_with_the_first_sequence(void **state)
{
	BrokerDriver test = driver_begin_open();

	(void) state;
	driver_must_send(&test, "a", OUTBOX_UNFENCED);
	driver_must_send(&test, "b", OUTBOX_UNFENCED);
	driver_must_send(&test, "a", OUTBOX_UNFENCED);
	driver_expect_answer(&test, OUTBOX_VERDICT_ACKED, test.token - 2, 1);
	driver_expect_answer(&test, OUTBOX_VERDICT_ACKED, test.token - 1, 2);
	driver_expect_answer(&test, OUTBOX_VERDICT_DUPLICATE, test.token, 1);
	assert_int_equal(driver_bench->stored(test.bench), 2);
	driver_finish(&test);
}

static void
a_right_fence_lets_a_whole_window_through(void **state)
{
	BrokerDriver test = driver_begin_open();
	uint64_t first = test.token + 1;

	(void) state;
	for (uint64_t i = 0; i < 100; i++)
		driver_must_send(&test, NULL, i);
	for (uint64_t i = 0; i < 100; i++)
		driver_expect_answer(&test, OUTBOX_VERDICT_ACKED, first + i, i + 1);
	driver_finish(&test);
}

static void
a_wrong_fence_is_a_conflict_and_stops_all_behind_it(void **state)
{
	BrokerDriver test = driver_begin_open();

	(void) state;
	driver_must_send(&test, NULL, 0);
	driver_must_send(&test, NULL, 7); /* it stands at 1 */
	driver_must_send(&test, NULL, 8);
	driver_must_send(&test, NULL, 0); /* nor is it empty */
	driver_expect_answer(&test, OUTBOX_VERDICT_ACKED, test.token - 3, 1);
	driver_expect_answer(&test, OUTBOX_VERDICT_CONFLICT, test.token - 2, 0);
	assert_int_not_equal(test.signal.code, 0);
	driver_expect_answer(&test, OUTBOX_VERDICT_CONFLICT, test.token - 1, 0);
	driver_expect_answer(&test, OUTBOX_VERDICT_CONFLICT, test.token, 0);
	driver_must_send(&test, NULL, 1);
	driver_expect_answer(&test, OUTBOX_VERDICT_ACKED, test.token, 2);
	driver_finish(&test);
}

static void
a_message_over_max_payload_is_not_sent(void **state)
{
	BrokerDriver test = driver_begin_open();

	(void) state;
	assert_int_equal(driver_send_bytes(&test, driver_bench->max_payload + 1),
					 OUTBOX_SEND_TOO_LARGE);
	driver_must_send(&test, NULL, OUTBOX_UNFENCED);
	driver_expect_answer(&test, OUTBOX_VERDICT_ACKED, test.token, 1);
	driver_expect_silence(&test);
	driver_finish(&test);
}

static void
headers_count_towards_max_payload(void **state)
{
	BrokerDriver test = driver_begin_open();
	char *bytes = calloc(1, driver_bench->max_payload);
	OutboxMessage message = {
		.subject = "shop.order.placed",
		.payload = bytes,
		.payload_length = driver_bench->max_payload - 10,
		.expected_last = OUTBOX_UNFENCED,
	};

	(void) state;
	assert_int_equal(driver_send(&test, &message, "a"), OUTBOX_SEND_TOO_LARGE);
	assert_int_equal(driver_send(&test, &message, NULL), OUTBOX_SEND_DONE);
	driver_expect_answer(&test, OUTBOX_VERDICT_ACKED, test.token, 1);
	free(bytes);
	driver_finish(&test);
}

static void
an_empty_payload_is_a_message(void **state)
{
	BrokerDriver test = driver_begin_open();
	OutboxMessage message = {.subject = "shop.order.placed", .expected_last = 0};

	(void) state;
	assert_int_equal(driver_send(&test, &message, "a"), OUTBOX_SEND_DONE);
	driver_expect_answer(&test, OUTBOX_VERDICT_ACKED, test.token, 1);
	driver_finish(&test);
}

static void
an_illegal_subject_is_not_sent(void **state)
{
	static const char *const illegal[] = {
		"",           "shop.",
		".shop",      "shop..placed",
		"shop.*",     "shop.>",
		"shop order", "shop.a\r\nPUB b 0",
		"shop.a\tb",  "$JS.API.STREAM.DELETE.X",
		"_INBOX.x",   "shop.\377",
	};
	BrokerDriver test = driver_begin_open();

	(void) state;
	for (size_t i = 0; i < sizeof(illegal) / sizeof(illegal[0]); i++)
		assert_int_equal(driver_send_to(&test, illegal[i]), OUTBOX_SEND_ILLEGAL);
	driver_must_send(&test, NULL, 0);
	driver_expect_answer(&test, OUTBOX_VERDICT_ACKED, test.token, 1);
	driver_expect_silence(&test);
	assert_int_equal(driver_bench->stored(test.bench), 1);
	driver_finish(&test);
}

static void
an_illegal_header_is_not_sent(void **state)
{
	static const OutboxHeaderField illegal[] = {
		{"", "x"},          {"a b", "x"}, {"a:b", "x"},   {"a\r\nNats-Msg-Id: 1\r\nb", "x"},
		{"a", "x\r\nb: c"}, {"a", "\t"},  {"a", "x\177"},
	};
	BrokerDriver test = driver_begin_open();
	OutboxMessage message = {.subject = "shop.order.placed", .expected_last = OUTBOX_UNFENCED};

	(void) state;
	for (size_t i = 0; i < sizeof(illegal) / sizeof(illegal[0]); i++)
	{
		message.fields = &illegal[i];
		message.field_count = 1;
		message.token = ++test.token;
		assert_int_equal(driver_bench->routine->publish(test.self, &message), OUTBOX_SEND_ILLEGAL);
	}
	driver_expect_silence(&test);
	assert_int_equal(driver_bench->stored(test.bench), 0);
	driver_finish(&test);
}

static void
a_message_over_the_streams_limit_is_refused(void **state)
{
	BrokerDriver test = driver_begin(BROKER_STREAM_OF_SMALL);

	(void) state;
	driver_open(&test);
	assert_int_equal(test.signal.facts.max_message_size, 1000);
	assert_int_equal(driver_send_bytes(&test, 2000), OUTBOX_SEND_DONE);
	driver_must_send(&test, NULL, 0);
	driver_expect_answer(&test, OUTBOX_VERDICT_REFUSED, test.token - 1, 0);
	assert_int_not_equal(test.signal.code, 0);
	assert_int_not_equal(test.signal.text[0], '\0');
	driver_expect_answer(&test, OUTBOX_VERDICT_ACKED, test.token, 1);
	driver_finish(&test);
}

static void
a_full_stream_is_a_fault_of_the_setup(void **state)
{
	BrokerDriver test = driver_begin(BROKER_STREAM_OF_TWO);

	(void) state;
	driver_open(&test);
	for (int i = 0; i < 3; i++)
		driver_must_send(&test, NULL, OUTBOX_UNFENCED);
	driver_expect_answer(&test, OUTBOX_VERDICT_ACKED, test.token - 2, 1);
	driver_expect_answer(&test, OUTBOX_VERDICT_ACKED, test.token - 1, 2);
	driver_expect_answer(&test, OUTBOX_VERDICT_MISCONFIGURED, test.token, 0);
	assert_int_not_equal(test.signal.text[0], '\0');
	driver_finish(&test);
}

static void
a_missing_stream_is_not_made_unasked(void **state)
{
	BrokerDriver test = driver_begin(BROKER_STREAM_MISSING);

	(void) state;
	driver_bench->routine->connect(test.self);
	driver_expect(&test, OUTBOX_SIGNAL_FAILED, OUTBOX_VERDICT_MISCONFIGURED);
	assert_int_not_equal(test.signal.text[0], '\0');
	assert_int_equal(driver_send_to(&test, "shop.order.placed"), OUTBOX_SEND_LOST);
	driver_finish(&test);
}

static void
a_subject_without_stream_ends_the_epoch(void **state)
{
	BrokerDriver test = driver_begin_open();

	(void) state;
	assert_int_equal(driver_send_to(&test, "elsewhere.order.placed"), OUTBOX_SEND_DONE);
	driver_expect(&test, OUTBOX_SIGNAL_LOST, OUTBOX_VERDICT_MISCONFIGURED);
	assert_int_not_equal(test.signal.text[0], '\0');
	driver_expect_silence(&test);
	assert_int_equal(driver_send_to(&test, "shop.order.placed"), OUTBOX_SEND_LOST);
	driver_open(&test);
	driver_finish(&test);
}

static void
a_look_finds_the_id_of_a_stored_message(void **state)
{
	static const char *const ids[] = {"a", "", "5f0c-order-42", "z", ""};
	BrokerDriver test = driver_begin_open();
	bool found[6] = {false};

	(void) state;
	if (driver_bench->routine->look == NULL)
		skip();
	for (int i = 0; i < 4; i++)
	{
		driver_must_send(&test, ids[i][0] != '\0' ? ids[i] : NULL, OUTBOX_UNFENCED);
		driver_expect(&test, OUTBOX_SIGNAL_ANSWER, OUTBOX_VERDICT_ACKED);
	}
	for (uint64_t sequence = 1; sequence <= 5; sequence++)
		driver_bench->routine->look(test.self, sequence);
	for (int i = 0; i < 5; i++)
	{
		driver_expect(&test, OUTBOX_SIGNAL_FOUND, OUTBOX_VERDICT_ACKED);
		assert_in_range(test.signal.sequence, 1, 5);
		assert_false(found[test.signal.sequence]);
		found[test.signal.sequence] = true;
		assert_string_equal(test.signal.text, ids[test.signal.sequence - 1]);
	}
	driver_expect_silence(&test);
	driver_finish(&test);
}

static void
the_facts_tell_what_the_stream_holds(void **state)
{
	BrokerDriver test = driver_begin_open();

	(void) state;
	for (int i = 0; i < 3; i++)
	{
		driver_must_send(&test, NULL, OUTBOX_UNFENCED);
		driver_expect(&test, OUTBOX_SIGNAL_ANSWER, OUTBOX_VERDICT_ACKED);
	}
	driver_open(&test);
	assert_int_equal(test.signal.facts.first_sequence, 1);
	assert_int_equal(test.signal.facts.last_sequence, 3);
	assert_int_equal(test.signal.facts.deleted, 0);
	assert_false(test.signal.facts.expires);
	assert_false(test.signal.facts.sparse);
	driver_finish(&test);
}

static void
a_server_that_is_away_fails_to_connect(void **state)
{
	BrokerDriver test = driver_begin(BROKER_STREAM_TO_MAKE);

	(void) state;
	driver_bench->kill(test.bench);
	driver_bench->routine->connect(test.self);
	driver_expect(&test, OUTBOX_SIGNAL_FAILED, OUTBOX_VERDICT_TRANSIENT);
	driver_expect_silence(&test);
	driver_bench->revive(test.bench);
	driver_open(&test);
	driver_finish(&test);
}

static void
a_killed_server_loses_the_epoch_and_nothing_of_it_follows(void **state)
{
	BrokerDriver test = driver_begin_open();
	uint64_t first = test.token + 1;
	uint64_t acked = 0;

	(void) state;
	for (uint64_t i = 0; i < 200; i++)
		driver_must_send(&test, NULL, i);
	driver_bench->kill(test.bench);
	for (;;)
	{
		assert_true(driver_hear(&test, DRIVER_DEADLINE));
		if (test.signal.kind == OUTBOX_SIGNAL_LOST)
			break;
		assert_int_equal(test.signal.kind, OUTBOX_SIGNAL_ANSWER);
		assert_int_equal(test.signal.verdict, OUTBOX_VERDICT_ACKED);
		assert_int_equal(test.signal.token, first + acked);
		assert_int_equal(test.signal.sequence, ++acked);
	}
	assert_int_equal(test.signal.verdict, OUTBOX_VERDICT_TRANSIENT);
	driver_expect_silence(&test);
	assert_int_equal(driver_send_small(&test, NULL, 0), OUTBOX_SEND_LOST);

	driver_bench->revive(test.bench);
	driver_open(&test);
	assert_true(test.signal.facts.last_sequence >= acked);
	driver_must_send(&test, NULL, test.signal.facts.last_sequence);
	driver_expect_answer(&test, OUTBOX_VERDICT_ACKED, test.token,
						 test.signal.facts.last_sequence + 1);
	driver_expect_silence(&test);
	driver_finish(&test);
}

static void
disconnecting_forgets_what_is_in_flight(void **state)
{
	BrokerDriver test = driver_begin_open();

	(void) state;
	for (int i = 0; i < 50; i++)
		driver_must_send(&test, NULL, OUTBOX_UNFENCED);
	driver_bench->wait(test.bench, 1);
	driver_bench->routine->disconnect(test.self);
	driver_expect_silence(&test);
	assert_int_equal(driver_send_small(&test, NULL, 0), OUTBOX_SEND_LOST);
	driver_open(&test);
	driver_expect_silence(&test);
	driver_must_send(&test, NULL, OUTBOX_UNFENCED);
	driver_expect(&test, OUTBOX_SIGNAL_ANSWER, OUTBOX_VERDICT_ACKED);
	assert_int_equal(test.signal.token, test.token);
	driver_finish(&test);
}

static void
connecting_again_begins_a_new_epoch(void **state)
{
	BrokerDriver test = driver_begin_open();

	(void) state;
	for (int i = 0; i < 50; i++)
		driver_must_send(&test, NULL, OUTBOX_UNFENCED);
	driver_bench->routine->connect(test.self);
	assert_int_equal(driver_send_small(&test, NULL, 0), OUTBOX_SEND_LOST);
	driver_expect(&test, OUTBOX_SIGNAL_OPENED, 0);
	driver_expect_silence(&test);
	driver_finish(&test);
}

static void
only_the_last_connect_counts(void **state)
{
	BrokerDriver test = driver_begin(BROKER_STREAM_TO_MAKE);

	(void) state;
	driver_bench->routine->connect(test.self);
	driver_bench->routine->connect(test.self);
	driver_bench->routine->disconnect(test.self);
	driver_bench->routine->connect(test.self);
	driver_expect(&test, OUTBOX_SIGNAL_OPENED, 0);
	driver_expect_silence(&test);
	driver_must_send(&test, NULL, 0);
	driver_expect_answer(&test, OUTBOX_VERDICT_ACKED, test.token, 1);
	driver_finish(&test);
}

static void
disconnecting_while_connecting_keeps_silent(void **state)
{
	BrokerDriver test = driver_begin(BROKER_STREAM_TO_MAKE);

	(void) state;
	driver_bench->routine->connect(test.self);
	driver_bench->routine->disconnect(test.self);
	driver_expect_silence(&test);
	assert_int_equal(driver_send_small(&test, NULL, 0), OUTBOX_SEND_LOST);
	driver_open(&test);
	driver_finish(&test);
}

static void
nothing_can_be_sent_before_connecting(void **state)
{
	BrokerDriver test = driver_begin(BROKER_STREAM_TO_MAKE);

	(void) state;
	assert_int_equal(driver_send_small(&test, NULL, 0), OUTBOX_SEND_LOST);
	assert_int_equal(driver_send_to(&test, "a b"), OUTBOX_SEND_ILLEGAL);
	driver_bench->routine->disconnect(test.self);
	driver_expect_silence(&test);
	driver_finish(&test);
}

int
broker_contract_run(const BrokerBench *bench)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connecting_tells_how_the_stream_stands),
		cmocka_unit_test(each_message_gets_its_own_ack_with_ascending_sequences),
		cmocka_unit_test(a_known_id_is_a_duplicate_with_the_first_sequence),
		cmocka_unit_test(a_right_fence_lets_a_whole_window_through),
		cmocka_unit_test(a_wrong_fence_is_a_conflict_and_stops_all_behind_it),
		cmocka_unit_test(a_message_over_max_payload_is_not_sent),
		cmocka_unit_test(headers_count_towards_max_payload),
		cmocka_unit_test(an_empty_payload_is_a_message),
		cmocka_unit_test(an_illegal_subject_is_not_sent),
		cmocka_unit_test(an_illegal_header_is_not_sent),
		cmocka_unit_test(a_message_over_the_streams_limit_is_refused),
		cmocka_unit_test(a_full_stream_is_a_fault_of_the_setup),
		cmocka_unit_test(a_missing_stream_is_not_made_unasked),
		cmocka_unit_test(a_subject_without_stream_ends_the_epoch),
		cmocka_unit_test(a_look_finds_the_id_of_a_stored_message),
		cmocka_unit_test(the_facts_tell_what_the_stream_holds),
		cmocka_unit_test(a_server_that_is_away_fails_to_connect),
		cmocka_unit_test(a_killed_server_loses_the_epoch_and_nothing_of_it_follows),
		cmocka_unit_test(disconnecting_forgets_what_is_in_flight),
		cmocka_unit_test(connecting_again_begins_a_new_epoch),
		cmocka_unit_test(only_the_last_connect_counts),
		cmocka_unit_test(disconnecting_while_connecting_keeps_silent),
		cmocka_unit_test(nothing_can_be_sent_before_connecting),
	};

	driver_bench = bench;
	return cmocka_run_group_tests_name(bench->name, tests, NULL, NULL) + broker_broadcasts_run();
}
