/*
 * store_found.c
 *		The suite's part about events that were found in the stream.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "contract/store_steps.h"

static int64_t
stranger_of(StoreTest *test, int64_t a, int64_t b)
{
	const int64_t events[] = {0, a, -1, b};

	return store_bench->routine->stranger(store_bench->self(test->bench), events, 4);
}

static void
sift(StoreTest *test, const int64_t *events, int count, uint64_t floor)
{
	store_bench->routine->sift(store_bench->self(test->bench), events, count, floor, CREATED, true);
}

static void
what_is_pending_is_no_stranger(void **state)
{
	StoreTest test = store_begin();
	int64_t first = store_commit_events(&test, 2);

	(void) state;
	assert_int_equal(stranger_of(&test, first, first + 1), 0);
	assert_int_equal(stranger_of(&test, 0, 0), 0);
	assert_int_equal(store_fetch(&test), 2);
	assert_int_equal(stranger_of(&test, first, first + 1), 0);
	store_finish(&test);
}

static void
what_was_settled_is_no_stranger(void **state)
{
	StoreTest test = store_begin();
	int64_t first = store_commit_events(&test, 2);

	(void) state;
	store_fetch(&test);
	store_settle_all(&test, 2);
	assert_int_equal(stranger_of(&test, first, first + 1), 0);
	assert_int_equal(store_fetch(&test), 0);
	store_persist(&test);
	store_bench->restart(test.bench);
	assert_int_equal(stranger_of(&test, first, first + 1), 0);
	store_finish(&test);
}

static void
what_is_kept_back_is_no_stranger(void **state)
{
	StoreTest test = store_begin();
	int64_t dead = store_commit_event(&test, 0);
	int64_t waiting = store_commit_event(&test, 0);

	(void) state;
	store_fetch(&test);
	store_refuse(&test, 0);
	assert_int_equal(store_fetch(&test), 0);
	assert_int_equal(stranger_of(&test, dead, waiting), 0);
	store_finish(&test);
}

static void
what_was_never_here_is_a_stranger(void **state)
{
	StoreTest test = store_begin();
	int64_t first = store_commit_events(&test, 2);
	int aborted = store_bench->begin(test.bench);
	int64_t lost = store_emit(&test, aborted, 1);

	(void) state;
	store_bench->abort(test.bench, aborted);
	assert_int_equal(stranger_of(&test, first, lost), lost);
	assert_int_equal(stranger_of(&test, first + 1000, first + 2000), first + 2000);
	store_fetch(&test);
	store_settle_all(&test, 2);
	assert_int_equal(stranger_of(&test, first + 1000, first), first + 1000);
	store_finish(&test);
}

static void
what_was_found_by_sifting_is_pending_no_more(void **state)
{
	StoreTest test = store_begin();
	int64_t first = store_commit_events(&test, 4);
	uint64_t sequence = 0;
	int64_t created = 0;

	(void) state;
	assert_false(store_bench->routine->sifting(store_bench->self(test.bench)));
	sift(&test, (int64_t[]){first + 2, 0, first, first + 999}, 4, 17);
	store_bench->routine->settled(store_bench->self(test.bench), &sequence, &created);
	assert_int_equal(sequence, 17);
	assert_int_equal(created, CREATED);
	store_bench->restart(test.bench);
	store_bench->routine->settled(store_bench->self(test.bench), &sequence, &created);
	assert_int_equal(sequence, 17);
	store_expect_events(&test, (int64_t[]){first + 1, first + 3}, 2);
	store_settle_all(&test, 19);
	assert_int_equal(store_fetch(&test), 0);
	store_finish(&test);
}

static void
nor_does_it_wait_or_be_sent_again(void **state)
{
	StoreTest test = store_begin();
	int64_t dead = store_commit_event(&test, 0);
	int64_t waiting = store_commit_event(&test, 0);
	int64_t last = store_commit_event(&test, 0);

	(void) state;
	store_fetch(&test);
	store_refuse(&test, 0);
	assert_int_equal(store_fetch(&test), 0);
	store_bench->restart(test.bench);
	sift(&test, (int64_t[]){dead, waiting}, 2, 17);
	assert_int_equal(store_bench->dead_letters(test.bench, dead), 0);
	store_expect_events(&test, &last, 1);
	store_settle_all(&test, 18);
	assert_int_equal(store_fetch(&test), 0);
	last = store_commit_event(&test, 0);
	store_expect_events(&test, &last, 1);
	store_finish(&test);
}

int
store_found_run(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_pending_is_no_stranger),
		cmocka_unit_test(what_was_settled_is_no_stranger),
		cmocka_unit_test(what_is_kept_back_is_no_stranger),
		cmocka_unit_test(what_was_never_here_is_a_stranger),
		cmocka_unit_test(what_was_found_by_sifting_is_pending_no_more),
		cmocka_unit_test(nor_does_it_wait_or_be_sent_again),
	};

	return cmocka_run_group_tests_name("found in the stream", tests, NULL, NULL);
}
