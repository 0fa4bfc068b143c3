/*
 * store_trail.c
 *		The part of the suite about the trail, and what is handed out again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "contract/store_steps.h"

#define ALL UINT64_MAX

/* Settles what was fetched, stored one after the other from this sequence on. */
static void
settle_at(StoreTest *test, int events, uint64_t sequence)
{
	for (int i = 0; i < events; i++)
		store_bench->routine->note(store_bench->self(test->bench),
								   (OutboxTrailEntry){sequence + (uint64_t) i, test->events[i].id});
	store_settle(test, test->events[events - 1].position, sequence + (uint64_t) events - 1);
}

/* Emits so many events, and settles them from this sequence on. */
static void
publish(StoreTest *test, int64_t *ids, int count, uint64_t sequence)
{
	int transaction = store_bench->begin(test->bench);

	for (int i = 0; i < count; i++)
		ids[i] = store_emit(test, transaction, i % 4);
	store_bench->commit(test->bench, transaction);
	store_expect_events(test, ids, count);
	settle_at(test, count, sequence);
}

static OutboxHeld
held(StoreTest *test)
{
	OutboxHeld found;

	store_bench->routine->held(store_bench->self(test->bench), &found);
	return found;
}

static void
lose(StoreTest *test, uint64_t first, uint64_t last)
{
	store_bench->routine->lose(store_bench->self(test->bench), first, last);
}

/* The trail holds these events, from this sequence on, and no others. */
static void
expect_trail(StoreTest *test, uint64_t sequence, const int64_t *ids, int count)
{
	OutboxTrailEntry entries[MOST];
	uint64_t after = 0;
	int seen = 0;
	int more;

	while ((more = store_bench->routine->trail(store_bench->self(test->bench), after, entries, 7)) >
		   0)
	{
		for (int i = 0; i < more; i++, seen++)
		{
			assert_true(seen < count);
			assert_int_equal(entries[i].sequence, sequence + (uint64_t) seen);
			assert_int_equal(entries[i].event, ids[seen]);
		}
		after = entries[more - 1].sequence;
	}
	assert_int_equal(seen, count);
}

/* Fetches exactly these, which are marked or not. */
static void
expect(StoreTest *test, const int64_t *ids, int count, bool again)
{
	assert_int_equal(store_fetch(test), count);
	for (int i = 0; i < count; i++)
	{
		assert_int_equal(test->events[i].id, ids[i]);
		assert_int_equal(test->events[i].position.id, ids[i]);
		assert_int_equal(test->events[i].again, again);
	}
}

static void
what_is_settled_is_in_the_trail(void **state)
{
	StoreTest test = store_begin();
	OutboxTrailEntry entries[3];
	int64_t ids[20];

	(void) state;
	assert_int_equal(held(&test).newest.sequence, 0);
	expect_trail(&test, 0, NULL, 0);
	publish(&test, ids, 10, 101);
	publish(&test, ids + 10, 10, 111);
	assert_int_equal(held(&test).newest.sequence, 120);
	assert_int_equal(held(&test).newest.event, ids[19]);
	expect_trail(&test, 101, ids, 20);
	assert_int_equal(store_bench->routine->trail(store_bench->self(test.bench), 118, entries, 3),
					 2);
	assert_int_equal(entries[0].sequence, 119);
	assert_int_equal(store_bench->routine->trail(store_bench->self(test.bench), 50, entries, 1), 1);
	assert_int_equal(entries[0].sequence, 101);
	store_persist(&test);
	store_bench->restart(test.bench);
	assert_int_equal(held(&test).newest.sequence, 120);
	expect_trail(&test, 101, ids, 20);
	store_finish(&test);
}

static void
the_trail_goes_with_the_settled_position(void **state)
{
	StoreTest test = store_begin();
	int64_t ids[4];

	(void) state;
	publish(&test, ids, 4, 1);
	store_bench->restart(test.bench);
	assert_int_equal(held(&test).newest.sequence, 0);
	expect_trail(&test, 1, ids, 0);
	expect(&test, ids, 4, false);
	settle_at(&test, 4, 1);
	store_persist(&test);
	expect_trail(&test, 1, ids, 4);
	store_finish(&test);
}

static void
the_trail_is_in_order_where_settling_was_not(void **state)
{
	StoreTest test = store_begin();
	static const uint64_t sequences[] = {10, 12, 11, 14, 13, 40000, 20};
	OutboxTrailEntry entries[8];

	(void) state;
	for (int i = 0; i < 7; i++)
	{
		int64_t event = store_commit_event(&test, i % 4);

		store_expect_events(&test, &event, 1);
		settle_at(&test, 1, sequences[i]);
		if (i != 3)
			store_persist(&test);
	}
	assert_int_equal(store_bench->routine->trail(store_bench->self(test.bench), 9, entries, 8), 7);
	for (int i = 0; i < 5; i++)
		assert_int_equal(entries[i].sequence, 10 + i);
	assert_int_equal(entries[5].sequence, 20);
	assert_int_equal(entries[6].sequence, 40000);
	assert_int_equal(held(&test).newest.sequence, 40000);
	store_finish(&test);
}

