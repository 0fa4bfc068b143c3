/*
 * recall_test.c
 *		Finding what is stored by reading the stream.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "domain/recall.h"

#define UUID "6f1c1fbc-0d0f-4c58-9f3e-3c1b0d5a7e11"

static OutboxRecall recall;

static void
hear(uint64_t sequence, int64_t event)
{
	char id[64];

	snprintf(id, sizeof(id), "%s-%lld", UUID, (long long) event);
	outbox_recall_hear(&recall, sequence, id, UUID);
}

static void
nothing_beyond_the_floor_is_nothing_to_read(void **state)
{
	(void) state;
	outbox_recall_begin(&recall, 5, 5);
	assert_false(outbox_recall_pending(&recall));
	assert_int_equal(outbox_recall_ask(&recall, 10), 0);
	assert_int_equal(outbox_recall_match(&recall, 1), 0);
}

static void
all_beyond_the_floor_is_asked_for_a_few_at_a_time(void **state)
{
	(void) state;
	outbox_recall_begin(&recall, 5, 9);
	assert_int_equal(outbox_recall_ask(&recall, 2), 6);
	assert_int_equal(outbox_recall_ask(&recall, 2), 7);
	assert_int_equal(outbox_recall_ask(&recall, 2), 0);
	hear(7, 70);
	hear(7, 71);
	assert_int_equal(outbox_recall_ask(&recall, 2), 8);
	assert_int_equal(outbox_recall_ask(&recall, 2), 0);
	hear(6, 60);
	hear(8, 80);
	assert_int_equal(outbox_recall_ask(&recall, 2), 9);
	assert_int_equal(outbox_recall_ask(&recall, 2), 0);
	assert_true(outbox_recall_pending(&recall));
	hear(9, 90);
	assert_false(outbox_recall_pending(&recall));
	assert_int_equal(outbox_recall_match(&recall, 70), 7);
	assert_int_equal(outbox_recall_match(&recall, 71), 0);
}

static void
events_are_found_in_any_order_and_once(void **state)
{
	(void) state;
	outbox_recall_begin(&recall, 0, 4);
	while (outbox_recall_ask(&recall, 10))
		;
	hear(1, 11);
	hear(2, 12);
	outbox_recall_hear(&recall, 3, "", UUID);
	hear(4, 14);
	assert_int_equal(outbox_recall_match(&recall, 14), 4);
	assert_int_equal(outbox_recall_match(&recall, 14), 0);
	assert_int_equal(outbox_recall_match(&recall, 11), 1);
	assert_int_equal(outbox_recall_match(&recall, 13), 0);
	assert_int_equal(outbox_recall_match(&recall, 12), 2);
	assert_int_equal(recall.left, 0);
}

static void
ids_of_others_are_not_ours(void **state)
{
	static const char *const ids[] = {
		"",
		"-",
		"1",
		UUID,
		UUID "-",
		UUID "-x",
		UUID "-1x",
		UUID "-0",
		UUID "-99999999999999999999",
		"6f1c1fbc-0d0f-4c58-9f3e-3c1b0d5a7e12-1",
		UUID "--1",
		UUID "_1",
	};
	int count = sizeof(ids) / sizeof(ids[0]);

	(void) state;
	outbox_recall_begin(&recall, 0, (uint64_t) count);
	while (outbox_recall_ask(&recall, 100))
		;
	for (int i = 0; i < count; i++)
		outbox_recall_hear(&recall, (uint64_t) i + 1, ids[i], UUID);
	assert_false(outbox_recall_pending(&recall));
	assert_int_equal(recall.left, 0);
	assert_int_equal(outbox_recall_match(&recall, 1), 0);
}

static void
what_was_not_asked_for_is_not_heard(void **state)
{
	(void) state;
	outbox_recall_begin(&recall, 5, 9);
	outbox_recall_ask(&recall, 1);
	hear(5, 50);
	hear(7, 70);
	hear(100, 1);
	assert_int_equal(recall.heard, 0);
}

static void
of_very_many_the_newest_are_read(void **state)
{
	(void) state;
	outbox_recall_begin(&recall, 10, 10 + 3 * OUTBOX_RECALL_MAX);
	assert_int_equal(outbox_recall_ask(&recall, 1), 10 + 2 * OUTBOX_RECALL_MAX + 1);
	assert_int_equal(recall.count, OUTBOX_RECALL_MAX);
}

static void
or_the_oldest_where_they_are_asked_for(void **state)
{
	(void) state;
	outbox_recall_begin_oldest(&recall, 10, 10 + 3 * OUTBOX_RECALL_MAX);
	assert_int_equal(outbox_recall_ask(&recall, 1), 11);
	assert_int_equal(outbox_recall_end(&recall), 10 + OUTBOX_RECALL_MAX);
	outbox_recall_begin_oldest(&recall, 10, 15);
	assert_int_equal(outbox_recall_end(&recall), 15);
	outbox_recall_begin_oldest(&recall, 10, 10);
	assert_false(outbox_recall_pending(&recall));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_beyond_the_floor_is_nothing_to_read),
		cmocka_unit_test(all_beyond_the_floor_is_asked_for_a_few_at_a_time),
		cmocka_unit_test(events_are_found_in_any_order_and_once),
		cmocka_unit_test(ids_of_others_are_not_ours),
		cmocka_unit_test(what_was_not_asked_for_is_not_heard),
		cmocka_unit_test(of_very_many_the_newest_are_read),
		cmocka_unit_test(or_the_oldest_where_they_are_asked_for),
	};

	return cmocka_run_group_tests_name("recall", tests, NULL, NULL);
}
