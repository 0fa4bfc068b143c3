/*
 * cursor_test.c
 *		Positions, snapshots, and what lies between two of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "domain/cursor.h"

static void
positions_order_by_transaction_then_by_id(void **state)
{
	OutboxPosition a = {10, 3};
	OutboxPosition b = {10, 10};
	OutboxPosition c = {11, 1};

	(void) state;
	assert_true(outbox_position_compare(a, b) < 0);
	assert_true(outbox_position_compare(b, c) < 0);
	assert_true(outbox_position_compare(c, a) > 0);
	assert_int_equal(outbox_position_compare(b, b), 0);
	assert_true(outbox_position_compare(OUTBOX_POSITION_START, (OutboxPosition){1, 1}) < 0);
	assert_true(outbox_position_compare((OutboxPosition){INT64_MIN, 0},
										(OutboxPosition){INT64_MAX, 0}) < 0);
}

static OutboxSnapshot
parse(const char *text, uint64_t *running, uint32_t capacity)
{
	OutboxSnapshot snapshot = {.running = running, .capacity = capacity};

	assert_true(outbox_snapshot_parse(&snapshot, text));
	return snapshot;
}

static void
text_forms_are_read(void **state)
{
	uint64_t running[4];
	OutboxSnapshot snapshot = parse("10:20:", NULL, 0);

	(void) state;
	assert_int_equal(snapshot.xmin, 10);
	assert_int_equal(snapshot.xmax, 20);
	assert_int_equal(snapshot.count, 0);
	snapshot = parse("10:20:10,14,19", running, 4);
	assert_int_equal(snapshot.count, 3);
	assert_int_equal(running[0], 10);
	assert_int_equal(running[1], 14);
	assert_int_equal(running[2], 19);
	snapshot = parse("18446744073709551614:18446744073709551615:18446744073709551614", running, 1);
	assert_true(snapshot.xmax == UINT64_MAX);
	assert_true(running[0] == UINT64_MAX - 1);
}

static void
malformed_text_is_refused(void **state)
{
	static const char *const texts[] = {"",
										"10",
										"10:20",
										":20:",
										"10::",
										"10:20:,",
										"10:20:11,",
										"10:20:,11",
										"20:10:",
										"0:5:",
										"10:20:9",
										"10:20:20",
										"10:20:15,14",
										"10:20:14,14",
										"10:20:14 ",
										" 10:20:",
										"+1:20:",
										"-1:20:",
										"10:20:1x",
										"010:20:",
										"10:20:14:",
										"10:20:14;15",
										"10:18446744073709551616:",
										"10:99999999999999999999:",
										"10:20:00"};
	uint64_t running[8];

	(void) state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
	{
		OutboxSnapshot snapshot = {.running = running, .capacity = 8};

		assert_false(outbox_snapshot_parse(&snapshot, texts[i]));
	}
}

static void
too_little_room_is_refused_and_the_count_tells_how_much(void **state)
{
	uint64_t running[3];
	OutboxSnapshot snapshot = {.running = running, .capacity = 2};

	(void) state;
	assert_false(outbox_snapshot_parse(&snapshot, "10:20:11,12,13"));
	assert_int_equal(outbox_snapshot_text_count("10:20:11,12,13"), 3);
	snapshot.capacity = 3;
	assert_true(outbox_snapshot_parse(&snapshot, "10:20:11,12,13"));
	assert_int_equal(outbox_snapshot_text_count("10:20:"), 0);
	assert_int_equal(outbox_snapshot_text_count("10:20:15"), 1);
	assert_int_equal(outbox_snapshot_text_count(""), 0);
}

static void
a_snapshot_sees_what_has_finished(void **state)
{
	uint64_t running[4];
	OutboxSnapshot snapshot = parse("10:20:10,14,19", running, 4);

	(void) state;
	for (uint64_t xid = 0; xid < 30; xid++)
	{
		bool seen = xid < 20 && xid != 10 && xid != 14 && xid != 19;

		assert_int_equal(outbox_snapshot_sees(&snapshot, xid), seen);
	}
	snapshot = parse("20:20:", NULL, 0);
	assert_true(outbox_snapshot_sees(&snapshot, 19));
	assert_false(outbox_snapshot_sees(&snapshot, 20));
}

static void
an_interval_is_what_finished_in_between(void **state)
{
	uint64_t old_running[3];
	uint64_t new_running[3];
	OutboxSnapshot older = parse("10:20:10,14,19", old_running, 3);
	OutboxSnapshot newer = parse("14:25:14,21", new_running, 3);

	(void) state;
	for (uint64_t xid = 0; xid < 30; xid++)
	{
		bool between = xid == 10 || xid == 19 || (xid >= 20 && xid < 25 && xid != 21);

		assert_int_equal(outbox_interval_contains(&older, &newer, xid), between);
		assert_false(outbox_interval_contains(&newer, &newer, xid));
	}
}

static void
a_chain_of_intervals_has_each_transaction_once(void **state)
{
	static const char *const texts[] = {"1:1:", "1:6:1,3", "3:9:3,7", "7:12:7,9", "12:12:"};
	uint64_t running[5][4];
	OutboxSnapshot chain[5];

	(void) state;
	for (int i = 0; i < 5; i++)
		chain[i] = parse(texts[i], running[i], 4);
	for (uint64_t xid = 1; xid < 12; xid++)
	{
		int times = 0;

		for (int i = 1; i < 5; i++)
			times += outbox_interval_contains(&chain[i - 1], &chain[i], xid);
		assert_int_equal(times, 1);
	}
}

static void
many_running_transactions_are_searched(void **state)
{
	static uint64_t running[10000];
	OutboxSnapshot snapshot = {.xmin = 1, .xmax = 40000, .count = 10000, .running = running};

	(void) state;
	for (uint32_t i = 0; i < 10000; i++)
		running[i] = 3 * (uint64_t) i + 1;
	for (uint64_t xid = 1; xid < 40000; xid++)
		assert_int_equal(outbox_snapshot_sees(&snapshot, xid), xid > 29998 || xid % 3 != 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(positions_order_by_transaction_then_by_id),
		cmocka_unit_test(text_forms_are_read),
		cmocka_unit_test(malformed_text_is_refused),
		cmocka_unit_test(too_little_room_is_refused_and_the_count_tells_how_much),
		cmocka_unit_test(a_snapshot_sees_what_has_finished),
		cmocka_unit_test(an_interval_is_what_finished_in_between),
		cmocka_unit_test(a_chain_of_intervals_has_each_transaction_once),
		cmocka_unit_test(many_running_transactions_are_searched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
