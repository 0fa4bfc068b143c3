/*
 * tally_test.c
 *		What a relay counts, and that none of it is counted twice.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "domain/tally.h"

#define NOW INT64_C(1700000000000000)
#define STREAM 77

static OutboxTally tally;

static int
set_up(void **state)
{
	(void) state;
	memset(&tally, 0, sizeof(tally));
	outbox_tally_clear(&tally, NOW);
	return 0;
}

static OutboxSlot
slot_of(const char *aggregate, const char *action, uint64_t sequence)
{
	OutboxEvent event = {
		.aggregate = aggregate, .action = action, .headers = "", .emitted_at = NOW};
	OutboxSlot slot = {.sequence = sequence, .bytes = 100};

	outbox_tally_enter(&tally, &slot, &event);
	return slot;
}

/* The relay's clock begins at 0, when it is NOW. */
static void
stored(const char *action, uint64_t sequence, int64_t at)
{
	OutboxSlot slot = slot_of("order", action, sequence);

	tally.clock = NOW;
	outbox_tally_stored(&tally, &slot, STREAM, at);
}

/* Another relay reads what this one has kept. */
static void
start_again(void)
{
	OutboxTallyBook book = tally.book;

	memset(&tally, 0xee, sizeof(tally));
	tally.book = book;
	assert_true(outbox_tally_resume(&tally, NOW + 5));
}

static void
events_are_counted_by_type(void **state)
{
	OutboxSlot refused = slot_of("order", "paid", 0);

	(void) state;
	stored("placed", 1, 200);
	stored("placed", 2, 300);
	stored("shipped", 3, 400);
	outbox_tally_refused(&tally, refused.type);
	assert_int_equal(tally.book.counts.published, 3);
	assert_int_equal(tally.book.counts.acknowledged, 3);
	assert_int_equal(tally.book.counts.bytes, 300);
	assert_int_equal(tally.book.counts.refused, 1);
	assert_int_equal(tally.book.counts.timed, 3);
	assert_int_equal(tally.book.counts.latency, 900);
	assert_int_equal(tally.book.type_count, 4);
	assert_string_equal(tally.book.types[2].action, "placed");
	assert_int_equal(tally.book.types[2].published, 2);
	assert_int_equal(tally.book.types[2].last_published_at, NOW + 300);
	assert_int_equal(tally.book.types[1].refused, 1);
	assert_int_equal(tally.book.types[OUTBOX_TALLY_OTHER].published, 0);
}

static void
names_that_only_together_are_alike_are_two_types(void **state)
{
	OutboxSlot a = slot_of("ab", "c", 1);
	OutboxSlot b = slot_of("a", "bc", 2);

	(void) state;
	assert_int_not_equal(a.type, b.type);
	assert_int_equal(a.type, slot_of("ab", "c", 3).type);
}

/* The type that is expected after another one is no more than a guess. */
static void
types_may_come_in_any_order(void **state)
{
	static const char order[] = "abcabcabcaabbccacbacbbbbacab";
	uint64_t counts[3] = {0};

	(void) state;
	for (size_t i = 0; i < sizeof(order) - 1; i++)
	{
		stored((char[]){order[i], '\0'}, i + 1, 200);
		counts[order[i] - 'a']++;
		if (i == sizeof(order) / 2)
			start_again();
	}
	for (int i = 0; i < 3; i++)
	{
		assert_int_equal(tally.book.types[i + 1].action[0], 'a' + i);
		assert_int_equal(tally.book.types[i + 1].published, counts[i]);
	}
	assert_int_equal(tally.book.type_count, 4);
}

static void
types_beyond_the_room_are_the_other_type(void **state)
{
	char action[16];
	OutboxSlot slot;

	(void) state;
	for (int i = 0; i < OUTBOX_TALLY_TYPES + 20; i++)
	{
		snprintf(action, sizeof(action), "a%d", i);
		stored(action, (uint64_t) i + 1, 1);
	}
	assert_int_equal(tally.book.type_count, OUTBOX_TALLY_TYPES + 1);
	assert_int_equal(tally.book.types[OUTBOX_TALLY_OTHER].published, 20);
	assert_int_equal(tally.book.counts.published, OUTBOX_TALLY_TYPES + 20);
	slot = slot_of("order", "a499", 1);
	assert_int_equal(slot.type, OUTBOX_TALLY_TYPES);
	assert_int_equal(slot_of("order", "a500", 1).type, OUTBOX_TALLY_OTHER);
}