static void
what_is_lost_comes_again_before_all_others(void **state)
{
	StoreTest test = store_begin();
	StoreTest fetched;
	int64_t ids[11];

	(void) state;
	publish(&test, ids, 10, 1);
	ids[10] = store_commit_event(&test, 0);
	lose(&test, 6, ALL);
	assert_int_equal(held(&test).waiting, 5);
	assert_int_equal(held(&test).newest.sequence, 5);
	expect_trail(&test, 1, ids, 5);
	store_rewind(&test);
	expect(&test, ids + 5, 5, true);
	for (int i = 0; i < 5; i++)
	{
		assert_int_equal(test.events[i].tx_index, 6 + i);
		assert_int_equal(test.events[i].tx_count, 10);
		assert_int_equal(test.events[i].payload_length, 10);
	}
	fetched = test;
	assert_int_equal(store_fetch(&test), 0);
	settle_at(&fetched, 5, 6);
	assert_int_equal(held(&test).waiting, 0);
	expect(&test, ids + 10, 1, false);
	settle_at(&test, 1, 11);
	expect_trail(&test, 1, ids, 11);
	store_finish(&test);
}

static void
what_was_open_goes_on_where_it_was(void **state)
{
	StoreTest test = store_begin();
	int64_t first = store_commit_events(&test, 6);
	int64_t ids[6];

	(void) state;
	for (int i = 0; i < 6; i++)
		ids[i] = first + i;
	store_expect_events(&test, ids, 6);
	settle_at(&test, 4, 1);
	lose(&test, 2, 3);
	store_rewind(&test);
	expect(&test, ids + 1, 2, true);
	settle_at(&test, 2, 5);
	expect(&test, ids + 4, 2, false);
	assert_int_equal(test.events[0].tx_index, 5);
	settle_at(&test, 2, 7);
	assert_int_equal(store_fetch(&test), 0);
	store_finish(&test);
}

static void
what_is_lost_survives_a_restart_as_far_as_it_is_not_settled(void **state)
{
	StoreTest test = store_begin();
	int64_t ids[10];
	int64_t next;

	(void) state;
	publish(&test, ids, 10, 1);
	lose(&test, 4, ALL);
	store_bench->restart(test.bench);
	assert_int_equal(held(&test).waiting, 7);
	expect(&test, ids + 3, 7, true);
	settle_at(&test, 2, 4);
	store_persist(&test);
	store_bench->restart(test.bench);
	assert_int_equal(held(&test).waiting, 5);
	assert_int_equal(held(&test).newest.sequence, 5);
	expect(&test, ids + 5, 5, true);
	next = store_commit_event(&test, 0);
	settle_at(&test, 5, 6);
	store_persist(&test);
	store_bench->restart(test.bench);
	expect(&test, &next, 1, false);
	expect_trail(&test, 1, ids, 10);
	store_finish(&test);
}

static void
what_is_lost_later_comes_first(void **state)
{
	StoreTest test = store_begin();
	int64_t ids[10];
	int64_t order[] = {0, 0, 0, 0};

	(void) state;
	publish(&test, ids, 10, 1);
	lose(&test, 7, 8);
	store_rewind(&test);
	expect(&test, ids + 6, 2, true);
	lose(&test, 1, 1);
	lose(&test, 3, 3);
	assert_int_equal(store_fetch(&test), 0);
	store_rewind(&test);
	order[0] = ids[0];
	order[1] = ids[2];
	order[2] = ids[6];
	order[3] = ids[7];
	expect(&test, order, 4, true);
	settle_at(&test, 1, 11);
	store_rewind(&test);
	expect(&test, order + 1, 3, true);
	settle_at(&test, 3, 12);
	assert_int_equal(store_fetch(&test), 0);
	assert_int_equal(held(&test).waiting, 0);
	store_finish(&test);
}

static void
a_loss_in_the_middle_takes_nothing_else(void **state)
{
	StoreTest test = store_begin();
	OutboxTrailEntry entries[MOST];
	int64_t ids[20];

	(void) state;
	publish(&test, ids, 10, 1);
	store_persist(&test);
	publish(&test, ids + 10, 10, 11);
	lose(&test, 5, 15);
	assert_int_equal(held(&test).waiting, 11);
	assert_int_equal(store_bench->routine->trail(store_bench->self(test.bench), 0, entries, MOST),
					 9);
	assert_int_equal(entries[3].sequence, 4);
	assert_int_equal(entries[4].sequence, 16);
	assert_int_equal(entries[4].event, ids[15]);
	store_rewind(&test);
	expect(&test, ids + 4, 11, true);
	store_finish(&test);
}

