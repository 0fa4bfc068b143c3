/*
 * relay_repair_test.c
 *		The relay over a fake store and a fake broker that loses what it has
 *		acknowledged: one story at a time.  relay_storm.c tells the same by chance.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "unit/fake_desk.h"

static int looks;

static void
count_looks(void *self, uint64_t sequence)
{
	looks++;
	fake_broker.look(self, sequence);
}

/* Eight events are published, as 1 to 8; the broker counts looks. */
static int
set_up(void **state)
{
	desk_set_up(state);
	desk.routine.look = count_looks;
	desk_commit(0, 8, FAKE_PLAIN, 10);
	desk_run(SECOND);
	assert_int_equal(desk.report.counters.published, 8);
	looks = 0;
	return 0;
}

static void
restart_server(void)
{
	fake_broker_kill(&desk.broker);
	desk.broker.trouble.down = false;
}

static void
an_intact_stream_costs_one_look(void **state)
{
	(void) state;
	restart_server();
	desk_run(20 * SECOND);
	assert_int_equal(desk.report.counters.epochs, 2);
	assert_int_equal(looks, 1);
	assert_int_equal(desk.report.counters.lost, 0);
	assert_int_equal(desk.report.counters.sent, 8);
	assert_true(desk.report.verified_at > 0);
}

static void
a_lost_end_gets_its_old_places_before_anything_new(void **state)
{
	(void) state;
	restart_server();
	fake_broker_truncate(&desk.broker, 3);
	desk_commit(0, 1, FAKE_PLAIN, 10);
	desk_run(20 * SECOND);
	assert_int_equal(desk.report.counters.setbacks, 1);
	assert_int_equal(desk.report.counters.lost, 3);
	assert_int_equal(desk.report.counters.repaired, 3);
	assert_int_equal(desk.report.counters.published, 9);
	assert_int_equal(desk.report.counters.conflicts, 0);
	assert_int_equal(looks, 1);
	assert_true(desk_stream_is((int64_t[]){1, 2, 3, 4, 5, 6, 7, 8, 9}, 9));
}

static void
a_stream_made_anew_is_filled_in_order(void **state)
{
	(void) state;
	restart_server();
	fake_broker_recreate(&desk.broker);
	desk_commit(0, 1, FAKE_PLAIN, 10);
	desk_run(20 * SECOND);
	assert_int_equal(desk.report.counters.setbacks, 0);
	assert_int_equal(desk.report.counters.repaired, 8);
	assert_int_equal(desk.report.counters.conflicts, 0);
	assert_true(desk_stream_is((int64_t[]){1, 2, 3, 4, 5, 6, 7, 8, 9}, 9));
	assert_int_equal(desk.store.cursor.created, desk.broker.stream.created);
	assert_int_equal(desk.store.cursor.sequence, 9);
}

static void
a_stream_that_only_calls_itself_another_is_recognised(void **state)
{
	(void) state;
	restart_server();
	fake_broker_rename(&desk.broker);
	desk_commit(0, 1, FAKE_PLAIN, 10);
	desk_run(20 * SECOND);
	assert_int_equal(looks, 1);
	assert_int_equal(desk.report.counters.epochs, 2);
	assert_int_equal(desk.report.counters.conflicts, 0);
	assert_int_equal(desk.report.counters.sent, 9);
	assert_int_equal(desk.store.cursor.created, desk.broker.stream.created);
	assert_int_equal(desk.store.cursor.sequence, 9);
}

static void
where_others_wrote_what_was_lost_follows_them(void **state)
{
	(void) state;
	restart_server();
	fake_broker_truncate(&desk.broker, 3);
	for (int i = 0; i < 10; i++)
		fake_broker_intrude(&desk.broker, "");
	desk_run(20 * SECOND);
	assert_int_equal(desk.report.counters.lost, 3);
	assert_int_equal(desk.report.counters.repaired, 3);
	assert_int_equal(desk.broker.stream.count, 18);
	assert_int_equal(desk.broker.stream.messages[15].event, 6);
	assert_int_equal(desk.broker.stream.messages[17].event, 8);
	assert_int_equal(desk.report.counters.conflicts, 0);
}

static void
holes_are_filled_at_the_end_when_there_are_more_than_before(void **state)
{
	(void) state;
	restart_server();
	fake_broker_delete(&desk.broker, 3, false);
	fake_broker_delete(&desk.broker, 4, false);
	desk_run(20 * SECOND);
	assert_int_equal(desk.report.counters.lost, 2);
	assert_int_equal(desk.report.counters.repaired, 2);
	assert_int_equal(desk.broker.stream.count, 10);
	assert_int_equal(desk.broker.stream.messages[8].event, 3);
	assert_int_equal(desk.broker.stream.messages[9].event, 4);
	/* They are known by now. */
	looks = 0;
	restart_server();
	desk_run(20 * SECOND);
	assert_int_equal(looks, 1);
	assert_int_equal(desk.broker.stream.count, 10);
}

