/*
 * trail_test.c
 *		Entries folded into runs, sorted, cut and unfolded.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "domain/trail.h"

static OutboxTrail trail;

static int
begin(void **state)
{
	(void) state;
	trail.count = 0;
	return 0;
}

static void
note(uint64_t sequence, int64_t event)
{
	assert_true(outbox_trail_note(&trail, (OutboxTrailEntry){sequence, event}));
}

static void
assert_run(const OutboxTrailRun *run, uint64_t sequence, int64_t event, uint64_t count)
{
	assert_int_equal(run->sequence, sequence);
	assert_int_equal(run->event, event);
	assert_int_equal(run->count, count);
}

static void
what_ascends_by_one_is_one_run(void **state)
{
	(void) state;
	for (int i = 0; i < 1000; i++)
		note(10 + (uint64_t) i, 70 + i);
	assert_int_equal(trail.count, 1);
	assert_run(&trail.runs[0], 10, 70, 1000);
	assert_int_equal(outbox_trail_end(&trail.runs[0]), 1009);
}

static void
a_gap_in_either_begins_a_run(void **state)
{
	(void) state;
	note(1, 1);
	note(2, 3);
	note(4, 4);
	note(5, 5);
	note(6, 5);
	assert_int_equal(trail.count, 4);
	assert_run(&trail.runs[2], 4, 4, 2);
	assert_int_equal(outbox_trail_count(trail.runs, trail.count), 5);
}

static void
it_is_full_at_half_of_its_room(void **state)
{
	(void) state;
	for (int i = 0; i < OUTBOX_TRAIL_RUNS; i++)
	{
		assert_int_equal(outbox_trail_is_full(&trail), i >= OUTBOX_TRAIL_RUNS / 2);
		note(1 + 2 * (uint64_t) i, i);
	}
	assert_false(outbox_trail_note(&trail, (OutboxTrailEntry){7, 7}));
	/* What goes on with the last run needs no room. */
	note(2 * OUTBOX_TRAIL_RUNS, OUTBOX_TRAIL_RUNS);
}

static void
sorting_goes_by_sequence(void **state)
{
	(void) state;
	note(5, 1);
	note(3, 2);
	note(9, 3);
	note(1, 4);
	outbox_trail_sort(trail.runs, trail.count);
	for (int i = 1; i < trail.count; i++)
		assert_true(trail.runs[i - 1].sequence < trail.runs[i].sequence);
	assert_run(&trail.runs[1], 3, 2, 1);
}

static void
no_row_spans_more_than_it_may(void **state)
{
	OutboxTrailRun row[8];
	uint64_t taken = 0;
	int next = 0;
	int rows = 0;
	int count;

	(void) state;
	trail.runs[0] = (OutboxTrailRun){1, 1, 3};
	trail.runs[1] = (OutboxTrailRun){10, 20, 3 * OUTBOX_TRAIL_SPAN};
	trail.runs[2] = (OutboxTrailRun){1000000, 5, 1};
	trail.count = 3;
	while ((count = outbox_trail_take_row(trail.runs, trail.count, &next, row)) > 0)
	{
		assert_true(outbox_trail_end(&row[count - 1]) - row[0].sequence < OUTBOX_TRAIL_SPAN);
		for (int i = 0; i < count; i++)
			if (row[i].sequence >= 10 && row[i].sequence < 1000000)
				assert_int_equal(row[i].event, row[i].sequence + 10);
		taken += outbox_trail_count(row, count);
		rows++;
	}
	assert_int_equal(taken, 3 * OUTBOX_TRAIL_SPAN + 4);
	assert_int_equal(rows, 5);
}

static void
a_slice_begins_and_ends_inside_of_runs(void **state)
{
	const OutboxTrailRun runs[] = {{1, 11, 5}, {10, 20, 5}, {20, 30, 5}};
	OutboxTrailRun part[3];

	(void) state;
	assert_int_equal(outbox_trail_slice(runs, 3, 4, 21, part), 3);
	assert_run(&part[0], 4, 14, 2);
	assert_run(&part[1], 10, 20, 5);
	assert_run(&part[2], 20, 30, 2);
	assert_int_equal(outbox_trail_slice(runs, 3, 12, 12, part), 1);
	assert_run(&part[0], 12, 22, 1);
	assert_int_equal(outbox_trail_slice(runs, 3, 6, 9, part), 0);
	assert_int_equal(outbox_trail_slice(runs, 3, 0, UINT64_MAX, part), 3);
}

static void
dropping_leaves_the_rest(void **state)
{
	const OutboxTrailRun runs[] = {{1, 11, 5}, {10, 20, 5}};
	OutboxTrailRun part[2];

	(void) state;
	assert_int_equal(outbox_trail_drop(runs, 2, 0, part), 2);
	assert_int_equal(outbox_trail_drop(runs, 2, 7, part), 1);
	assert_run(&part[0], 12, 22, 3);
	assert_int_equal(outbox_trail_drop(runs, 2, 10, part), 0);
}

static void
unfolding_starts_after_a_sequence(void **state)
{
	const OutboxTrailRun runs[] = {{1, 11, 5}, {10, 20, 5}};
	OutboxTrailEntry entries[4];

	(void) state;
	assert_int_equal(outbox_trail_unfold(runs, 2, 3, entries, 4), 4);
	assert_int_equal(entries[0].sequence, 4);
	assert_int_equal(entries[0].event, 14);
	assert_int_equal(entries[2].sequence, 10);
	assert_int_equal(entries[3].event, 21);
	assert_int_equal(outbox_trail_unfold(runs, 2, 13, entries, 4), 1);
	assert_int_equal(outbox_trail_unfold(runs, 2, 14, entries, 4), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_ascends_by_one_is_one_run, begin),
		cmocka_unit_test_setup(a_gap_in_either_begins_a_run, begin),
		cmocka_unit_test_setup(it_is_full_at_half_of_its_room, begin),
		cmocka_unit_test_setup(sorting_goes_by_sequence, begin),
		cmocka_unit_test_setup(no_row_spans_more_than_it_may, begin),
		cmocka_unit_test(a_slice_begins_and_ends_inside_of_runs),
		cmocka_unit_test(dropping_leaves_the_rest),
		cmocka_unit_test(unfolding_starts_after_a_sequence),
	};

	return cmocka_run_group_tests_name("trail", tests, NULL, NULL);
}