static void
what_is_not_retained_is_gone(void **state)
{
	StoreTest test = store_begin();
	int64_t ids[6];
	int64_t kept[2];

	(void) state;
	publish(&test, ids, 6, 1);
	store_bench->remove(test.bench, ids[1]);
	store_bench->remove(test.bench, ids[3]);
	store_bench->remove(test.bench, ids[4]);
	lose(&test, 2, ALL);
	store_rewind(&test);
	kept[0] = ids[2];
	kept[1] = ids[5];
	expect(&test, kept, 2, true);
	settle_at(&test, 2, 2);
	assert_int_equal(store_fetch(&test), 0);
	assert_int_equal(held(&test).gone, 3);
	assert_int_equal(held(&test).waiting, 0);
	store_bench->restart(test.bench);
	assert_int_equal(held(&test).waiting, 0);
	assert_int_equal(store_fetch(&test), 0);
	store_finish(&test);
}

static void
refused_when_it_comes_again_nobody_waits_behind_it(void **state)
{
	StoreTest test = store_begin();
	int64_t ids[3];
	int64_t next;

	(void) state;
	publish(&test, ids, 3, 1);
	lose(&test, 1, ALL);
	store_rewind(&test);
	expect(&test, ids, 3, true);
	settle_at(&test, 1, 1);
	store_refuse(&test, 1);
	assert_int_equal(store_bench->dead_letters(test.bench, ids[1]), 1);
	store_bench->restart(test.bench);
	expect(&test, ids + 2, 1, true);
	settle_at(&test, 1, 2);
	next = store_commit_event(&test, 1);
	expect(&test, &next, 1, false);
	settle_at(&test, 1, 3);
	store_bench->redrive(test.bench, ids[1]);
	expect(&test, ids + 1, 1, false);
	assert_int_equal(test.events[0].tx_index, 2);
	assert_int_equal(test.events[0].tx_count, 3);
	store_finish(&test);
}

static void
what_a_check_finds_is_durable(void **state)
{
	StoreTest test = store_begin();
	OutboxChecked checked = {.sequence = 4, .created = CREATED + 1, .first = 3, .deleted = 7};
	int64_t ids[6];
	uint64_t sequence;
	int64_t created;

	(void) state;
	publish(&test, ids, 2, 1);
	store_persist(&test);
	publish(&test, ids + 2, 4, 3);
	store_bench->routine->checked(store_bench->self(test.bench), &checked);
	if (store_bench->crash)
		store_bench->crash(test.bench);
	else
		store_bench->restart(test.bench);
	store_bench->routine->settled(store_bench->self(test.bench), &sequence, &created);
	assert_int_equal(sequence, 4);
	assert_int_equal(created, CREATED + 1);
	assert_int_equal(held(&test).deleted, 7);
	expect_trail(&test, 3, ids + 2, 4);
	assert_int_equal(store_fetch(&test), 0);
	store_finish(&test);
}

static void
a_long_trail_is_read_and_lost_as_a_whole(void **state)
{
	StoreTest test = store_begin();
	OutboxTrailEntry entries[MOST];
	int64_t first = 0;
	uint64_t at = 0;
	int seen = 0;
	int more;

	(void) state;
	for (int i = 0; i < 6; i++)
	{
		int64_t event = store_commit_events(&test, 60);

		first = first ? first : event;
		assert_int_equal(store_fetch(&test), 60);
		/* Far apart, and with gaps. */
		for (int n = 0; n < 60; n++)
			store_bench->routine->note(
				store_bench->self(test.bench),
				(OutboxTrailEntry){(uint64_t) (i * 20000 + n * 3 + 1), test.events[n].id});
		store_settle_all(&test, (uint64_t) i * 20000 + 180);
	}
	while ((more = store_bench->routine->trail(store_bench->self(test.bench), at, entries, MOST)) >
		   0)
	{
		for (int i = 0; i < more; i++, seen++)
			assert_int_equal(entries[i].sequence, seen / 60 * 20000 + seen % 60 * 3 + 1);
		at = entries[more - 1].sequence;
	}
	assert_int_equal(seen, 360);
	lose(&test, 1, ALL);
	store_rewind(&test);
	for (seen = 0; store_fetch(&test) > 0; seen += test.count)
	{
		assert_int_equal(test.events[0].id, first + seen);
		settle_at(&test, test.count, (uint64_t) seen + 1);
	}
	assert_int_equal(seen, 360);
	store_finish(&test);
}

int
store_trail_run(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_settled_is_in_the_trail),
		cmocka_unit_test(the_trail_goes_with_the_settled_position),
		cmocka_unit_test(the_trail_is_in_order_where_settling_was_not),
		cmocka_unit_test(what_is_lost_comes_again_before_all_others),
		cmocka_unit_test(what_was_open_goes_on_where_it_was),
		cmocka_unit_test(what_is_lost_survives_a_restart_as_far_as_it_is_not_settled),
		cmocka_unit_test(what_is_lost_later_comes_first),
		cmocka_unit_test(a_loss_in_the_middle_takes_nothing_else),
		cmocka_unit_test(what_is_not_retained_is_gone),
		cmocka_unit_test(refused_when_it_comes_again_nobody_waits_behind_it),
		cmocka_unit_test(what_a_check_finds_is_durable),
		cmocka_unit_test(a_long_trail_is_read_and_lost_as_a_whole),
	};

	return cmocka_run_group_tests_name("trail", tests, NULL, NULL);
}