static void
what_was_removed_while_the_server_ran_stays_away(void **state)
{
	(void) state;
	fake_broker_delete(&desk.broker, 3, true);
	fake_broker_cut(&desk.broker);
	desk_run(20 * SECOND);
	assert_int_equal(desk.report.counters.lost, 1);
	assert_int_equal(desk.report.counters.repaired, 0);
	assert_int_equal(desk.report.waiting, 0);
	assert_int_equal(desk.broker.stream.count, 8);
	desk_commit_and_wake(0, 1, FAKE_PLAIN, 10);
	desk_run(20 * SECOND);
	assert_int_equal(desk.broker.stream.messages[8].event, 9);
	assert_false(desk.report.troubled);
}

static void
a_purge_is_no_loss(void **state)
{
	(void) state;
	fake_broker_purge(&desk.broker);
	fake_broker_cut(&desk.broker);
	desk_run(20 * SECOND);
	desk_commit_and_wake(0, 1, FAKE_PLAIN, 10);
	desk_run(20 * SECOND);
	assert_int_equal(desk.report.counters.lost, 0);
	assert_int_equal(desk.report.counters.sent, 9);
	/* Nor is it brought back by a loss of what came after. */
	restart_server();
	fake_broker_recreate(&desk.broker);
	desk_run(20 * SECOND);
	assert_true(desk_stream_is((int64_t[]){9}, 1));
}

static void
nothing_is_sent_until_the_stream_was_compared(void **state)
{
	(void) state;
	desk.options.ack_timeout = 100 * MS;
	outbox_relay_reconfigure(&desk.relay, &desk.options, true, desk.now);
	desk.broker.odds.lose_look = 1000;
	desk_commit(0, 1, FAKE_PLAIN, 10);
	desk_run(30 * SECOND);
	assert_true(desk.report.troubled);
	assert_string_equal(desk.report.text, "no answer within 100 ms from reading the stream");
	assert_int_equal(desk.broker.stream.count, 8);
	assert_int_equal(desk.report.verified_at, 0);
	desk.broker.odds.lose_look = 0;
	desk_run(11 * SECOND);
	assert_int_equal(desk.broker.stream.count, 9);
	assert_true(desk.report.verified_at > 0);
}

static void
a_killed_repair_goes_on(void **state)
{
	(void) state;
	desk.options.max_in_flight = 1;
	desk.broker.odds.latency = 100 * MS;
	desk_start();
	desk_run(SECOND);
	restart_server();
	fake_broker_truncate(&desk.broker, 6);
	for (int i = 0; i < 100 && desk.report.counters.repaired < 2; i++)
		desk_run(100 * MS);
	assert_true(desk.report.waiting > 0);
	fake_store_restart(&desk.store);
	fake_broker_widow(&desk.broker, false);
	desk_start();
	desk_commit(0, 1, FAKE_PLAIN, 10);
	desk_run(60 * SECOND);
	assert_int_equal(desk.report.waiting, 0);
	assert_true(desk_stream_is((int64_t[]){1, 2, 3, 4, 5, 6, 7, 8, 9}, 9));
}

static void
what_is_no_longer_retained_is_gone_and_holds_nobody(void **state)
{
	(void) state;
	desk.store.rows[6].removed = true;
	desk.store.rows[7].removed = true;
	restart_server();
	fake_broker_truncate(&desk.broker, 3);
	desk_commit(0, 1, FAKE_PLAIN, 10);
	desk_run(20 * SECOND);
	assert_int_equal(desk.report.gone, 2);
	assert_int_equal(desk.report.counters.repaired, 1);
	assert_true(desk_stream_is((int64_t[]){1, 2, 3, 4, 5, 6, 9}, 7));
}

static void
on_a_shared_stream_nothing_is_repaired(void **state)
{
	(void) state;
	desk.options.fenced = false;
	outbox_relay_reconfigure(&desk.relay, &desk.options, true, desk.now);
	desk_run(SECOND);
	restart_server();
	fake_broker_truncate(&desk.broker, 3);
	desk_run(20 * SECOND);
	assert_int_equal(looks, 0);
	assert_int_equal(desk.broker.stream.count, 5);
	outbox_relay_verify(&desk.relay, desk.now);
	desk.step.wake_at = desk.now;
	desk_run(SECOND);
	assert_false(desk.report.verification.running);
	assert_int_equal(desk.report.verification.checked, 8);
	assert_int_equal(desk.report.verification.missing, 3);
	assert_int_equal(desk.report.verification.repaired, 0);
	assert_int_equal(desk.broker.stream.count, 5);
}

