/*
 * store_contract.c
 *		The suite.
 */
#include "contract/store_contract.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "contract/store_steps.h"

static void
an_empty_store_has_nothing(void **state)
{
	StoreTest test = store_begin();
	uint64_t sequence = 1;
	int64_t created = 1;

	(void) state;
	assert_int_equal(store_fetch(&test), 0);
	assert_int_equal(store_fetch(&test), 0);
	store_bench->routine->settled(store_bench->self(test.bench), &sequence, &created);
	assert_int_equal(sequence, 0);
	assert_int_equal(created, 0);
	store_finish(&test);
}

static void
events_come_in_the_order_of_emit(void **state)
{
	StoreTest test = store_begin();
	int transaction = store_bench->begin(test.bench);
	int64_t ids[3];

	(void) state;
	for (int i = 0; i < 3; i++)
		ids[i] = store_bench->emit(test.bench, transaction, i, 100 + (size_t) i);
	store_bench->commit(test.bench, transaction);
	store_expect_events(&test, ids, 3);
	for (int i = 0; i < 3; i++)
	{
		const OutboxEvent *event = &test.events[i];

		assert_int_equal(event->tx_index, i + 1);
		assert_int_equal(event->tx_count, 3);
		assert_int_equal(event->xid, test.events[0].xid);
		assert_int_equal(event->position.last, ids[2]);
		assert_int_equal(event->payload_length, 100 + i);
		assert_non_null(event->payload);
		assert_true(event->aggregate[0] && event->aggregate_id[0] && event->action[0]);
		assert_non_null(event->headers);
		assert_non_null(event->content_type);
	}
	assert_string_not_equal(test.events[0].aggregate_id, test.events[1].aggregate_id);
	assert_int_equal(store_fetch(&test), 0);
	store_finish(&test);
}

static void
what_has_not_committed_does_not_come(void **state)
{
	StoreTest test = store_begin();
	int aborted = store_bench->begin(test.bench);
	int running = store_bench->begin(test.bench);

	(void) state;
	store_emit(&test, aborted, 0);
	store_emit(&test, running, 1);
	store_bench->abort(test.bench, aborted);
	assert_int_equal(store_fetch(&test), 0);
	store_bench->abort(test.bench, running);
	assert_int_equal(store_fetch(&test), 0);
	store_finish(&test);
}

static void
what_was_rolled_back_to_a_savepoint_does_not_come(void **state)
{
	StoreTest test = store_begin();
	int transaction = store_bench->begin(test.bench);
	int64_t first = store_emit(&test, transaction, 0);
	int64_t last;

	(void) state;
	store_emit(&test, transaction, 0);
	store_bench->roll_back(test.bench, transaction);
	last = store_emit(&test, transaction, 0);
	store_emit(&test, transaction, 0);
	store_bench->roll_back(test.bench, transaction);
	store_bench->commit(test.bench, transaction);
	store_expect_events(&test, (int64_t[]){first, last}, 2);
	assert_int_equal(test.events[1].tx_index, 2);
	assert_int_equal(test.events[1].tx_count, 2);
	assert_int_equal(test.events[0].position.last, last);
	store_finish(&test);
}

static void
a_long_transaction_delays_nobody_and_is_not_skipped(void **state)
{
	StoreTest test = store_begin();
	int long_one = store_bench->begin(test.bench);
	int64_t late = store_emit(&test, long_one, 1);
	int64_t early = store_commit_events(&test, 1);

	(void) state;
	store_expect_events(&test, &early, 1);
	store_settle_all(&test, 1);
	assert_int_equal(store_fetch(&test), 0);
	early = store_commit_events(&test, 1);
	store_expect_events(&test, &early, 1);
	store_settle_all(&test, 2);
	store_bench->commit(test.bench, long_one);
	store_expect_events(&test, &late, 1);
	store_settle_all(&test, 3);
	assert_int_equal(store_fetch(&test), 0);
	store_finish(&test);
}

static void
transactions_stay_together(void **state)
{
	StoreTest test = store_begin();
	int one = store_bench->begin(test.bench);
	int other = store_bench->begin(test.bench);
	int64_t ids[4];

	(void) state;
	ids[2] = store_emit(&test, one, 0);
	ids[0] = store_emit(&test, other, 1);
	ids[1] = store_emit(&test, other, 1);
	ids[3] = store_emit(&test, one, 0);
	store_bench->commit(test.bench, one);
	store_bench->commit(test.bench, other);
	store_expect_events(&test, ids, 4);
	store_finish(&test);
}

static void
fetch_goes_on_where_it_stopped(void **state)
{
	StoreTest test = store_begin();
	int64_t first = store_commit_events(&test, 10);

	(void) state;
	for (int i = 0; i < 9; i += 3)
	{
		assert_int_equal(store_fetch_some(&test, 3, 1 << 20), 3);
		assert_int_equal(test.events[0].id, first + i);
		assert_int_equal(test.events[2].tx_index, i + 3);
		assert_int_equal(test.events[2].tx_count, 10);
	}
	assert_int_equal(store_fetch_some(&test, 3, 1 << 20), 1);
	assert_int_equal(store_fetch_some(&test, 3, 1 << 20), 0);
	store_finish(&test);
}

