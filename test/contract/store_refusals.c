/*
 * store_refusals.c
 *		The part of the suite about refused events and what waits behind them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "contract/store_steps.h"

static void
expect_nothing(StoreTest *test)
{
	assert_int_equal(store_fetch(test), 0);
}

/* Fetches this event alone and settles it. */
static void
expect_one(StoreTest *test, int64_t event)
{
	store_expect_events(test, &event, 1);
	store_settle_all(test, 1);
}

/* Aggregate 0 is blocked by its first event; its second one waits. */
static void
block_aggregate(StoreTest *test, int64_t ids[2])
{
	ids[0] = store_commit_event(test, 0);
	ids[1] = store_commit_event(test, 0);
	store_expect_events(test, ids, 2);
	store_refuse(test, 0);
	expect_nothing(test);
}

static void
a_refused_event_is_a_dead_letter_and_settled(void **state)
{
	StoreTest test = store_begin();
	int transaction = store_bench->begin(test.bench);
	int64_t ids[3];

	(void) state;
	for (int i = 0; i < 3; i++)
		ids[i] = store_emit(&test, transaction, i);
	store_bench->commit(test.bench, transaction);
	store_fetch(&test);
	store_settle(&test, test.events[0].position, 1);
	store_refuse(&test, 1);
	assert_int_equal(store_bench->dead_letters(test.bench, ids[0]), 0);
	assert_int_equal(store_bench->dead_letters(test.bench, ids[1]), 1);
	store_expect_events(&test, &ids[2], 1);
	assert_int_equal(test.events[0].tx_index, 3);
	assert_int_equal(test.events[0].tx_count, 3);
	store_finish(&test);
}

static void
a_dead_letter_and_its_settling_survive_restart_and_crash(void **state)
{
	StoreTest test = store_begin();
	int64_t first = store_commit_event(&test, 0);

	(void) state;
	store_fetch(&test);
	store_refuse(&test, 0);
	store_bench->restart(test.bench);
	assert_int_equal(store_bench->dead_letters(test.bench, first), 1);
	expect_nothing(&test);
	if (store_bench->crash)
		store_bench->crash(test.bench);
	assert_int_equal(store_bench->dead_letters(test.bench, first), 1);
	expect_nothing(&test);
	store_finish(&test);
}

static void
later_events_of_the_aggregate_wait_and_others_go_on(void **state)
{
	StoreTest test = store_begin();
	int64_t ids[2];

	(void) state;
	block_aggregate(&test, ids);
	store_commit_event(&test, 0);
	expect_one(&test, store_commit_event(&test, 1));
	store_persist(&test);
	store_bench->restart(test.bench);
	store_commit_event(&test, 0);
	expect_nothing(&test);
	expect_one(&test, store_commit_event(&test, 1));
	store_finish(&test);
}

static void
what_waits_beside_others_costs_them_nothing(void **state)
{
	StoreTest test = store_begin();
	int64_t ids[2];
	int64_t others[10];

	(void) state;
	block_aggregate(&test, ids);
	for (int i = 0; i < 10; i++)
	{
		store_commit_event(&test, 0);
		others[i] = store_commit_event(&test, 1);
	}
	for (int i = 0; i < 10; i++)
	{
		assert_int_equal(store_fetch_some(&test, 1, 1 << 20), 1);
		assert_int_equal(test.events[0].id, others[i]);
		store_settle_all(&test, 1);
	}
	assert_int_equal(store_fetch_some(&test, 1, 1 << 20), 0);
	store_finish(&test);
}

static void
sent_again_it_comes_first_and_then_what_waited(void **state)
{
	StoreTest test = store_begin();
	int64_t ids[4];

	(void) state;
	block_aggregate(&test, ids);
	ids[2] = store_commit_event(&test, 0);
	expect_nothing(&test);
	store_bench->redrive(test.bench, ids[0]);
	ids[3] = store_commit_event(&test, 0);
	store_expect_events(&test, ids, 3);
	store_settle_all(&test, 3);
	expect_one(&test, ids[3]);
	assert_int_equal(store_bench->dead_letters(test.bench, ids[0]), 0);
	expect_one(&test, store_commit_event(&test, 0));
	store_finish(&test);
}