static void
a_name_that_is_too_long_is_of_the_other_type(void **state)
{
	char name[OUTBOX_TALLY_NAME_SIZE + 1];

	(void) state;
	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(slot_of(name, "placed", 1).type, OUTBOX_TALLY_OTHER);
	assert_int_equal(slot_of("order", name, 1).type, OUTBOX_TALLY_OTHER);
	name[sizeof(name) - 2] = '\0';
	assert_int_not_equal(slot_of(name, name, 1).type, OUTBOX_TALLY_OTHER);
}

static void
changed_types_are_told_once(void **state)
{
	int seen[3];

	(void) state;
	stored("placed", 1, 1);
	stored("shipped", 2, 1);
	stored("placed", 3, 1);
	for (int i = 0; i < 3; i++)
		seen[i] = outbox_tally_take_change(&tally);
	assert_int_equal(seen[0] + seen[1], 1 + 2);
	assert_int_equal(seen[2], -1);
	stored("placed", 4, 1);
	assert_int_equal(outbox_tally_take_change(&tally), 1);
}

static void
latencies_fall_into_buckets(void **state)
{
	static const int64_t latencies[] = {
		-5, 0, 1, 128, 129, 256, 257, INT64_C(1) << 29, (INT64_C(1) << 29) + 1, INT64_C(1) << 50};
	static const int buckets[] = {0, 0, 0, 0, 1, 1, 2, 22, 23, 23};
	uint64_t expected[OUTBOX_TALLY_BUCKETS] = {0};

	(void) state;
	for (size_t i = 0; i < sizeof(latencies) / sizeof(latencies[0]); i++)
	{
		stored("placed", i + 1, latencies[i]);
		expected[buckets[i]]++;
		if (latencies[i] > 0)
			assert_true(latencies[i] <= outbox_tally_bound(buckets[i]));
		if (buckets[i] > 0)
			assert_true(latencies[i] > outbox_tally_bound(buckets[i] - 1));
	}
	assert_memory_equal(tally.book.counts.latencies, expected, sizeof(expected));
	assert_int_equal(outbox_tally_bound(0), 128);
	assert_true(outbox_tally_bound(OUTBOX_TALLY_BUCKETS - 1) == INT64_MAX);
}

static void
copies_are_not_timed(void **state)
{
	OutboxEvent event = {.aggregate = "order",
						 .action = "placed",
						 .headers = "Outbox-Replay: 1\n",
						 .emitted_at = NOW};
	OutboxSlot slot = {.sequence = 1};

	(void) state;
	outbox_tally_enter(&tally, &slot, &event);
	outbox_tally_stored(&tally, &slot, STREAM, 10);
	assert_int_equal(tally.book.counts.published, 1);
	assert_int_equal(tally.book.counts.timed, 0);
}

static void
what_an_earlier_relay_has_counted_is_not_counted_again(void **state)
{
	OutboxSlot recalled;
	OutboxSlot duplicate;

	(void) state;
	stored("placed", 1, 1);
	stored("placed", 2, 1);
	start_again();
	for (uint64_t i = 1; i <= 3; i++)
	{
		recalled = slot_of("order", "placed", i);
		recalled.recalled = true;
		outbox_tally_stored(&tally, &recalled, STREAM, 1);
	}
	assert_int_equal(tally.book.counts.published, 3);
	assert_int_equal(tally.book.counts.recalled, 1);
	duplicate = slot_of("order", "placed", 2);
	duplicate.duplicate = true;
	outbox_tally_stored(&tally, &duplicate, STREAM, 1);
	assert_int_equal(tally.book.counts.published, 3);
	assert_int_equal(tally.book.counts.duplicates, 1);
	/* In another stream it is another message, and so it is when it was stored anew. */
	outbox_tally_stored(&tally, &duplicate, STREAM + 1, 1);
	assert_int_equal(tally.book.counts.published, 4);
	stored("placed", 2, 1);
	assert_int_equal(tally.book.counts.published, 5);
}

static void
recall(uint64_t sequence)
{
	OutboxSlot slot = slot_of("order", "placed", sequence);

	slot.recalled = true;
	outbox_tally_stored(&tally, &slot, STREAM, 1);
}

/* What was sent by a relay that was killed may arrive late, among what the next one sent. */
static void
what_stands_between_counted_ones_is_counted(void **state)
{
	(void) state;
	stored("placed", 1, 1);
	stored("placed", 3, 1);
	start_again();
	recall(3);
	recall(2);
	recall(1);
	assert_int_equal(tally.book.counts.published, 3);
	start_again();
	for (uint64_t i = 1; i <= 3; i++)
		recall(i);
	assert_int_equal(tally.book.counts.published, 3);
}

