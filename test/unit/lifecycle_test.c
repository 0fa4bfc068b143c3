/*
 * lifecycle_test.c
 *		In which states an aggregate begins, and where it goes from there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "domain/lifecycle.h"

#define LENGTH(array) ((int) (sizeof(array) / sizeof((array)[0])))

static const char *const initial[] = {"draft", "placed", "draft"};
static const OutboxTransition transitions[] = {
	{"draft", "placed", "place", false},  {"placed", "paid", "pay", true},
	{"paid", "shipped", NULL, false},     {"placed", "cancelled", "cancel", false},
	{"paid", "cancelled", NULL, false},   {"placed", "paid", "pay_again", false},
	{"shipped", "in transit", "", false}, {"in transit", "", NULL, false},
};
static const OutboxLifecycle order = {initial, LENGTH(initial), transitions, LENGTH(transitions)};
static const OutboxLifecycle nothing;

static void
begins_only_in_an_initial_state(void **state)
{
	(void) state;
	assert_int_equal(outbox_lifecycle_begin(&order, "draft"), OUTBOX_FAULT_NONE);
	assert_int_equal(outbox_lifecycle_begin(&order, "placed"), OUTBOX_FAULT_NONE);
	assert_int_equal(outbox_lifecycle_begin(&order, "paid"), OUTBOX_FAULT_STATE_NOT_INITIAL);
	assert_int_equal(outbox_lifecycle_begin(&order, "Draft"), OUTBOX_FAULT_STATE_NOT_INITIAL);
	assert_int_equal(outbox_lifecycle_begin(&order, "draft "), OUTBOX_FAULT_STATE_NOT_INITIAL);
	assert_int_equal(outbox_lifecycle_begin(&order, ""), OUTBOX_FAULT_STATE_NOT_INITIAL);
	assert_int_equal(outbox_lifecycle_begin(&order, NULL), OUTBOX_FAULT_STATE_NULL);
	assert_int_equal(outbox_lifecycle_begin(&nothing, "draft"), OUTBOX_FAULT_STATE_NOT_INITIAL);
}

static void
check_move(const char *from, const char *to, OutboxFault fault, int expected)
{
	int transition = 4711;

	assert_int_equal(outbox_lifecycle_move(&order, from, to, &transition), fault);
	assert_int_equal(transition, expected);
}

static void
goes_by_transitions_alone(void **state)
{
	(void) state;
	check_move("draft", "placed", OUTBOX_FAULT_NONE, 0);
	check_move("placed", "cancelled", OUTBOX_FAULT_NONE, 3);
	check_move("in transit", "", OUTBOX_FAULT_NONE, 7);
	check_move("placed", "shipped", OUTBOX_FAULT_NO_TRANSITION, -1);
	check_move("placed", "draft", OUTBOX_FAULT_NO_TRANSITION, -1);
	check_move("cancelled", "draft", OUTBOX_FAULT_NO_TRANSITION, -1);
	check_move("nowhere", "placed", OUTBOX_FAULT_NO_TRANSITION, -1);
	check_move("placed", "nowhere", OUTBOX_FAULT_NO_TRANSITION, -1);
}

static void
of_two_transitions_the_first_is_made(void **state)
{
	(void) state;
	check_move("placed", "paid", OUTBOX_FAULT_NONE, 1);
}

static void
a_state_that_stays_is_not_judged(void **state)
{
	char again[] = "placed";

	(void) state;
	check_move("placed", again, OUTBOX_FAULT_NONE, -1);
	check_move("nowhere", "nowhere", OUTBOX_FAULT_NONE, -1);
	check_move("", "", OUTBOX_FAULT_NONE, -1);
	check_move(NULL, NULL, OUTBOX_FAULT_NONE, -1);
}

static void
without_a_state_it_begins_only_now(void **state)
{
	(void) state;
	check_move(NULL, "placed", OUTBOX_FAULT_NONE, -1);
	check_move(NULL, "paid", OUTBOX_FAULT_STATE_NOT_INITIAL, -1);
}

static void
a_state_is_never_lost(void **state)
{
	(void) state;
	check_move("placed", NULL, OUTBOX_FAULT_STATE_NULL, -1);
	check_move("nowhere", NULL, OUTBOX_FAULT_STATE_NULL, -1);
}

static void
check_list(const char *from, const char *expected)
{
	char list[100];

	memset(list, '#', sizeof(list));
	assert_int_equal(outbox_lifecycle_list(&order, from, list, sizeof(list)), strlen(expected));
	assert_string_equal(list, expected);
}

static void
lists_what_can_follow(void **state)
{
	char list[2] = "#";

	(void) state;
	check_list(NULL, "\"draft\", \"placed\"");
	check_list("placed", "\"paid\", \"cancelled\"");
	check_list("paid", "\"shipped\", \"cancelled\"");
	check_list("shipped", "\"in transit\"");
	check_list("in transit", "\"\"");
	check_list("cancelled", "");
	check_list("nowhere", "");
	assert_int_equal(outbox_lifecycle_list(&nothing, NULL, list, sizeof(list)), 0);
	assert_string_equal(list, "");
}

static void
a_list_is_cut_between_states(void **state)
{
	static const char whole[] = "\"paid\", \"cancelled\"";

	(void) state;
	for (size_t size = 0; size <= sizeof(whole) + 1; size++)
	{
		char list[sizeof(whole) + 2];
		const char *expected = size >= sizeof(whole) ? whole : size > 6 ? "\"paid\"" : "";

		memset(list, '#', sizeof(list));
		assert_int_equal(outbox_lifecycle_list(&order, "placed", list, size), strlen(whole));
		if (size > 0)
			assert_string_equal(list, expected);
		for (size_t i = size; i < sizeof(list); i++)
			assert_int_equal(list[i], '#');
	}
	assert_int_equal(outbox_lifecycle_list(&order, "placed", NULL, 0), strlen(whole));
}

/* A move is legal exactly if its end is in the list of its beginning. */
static void
lists_agree_with_moves(void **state)
{
	static const char *const states[] = {NULL,         "draft",     "placed",  "paid", "shipped",
										 "in transit", "cancelled", "nowhere", ""};

	(void) state;
	for (int i = 0; i < LENGTH(states); i++)
	{
		char list[100];

		outbox_lifecycle_list(&order, states[i], list, sizeof(list));
		for (int j = 1; j < LENGTH(states); j++)
		{
			char quoted[32];
			int transition;
			OutboxFault fault = outbox_lifecycle_move(&order, states[i], states[j], &transition);

			snprintf(quoted, sizeof(quoted), "\"%s\"", states[j]);
			if (i == j)
				assert_int_equal(fault, OUTBOX_FAULT_NONE);
			else
				assert_int_equal(fault == OUTBOX_FAULT_NONE, strstr(list, quoted) != NULL);
			assert_int_equal(transition >= 0, fault == OUTBOX_FAULT_NONE && i != j && i != 0);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(begins_only_in_an_initial_state),
		cmocka_unit_test(goes_by_transitions_alone),
		cmocka_unit_test(of_two_transitions_the_first_is_made),
		cmocka_unit_test(a_state_that_stays_is_not_judged),
		cmocka_unit_test(without_a_state_it_begins_only_now),
		cmocka_unit_test(a_state_is_never_lost),
		cmocka_unit_test(lists_what_can_follow),
		cmocka_unit_test(a_list_is_cut_between_states),
		cmocka_unit_test(lists_agree_with_moves),
	};

	return cmocka_run_group_tests_name("lifecycle", tests, NULL, NULL);
}
