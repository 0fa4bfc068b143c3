/*
 * relay_refusal_test.c
 *		When the relay believes that an event is refused: one story at a time.
 *		relay_storm.c tells the same by chance.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "unit/fake_desk.h"

static FakePiece ghosts[8];
static int ghost_count;
static uint64_t changed_token; /* of the answer that change_answers is about */
static bool refusing; /* the broker refuses what is published now */

static int
set_up(void **state)
{
	ghost_count = 0;
	changed_token = 0;
	refusing = false;
	desk_set_up(state);
	desk_run(SECOND);
	return 0;
}

static void
reconnect(void)
{
	outbox_relay_reconfigure(&desk.relay, &desk.options, true, desk.now);
	desk.step.wake_at = desk.now;
	desk_step(false);
}

/* Drops the connection, but what it has sent arrives after this time. */
static void
reconnect_haunted(int64_t after)
{
	ghost_count = desk.broker.pipe_count;
	assert_in_range(ghost_count, 1, 8);
	memcpy(ghosts, desk.broker.pipe, sizeof(FakePiece) * (size_t) ghost_count);
	reconnect();
	for (int i = 0; i < ghost_count; i++)
	{
		ghosts[i].arrives_at = desk.now + after;
		desk.broker.pipe[desk.broker.pipe_count++] = ghosts[i];
	}
}

static bool
lose_one_answer(void *self, OutboxSignal *signal)
{
	while (fake_broker.next(self, signal))
		if (signal->kind != OUTBOX_SIGNAL_ANSWER || signal->token != changed_token)
			return true;
	return false;
}

static bool
make_one_answer_transient(void *self, OutboxSignal *signal)
{
	bool heard = fake_broker.next(self, signal);

	if (!heard || signal->kind != OUTBOX_SIGNAL_ANSWER || signal->token != changed_token)
		return heard;
	signal->verdict = OUTBOX_VERDICT_TRANSIENT;
	signal->code = 10008;
	snprintf(signal->text, sizeof(signal->text), "no leader");
	return true;
}

static OutboxSendResult
publish_and_refuse(void *self, const OutboxMessage *message)
{
	OutboxSendResult result = fake_broker.publish(self, message);

	if (result == OUTBOX_SEND_DONE && refusing)
		desk.broker.pipe[desk.broker.pipe_count - 1].refused = true;
	return result;
}

/* Aggregate 0: a refused event and one behind it; aggregate 1: one event. */
static void
commit_refused_and_others(void)
{
	desk_commit(0, 1, FAKE_REFUSED, 10);
	desk_commit(0, 1, FAKE_PLAIN, 10);
	desk_commit_and_wake(1, 1, FAKE_PLAIN, 10);
}

static void
a_refusal_is_accepted_when_all_that_was_sent_is_judged(void **state)
{
	(void) state;
	commit_refused_and_others();
	desk_run(100 * MS);
	assert_int_equal(desk.report.counters.refused, 1);
	assert_true(desk_stream_is((int64_t[]){3}, 1));
	assert_int_equal(desk.report.counters.epochs, 2);
}

static void
without_a_later_answer_it_is_not_accepted(void **state)
{
	(void) state;
	desk_settle_in();
	changed_token = outbox_window_next_token(&desk.relay.window) + 2;
	desk.routine.next = lose_one_answer;
	commit_refused_and_others();
	desk_run(4 * SECOND);
	assert_int_equal(desk.report.counters.refused, 0);
	assert_int_equal(desk.report.in_flight, 3);
	desk_run(SECOND + 5 * MS);
	assert_int_equal(desk.report.counters.refused, 0);
	assert_string_equal(desk.report.text, "no answer within 5000 ms");
	desk_run(4 * SECOND);
	assert_int_equal(desk.report.counters.refused, 0);
	desk_run(2 * SECOND);
	assert_int_equal(desk.report.counters.refused, 1);
	assert_true(desk_stream_is((int64_t[]){3}, 1));
	assert_in_range(desk.report.counters.epochs, 4, 4);
	assert_false(desk.report.troubled);
}

static void
a_later_message_of_unknown_outcome_ends_the_epoch_at_once(void **state)
{
	(void) state;
	desk_settle_in();
	changed_token = outbox_window_next_token(&desk.relay.window) + 2;
	desk.routine.next = make_one_answer_transient;
	commit_refused_and_others();
	desk_run(4 * MS);
	assert_int_equal(desk.report.counters.refused, 0);
	assert_string_equal(desk.report.text, "no leader");
	desk_run(6 * SECOND);
	assert_int_equal(desk.report.counters.refused, 1);
	assert_true(desk_stream_is((int64_t[]){3}, 1));
}

