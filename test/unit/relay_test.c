/*
 * relay_test.c
 *		The relay over a fake store and a fake broker, when all goes well: one story
 *		at a time.  relay_storm.c tells the same by chance.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "unit/fake_desk.h"

static void
events_are_published_in_order_and_settled(void **state)
{
	(void) state;
	desk_commit(0, 3, FAKE_PLAIN, 10);
	desk_run(SECOND);
	assert_true(desk_stream_is((int64_t[]){1, 2, 3}, 3));
	assert_int_equal(desk.report.counters.published, 3);
	assert_int_equal(desk.report.counters.sent, 3);
	assert_int_equal(desk.report.last_sequence, 3);
	assert_true(desk.report.idle);
	assert_false(desk.report.troubled);
	assert_int_equal(desk.store.saved[0].sequence, 3);
}

static void
a_commit_wakes_an_idle_relay(void **state)
{
	(void) state;
	desk_run(SECOND + 500 * MS);
	desk_commit_and_wake(0, 1, FAKE_PLAIN, 10);
	desk_run(5 * MS);
	assert_int_equal(desk.report.counters.published, 1);
}

static void
an_idle_relay_sleeps_until_the_poll(void **state)
{
	int64_t slept_from;

	(void) state;
	desk_run(SECOND);
	assert_true(desk.report.idle);
	desk_step(false);
	assert_false(desk.step.busy);
	slept_from = desk.now;
	assert_true(desk.step.wake_at > slept_from && desk.step.wake_at <= slept_from + SECOND);
	desk_commit(0, 1, FAKE_PLAIN, 10); /* wakes nobody */
	desk_run(2 * SECOND);
	assert_int_equal(desk.broker.stream.count, 1);
}

static void
a_long_transaction_delays_nobody(void **state)
{
	int long_one = fake_store_begin(&desk.store);

	(void) state;
	fake_store_emit(&desk.store, long_one, 0, FAKE_PLAIN, 10);
	desk_commit(1, 2, FAKE_PLAIN, 10);
	desk_run(SECOND);
	assert_true(desk_stream_is((int64_t[]){2, 3}, 2));
	fake_store_commit(&desk.store, long_one, true);
	desk_step(true);
	desk_run(10 * MS);
	assert_true(desk_stream_is((int64_t[]){2, 3, 1}, 3));
}

static void
only_the_answered_prefix_is_settled(void **state)
{
	(void) state;
	desk_settle_in();
	desk.broker.odds.reorder = true;
	desk.broker.odds.latency = 100 * MS;
	desk_commit_and_wake(0, 8, FAKE_PLAIN, 10);
	desk_commit_and_wake(0, 8, FAKE_PLAIN, 10);
	for (int i = 0; i < 400; i++)
	{
		const OutboxSlot *head;

		desk_run(MS);
		head = outbox_window_head(&desk.relay.window);
		if (head)
			assert_false(head->answered);
		if (head)
			assert_int_equal(desk.store.settled_events + 1, head->position.id);
	}
	assert_int_equal(desk.store.settled_events, 16);
}

static void
the_window_bounds_messages(void **state)
{
	(void) state;
	desk.options.max_in_flight = 4;
	desk_start();
	for (int i = 0; i < 5; i++)
		desk_commit(0, 8, FAKE_PLAIN, 10);
	desk_run(SECOND);
	assert_int_equal(desk.most_in_flight, 4);
	assert_int_equal(desk.report.counters.published, 40);
}

static void
the_window_bounds_bytes_but_lets_one_message_through(void **state)
{
	(void) state;
	desk.options.max_in_flight_bytes = 100;
	desk_start();
	desk_commit(0, 8, FAKE_PLAIN, 1000);
	desk_run(SECOND);
	assert_int_equal(desk.most_in_flight, 1);
	assert_int_equal(desk.report.counters.published, 8);
}

static void
on_a_shared_stream_an_aggregate_waits_for_itself_only(void **state)
{
	int transaction;

	(void) state;
	desk.options.fenced = false;
	desk_start();
	desk_run(SECOND);
	transaction = fake_store_begin(&desk.store);
	for (int i = 0; i < 4; i++)
		fake_store_emit(&desk.store, transaction, 0, FAKE_PLAIN, 10);
	fake_store_commit(&desk.store, transaction, true);
	desk_step(true);
	desk_run(SECOND);
	assert_int_equal(desk.most_in_flight, 1);
	desk_commit_and_wake(0, 8, FAKE_PLAIN, 10);
	assert_int_equal(desk.report.in_flight, 8);
	fake_broker_intrude(&desk.broker, "");
	desk_run(SECOND);
	assert_int_equal(desk.report.counters.published, 12);
	assert_int_equal(desk.report.counters.conflicts, 0);
	assert_int_equal(desk.broker.stream.count, 13);
}

