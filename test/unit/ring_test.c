/*
 * ring_test.c
 *		Which child is current, and which is emptied, over time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "domain/ring.h"

#define RETENTION 1000
#define SECONDS INT64_C(1000000)
#define HOLD 300

/* When the stream was verified last. */
static int64_t verified_at;

static int
verified_long_after(void **state)
{
	(void) state;
	verified_at = 1000 * RETENTION;
	return 0;
}

/* Child 0 current since 0, the others empty. */
static OutboxRing
fresh(void)
{
	OutboxRing ring = {.current = 0};

	ring.children[1].empty = true;
	ring.children[2].empty = true;
	return ring;
}

static void
assert_step(const OutboxRing *ring, int64_t now, OutboxRingAction action, int child)
{
	OutboxRingPolicy policy = {RETENTION, HOLD, verified_at};
	OutboxRingStep step = outbox_ring_decide(ring, now, &policy);

	assert_int_equal(step.action, action);
	if (action != OUTBOX_RING_REST)
		assert_int_equal(step.child, child);
}

static void
leaves_the_current_child_after_half_the_retention(void **state)
{
	OutboxRing ring = fresh();

	(void) state;
	assert_step(&ring, RETENTION / 2 - 1, OUTBOX_RING_REST, 0);
	assert_step(&ring, RETENTION / 2, OUTBOX_RING_ENTER, 1);
}

static void
stays_while_there_is_nothing_in_it(void **state)
{
	OutboxRing ring = fresh();

	(void) state;
	ring.children[0].empty = true;
	assert_step(&ring, 100 * RETENTION, OUTBOX_RING_REST, 0);
}

static void
never_enters_a_child_that_holds_events(void **state)
{
	OutboxRing ring = fresh();

	(void) state;
	ring.children[1].empty = false;
	ring.children[1].left_at = RETENTION;
	ring.children[1].settled_at = RETENTION;
	assert_step(&ring, RETENTION + 1, OUTBOX_RING_REST, 0);
}

static void
empties_what_was_left_for_the_retention(void **state)
{
	OutboxRing ring = fresh();

	(void) state;
	ring.children[2].empty = false;
	ring.children[2].left_at = 5;
	ring.children[2].settled_at = 6;
	assert_step(&ring, RETENTION / 4, OUTBOX_RING_REST, 0);
	assert_step(&ring, RETENTION + 4, OUTBOX_RING_ENTER, 1);
	assert_step(&ring, RETENTION + 5, OUTBOX_RING_EMPTY, 2);
}

static void
empties_the_one_left_first(void **state)
{
	OutboxRing ring = fresh();

	(void) state;
	ring.children[1].empty = false;
	ring.children[1].left_at = 20;
	ring.children[1].settled_at = 20;
	ring.children[2].empty = false;
	ring.children[2].left_at = 10;
	ring.children[2].settled_at = 20;
	assert_step(&ring, 10 * RETENTION, OUTBOX_RING_EMPTY, 2);
}

static void
never_empties_the_current_child(void **state)
{
	OutboxRing ring = fresh();

	(void) state;
	ring.current = 1;
	ring.children[0].empty = true;
	ring.children[1].empty = false;
	ring.children[1].left_at = 1;
	ring.children[2].empty = false;
	ring.children[2].left_at = 20 * RETENTION;
	ring.children[2].settled_at = 20 * RETENTION;
	assert_step(&ring, 20 * RETENTION, OUTBOX_RING_REST, 1);
}

/* Child 1 is current since 800, child 0 was left then; the clocks are 500 apart. */
static OutboxRing
turned(void)
{
	OutboxRing ring = {.current = 1};

	ring.children[0].left_at = ring.children[1].entered_at = 800 * SECONDS;
	ring.children[2].empty = true;
	assert_false(outbox_ring_mind_clock(&ring, 1000 * SECONDS, 500 * SECONDS));
	return ring;
}