static void
what_is_let_go_is_as_it_was_emitted(void **state)
{
	StoreTest test = store_begin();
	int transaction = store_bench->begin(test.bench);
	int64_t ids[3];
	OutboxEvent before;

	(void) state;
	for (int i = 0; i < 3; i++)
		ids[i] = store_bench->emit(test.bench, transaction, i == 2 ? 1 : 0, 100 + (size_t) i);
	store_bench->commit(test.bench, transaction);
	store_expect_events(&test, ids, 3);
	before = test.events[1];
	store_refuse(&test, 0);
	expect_one(&test, ids[2]);
	expect_nothing(&test);
	store_bench->redrive(test.bench, ids[0]);
	store_expect_events(&test, ids, 2);
	for (int i = 0; i < 2; i++)
	{
		const OutboxEvent *event = &test.events[i];

		assert_int_equal(event->xid, before.xid);
		assert_int_equal(event->tx_index, i + 1);
		assert_int_equal(event->tx_count, 3);
		assert_int_equal(event->payload_length, 100 + i);
		assert_int_equal(event->has_version, before.has_version);
		assert_true(event->aggregate[0] && event->aggregate_id[0] && event->action[0]);
	}
	assert_int_equal(test.events[1].emitted_at, before.emitted_at);
	store_finish(&test);
}

static void
given_up_it_never_comes_and_what_waited_does(void **state)
{
	StoreTest test = store_begin();
	int64_t ids[2];

	(void) state;
	block_aggregate(&test, ids);
	store_bench->discard(test.bench, ids[0]);
	expect_one(&test, ids[1]);
	assert_int_equal(store_bench->dead_letters(test.bench, ids[0]), 1);
	expect_one(&test, store_commit_event(&test, 0));
	store_persist(&test);
	store_bench->restart(test.bench);
	expect_one(&test, store_commit_event(&test, 0));
	store_finish(&test);
}

static void
refused_again_it_still_blocks(void **state)
{
	StoreTest test = store_begin();
	int64_t ids[2];

	(void) state;
	block_aggregate(&test, ids);
	store_bench->redrive(test.bench, ids[0]);
	store_expect_events(&test, ids, 2);
	store_refuse(&test, 0);
	store_commit_event(&test, 0);
	expect_nothing(&test);
	assert_int_equal(store_bench->dead_letters(test.bench, ids[0]), 1);
	store_bench->redrive(test.bench, ids[0]);
	assert_int_equal(store_fetch(&test), 3);
	store_finish(&test);
}

static void
refused_after_waiting_it_blocks_the_rest(void **state)
{
	StoreTest test = store_begin();
	int64_t ids[3];

	(void) state;
	block_aggregate(&test, ids);
	ids[2] = store_commit_event(&test, 0);
	expect_nothing(&test);
	store_bench->redrive(test.bench, ids[0]);
	store_expect_events(&test, ids, 3);
	store_settle(&test, test.events[0].position, 1);
	store_refuse(&test, 1);
	expect_nothing(&test);
	assert_int_equal(store_bench->dead_letters(test.bench, ids[0]), 0);
	assert_int_equal(store_bench->dead_letters(test.bench, ids[1]), 1);
	store_bench->restart(test.bench);
	expect_nothing(&test);
	store_bench->redrive(test.bench, ids[1]);
	store_expect_events(&test, ids + 1, 2);
	store_finish(&test);
}