static void
the_position_is_written_down_now_and_then(void **state)
{
	uint64_t lsn;

	(void) state;
	desk_run(SECOND);
	lsn = desk.store.lsn;
	for (int i = 0; i < 100; i++)
	{
		desk_commit_and_wake(0, 1, FAKE_PLAIN, 10);
		desk_run(10 * MS);
	}
	/* 100 commits, and intervals of one event, over a second */
	assert_true(desk.store.lsn - lsn - 100 >= 4);
	assert_true(desk.store.lsn - lsn - 100 <= 7);
	desk_run(200 * MS);
	assert_int_equal(desk.store.saved[0].sequence, 100);
	lsn = desk.store.lsn;
	desk_run(10 * SECOND);
	assert_int_equal(desk.store.lsn, lsn);
}

static void
a_pause_persists_and_disconnects(void **state)
{
	(void) state;
	desk_run(SECOND);
	desk.options.persist_interval = 3600 * SECOND;
	outbox_relay_reconfigure(&desk.relay, &desk.options, false, desk.now);
	desk_commit_and_wake(0, 3, FAKE_PLAIN, 10);
	desk_run(100 * MS);
	outbox_relay_pause(&desk.relay, desk.now);
	assert_int_equal(desk.store.saved[0].sequence, 3);
	assert_false(desk.broker.connected);
	outbox_relay_report(&desk.relay, &desk.report);
	assert_int_equal(desk.report.phase, OUTBOX_DELIVERY_OFFLINE);
}

static void
a_reload_keeps_the_epoch_unless_asked(void **state)
{
	(void) state;
	desk_run(SECOND);
	desk.options.max_in_flight = 1;
	outbox_relay_reconfigure(&desk.relay, &desk.options, false, desk.now);
	desk_commit_and_wake(0, 5, FAKE_PLAIN, 10);
	desk_run(SECOND);
	assert_int_equal(desk.report.counters.epochs, 1);
	assert_int_equal(desk.most_in_flight, 1);
	outbox_relay_reconfigure(&desk.relay, &desk.options, true, desk.now);
	desk_step(false);
	desk_run(SECOND);
	assert_int_equal(desk.report.counters.epochs, 2);
	desk.options.fenced = false;
	outbox_relay_reconfigure(&desk.relay, &desk.options, false, desk.now);
	desk_step(false);
	desk_run(SECOND);
	assert_int_equal(desk.report.counters.epochs, 3);
	assert_false(desk.report.troubled);
	assert_int_equal(desk.report.counters.published, 5);
}

static void
a_refused_event_becomes_a_dead_letter_and_others_go_on(void **state)
{
	(void) state;
	desk_commit(0, 2, FAKE_PLAIN, 10);
	desk_commit(2, 1, FAKE_REFUSED, 10);
	desk_commit(3, 2, FAKE_PLAIN, 10);
	desk_run(SECOND);
	assert_true(desk_stream_is((int64_t[]){1, 2, 4, 5}, 4));
	assert_true(fake_store_is_dead(&desk.store, 2));
	assert_int_equal(desk.report.counters.published, 4);
	assert_int_equal(desk.report.counters.refused, 1);
	assert_int_equal(desk.report.counters.epochs, 2);
	assert_false(desk.report.troubled);
}

static void
what_cannot_be_sealed_costs_no_epoch(void **state)
{
	(void) state;
	desk_commit(0, 2, FAKE_PLAIN, 10);
	desk_commit(2, 1, FAKE_ILLEGAL, 10);
	desk_commit(3, 1, FAKE_TOO_LARGE, 5000);
	desk_commit(4, 1, FAKE_PLAIN, 10);
	desk_run(SECOND);
	assert_true(desk_stream_is((int64_t[]){1, 2, 5}, 3));
	assert_true(fake_store_is_dead(&desk.store, 2) && fake_store_is_dead(&desk.store, 3));
	assert_int_equal(desk.report.counters.refused, 2);
	assert_int_equal(desk.report.counters.epochs, 1);
}

static void
what_the_broker_will_not_take_costs_no_epoch(void **state)
{
	(void) state;
	desk.broker.tell_max_payload = false;
	desk_commit(0, 1, FAKE_PLAIN, 10);
	desk_commit(1, 1, FAKE_TOO_LARGE, 5000);
	desk_commit(2, 1, FAKE_PLAIN, 10);
	desk_run(SECOND);
	assert_true(desk_stream_is((int64_t[]){1, 3}, 2));
	assert_true(fake_store_is_dead(&desk.store, 1));
	assert_int_equal(desk.report.counters.epochs, 1);
}

static void
what_the_stream_will_not_take_is_known_before(void **state)
{
	(void) state;
	desk.broker.stream.max_message_size = 600;
	desk_commit(0, 1, FAKE_PLAIN, 10);
	desk_commit(1, 1, FAKE_TOO_LARGE, 700);
	desk_commit(2, 1, FAKE_PLAIN, 10);
	desk_run(SECOND);
	assert_true(desk_stream_is((int64_t[]){1, 3}, 2));
	assert_int_equal(desk.report.counters.sent, 2);
	assert_int_equal(desk.report.counters.epochs, 1);
}