static void
time_that_passes_changes_nothing(void **state)
{
	OutboxRing ring = turned();

	(void) state;
	assert_false(outbox_ring_mind_clock(&ring, 1060 * SECONDS, 560 * SECONDS));
	assert_false(outbox_ring_mind_clock(&ring, 1060 * SECONDS + SECONDS / 2, 560 * SECONDS));
	assert_true(ring.children[0].left_at == 800 * SECONDS);
	assert_true(ring.children[1].entered_at == 800 * SECONDS);
}

static void
a_clock_that_is_set_moves_all_times(void **state)
{
	static const int64_t jumps[] = {3600, -3600, 86400 * 365, -2};

	(void) state;
	for (size_t i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++)
	{
		OutboxRing ring = turned();
		int64_t jump = jumps[i] * SECONDS;

		assert_true(outbox_ring_mind_clock(&ring, 1010 * SECONDS + jump, 510 * SECONDS));
		assert_true(ring.children[0].left_at == 800 * SECONDS + jump);
		assert_true(ring.children[1].entered_at == 800 * SECONDS + jump);
		assert_false(outbox_ring_mind_clock(&ring, 1020 * SECONDS + jump, 520 * SECONDS));
	}
}

static void
times_of_the_future_become_now(void **state)
{
	OutboxRing ring = {.current = 1};

	(void) state;
	ring.children[0].left_at = ring.children[1].entered_at = 5000 * SECONDS;
	assert_true(outbox_ring_mind_clock(&ring, 1000 * SECONDS, 500 * SECONDS));
	assert_true(ring.children[0].left_at == 1000 * SECONDS);
	assert_true(ring.children[1].entered_at == 1000 * SECONDS);
	assert_false(outbox_ring_mind_clock(&ring, 1001 * SECONDS, 501 * SECONDS));
}

static void
marks_what_was_left_until_it_is_settled(void **state)
{
	OutboxRing ring = fresh();

	(void) state;
	ring.children[2].empty = false;
	ring.children[2].left_at = 5;
	assert_step(&ring, 6, OUTBOX_RING_MARK, 2);
	assert_step(&ring, RETENTION / 2, OUTBOX_RING_ENTER, 1);
	ring.current = 1;
	ring.children[1].entered_at = RETENTION;
	ring.children[0].left_at = RETENTION;
	assert_step(&ring, 100 * RETENTION, OUTBOX_RING_MARK, 2);
	ring.children[2].settled_at = 100 * RETENTION;
	assert_step(&ring, 100 * RETENTION, OUTBOX_RING_EMPTY, 2);
	ring.children[2].empty = true;
	assert_step(&ring, RETENTION, OUTBOX_RING_MARK, 0);
}

static void
empties_only_what_was_verified_after_the_hold_time(void **state)
{
	OutboxRing ring = fresh();

	(void) state;
	ring.children[0].entered_at = 1000 * RETENTION;
	ring.children[2].empty = false;
	ring.children[2].left_at = 5;
	ring.children[2].settled_at = 50;
	verified_at = 50 + HOLD - 1;
	assert_step(&ring, 100 * RETENTION, OUTBOX_RING_REST, 0);
	verified_at = 0;
	assert_step(&ring, 100 * RETENTION, OUTBOX_RING_REST, 0);
	verified_at = 50 + HOLD;
	assert_step(&ring, 100 * RETENTION, OUTBOX_RING_EMPTY, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(time_that_passes_changes_nothing),
		cmocka_unit_test(a_clock_that_is_set_moves_all_times),
		cmocka_unit_test(times_of_the_future_become_now),
		cmocka_unit_test_setup(leaves_the_current_child_after_half_the_retention,
							   verified_long_after),
		cmocka_unit_test_setup(stays_while_there_is_nothing_in_it, verified_long_after),
		cmocka_unit_test_setup(never_enters_a_child_that_holds_events, verified_long_after),
		cmocka_unit_test_setup(empties_what_was_left_for_the_retention, verified_long_after),
		cmocka_unit_test_setup(empties_the_one_left_first, verified_long_after),
		cmocka_unit_test_setup(never_empties_the_current_child, verified_long_after),
		cmocka_unit_test_setup(marks_what_was_left_until_it_is_settled, verified_long_after),
		cmocka_unit_test_setup(empties_only_what_was_verified_after_the_hold_time,
							   verified_long_after),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
