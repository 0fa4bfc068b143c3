/*
 * fence_test.c
 *		Which stream sequence the next message must find.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "domain/fence.h"

#define CREATED 77

static OutboxFence
fence_at(uint64_t floor)
{
	OutboxFence fence;

	outbox_fence_init(&fence, floor, CREATED);
	return fence;
}

static void
predictions_start_at_the_floor(void **state)
{
	OutboxFence fence = fence_at(10);

	(void) state;
	assert_int_equal(outbox_fence_open(&fence, 13, CREATED), OUTBOX_FENCE_SAME);
	assert_int_equal(fence.next, 10);
	outbox_fence_advance(&fence);
	assert_int_equal(fence.next, 11);
}

static void
the_edge_is_where_the_stream_ends(void **state)
{
	OutboxFence fence = fence_at(10);

	(void) state;
	outbox_fence_open(&fence, 12, CREATED);
	assert_false(outbox_fence_at_edge(&fence));
	outbox_fence_advance(&fence);
	assert_false(outbox_fence_at_edge(&fence));
	outbox_fence_advance(&fence);
	assert_true(outbox_fence_at_edge(&fence));
	outbox_fence_advance(&fence);
	outbox_fence_settle(&fence, 13);
	assert_false(outbox_fence_at_edge(&fence));
}

static void
a_place_is_free_from_the_end_of_the_stream_on(void **state)
{
	OutboxFence fence = fence_at(10);

	(void) state;
	outbox_fence_open(&fence, 11, CREATED);
	assert_false(outbox_fence_is_free(&fence));
	outbox_fence_advance(&fence);
	assert_true(outbox_fence_is_free(&fence));
	outbox_fence_advance(&fence);
	assert_true(outbox_fence_is_free(&fence));
	outbox_fence_conflict(&fence);
	outbox_fence_open(&fence, 14, CREATED);
	assert_true(outbox_fence_is_free(&fence));
}

static void
the_first_new_message_of_an_epoch_travels_alone(void **state)
{
	OutboxFence fence = fence_at(10);

	(void) state;
	for (uint64_t last = 12; last < 15; last++)
	{
		outbox_fence_conflict(&fence);
		outbox_fence_open(&fence, last, CREATED);
		assert_false(outbox_fence_at_edge(&fence));
		outbox_fence_advance(&fence);
		assert_true(outbox_fence_at_edge(&fence));
		outbox_fence_settle(&fence, last);
		assert_true(outbox_fence_at_edge(&fence));
		outbox_fence_settle(&fence, last + 1);
		assert_false(outbox_fence_at_edge(&fence));
		outbox_fence_advance(&fence);
		assert_false(outbox_fence_at_edge(&fence));
	}
}

static void
there_is_no_edge_without_doubt(void **state)
{
	OutboxFence fence = fence_at(10);

	(void) state;
	outbox_fence_open(&fence, 10, CREATED);
	assert_false(outbox_fence_at_edge(&fence));
	outbox_fence_open(&fence, 12, CREATED);
	outbox_fence_conflict(&fence);
	outbox_fence_open(&fence, 12, CREATED);
	assert_int_equal(fence.next, 12);
	assert_false(outbox_fence_at_edge(&fence));
}

static void
the_floor_rises_without_gaps(void **state)
{
	OutboxFence fence = fence_at(10);

	(void) state;
	outbox_fence_open(&fence, 10, CREATED);
	outbox_fence_settle(&fence, 11);
	assert_int_equal(fence.floor, 11);
	outbox_fence_settle(&fence, 13);
	assert_int_equal(fence.floor, 11);
	outbox_fence_settle(&fence, 12);
	assert_int_equal(fence.floor, 12);
	assert_int_equal(fence.highest, 13);
	outbox_fence_drained(&fence);
	assert_int_equal(fence.floor, 13);
}

static void
a_conflict_lasts_until_all_is_settled(void **state)
{
	OutboxFence fence = fence_at(10);

	(void) state;
	outbox_fence_open(&fence, 12, CREATED);
	outbox_fence_conflict(&fence);
	outbox_fence_open(&fence, 14, CREATED);
	assert_true(fence.astray);
	outbox_fence_drained(&fence);
	assert_false(fence.astray);
	assert_int_equal(fence.next, 14);
	assert_int_equal(fence.floor, 14);
}

static void
a_conflict_is_forgotten_when_the_stream_ends_at_the_floor(void **state)
{
	OutboxFence fence = fence_at(10);

	(void) state;
	outbox_fence_open(&fence, 11, CREATED);
	outbox_fence_conflict(&fence);
	outbox_fence_settle(&fence, 11);
	outbox_fence_open(&fence, 11, CREATED);
	assert_false(fence.astray);
	assert_int_equal(fence.next, 11);
}

static void
another_stream_has_no_floor(void **state)
{
	OutboxFence fence = fence_at(10);

	(void) state;
	assert_int_equal(outbox_fence_open(&fence, 50, CREATED + 1), OUTBOX_FENCE_NEW);
	assert_int_equal(fence.floor, 0);
	assert_int_equal(fence.next, 0);
	assert_int_equal(fence.created, CREATED + 1);
	assert_int_equal(outbox_fence_open(&fence, 50, CREATED + 1), OUTBOX_FENCE_SAME);
}

static void
a_stream_that_is_recognised_has_its_floor_again(void **state)
{
	OutboxFence fence = fence_at(10);

	(void) state;
	outbox_fence_recognise(&fence);
	assert_int_equal(fence.floor, 10);
	outbox_fence_open(&fence, 50, CREATED + 1);
	/* Not before the next epoch, and there is a third identity by then. */
	outbox_fence_open(&fence, 50, CREATED + 2);
	outbox_fence_recognise(&fence);
	assert_int_equal(fence.floor, 10);
	assert_int_equal(fence.next, 10);
	/* With what it had lost, and what had been wrong. */
	outbox_fence_conflict(&fence);
	outbox_fence_open(&fence, 12, CREATED + 3);
	outbox_fence_recognise(&fence);
	assert_int_equal(fence.next, 12);
	outbox_fence_open(&fence, 8, CREATED + 4);
	outbox_fence_recognise(&fence);
	assert_int_equal(fence.floor, 8);
	assert_int_equal(fence.next, 8);
}