static void
a_dead_letter_is_durable_before_anything_after_it_is_sent(void **state)
{
	(void) state;
	desk.broker.odds.latency = 10 * MS;
	desk_commit(0, 2, FAKE_PLAIN, 10);
	desk_commit(2, 1, FAKE_ILLEGAL, 10);
	desk_commit(3, 1, FAKE_PLAIN, 10);
	for (int i = 0; i < 200; i++)
	{
		desk_run(MS);
		if (desk.relay.counters.sent > 2)
			assert_true(fake_store_is_dead(&desk.store, 2));
	}
	assert_int_equal(desk.relay.counters.sent, 3);
}

static void
what_is_withheld_waits_and_is_not_idle(void **state)
{
	uint64_t fetches;

	(void) state;
	desk_run(SECOND);
	desk.store.withholding = true;
	desk_commit_and_wake(0, 3, FAKE_PLAIN, 10);
	desk_run(10 * SECOND);
	assert_int_equal(desk.broker.stream.count, 0);
	assert_false(desk.report.idle);
	assert_false(desk.report.troubled);
	assert_in_range(desk.now - desk.report.withheld_since, 10 * SECOND - 100 * MS, 10 * SECOND);
	fetches = desk.store.fetches;
	desk_run(10 * SECOND);
	assert_in_range(desk.store.fetches - fetches, 90, 110);
	desk.store.withholding = false;
	desk_run(200 * MS);
	assert_true(desk_stream_is((int64_t[]){1, 2, 3}, 3));
	assert_int_equal(desk.report.withheld_since, 0);
	assert_true(desk.report.idle);
}

static void
what_is_withheld_briefly_comes_at_once(void **state)
{
	(void) state;
	desk_run(SECOND);
	desk.store.withholding = true;
	desk_commit_and_wake(0, 1, FAKE_PLAIN, 10);
	desk_run(4 * MS);
	desk.store.withholding = false;
	desk_run(10 * MS);
	assert_int_equal(desk.report.counters.published, 1);
}

static void
the_floor_stays_while_events_are_withheld(void **state)
{
	(void) state;
	desk_commit(0, 1, FAKE_PLAIN, 10);
	desk_run(SECOND);
	desk.broker.odds.lose_answer = 1000;
	desk_commit_and_wake(0, 3, FAKE_PLAIN, 10);
	desk_run(SECOND);
	assert_int_equal(desk.broker.stream.count, 4);
	desk.broker.odds.lose_answer = 0;
	fake_store_restart(&desk.store);
	desk_start();
	desk.store.withholding = true;
	desk_run(5 * SECOND);
	desk.store.withholding = false;
	desk_run(5 * SECOND);
	assert_true(desk_stream_is((int64_t[]){1, 2, 3, 4}, 4));
	assert_int_equal(desk.report.counters.recalled, 3);
	assert_int_equal(desk.report.counters.failures, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(events_are_published_in_order_and_settled, desk_set_up),
		cmocka_unit_test_setup(a_commit_wakes_an_idle_relay, desk_set_up),
		cmocka_unit_test_setup(an_idle_relay_sleeps_until_the_poll, desk_set_up),
		cmocka_unit_test_setup(a_long_transaction_delays_nobody, desk_set_up),
		cmocka_unit_test_setup(only_the_answered_prefix_is_settled, desk_set_up),
		cmocka_unit_test_setup(the_window_bounds_messages, desk_set_up),
		cmocka_unit_test_setup(the_window_bounds_bytes_but_lets_one_message_through, desk_set_up),
		cmocka_unit_test_setup(on_a_shared_stream_an_aggregate_waits_for_itself_only, desk_set_up),
		cmocka_unit_test_setup(the_position_is_written_down_now_and_then, desk_set_up),
		cmocka_unit_test_setup(a_pause_persists_and_disconnects, desk_set_up),
		cmocka_unit_test_setup(a_reload_keeps_the_epoch_unless_asked, desk_set_up),
		cmocka_unit_test_setup(a_refused_event_becomes_a_dead_letter_and_others_go_on, desk_set_up),
		cmocka_unit_test_setup(what_cannot_be_sealed_costs_no_epoch, desk_set_up),
		cmocka_unit_test_setup(what_the_broker_will_not_take_costs_no_epoch, desk_set_up),
		cmocka_unit_test_setup(what_the_stream_will_not_take_is_known_before, desk_set_up),
		cmocka_unit_test_setup(a_dead_letter_is_durable_before_anything_after_it_is_sent,
							   desk_set_up),
		cmocka_unit_test_setup(what_is_withheld_waits_and_is_not_idle, desk_set_up),
		cmocka_unit_test_setup(what_is_withheld_briefly_comes_at_once, desk_set_up),
		cmocka_unit_test_setup(the_floor_stays_while_events_are_withheld, desk_set_up),
	};

	return cmocka_run_group_tests_name("relay", tests, NULL, NULL);
}
