/*
 * relay_sift_test.c
 *		What the relay learns from the stream: what was published before it was
 *		adopted, and that somebody else is the same outbox.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "unit/fake_desk.h"

#define UUID "6f1c1fbc-0d0f-4c58-9f3e-3c1b0d5a7e11"

/* Another server has stored this event of the same outbox. */
static void
store_as_another(const char *event)
{
	char id[64] = UUID "-";

	strcat(id, event);
	fake_broker_intrude(&desk.broker, id);
}

static void
adopt(void)
{
	fake_store_adopt(&desk.store);
	desk.broker.stream.duplicate_window = 100 * MS;
	desk_start();
}

static void
an_adopted_outbox_sends_what_the_stream_lacks(void **state)
{
	(void) state;
	desk_commit(0, 4, FAKE_PLAIN, 10);
	store_as_another("2");
	fake_broker_intrude(&desk.broker, "");
	store_as_another("900");
	store_as_another("4");
	desk.now += SECOND;
	adopt();
	desk_run(5 * SECOND);
	assert_int_equal(desk.broker.stream.count, 6);
	assert_int_equal(desk.broker.stream.messages[4].event, 1);
	assert_int_equal(desk.broker.stream.messages[5].event, 3);
	assert_int_equal(desk.report.counters.sent, 2);
	assert_int_equal(desk.report.counters.conflicts, 0);
	assert_int_equal(outbox_relay_stranger(&desk.relay), 0);
	assert_false(desk.store.cursor.sifting);
	assert_int_equal(desk.store.cursor.sequence, 6);
}

static void
nothing_is_sent_before_all_is_sifted(void **state)
{
	(void) state;
	desk.options.ack_timeout = 100 * MS;
	desk_commit(0, 2, FAKE_PLAIN, 10);
	store_as_another("2");
	store_as_another("900");
	desk.broker.odds.lose_look = 1000;
	adopt();
	desk_run(5 * SECOND);
	assert_int_equal(desk.report.counters.sent, 0);
	assert_true(desk.store.cursor.sifting);
	desk.broker.odds.lose_look = 0;
	desk_run(20 * SECOND);
	assert_int_equal(desk.broker.stream.count, 3);
	assert_int_equal(desk.broker.stream.messages[2].event, 1);
}

static void
an_empty_stream_is_sifted_at_once(void **state)
{
	(void) state;
	desk_commit(0, 2, FAKE_PLAIN, 10);
	adopt();
	desk_run(SECOND);
	assert_true(desk_stream_is((int64_t[]){1, 2}, 2));
	assert_false(desk.store.cursor.sifting);
}

static void
a_shared_stream_is_sifted_too(void **state)
{
	(void) state;
	desk.options.fenced = false;
	desk_commit(0, 2, FAKE_PLAIN, 10);
	store_as_another("1");
	desk.now += SECOND;
	adopt();
	desk_run(SECOND);
	assert_int_equal(desk.broker.stream.count, 2);
	assert_int_equal(desk.broker.stream.messages[1].event, 2);
}

static void
expect_gone(int64_t stranger)
{
	int sent = (int) desk.report.counters.sent;

	assert_int_equal(outbox_relay_stranger(&desk.relay), stranger);
	assert_int_equal(desk.report.phase, OUTBOX_DELIVERY_OFFLINE);
	assert_true(desk.report.troubled);
	assert_int_equal(desk.report.verdict, OUTBOX_VERDICT_MISCONFIGURED);
	assert_non_null(strstr(desk.report.text, "which this database has never had"));
	assert_false(desk.step.busy);
	desk_commit(0, 3, FAKE_PLAIN, 10);
	desk_run(60 * SECOND);
	outbox_relay_reconfigure(&desk.relay, &desk.options, true, desk.now);
	desk_run(60 * SECOND);
	assert_int_equal(desk.report.counters.sent, sent);
	assert_int_equal(outbox_relay_stranger(&desk.relay), stranger);
}

static void
who_meets_a_stranger_gives_up(void **state)
{
	(void) state;
	desk_commit(0, 3, FAKE_PLAIN, 10);
	desk_run(5 * SECOND);
	assert_int_equal(desk.report.counters.published, 3);
	store_as_another("700");
	store_as_another("900");
	store_as_another("800");
	desk_commit(0, 1, FAKE_PLAIN, 10);
	desk_run(5 * SECOND);
	assert_int_equal(desk.broker.stream.count, 6);
	expect_gone(900);
}

static void
also_at_the_start_with_nothing_to_send(void **state)
{
	(void) state;
	desk_commit(0, 3, FAKE_PLAIN, 10);
	desk_run(5 * SECOND);
	store_as_another("900");
	fake_store_restart(&desk.store);
	desk_start();
	desk_run(5 * SECOND);
	expect_gone(900);
}

static void
what_a_crash_forgot_is_no_stranger(void **state)
{
	(void) state;
	desk.options.persist_interval = 100 * SECOND;
	desk_start();
	desk_run(SECOND);
	desk_commit_and_wake(0, 6, FAKE_PLAIN, 10);
	desk_run(SECOND);
	fake_store_restart(&desk.store);
	desk_start();
	desk_commit(0, 2, FAKE_PLAIN, 10);
	desk_run(5 * SECOND);
	assert_int_equal(outbox_relay_stranger(&desk.relay), 0);
	assert_true(desk_stream_is((int64_t[]){1, 2, 3, 4, 5, 6, 7, 8}, 8));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(an_adopted_outbox_sends_what_the_stream_lacks, desk_set_up),
		cmocka_unit_test_setup(nothing_is_sent_before_all_is_sifted, desk_set_up),
		cmocka_unit_test_setup(an_empty_stream_is_sifted_at_once, desk_set_up),
		cmocka_unit_test_setup(a_shared_stream_is_sifted_too, desk_set_up),
		cmocka_unit_test_setup(who_meets_a_stranger_gives_up, desk_set_up),
		cmocka_unit_test_setup(also_at_the_start_with_nothing_to_send, desk_set_up),
		cmocka_unit_test_setup(what_a_crash_forgot_is_no_stranger, desk_set_up),
	};

	return cmocka_run_group_tests_name("relay_sift", tests, NULL, NULL);
}