static void
what_was_sent_to_another_stream_is_not_taken_back(void **state)
{
	OutboxFence fence = fence_at(10);

	(void) state;
	outbox_fence_open(&fence, 0, CREATED + 1);
	outbox_fence_advance(&fence);
	outbox_fence_recognise(&fence);
	assert_int_equal(fence.floor, 0);
}

static void
a_stream_that_lost_its_end_lowers_the_floor(void **state)
{
	OutboxFence fence = fence_at(10);

	(void) state;
	assert_int_equal(outbox_fence_open(&fence, 8, CREATED), OUTBOX_FENCE_SETBACK);
	assert_int_equal(fence.floor, 8);
	assert_int_equal(fence.next, 8);
}

static void
duplicates_lie_between_the_floor_and_what_was_sent(void **state)
{
	OutboxFence fence = fence_at(10);

	(void) state;
	outbox_fence_open(&fence, 12, CREATED);
	assert_false(outbox_fence_admits(&fence, 0, true));
	assert_false(outbox_fence_admits(&fence, 10, true));
	assert_true(outbox_fence_admits(&fence, 11, true));
	assert_true(outbox_fence_admits(&fence, 12, true));
	assert_false(outbox_fence_admits(&fence, 13, true));
	for (int i = 0; i < 3; i++)
		outbox_fence_advance(&fence);
	assert_true(outbox_fence_admits(&fence, 13, true));
	assert_false(outbox_fence_admits(&fence, 14, true));
	assert_true(outbox_fence_admits(&fence, 1000, false));
	assert_false(outbox_fence_admits(&fence, 10, false));
}

static void
what_was_sifted_is_below_the_floor(void **state)
{
	OutboxFence fence = fence_at(5);

	(void) state;
	outbox_fence_conflict(&fence);
	outbox_fence_open(&fence, 9, CREATED);
	outbox_fence_sifted(&fence, 9);
	assert_int_equal(fence.floor, 9);
	assert_int_equal(fence.next, 9);
	assert_false(outbox_fence_at_edge(&fence));
	assert_false(outbox_fence_admits(&fence, 9, true));
	outbox_fence_open(&fence, 9, CREATED);
	assert_int_equal(fence.next, 9);
}

static void
in_doubt_predictions_start_at_the_streams_end(void **state)
{
	OutboxFence fence = fence_at(10);

	(void) state;
	outbox_fence_open(&fence, 15, CREATED);
	assert_int_equal(fence.next, 10);
	outbox_fence_doubt(&fence);
	assert_int_equal(fence.next, 15);
	assert_int_equal(fence.floor, 10);
	assert_true(fence.astray);
	outbox_fence_open(&fence, 10, CREATED);
	outbox_fence_doubt(&fence);
	assert_int_equal(fence.next, 10);
	assert_false(fence.astray);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(predictions_start_at_the_floor),
		cmocka_unit_test(the_edge_is_where_the_stream_ends),
		cmocka_unit_test(a_place_is_free_from_the_end_of_the_stream_on),
		cmocka_unit_test(the_first_new_message_of_an_epoch_travels_alone),
		cmocka_unit_test(there_is_no_edge_without_doubt),
		cmocka_unit_test(the_floor_rises_without_gaps),
		cmocka_unit_test(a_conflict_lasts_until_all_is_settled),
		cmocka_unit_test(a_conflict_is_forgotten_when_the_stream_ends_at_the_floor),
		cmocka_unit_test(another_stream_has_no_floor),
		cmocka_unit_test(a_stream_that_is_recognised_has_its_floor_again),
		cmocka_unit_test(what_was_sent_to_another_stream_is_not_taken_back),
		cmocka_unit_test(a_stream_that_lost_its_end_lowers_the_floor),
		cmocka_unit_test(what_was_sifted_is_below_the_floor),
		cmocka_unit_test(in_doubt_predictions_start_at_the_streams_end),
		cmocka_unit_test(duplicates_lie_between_the_floor_and_what_was_sent),
	};

	return cmocka_run_group_tests_name("fence", tests, NULL, NULL);
}