static void
bytes_bound_a_fetch_beyond_the_first_event(void **state)
{
	StoreTest test = store_begin();
	int transaction = store_bench->begin(test.bench);
	int seen = 0;

	(void) state;
	for (int i = 0; i < 10; i++)
		store_bench->emit(test.bench, transaction, 0, 1000);
	store_bench->commit(test.bench, transaction);
	assert_int_equal(store_fetch_some(&test, MOST, 1), 1);
	for (seen = 1; store_fetch_some(&test, MOST, 2500) > 0; seen += test.count)
		assert_true(test.count <= 4);
	assert_int_equal(seen, 10);
	store_finish(&test);
}

static void
the_next_interval_opens_when_all_is_settled(void **state)
{
	StoreTest test = store_begin();
	int64_t first = store_commit_events(&test, 2);
	OutboxPosition positions[2];
	int64_t next;

	(void) state;
	store_expect_events(&test, (int64_t[]){first, first + 1}, 2);
	next = store_commit_events(&test, 1);
	assert_int_equal(store_fetch(&test), 0);
	store_rewind(&test);
	store_expect_events(&test, (int64_t[]){first, first + 1}, 2);
	positions[0] = test.events[0].position;
	positions[1] = test.events[1].position;
	store_settle(&test, positions[0], 1);
	assert_int_equal(store_fetch(&test), 0);
	store_settle(&test, positions[1], 2);
	store_expect_events(&test, &next, 1);
	store_finish(&test);
}

static void
rewinding_starts_after_what_is_settled(void **state)
{
	StoreTest test = store_begin();
	int64_t first = store_commit_events(&test, 5);
	OutboxPosition second;

	(void) state;
	assert_int_equal(store_fetch_some(&test, 4, 1 << 20), 4);
	second = test.events[1].position;
	store_rewind(&test);
	assert_int_equal(store_fetch_some(&test, 4, 1 << 20), 4);
	assert_int_equal(test.events[0].id, first);
	store_settle(&test, second, 2);
	store_rewind(&test);
	store_expect_events(&test, (int64_t[]){first + 2, first + 3, first + 4}, 3);
	assert_int_equal(test.events[0].tx_index, 3);
	assert_int_equal(test.events[0].tx_count, 5);
	store_finish(&test);
}

static void
what_is_settled_is_told(void **state)
{
	StoreTest test = store_begin();
	uint64_t sequence;
	int64_t created;

	(void) state;
	store_commit_events(&test, 1);
	store_fetch(&test);
	store_settle_all(&test, 4711);
	store_bench->routine->settled(store_bench->self(test.bench), &sequence, &created);
	assert_int_equal(sequence, 4711);
	assert_int_equal(created, CREATED);
	store_persist(&test);
	store_bench->restart(test.bench);
	store_bench->routine->settled(store_bench->self(test.bench), &sequence, &created);
	assert_int_equal(sequence, 4711);
	assert_int_equal(created, CREATED);
	store_finish(&test);
}

static void
a_restart_goes_on_where_it_was_persisted(void **state)
{
	StoreTest test = store_begin();
	int64_t first = store_commit_events(&test, 5);
	int64_t next;

	(void) state;
	store_fetch(&test);
	store_settle(&test, test.events[1].position, 2);
	store_persist(&test);
	next = store_commit_events(&test, 1);
	store_bench->restart(test.bench);
	store_expect_events(&test, (int64_t[]){first + 2, first + 3, first + 4}, 3);
	assert_int_equal(test.events[0].tx_index, 3);
	store_settle_all(&test, 5);
	store_expect_events(&test, &next, 1);
	store_settle_all(&test, 6);
	store_persist(&test);
	store_persist(&test);
	store_bench->restart(test.bench);
	assert_int_equal(store_fetch(&test), 0);
	store_finish(&test);
}

static void
a_restart_after_a_whole_transaction_numbers_the_next_one_from_one(void **state)
{
	StoreTest test = store_begin();
	int64_t next;

	(void) state;
	store_commit_events(&test, 3);
	next = store_commit_events(&test, 2);
	store_fetch(&test);
	assert_int_equal(test.count, 5);
	store_settle(&test, test.events[2].position, 3);
	store_persist(&test);
	store_bench->restart(test.bench);
	store_expect_events(&test, (int64_t[]){next, next + 1}, 2);
	assert_int_equal(test.events[0].tx_index, 1);
	assert_int_equal(test.events[1].tx_index, 2);
	store_finish(&test);
}

