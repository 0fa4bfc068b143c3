/*
 * relay_trouble_test.c
 *		The relay over a fake store and a fake broker, when something fails: one
 *		story at a time.  relay_storm.c tells the same by chance.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "unit/fake_desk.h"

static void
nothing_is_fetched_while_the_broker_is_away(void **state)
{
	(void) state;
	desk.broker.trouble.down = true;
	desk_commit(0, 3, FAKE_PLAIN, 10);
	desk_run(60 * SECOND);
	assert_int_equal(desk.store.fetches, 0);
	assert_int_equal(desk.report.phase, OUTBOX_DELIVERY_OFFLINE);
	assert_true(desk.report.troubled);
	assert_int_equal(desk.report.verdict, OUTBOX_VERDICT_TRANSIENT);
	assert_string_equal(desk.report.text, "connection refused");
	assert_true(desk.report.attempt > 5);
	assert_true(desk.report.next_retry_at > desk.now &&
				desk.report.next_retry_at <= desk.now + 10 * SECOND);
	desk.broker.trouble.down = false;
	desk_run(20 * SECOND);
	assert_int_equal(desk.report.counters.published, 3);
	assert_false(desk.report.troubled);
}

static void
a_lost_answer_is_found_as_a_duplicate(void **state)
{
	(void) state;
	desk_settle_in();
	desk.broker.odds.lose_answer = 1000;
	desk_commit_and_wake(0, 3, FAKE_PLAIN, 10);
	desk_run(4 * SECOND);
	assert_int_equal(desk.report.in_flight, 3);
	desk.broker.odds.lose_answer = 0;
	desk_run(5 * SECOND);
	assert_true(desk_stream_is((int64_t[]){1, 2, 3}, 3));
	assert_int_equal(desk.report.counters.published, 3);
	assert_int_equal(desk.report.counters.duplicates, 3);
	assert_int_equal(desk.report.counters.sent, 6);
	assert_int_equal(desk.report.counters.conflicts, 0);
	assert_int_equal(desk.report.counters.failures, 1);
}

static void
an_overdue_answer_is_trouble_with_a_reason(void **state)
{
	(void) state;
	desk_run(SECOND);
	desk.broker.odds.lose_message = 1000;
	desk_commit_and_wake(0, 1, FAKE_PLAIN, 10);
	desk_run(5 * SECOND + 5 * MS);
	assert_true(desk.report.troubled);
	assert_int_equal(desk.report.verdict, OUTBOX_VERDICT_TRANSIENT);
	assert_string_equal(desk.report.text, "no answer within 5000 ms");
	assert_int_equal(desk.report.in_flight, 0);
}

static void
a_full_stream_is_shown_and_tried_at_the_ceiling(void **state)
{
	int64_t broke_at;

	(void) state;
	desk_run(SECOND);
	desk.broker.trouble.full = true;
	broke_at = desk.now;
	desk_commit_and_wake(0, 2, FAKE_PLAIN, 10);
	desk_run(SECOND);
	assert_int_equal(desk.report.verdict, OUTBOX_VERDICT_MISCONFIGURED);
	assert_int_equal(desk.report.code, 10077);
	assert_string_equal(desk.report.text, "stream is full");
	assert_true(desk.report.since >= broke_at && desk.report.since <= broke_at + MS);
	assert_true(desk.report.next_retry_at >= broke_at + 10 * SECOND);
	desk_run(60 * SECOND);
	assert_true(desk.report.troubled);
	assert_true(desk.report.counters.failures <= 7);
	assert_int_equal(desk.report.counters.refused, 0);
	desk.broker.trouble.full = false;
	desk_run(11 * SECOND);
	assert_int_equal(desk.report.counters.published, 2);
}

static void
a_reload_tries_at_once(void **state)
{
	(void) state;
	desk.broker.trouble.unauthorized = true;
	desk_commit(0, 1, FAKE_PLAIN, 10);
	desk_run(SECOND);
	assert_int_equal(desk.report.verdict, OUTBOX_VERDICT_UNAUTHORIZED);
	desk.broker.trouble.unauthorized = false;
	desk_run(SECOND);
	assert_int_equal(desk.report.counters.published, 0);
	outbox_relay_reconfigure(&desk.relay, &desk.options, false, desk.now);
	desk_step(false);
	desk_run(10 * MS);
	assert_int_equal(desk.report.counters.published, 1);
}

static void
what_a_crash_forgot_costs_one_epoch(void **state)
{
	(void) state;
	desk_run(SECOND);
	desk.options.persist_interval = 3600 * SECOND;
	fake_store_restart(&desk.store);
	desk_start();
	desk.relay.persisted_at = desk.now;
	for (int i = 0; i < 5; i++)
		desk_commit(0, 8, FAKE_PLAIN, 10);
	desk_run(SECOND);
	assert_int_equal(desk.broker.stream.count, 40);
	fake_store_restart(&desk.store);
	desk_start();
	desk_commit(0, 8, FAKE_PLAIN, 10);
	desk_run(SECOND);
	assert_int_equal(desk.broker.stream.count, 48);
	assert_int_equal(desk.report.counters.recalled, 40);
	assert_int_equal(desk.report.counters.published, 48);
	assert_int_equal(desk.report.counters.epochs, 1);
	assert_int_equal(desk.report.counters.conflicts, 0);
}

static void
what_the_broker_forgot_is_recalled_and_not_stored_twice(void **state)
{
	(void) state;
	desk.broker.stream.duplicate_window = 100 * MS;
	desk.options.ack_timeout = SECOND;
	desk_start();
	desk_inherit_nothing();
	desk_settle_in();
	desk.broker.odds.lose_answer = 1000;
	desk_commit_and_wake(0, 8, FAKE_PLAIN, 10);
	desk_run(500 * MS);
	assert_int_equal(desk.broker.stream.count, 8);
	desk.broker.odds.lose_answer = 0;
	desk_commit(0, 2, FAKE_PLAIN, 10);
	desk_run(2 * SECOND);
	assert_int_equal(desk.broker.stream.count, 10);
	assert_int_equal(desk.report.counters.recalled, 8);
	assert_int_equal(desk.report.counters.published, 10);
	assert_int_equal(desk.report.counters.conflicts, 1);
}

static void
nothing_is_sent_until_the_stream_was_read(void **state)
{
	(void) state;
	desk.options.ack_timeout = 100 * MS;
	desk_start();
	desk.broker.odds.lose_look = 1000;
	for (int i = 0; i < 3; i++)
		fake_broker_intrude(&desk.broker, "");
	desk_commit(0, 8, FAKE_PLAIN, 10);
	desk_run(30 * SECOND);
	assert_true(desk.report.troubled);
	assert_string_equal(desk.report.text, "no answer within 100 ms from reading the stream");
	assert_int_equal(desk.broker.stream.count, 3);
	desk.broker.odds.lose_look = 0;
	desk_run(11 * SECOND);
	assert_int_equal(desk.report.counters.published, 8);
	assert_false(desk.report.troubled);
}

static void
a_broker_that_cannot_be_asked_is_not_asked(void **state)
{
	(void) state;
	desk.routine.look = NULL;
	for (int i = 0; i < 3; i++)
		fake_broker_intrude(&desk.broker, "");
	desk_commit(0, 8, FAKE_PLAIN, 10);
	desk_run(SECOND);
	assert_int_equal(desk.report.counters.published, 8);
	assert_int_equal(desk.report.counters.conflicts, 1);
}

static void
a_stream_that_is_not_empty_costs_one_conflict(void **state)
{
	(void) state;
	for (int i = 0; i < 3; i++)
		fake_broker_intrude(&desk.broker, "");
	desk_commit(0, 8, FAKE_PLAIN, 10);
	desk_run(SECOND);
	assert_int_equal(desk.report.counters.published, 8);
	assert_int_equal(desk.report.counters.conflicts, 1);
	assert_int_equal(desk.report.counters.epochs, 2);
	assert_false(desk.report.troubled);
	desk_commit_and_wake(0, 8, FAKE_PLAIN, 10);
	desk_run(SECOND);
	assert_int_equal(desk.report.counters.conflicts, 1);
}

static void
a_writer_who_always_gets_in_between_is_trouble(void **state)
{
	(void) state;
	desk_run(SECOND);
	desk_commit_and_wake(0, 1, FAKE_PLAIN, 10);
	for (int i = 0; i < 2000; i++)
	{
		fake_broker_intrude(&desk.broker, "");
		desk_run(50);
	}
	assert_true(desk.report.troubled);
	assert_int_equal(desk.report.verdict, OUTBOX_VERDICT_CONFLICT);
	assert_int_equal(desk.report.code, 10071);
	assert_true(desk.report.counters.epochs < 20);
	desk_run(20 * SECOND);
	assert_int_equal(desk.report.counters.published, 1);
}

/* It takes the place of the first message only: what is behind that must not pass. */
static void
what_a_killed_process_sent_lets_nothing_overtake(void **state)
{
	(void) state;
	desk.broker.odds.latency = 20 * MS;
	desk_run(SECOND);
	desk_start();
	desk_run(SECOND);
	desk_commit_and_wake(0, 8, FAKE_PLAIN, 10);
	desk_step(false);
	assert_int_equal(desk.report.in_flight, 1);
	fake_stream_store(&desk.broker.stream, "6f1c1fbc-0d0f-4c58-9f3e-3c1b0d5a7e11-3", 3, desk.now);
	desk_run(5 * SECOND);
	assert_int_equal(desk.report.counters.conflicts, 1);
	assert_int_equal(desk.report.counters.published, 8);
	assert_true(desk_stream_is((int64_t[]){3, 1, 2, 4, 5, 6, 7, 8}, 8));
	assert_true(desk.most_in_flight > 1);
}