static void
verifying_looks_at_everything_and_repairs(void **state)
{
	(void) state;
	/* Nobody can see these: the server does not count what it cannot read. */
	desk.broker.stream.messages[3].event = 0;
	strcpy(desk.broker.stream.messages[3].id, "");
	fake_broker_cut(&desk.broker);
	desk_run(20 * SECOND);
	assert_int_equal(desk.report.counters.lost, 0);
	outbox_relay_verify(&desk.relay, desk.now);
	desk.step.wake_at = desk.now;
	desk_step(false);
	assert_true(desk.report.verification.running);
	desk_run(SECOND);
	assert_false(desk.report.verification.running);
	assert_int_equal(desk.report.verification.checked, 8);
	assert_int_equal(desk.report.verification.missing, 1);
	assert_int_equal(desk.report.verification.repaired, 1);
	assert_int_equal(desk.broker.stream.messages[8].event, 4);
}

static void
check(void)
{
	outbox_relay_check(&desk.relay, desk.now);
	desk.step.wake_at = desk.now;
	desk_run(3 * SECOND);
}

static void
verify(void)
{
	outbox_relay_verify(&desk.relay, desk.now);
	desk.step.wake_at = desk.now;
	desk_run(20 * SECOND);
	assert_false(desk.report.verification.running);
}

static void
what_cannot_be_read_is_missing_until_the_server_takes_it_again(void **state)
{
	int64_t verified_at;

	(void) state;
	for (int i = 2; i < 5; i++)
		desk.broker.stream.messages[i].unreadable = true;
	/* One was removed: which of them nobody knows. */
	fake_broker_delete(&desk.broker, 7, true);
	verify();
	assert_int_equal(desk.report.verification.missing, 4);
	assert_int_equal(desk.report.verification.repaired, 0);
	assert_int_equal(desk.broker.stream.count, 8);
	verify();
	assert_int_equal(desk.report.verification.missing, 4);
	/* Nothing may be removed for having been seen since. */
	verified_at = desk.report.verified_at;
	check();
	assert_int_equal(desk.report.verified_at, verified_at);
	desk_run(120 * SECOND);
	check();
	assert_int_equal(desk.report.counters.repaired, 4);
	assert_int_equal(desk.broker.stream.count, 12);
	assert_int_equal(desk.broker.stream.messages[8].event, 3);
	assert_int_equal(desk.broker.stream.messages[11].event, 7);
	verify();
	assert_int_equal(desk.report.verification.missing, 0);
	assert_false(desk.report.troubled);
}

static void
what_cannot_be_read_is_not_sent_over_and_over(void **state)
{
	uint64_t epochs;
	int64_t verified_at;

	(void) state;
	desk.broker.stream.messages[7].unreadable = true;
	verified_at = desk.report.verified_at;
	check();
	epochs = desk.report.counters.epochs;
	assert_int_equal(desk.report.counters.lost, 1);
	for (int i = 0; i < 10; i++)
		check();
	assert_int_equal(desk.report.counters.epochs, epochs);
	assert_int_equal(desk.report.counters.lost, 1);
	desk_run(120 * SECOND);
	check();
	assert_int_equal(desk.report.counters.repaired, 1);
	assert_int_equal(desk.broker.stream.messages[8].event, 8);
	check();
	assert_true(desk.report.verified_at > verified_at);
}

static void
what_could_not_be_read_is_no_matter_in_a_new_stream(void **state)
{
	int64_t verified_at;

	(void) state;
	desk.broker.stream.messages[7].unreadable = true;
	check();
	verified_at = desk.report.verified_at;
	restart_server();
	fake_broker_recreate(&desk.broker);
	desk_run(20 * SECOND);
	assert_int_equal(desk.report.counters.repaired, 8);
	check();
	assert_true(desk.report.verified_at > verified_at);
}

/* It may be the same stream, which the server gives another identity. */
static void
what_could_not_be_read_is_not_forgotten_with_the_identity(void **state)
{
	int64_t verified_at;

	(void) state;
	desk.broker.stream.messages[3].unreadable = true;
	verify();
	assert_int_equal(desk.report.verification.missing, 1);
	verified_at = desk.report.verified_at;
	restart_server();
	fake_broker_rename(&desk.broker);
	desk_run(20 * SECOND);
	assert_int_equal(desk.report.verified_at, verified_at);
	for (int i = 0; i < 20; i++)
	{
		desk_run(20 * SECOND);
		check();
	}
	assert_int_equal(desk.report.counters.repaired, 1);
	assert_int_equal(desk.broker.stream.messages[8].event, 4);
}