static void
rewinding_starts_after_what_was_let_go(void **state)
{
	StoreTest test = store_begin();
	int64_t ids[2];

	(void) state;
	block_aggregate(&test, ids);
	store_bench->redrive(test.bench, ids[0]);
	store_expect_events(&test, ids, 2);
	store_rewind(&test);
	store_expect_events(&test, ids, 2);
	store_settle(&test, test.events[0].position, 1);
	store_rewind(&test);
	expect_one(&test, ids[1]);
	store_finish(&test);
}

static void
a_restart_goes_on_with_what_was_not_let_go(void **state)
{
	StoreTest test = store_begin();
	int64_t ids[2];

	(void) state;
	block_aggregate(&test, ids);
	store_bench->redrive(test.bench, ids[0]);
	store_expect_events(&test, ids, 2);
	store_bench->restart(test.bench);
	store_expect_events(&test, ids, 2);
	store_settle(&test, test.events[0].position, 1);
	store_persist(&test);
	store_bench->restart(test.bench);
	expect_one(&test, ids[1]);
	store_persist(&test);
	store_bench->restart(test.bench);
	expect_nothing(&test);
	expect_one(&test, store_commit_event(&test, 0));
	store_finish(&test);
}

static void
a_restart_does_not_bring_twice_what_was_parked(void **state)
{
	StoreTest test = store_begin();
	int64_t ids[2];
	int64_t both[2];

	(void) state;
	block_aggregate(&test, ids);
	store_persist(&test);
	both[0] = store_commit_event(&test, 1);
	both[1] = store_commit_event(&test, 0);
	store_expect_events(&test, both, 1);
	store_bench->discard(test.bench, ids[0]);
	store_bench->restart(test.bench);
	store_expect_events(&test, both, 1);
	store_settle_all(&test, 1);
	ids[0] = ids[1];
	ids[1] = both[1];
	store_expect_events(&test, ids, 2);
	store_settle_all(&test, 3);
	expect_nothing(&test);
	store_finish(&test);
}

static void
when_told_to_skip_later_events_pass(void **state)
{
	StoreTest test = store_begin();
	int64_t ids[2];

	(void) state;
	store_bench->block(test.bench, false);
	ids[0] = store_commit_event(&test, 0);
	ids[1] = store_commit_event(&test, 0);
	store_expect_events(&test, ids, 2);
	store_refuse(&test, 0);
	expect_one(&test, ids[1]);
	assert_int_equal(store_bench->dead_letters(test.bench, ids[0]), 1);
	store_bench->block(test.bench, true);
	store_bench->redrive(test.bench, ids[0]);
	store_expect_events(&test, &ids[0], 1);
	store_refuse(&test, 0);
	expect_one(&test, store_commit_event(&test, 0));
	store_bench->redrive(test.bench, ids[0]);
	expect_one(&test, ids[0]);
	assert_int_equal(store_fetch(&test), 0);
	assert_int_equal(store_bench->dead_letters(test.bench, ids[0]), 0);
	store_finish(&test);
}

int
store_refusals_run(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_refused_event_is_a_dead_letter_and_settled),
		cmocka_unit_test(a_dead_letter_and_its_settling_survive_restart_and_crash),
		cmocka_unit_test(later_events_of_the_aggregate_wait_and_others_go_on),
		cmocka_unit_test(what_waits_beside_others_costs_them_nothing),
		cmocka_unit_test(sent_again_it_comes_first_and_then_what_waited),
		cmocka_unit_test(what_is_let_go_is_as_it_was_emitted),
		cmocka_unit_test(given_up_it_never_comes_and_what_waited_does),
		cmocka_unit_test(refused_again_it_still_blocks),
		cmocka_unit_test(refused_after_waiting_it_blocks_the_rest),
		cmocka_unit_test(rewinding_starts_after_what_was_let_go),
		cmocka_unit_test(a_restart_goes_on_with_what_was_not_let_go),
		cmocka_unit_test(a_restart_does_not_bring_twice_what_was_parked),
		cmocka_unit_test(when_told_to_skip_later_events_pass),
	};

	return cmocka_run_group_tests_name("refusals", tests, NULL, NULL);
}
