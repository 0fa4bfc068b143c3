/*
 * window_test.c
 *		What is in flight, its limits and its gates.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "domain/window.h"

static OutboxWindow window;

static OutboxSlot *
push(int64_t id, size_t bytes)
{
	return outbox_window_push(&window, (OutboxPosition){id, id}, bytes, 100 + id);
}

static void
answer(uint64_t token)
{
	outbox_window_answer(&window, outbox_window_find(&window, token), token, false);
}

static int
set_up(void **state)
{
	(void) state;
	outbox_window_init(&window);
	return 0;
}

static void
tokens_name_slots_in_order(void **state)
{
	uint64_t first = outbox_window_next_token(&window);

	(void) state;
	for (int64_t id = 1; id <= 3; id++)
		push(id, 1);
	assert_int_equal(outbox_window_next_token(&window), first + 3);
	for (uint64_t i = 0; i < 3; i++)
		assert_int_equal(outbox_window_find(&window, first + i)->position.id, i + 1);
	assert_null(outbox_window_find(&window, first + 3));
	assert_null(outbox_window_find(&window, first - 1));
}

static void
an_answered_or_gone_slot_is_not_found(void **state)
{
	uint64_t first = outbox_window_next_token(&window);

	(void) state;
	push(1, 1);
	push(2, 1);
	answer(first + 1);
	assert_null(outbox_window_find(&window, first + 1));
	answer(first);
	assert_true(outbox_window_head(&window)->answered);
	outbox_window_pop(&window);
	assert_null(outbox_window_find(&window, first));
	assert_int_equal(outbox_window_head(&window)->position.id, 2);
	outbox_window_pop(&window);
	assert_null(outbox_window_head(&window));
}

static void
a_token_of_an_earlier_epoch_finds_nothing(void **state)
{
	uint64_t first = outbox_window_next_token(&window);

	(void) state;
	push(1, 1);
	push(2, 1);
	outbox_window_clear(&window, 0);
	push(1, 1);
	push(2, 1);
	assert_null(outbox_window_find(&window, first));
	assert_null(outbox_window_find(&window, first + 1));
	assert_non_null(outbox_window_find(&window, first + 2));
}

static void
the_ring_turns(void **state)
{
	(void) state;
	for (int64_t id = 1; id <= 3 * OUTBOX_WINDOW_MAX + 5; id++)
	{
		uint64_t token = outbox_window_next_token(&window);

		push(id, 7);
		if (window.count == OUTBOX_WINDOW_MAX)
			outbox_window_pop(&window);
		assert_int_equal(outbox_window_find(&window, token)->position.id, id);
		assert_int_equal(window.bytes, 7 * (size_t) window.count);
	}
	assert_int_equal(outbox_window_head(&window)->position.id,
					 3 * OUTBOX_WINDOW_MAX + 5 - window.count + 1);
}

static void
room_ends_at_either_limit(void **state)
{
	(void) state;
	assert_true(outbox_window_has_room(&window, 2, 100, 1000));
	push(1, 60);
	assert_true(outbox_window_has_room(&window, 2, 100, 40));
	assert_false(outbox_window_has_room(&window, 2, 100, 41));
	assert_false(outbox_window_has_room(&window, 2, 100, SIZE_MAX));
	push(2, 40);
	assert_false(outbox_window_has_room(&window, 2, 1000, 1));
	assert_false(outbox_window_has_room(&window, 3, 50, 0));
	outbox_window_clear(&window, 0);
	assert_int_equal(window.bytes, 0);
	assert_true(outbox_window_has_room(&window, 1, 1, 1000));
}

static void
no_room_beyond_the_ring(void **state)
{
	(void) state;
	for (int64_t id = 1; id <= OUTBOX_WINDOW_MAX; id++)
		push(id, 0);
	assert_false(outbox_window_has_room(&window, INT32_MAX, SIZE_MAX, 0));
}

static void
a_gate_is_closed_until_the_answer(void **state)
{
	OutboxEvent event = {.aggregate = "order", .aggregate_id = "42"};
	uint16_t gate = outbox_window_gate(&event);
	uint64_t token = outbox_window_next_token(&window);

	(void) state;
	assert_true(outbox_window_gate_open(&window, gate));
	outbox_window_close_gate(&window, push(1, 1), gate);
	assert_false(outbox_window_gate_open(&window, gate));
	answer(token);
	assert_true(outbox_window_gate_open(&window, gate));
	outbox_window_close_gate(&window, push(2, 1), gate);
	outbox_window_clear(&window, 0);
	assert_true(outbox_window_gate_open(&window, gate));
}

static void
an_aggregate_has_one_gate_and_others_mostly_another(void **state)
{
	OutboxEvent one = {.aggregate = "order", .aggregate_id = "42"};
	OutboxEvent same = {.aggregate = "order", .aggregate_id = "42", .id = 7};
	OutboxEvent shifted = {.aggregate = "order4", .aggregate_id = "2"};

	(void) state;
	assert_int_equal(outbox_window_gate(&one), outbox_window_gate(&same));
	assert_int_not_equal(outbox_window_gate(&one), outbox_window_gate(&shifted));
}

static void
it_is_quiet_when_all_that_was_sent_is_judged(void **state)
{
	uint64_t first = outbox_window_next_token(&window);

	(void) state;
	assert_true(outbox_window_is_quiet(&window, 0));
	push(1, 1);
	push(2, 1);
	push(3, 1);
	assert_int_equal(outbox_window_oldest_travelling(&window)->position.id, 1);
	outbox_window_judge(&window, outbox_window_find(&window, first));
	assert_null(outbox_window_find(&window, first));
	assert_false(outbox_window_head(&window)->answered);
	answer(first + 2);
	assert_int_equal(outbox_window_oldest_travelling(&window)->position.id, 2);
	assert_false(outbox_window_is_quiet(&window, INT64_MAX));
	outbox_window_judge(&window, outbox_window_find(&window, first + 1));
	assert_null(outbox_window_oldest_travelling(&window));
	assert_true(outbox_window_is_quiet(&window, 0));
	outbox_window_clear(&window, 500);
	assert_true(outbox_window_is_quiet(&window, 0));
}

static void
what_travels_straggles_when_its_connection_is_dropped(void **state)
{
	(void) state;
	push(1, 1);
	outbox_window_clear(&window, 500);
	assert_false(outbox_window_is_quiet(&window, 499));
	assert_true(outbox_window_is_quiet(&window, 500));
	push(2, 1);
	outbox_window_clear(&window, 400);
	assert_false(outbox_window_is_quiet(&window, 499));
	outbox_window_straggle(&window, 600);
	assert_false(outbox_window_is_quiet(&window, 599));
	assert_true(outbox_window_is_quiet(&window, 600));
	assert_false(outbox_window_sent_in_quiet(&window, push(499, 1)));
	assert_true(outbox_window_sent_in_quiet(&window, push(500, 1)));
}

static void
a_popped_slot_does_not_travel(void **state)
{
	(void) state;
	push(1, 1);
	outbox_window_pop(&window);
	assert_true(outbox_window_is_quiet(&window, 0));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(tokens_name_slots_in_order, set_up),
		cmocka_unit_test_setup(an_answered_or_gone_slot_is_not_found, set_up),
		cmocka_unit_test_setup(a_token_of_an_earlier_epoch_finds_nothing, set_up),
		cmocka_unit_test_setup(the_ring_turns, set_up),
		cmocka_unit_test_setup(room_ends_at_either_limit, set_up),
		cmocka_unit_test_setup(no_room_beyond_the_ring, set_up),
		cmocka_unit_test_setup(a_gate_is_closed_until_the_answer, set_up),
		cmocka_unit_test_setup(it_is_quiet_when_all_that_was_sent_is_judged, set_up),
		cmocka_unit_test_setup(what_travels_straggles_when_its_connection_is_dropped, set_up),
		cmocka_unit_test_setup(a_popped_slot_does_not_travel, set_up),
		cmocka_unit_test_setup(an_aggregate_has_one_gate_and_others_mostly_another, set_up),
	};

	return cmocka_run_group_tests_name("window", tests, NULL, NULL);
}