static void
what_cannot_be_read_holds_nothing_up(void **state)
{
	uint64_t epochs;

	(void) state;
	for (int i = 5; i < 8; i++)
		desk.broker.stream.messages[i].unreadable = true;
	desk_commit(0, 1, FAKE_PLAIN, 10);
	restart_server();
	desk_run(20 * SECOND);
	assert_int_equal(desk.report.counters.lost, 3);
	assert_int_equal(desk.report.counters.published, 9);
	assert_int_equal(desk.broker.stream.messages[8].event, 9);
	/* Nor when what comes then cannot be read, either. */
	desk.broker.stream.messages[8].unreadable = true;
	restart_server();
	epochs = desk.report.counters.epochs;
	desk_commit(0, 1, FAKE_PLAIN, 10);
	desk_run(20 * SECOND);
	assert_int_equal(desk.report.counters.epochs, epochs + 1);
	assert_int_equal(desk.report.counters.lost, 3);
	assert_int_equal(desk.report.counters.published, 10);
	/* What another message has taken the place of is lost for all that. */
	restart_server();
	fake_broker_truncate(&desk.broker, 1);
	fake_broker_intrude(&desk.broker, "another");
	desk_run(20 * SECOND);
	assert_int_equal(desk.report.counters.lost, 4);
	assert_int_equal(desk.broker.stream.messages[10].event, 10);
	/* In the end all of it is sent again. */
	desk_run(700 * SECOND);
	check();
	assert_int_equal(desk.report.counters.lost, 8);
	assert_int_equal(desk.report.counters.repaired, 5);
}

static void
a_check_beside_the_publishing_notices_a_loss(void **state)
{
	(void) state;
	assert_int_equal(desk.report.counters.checks, 1);
	outbox_relay_check(&desk.relay, desk.now);
	desk_run(SECOND);
	assert_int_equal(desk.report.counters.checks, 2);
	assert_int_equal(looks, 1);
	assert_true(desk.now - desk.report.verified_at <= SECOND);
	/* As after a change of the cluster's leader: the connection stays. */
	fake_broker_truncate(&desk.broker, 2);
	outbox_relay_check(&desk.relay, desk.now);
	desk_run(SECOND);
	assert_int_equal(desk.report.counters.repaired, 2);
	assert_true(desk_stream_is((int64_t[]){1, 2, 3, 4, 5, 6, 7, 8}, 8));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(an_intact_stream_costs_one_look, set_up),
		cmocka_unit_test_setup(a_lost_end_gets_its_old_places_before_anything_new, set_up),
		cmocka_unit_test_setup(a_stream_made_anew_is_filled_in_order, set_up),
		cmocka_unit_test_setup(a_stream_that_only_calls_itself_another_is_recognised, set_up),
		cmocka_unit_test_setup(where_others_wrote_what_was_lost_follows_them, set_up),
		cmocka_unit_test_setup(holes_are_filled_at_the_end_when_there_are_more_than_before, set_up),
		cmocka_unit_test_setup(what_was_removed_while_the_server_ran_stays_away, set_up),
		cmocka_unit_test_setup(a_purge_is_no_loss, set_up),
		cmocka_unit_test_setup(nothing_is_sent_until_the_stream_was_compared, set_up),
		cmocka_unit_test_setup(a_killed_repair_goes_on, set_up),
		cmocka_unit_test_setup(what_is_no_longer_retained_is_gone_and_holds_nobody, set_up),
		cmocka_unit_test_setup(on_a_shared_stream_nothing_is_repaired, set_up),
		cmocka_unit_test_setup(verifying_looks_at_everything_and_repairs, set_up),
		cmocka_unit_test_setup(what_cannot_be_read_is_missing_until_the_server_takes_it_again,
							   set_up),
		cmocka_unit_test_setup(what_cannot_be_read_is_not_sent_over_and_over, set_up),
		cmocka_unit_test_setup(what_could_not_be_read_is_no_matter_in_a_new_stream, set_up),
		cmocka_unit_test_setup(what_could_not_be_read_is_not_forgotten_with_the_identity, set_up),
		cmocka_unit_test_setup(what_cannot_be_read_holds_nothing_up, set_up),
		cmocka_unit_test_setup(a_check_beside_the_publishing_notices_a_loss, set_up),
	};

	return cmocka_run_group_tests_name("relay_repair", tests, NULL, NULL);
}
