/*
 * relay_careful_test.c
 *		The relay that tells what is at hand, one event at a time, and sets aside
 *		what it is told to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "unit/fake_desk.h"

#define TOLD_MAX 1024

static int64_t told[TOLD_MAX];
static int told_count;

static void
listen(int64_t at_hand)
{
	if (told_count < TOLD_MAX)
		told[told_count++] = at_hand;
}

static int
set_up(void **state)
{
	told_count = 0;
	desk_set_up(state);
	desk.options.attend = listen;
	desk_start();
	desk_inherit_nothing();
	return 0;
}

/* The events that were told of, without repetitions. */
static bool
told_events_are(const int64_t *events, int count)
{
	int64_t last = 0;
	int at = 0;

	for (int i = 0; i < told_count; i++)
	{
		if (told[i] <= 0 || told[i] == last)
			continue;
		if (at == count || told[i] != events[at])
			return false;
		last = told[i];
		at++;
	}
	return at == count;
}

static void
each_event_is_told_before_it_is_sent(void **state)
{
	(void) state;
	desk_commit(0, 4, FAKE_PLAIN, 10);
	desk_run(SECOND);
	assert_int_equal(desk.most_in_flight, 1);
	assert_true(told_events_are((int64_t[]){1, 2, 3, 4}, 4));
	assert_int_equal(told[0], OUTBOX_AT_HAND_LOG);
	assert_int_equal(told[told_count - 1], OUTBOX_AT_HAND_NOTHING);
	assert_true(desk_stream_is((int64_t[]){1, 2, 3, 4}, 4));
}

static void
the_event_in_flight_stays_at_hand(void **state)
{
	(void) state;
	desk_run(SECOND);
	desk.broker.odds.latency = SECOND;
	desk_commit_and_wake(0, 3, FAKE_PLAIN, 10);
	desk_run(500 * MS);
	assert_int_equal(desk.report.in_flight, 1);
	assert_int_equal(told[told_count - 1], 1);
}

static void
an_event_that_cannot_be_sent_is_told_too(void **state)
{
	(void) state;
	desk_commit(0, 1, FAKE_ILLEGAL, 10);
	desk_run(SECOND);
	assert_true(told_events_are((int64_t[]){1}, 1));
	assert_int_equal(desk.report.counters.refused, 1);
}

static void
publish_three_but_the_second(void)
{
	desk.options.set_aside = 2;
	desk_start();
	desk_inherit_nothing();
	desk_commit(0, 3, FAKE_PLAIN, 10);
	desk_run(SECOND);
}

static void
an_event_is_set_aside_unseen(void **state)
{
	(void) state;
	publish_three_but_the_second();
	assert_true(desk_stream_is((int64_t[]){1, 3}, 2));
	assert_int_equal(desk.report.counters.refused, 1);
	assert_int_equal(desk.report.counters.sent, 2);
	assert_true(fake_store_is_dead(&desk.store, fake_store_find(&desk.store, 2)));
}

static void
what_was_set_aside_and_is_sent_again_is_published(void **state)
{
	(void) state;
	publish_three_but_the_second();
	assert_int_equal(desk.report.set_aside, 0);
	assert_true(fake_store_redrive(&desk.store, fake_store_find(&desk.store, 2), true));
	desk_run(SECOND);
	assert_true(desk_stream_is((int64_t[]){1, 3, 2}, 3));
	assert_int_equal(desk.report.counters.refused, 1);
}

static void
what_is_stored_already_is_not_set_aside(void **state)
{
	(void) state;
	desk_commit(0, 1, FAKE_PLAIN, 10);
	desk_run(SECOND);
	desk.broker.odds.lose_answer = 1000;
	desk_commit_and_wake(0, 3, FAKE_PLAIN, 10);
	desk_run(SECOND);
	assert_true(desk_stream_is((int64_t[]){1, 2}, 2));
	desk.broker.odds.lose_answer = 0;
	desk.options.set_aside = 2;
	fake_store_restart(&desk.store);
	desk_start();
	desk_inherit_nothing();
	desk_run(20 * SECOND);
	assert_true(desk_stream_is((int64_t[]){1, 2, 3, 4}, 4));
	assert_int_equal(desk.report.counters.refused, 0);
	assert_int_equal(desk.report.counters.recalled, 1);
}

static void
no_longer_careful_it_fills_the_window(void **state)
{
	(void) state;
	desk_run(SECOND);
	desk.options.attend = NULL;
	outbox_relay_reconfigure(&desk.relay, &desk.options, false, desk.now);
	told_count = 0;
	desk_commit_and_wake(0, 8, FAKE_PLAIN, 10);
	desk_run(SECOND);
	assert_true(desk.most_in_flight > 1);
	assert_int_equal(told_count, 0);
	assert_int_equal(desk.report.counters.published, 8);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(each_event_is_told_before_it_is_sent, set_up),
		cmocka_unit_test_setup(the_event_in_flight_stays_at_hand, set_up),
		cmocka_unit_test_setup(an_event_that_cannot_be_sent_is_told_too, set_up),
		cmocka_unit_test_setup(an_event_is_set_aside_unseen, set_up),
		cmocka_unit_test_setup(what_was_set_aside_and_is_sent_again_is_published, set_up),
		cmocka_unit_test_setup(what_is_stored_already_is_not_set_aside, set_up),
		cmocka_unit_test_setup(no_longer_careful_it_fills_the_window, set_up),
	};

	return cmocka_run_group_tests_name("relay_careful", tests, NULL, NULL);
}