static void
what_is_older_than_all_that_is_known_is_taken_for_counted(void **state)
{
	const uint64_t many = OUTBOX_TALLY_RANGES + 5;

	(void) state;
	for (uint64_t i = 1; i <= many; i++)
		stored("placed", 2 * i, 1);
	start_again();
	for (uint64_t i = 1; i <= 2 * many; i++)
		recall(i);
	/* The odd ones that stand between known ones are new. */
	assert_int_equal(tally.book.counts.published, many + OUTBOX_TALLY_RANGES - 1);
}

static void
what_is_stored_anew_in_a_stream_that_was_set_back_is_counted(void **state)
{
	(void) state;
	for (uint64_t i = 1; i <= 10; i++)
		stored("placed", i, 1);
	stored("placed", 6, 1);
	start_again();
	recall(5);
	recall(6);
	assert_int_equal(tally.book.counts.published, 11);
	recall(7);
	assert_int_equal(tally.book.counts.published, 12);
}

static void
what_this_relay_recalls_is_counted(void **state)
{
	OutboxSlot recalled;

	(void) state;
	stored("placed", 7, 1);
	recalled = slot_of("order", "placed", 3);
	recalled.recalled = true;
	outbox_tally_stored(&tally, &recalled, STREAM, 1);
	assert_int_equal(tally.book.counts.published, 2);
}

static void
a_book_is_resumed(void **state)
{
	(void) state;
	stored("placed", 1, 1);
	stored("shipped", 2, 1);
	while (outbox_tally_take_change(&tally) >= 0)
		;
	start_again();
	assert_int_equal(tally.book.counts.since, NOW);
	assert_int_equal(tally.change_count, 3);
	stored("shipped", 3, 1);
	assert_int_equal(tally.book.type_count, 3);
	assert_int_equal(tally.book.types[2].published, 2);
}

static void
what_is_no_book_is_cleared(void **state)
{
	(void) state;
	tally.book.type_count = OUTBOX_TALLY_TYPES + 2;
	assert_false(outbox_tally_resume(&tally, NOW + 9));
	assert_int_equal(tally.book.type_count, 1);
	assert_int_equal(tally.book.counts.since, NOW + 9);
	stored("placed", 1, 1);
	tally.book.types[1].published++;
	assert_false(outbox_tally_resume(&tally, NOW + 9));
	stored("placed", 1, 1);
	memset(tally.book.types[1].action, 'x', OUTBOX_TALLY_NAME_SIZE);
	assert_false(outbox_tally_resume(&tally, NOW + 10));
	assert_int_equal(tally.book.counts.published, 0);
}

static void
clearing_forgets_counts_and_not_what_was_counted(void **state)
{
	OutboxSlot recalled;

	(void) state;
	stored("placed", 5, 1);
	start_again();
	outbox_tally_clear(&tally, NOW + 7);
	assert_int_equal(tally.book.counts.published, 0);
	assert_int_equal(tally.book.counts.since, NOW + 7);
	assert_int_equal(tally.book.type_count, 1);
	assert_int_equal(outbox_tally_take_change(&tally), -1);
	recalled = slot_of("order", "placed", 5);
	recalled.recalled = true;
	outbox_tally_stored(&tally, &recalled, STREAM, 1);
	assert_int_equal(tally.book.counts.published, 0);
	stored("placed", 6, 1);
	assert_int_equal(tally.book.types[1].published, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(events_are_counted_by_type, set_up),
		cmocka_unit_test_setup(names_that_only_together_are_alike_are_two_types, set_up),
		cmocka_unit_test_setup(types_may_come_in_any_order, set_up),
		cmocka_unit_test_setup(types_beyond_the_room_are_the_other_type, set_up),
		cmocka_unit_test_setup(a_name_that_is_too_long_is_of_the_other_type, set_up),
		cmocka_unit_test_setup(changed_types_are_told_once, set_up),
		cmocka_unit_test_setup(latencies_fall_into_buckets, set_up),
		cmocka_unit_test_setup(copies_are_not_timed, set_up),
		cmocka_unit_test_setup(what_an_earlier_relay_has_counted_is_not_counted_again, set_up),
		cmocka_unit_test_setup(what_stands_between_counted_ones_is_counted, set_up),
		cmocka_unit_test_setup(what_is_older_than_all_that_is_known_is_taken_for_counted, set_up),
		cmocka_unit_test_setup(what_is_stored_anew_in_a_stream_that_was_set_back_is_counted,
							   set_up),
		cmocka_unit_test_setup(what_this_relay_recalls_is_counted, set_up),
		cmocka_unit_test_setup(a_book_is_resumed, set_up),
		cmocka_unit_test_setup(what_is_no_book_is_cleared, set_up),
		cmocka_unit_test_setup(clearing_forgets_counts_and_not_what_was_counted, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