static void
what_still_travels_does_not_pass_the_dead_letter(void **state)
{
	(void) state;
	commit_refused_and_others();
	reconnect_haunted(3 * SECOND);
	desk_run(2 * SECOND);
	assert_int_equal(desk.report.counters.refused, 0);
	assert_int_equal(desk.broker.stream.count, 0);
	assert_false(desk.report.troubled);
	desk_run(2 * SECOND);
	assert_int_equal(desk.broker.pipe_count, 0);
	assert_int_equal(desk.report.counters.refused, 0);
	desk_run(2 * SECOND);
	assert_int_equal(desk.report.counters.refused, 1);
	assert_true(desk_stream_is((int64_t[]){3}, 1));
	assert_in_range(desk.report.counters.epochs, 4, 4);
}

static void
on_a_shared_stream_it_waits_as_well(void **state)
{
	(void) state;
	desk.options.fenced = false;
	reconnect();
	desk_run(SECOND);
	commit_refused_and_others();
	reconnect_haunted(3 * SECOND);
	desk_run(4 * SECOND);
	assert_int_equal(desk.report.counters.refused, 0);
	desk_run(2 * SECOND);
	assert_int_equal(desk.report.counters.refused, 1);
	assert_true(desk_stream_is((int64_t[]){3}, 1));
}

static void
a_new_process_waits_for_what_the_last_one_sent(void **state)
{
	(void) state;
	fake_store_restart(&desk.store);
	desk_start();
	commit_refused_and_others();
	desk_run(4 * SECOND);
	assert_int_equal(desk.report.counters.refused, 0);
	desk_run(2 * SECOND);
	assert_int_equal(desk.report.counters.refused, 1);
	assert_true(desk_stream_is((int64_t[]){3}, 1));
}

static void
what_was_stored_after_all_is_no_dead_letter(void **state)
{
	(void) state;
	desk.routine.publish = publish_and_refuse;
	desk_commit_and_wake(0, 1, FAKE_PLAIN, 10);
	refusing = true;
	reconnect_haunted(3 * SECOND);
	desk_run(2 * SECOND);
	assert_int_equal(desk.broker.stream.count, 0);
	desk_run(4 * SECOND);
	assert_int_equal(desk.report.counters.refused, 0);
	assert_int_equal(desk.report.counters.published, 1);
	assert_true(desk_stream_is((int64_t[]){1}, 1));
}

static void
what_cannot_be_sent_any_more_waits_as_well(void **state)
{
	(void) state;
	desk_commit_and_wake(0, 1, FAKE_PLAIN, 3000);
	desk.broker.max_payload = 1000;
	reconnect();
	desk_run(4 * SECOND);
	assert_int_equal(desk.report.counters.refused, 0);
	assert_int_equal(desk.report.counters.epochs, 2);
	desk_run(2 * SECOND);
	assert_int_equal(desk.report.counters.refused, 1);
	assert_int_equal(desk.report.counters.epochs, 3);
	assert_int_equal(desk.broker.stream.count, 0);
	assert_false(desk.report.troubled);
}

static void
what_cannot_be_sent_any_more_may_be_stored(void **state)
{
	(void) state;
	desk_settle_in();
	desk_commit(0, 1, FAKE_PLAIN, 3000);
	desk_commit_and_wake(0, 1, FAKE_PLAIN, 10);
	desk.broker.max_payload = 1000;
	reconnect_haunted(3 * SECOND);
	desk_run(10 * SECOND);
	assert_int_equal(desk.report.counters.refused, 0);
	assert_int_equal(desk.report.counters.published, 2);
	assert_int_equal(desk.report.counters.recalled, 2);
	assert_true(desk_stream_is((int64_t[]){1, 2}, 2));
	assert_false(desk.report.troubled);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_refusal_is_accepted_when_all_that_was_sent_is_judged, set_up),
		cmocka_unit_test_setup(without_a_later_answer_it_is_not_accepted, set_up),
		cmocka_unit_test_setup(a_later_message_of_unknown_outcome_ends_the_epoch_at_once, set_up),
		cmocka_unit_test_setup(what_still_travels_does_not_pass_the_dead_letter, set_up),
		cmocka_unit_test_setup(on_a_shared_stream_it_waits_as_well, set_up),
		cmocka_unit_test_setup(a_new_process_waits_for_what_the_last_one_sent, set_up),
		cmocka_unit_test_setup(what_was_stored_after_all_is_no_dead_letter, set_up),
		cmocka_unit_test_setup(what_cannot_be_sent_any_more_waits_as_well, set_up),
		cmocka_unit_test_setup(what_cannot_be_sent_any_more_may_be_stored, set_up),
	};

	return cmocka_run_group_tests_name("relay_refusal", tests, NULL, NULL);
}