static void
an_id_taken_in_another_life_is_not_believed(void **state)
{
	(void) state;
	desk.broker.stream.duplicate_window = 30 * SECOND;
	fake_broker_intrude(&desk.broker, "6f1c1fbc-0d0f-4c58-9f3e-3c1b0d5a7e11-1");
	fake_store_settled_before(&desk.store, 1, desk.broker.stream.created);
	desk_start();
	desk_commit(0, 2, FAKE_PLAIN, 10);
	desk_run(SECOND);
	assert_int_equal(desk.report.counters.published, 0);
	assert_int_equal(desk.report.verdict, OUTBOX_VERDICT_MISCONFIGURED);
	assert_non_null(strstr(desk.report.text, "message id already taken"));
	desk_run(60 * SECOND);
	assert_int_equal(desk.report.counters.published, 2);
	assert_int_equal(desk.report.counters.duplicates, 0);
}

static bool
displace_first_ack(void *self, OutboxSignal *signal)
{
	bool heard = fake_broker.next(self, signal);

	if (heard && signal->kind == OUTBOX_SIGNAL_ANSWER && desk.relay.counters.conflicts == 0)
		signal->sequence += 5;
	return heard;
}

static void
an_ack_from_an_unexpected_place_is_a_conflict(void **state)
{
	(void) state;
	desk.routine.next = displace_first_ack;
	desk_commit(0, 8, FAKE_PLAIN, 10);
	desk_run(SECOND);
	assert_true(desk.report.counters.conflicts >= 1);
	assert_int_equal(desk.report.counters.published, 8);
	assert_int_equal(desk.broker.stream.count, 8);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(nothing_is_fetched_while_the_broker_is_away, desk_set_up),
		cmocka_unit_test_setup(a_lost_answer_is_found_as_a_duplicate, desk_set_up),
		cmocka_unit_test_setup(an_overdue_answer_is_trouble_with_a_reason, desk_set_up),
		cmocka_unit_test_setup(a_full_stream_is_shown_and_tried_at_the_ceiling, desk_set_up),
		cmocka_unit_test_setup(a_reload_tries_at_once, desk_set_up),
		cmocka_unit_test_setup(what_a_crash_forgot_costs_one_epoch, desk_set_up),
		cmocka_unit_test_setup(what_the_broker_forgot_is_recalled_and_not_stored_twice,
							   desk_set_up),
		cmocka_unit_test_setup(nothing_is_sent_until_the_stream_was_read, desk_set_up),
		cmocka_unit_test_setup(a_broker_that_cannot_be_asked_is_not_asked, desk_set_up),
		cmocka_unit_test_setup(a_stream_that_is_not_empty_costs_one_conflict, desk_set_up),
		cmocka_unit_test_setup(a_writer_who_always_gets_in_between_is_trouble, desk_set_up),
		cmocka_unit_test_setup(what_a_killed_process_sent_lets_nothing_overtake, desk_set_up),
		cmocka_unit_test_setup(an_id_taken_in_another_life_is_not_believed, desk_set_up),
		cmocka_unit_test_setup(an_ack_from_an_unexpected_place_is_a_conflict, desk_set_up),
	};

	return cmocka_run_group_tests_name("relay_trouble", tests, NULL, NULL);
}
