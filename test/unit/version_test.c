/*
 * version_test.c
 *		Which versions a writer may write, and what comes of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "domain/version.h"

#define UNTOUCHED INT64_C(-77)

/* This fault and nothing written, or this version. */
static void
check(const OutboxVersionChange *change, OutboxFault fault, int64_t expected)
{
	int64_t next = UNTOUCHED;

	assert_int_equal(outbox_version_next(change, &next), fault);
	assert_true(next == (fault == OUTBOX_FAULT_NONE ? expected : UNTOUCHED));
}

static void
check_new(bool given, int64_t wanted, int64_t expected)
{
	OutboxVersionChange change = {.has_new = given, .wanted = wanted, .greatest = INT16_MAX};

	check(&change, OUTBOX_FAULT_NONE, expected);
}

static void
check_changed(int64_t old, int64_t wanted, int64_t greatest, OutboxFault fault)
{
	OutboxVersionChange change = {true, old, true, wanted, greatest};

	check(&change, fault, fault == OUTBOX_FAULT_NONE ? old + 1 : 0);
}

static void
a_new_row_keeps_what_it_is_given(void **state)
{
	(void) state;
	check_new(true, 5, 5);
	check_new(true, 0, 0);
	check_new(true, -3, -3);
	check_new(true, INT16_MAX, INT16_MAX);
}

static void
a_new_row_begins_with_one(void **state)
{
	(void) state;
	check_new(false, 0, 1);
	check_new(false, 99, 1);
}

static void
a_writer_that_does_not_ask_is_not_checked(void **state)
{
	OutboxVersionChange change = {true, 7, false, 0, INT32_MAX};

	(void) state;
	check(&change, OUTBOX_FAULT_NONE, 8);
	change.wanted = 4711;
	check(&change, OUTBOX_FAULT_NONE, 8);
	change.old = 0;
	check(&change, OUTBOX_FAULT_NONE, 1);
}

static void
what_was_read_and_what_follows_is_right(void **state)
{
	(void) state;
	check_changed(7, 7, INT32_MAX, OUTBOX_FAULT_NONE);
	check_changed(7, 8, INT32_MAX, OUTBOX_FAULT_NONE);
	check_changed(7, 6, INT32_MAX, OUTBOX_FAULT_VERSION_STALE);
	check_changed(7, 9, INT32_MAX, OUTBOX_FAULT_VERSION_STALE);
	check_changed(7, 0, INT32_MAX, OUTBOX_FAULT_VERSION_STALE);
	check_changed(0, 0, INT32_MAX, OUTBOX_FAULT_NONE);
	check_changed(0, 1, INT32_MAX, OUTBOX_FAULT_NONE);
	check_changed(-1, 0, INT32_MAX, OUTBOX_FAULT_NONE);
}

static void
the_greatest_version_is_the_last(void **state)
{
	static const int64_t greatest[] = {INT16_MAX, INT32_MAX, INT64_MAX};

	(void) state;
	for (size_t i = 0; i < sizeof(greatest) / sizeof(greatest[0]); i++)
	{
		int64_t last = greatest[i];
		OutboxVersionChange silent = {true, last, false, 0, last};

		check_changed(last - 1, last - 1, last, OUTBOX_FAULT_NONE);
		check_changed(last - 1, last, last, OUTBOX_FAULT_NONE);
		check_changed(last, last, last, OUTBOX_FAULT_VERSION_EXHAUSTED);
		check(&silent, OUTBOX_FAULT_VERSION_EXHAUSTED, 0);
	}
}

static void
a_stale_writer_hears_that_first(void **state)
{
	(void) state;
	check_changed(INT16_MAX, 5, INT16_MAX, OUTBOX_FAULT_VERSION_STALE);
	check_changed(INT64_MAX, 5, INT64_MAX, OUTBOX_FAULT_VERSION_STALE);
	check_changed(INT64_MAX, INT64_MIN, INT64_MAX, OUTBOX_FAULT_VERSION_STALE);
	check_changed(INT64_MIN, INT64_MAX, INT64_MAX, OUTBOX_FAULT_VERSION_STALE);
	check_changed(INT64_MIN, INT64_MIN, INT64_MAX, OUTBOX_FAULT_NONE);
	check_changed(INT64_MIN, INT64_MIN + 1, INT64_MAX, OUTBOX_FAULT_NONE);
}

/* However many have changed the row since it was read. */
static void
nobody_overwrites_what_he_has_not_read(void **state)
{
	(void) state;
	for (int64_t read = -20; read <= 20; read++)
	{
		check_changed(read, read, 1000, OUTBOX_FAULT_NONE);
		for (int64_t old = read + 1; old < read + 50; old++)
			check_changed(old, read, 1000, OUTBOX_FAULT_VERSION_STALE);
	}
}

/* Two have read 7; that the second one is late, only its WHERE clause could tell. */
static void
the_number_that_follows_proves_nothing(void **state)
{
	(void) state;
	check_changed(7, 8, 1000, OUTBOX_FAULT_NONE);
	check_changed(8, 8, 1000, OUTBOX_FAULT_NONE);
	check_changed(9, 8, 1000, OUTBOX_FAULT_VERSION_STALE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_row_keeps_what_it_is_given),
		cmocka_unit_test(a_new_row_begins_with_one),
		cmocka_unit_test(a_writer_that_does_not_ask_is_not_checked),
		cmocka_unit_test(what_was_read_and_what_follows_is_right),
		cmocka_unit_test(the_greatest_version_is_the_last),
		cmocka_unit_test(a_stale_writer_hears_that_first),
		cmocka_unit_test(nobody_overwrites_what_he_has_not_read),
		cmocka_unit_test(the_number_that_follows_proves_nothing),
	};

	return cmocka_run_group_tests_name("version", tests, NULL, NULL);
}