static void
a_restart_forgets_nothing_that_is_not_settled(void **state)
{
	StoreTest test = store_begin();
	int64_t first = store_commit_events(&test, 2);
	int64_t next;

	(void) state;
	store_fetch(&test);
	store_settle_all(&test, 2);
	next = store_commit_events(&test, 1);
	store_fetch(&test);
	store_bench->restart(test.bench);

	/* What was settled and not persisted may come again, the rest must. */
	assert_true(store_fetch(&test) >= 1);
	if (test.events[0].id == first)
	{
		assert_true(test.count >= 2);
		if (test.count == 2)
		{
			store_settle_all(&test, 2);
			assert_int_equal(store_fetch(&test), 1);
		}
	}
	assert_int_equal(test.events[test.count - 1].id, next);
	store_finish(&test);
}

static void
an_interval_of_several_events_is_the_same_after_a_restart(void **state)
{
	StoreTest test = store_begin();
	int late = store_bench->begin(test.bench);
	int whole = store_bench->begin(test.bench);
	int64_t ids[4];

	(void) state;
	ids[0] = store_emit(&test, whole, 0);
	ids[2] = store_emit(&test, late, 1);
	ids[3] = store_emit(&test, late, 1);
	ids[1] = store_emit(&test, whole, 0);
	store_bench->commit(test.bench, whole);
	store_expect_events(&test, ids, 2);

	/* It comes earlier in the order of positions, and was not there. */
	store_bench->commit(test.bench, late);
	store_bench->restart(test.bench);
	store_expect_events(&test, ids, 2);
	store_settle_all(&test, 1);
	store_expect_events(&test, ids + 2, 2);
	store_finish(&test);
}

static void
what_was_fetched_survives_a_crash(void **state)
{
	StoreTest test = store_begin();
	int running = store_bench->begin(test.bench);
	int64_t first;

	(void) state;
	if (store_bench->crash == NULL)
	{
		store_finish(&test);
		skip();
	}
	first = store_commit_events(&test, 2);
	store_emit(&test, running, 1);
	store_expect_events(&test, (int64_t[]){first, first + 1}, 2);
	store_bench->crash(test.bench);
	store_expect_events(&test, (int64_t[]){first, first + 1}, 2);
	store_settle_all(&test, 2);
	assert_int_equal(store_fetch(&test), 0);
	first = store_commit_events(&test, 1);
	store_expect_events(&test, &first, 1);
	store_finish(&test);
}

static void
many_transactions_come_once_each(void **state)
{
	StoreTest test = store_begin();
	int64_t seen[200] = {0};
	int64_t emitted = 0;
	int got = 0;

	(void) state;
	for (int round = 0; round < 20; round++)
	{
		int one = store_bench->begin(test.bench);
		int other = store_bench->begin(test.bench);

		store_emit(&test, other, 1);
		store_emit(&test, one, 0);
		store_bench->commit(test.bench, other);
		emitted += 2;
		for (; store_fetch_some(&test, 3, 1 << 20) > 0; store_settle_all(&test, (uint64_t) got))
			for (int i = 0; i < test.count; i++)
				seen[got++] = test.events[i].id;
		store_bench->commit(test.bench, one);
	}
	for (; store_fetch_some(&test, 3, 1 << 20) > 0; store_settle_all(&test, (uint64_t) got))
		for (int i = 0; i < test.count; i++)
			seen[got++] = test.events[i].id;
	assert_int_equal(got, emitted);
	for (int i = 0; i < got; i++)
		for (int j = i + 1; j < got; j++)
			assert_int_not_equal(seen[i], seen[j]);
	store_finish(&test);
}

int
store_contract_run(const StoreBench *bench)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_store_has_nothing),
		cmocka_unit_test(events_come_in_the_order_of_emit),
		cmocka_unit_test(what_has_not_committed_does_not_come),
		cmocka_unit_test(what_was_rolled_back_to_a_savepoint_does_not_come),
		cmocka_unit_test(a_long_transaction_delays_nobody_and_is_not_skipped),
		cmocka_unit_test(transactions_stay_together),
		cmocka_unit_test(fetch_goes_on_where_it_stopped),
		cmocka_unit_test(bytes_bound_a_fetch_beyond_the_first_event),
		cmocka_unit_test(the_next_interval_opens_when_all_is_settled),
		cmocka_unit_test(rewinding_starts_after_what_is_settled),
		cmocka_unit_test(what_is_settled_is_told),
		cmocka_unit_test(a_restart_goes_on_where_it_was_persisted),
		cmocka_unit_test(a_restart_after_a_whole_transaction_numbers_the_next_one_from_one),
		cmocka_unit_test(a_restart_forgets_nothing_that_is_not_settled),
		cmocka_unit_test(an_interval_of_several_events_is_the_same_after_a_restart),
		cmocka_unit_test(what_was_fetched_survives_a_crash),
		cmocka_unit_test(many_transactions_come_once_each),
	};

	store_bench = bench;
	return cmocka_run_group_tests_name(bench->name, tests, NULL, NULL) + store_refusals_run() +
		   store_backlog_run() + store_found_run() + store_trail_run();
}
