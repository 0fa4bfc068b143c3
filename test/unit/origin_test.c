/*
 * origin_test.c
 *		Which outboxes continue, and which are copies.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "domain/origin.h"

static const OutboxPlace noted = {
	.cluster = 7, .database = 16384, .timeline = 1, .directory = 1000, .born = 2000};

static void
expect(OutboxPlace here, OutboxOrigin origin)
{
	assert_int_equal(outbox_origin_decide(&noted, &here), origin);
}

static void
the_same_place_is_here(void **state)
{
	(void) state;
	expect(noted, OUTBOX_ORIGIN_HERE);
}

static void
a_place_that_is_not_known_yet_is_here(void **state)
{
	OutboxPlace fresh = {.cluster = 7, .database = 16384};

	(void) state;
	assert_int_equal(outbox_origin_decide(&fresh, &noted), OUTBOX_ORIGIN_HERE);
}

static void
another_database_is_a_copy_whatever_else_differs(void **state)
{
	OutboxPlace here = noted;

	(void) state;
	here.database = 16385;
	expect(here, OUTBOX_ORIGIN_OTHER_DATABASE);
	here.cluster = 8;
	here.timeline = 2;
	expect(here, OUTBOX_ORIGIN_OTHER_DATABASE);
}

static void
an_upgrade_continues(void **state)
{
	OutboxPlace here = {.cluster = 8, .database = 16384, .timeline = 1, .directory = 5, .born = 6};

	(void) state;
	expect(here, OUTBOX_ORIGIN_MOVED);
}

static void
a_promotion_continues_in_whatever_directory(void **state)
{
	OutboxPlace here = noted;

	(void) state;
	here.timeline = 2;
	expect(here, OUTBOX_ORIGIN_MOVED);
	here.directory = 5;
	here.born = 6;
	expect(here, OUTBOX_ORIGIN_MOVED);
}

static void
copied_files_are_a_copy(void **state)
{
	OutboxPlace here = noted;

	(void) state;
	here.directory = 5;
	here.born = 6;
	expect(here, OUTBOX_ORIGIN_COPIED_FILES);
	here.directory = noted.directory;
	expect(here, OUTBOX_ORIGIN_COPIED_FILES);
}

static void
the_inode_decides_where_no_birth_is_known(void **state)
{
	OutboxPlace here = noted;

	(void) state;
	here.born = 0;
	expect(here, OUTBOX_ORIGIN_MOVED);
	here.directory = 5;
	expect(here, OUTBOX_ORIGIN_COPIED_FILES);
}

static void
an_unreliable_directory_counts_as_moved(void **state)
{
	OutboxPlace here = noted;

	(void) state;
	here.directory = 5;
	expect(here, OUTBOX_ORIGIN_MOVED);
	here.directory = 0;
	here.born = 0;
	expect(here, OUTBOX_ORIGIN_MOVED);
}

static void
only_here_and_moved_continue(void **state)
{
	(void) state;
	assert_true(outbox_origin_continues(OUTBOX_ORIGIN_HERE));
	assert_true(outbox_origin_continues(OUTBOX_ORIGIN_MOVED));
	assert_false(outbox_origin_continues(OUTBOX_ORIGIN_OTHER_DATABASE));
	assert_false(outbox_origin_continues(OUTBOX_ORIGIN_COPIED_FILES));
	assert_false(outbox_origin_continues(OUTBOX_ORIGIN_RESTORED));
}

static void
ids_go_on_beyond_all_that_were_given_out(void **state)
{
	(void) state;
	assert_int_equal(outbox_origin_next_ids(0, 0), OUTBOX_ORIGIN_IDS);
	assert_int_equal(outbox_origin_next_ids(0, 4711), OUTBOX_ORIGIN_IDS);
	assert_int_equal(outbox_origin_next_ids(OUTBOX_ORIGIN_IDS, 4711), 2 * OUTBOX_ORIGIN_IDS);
	assert_int_equal(outbox_origin_next_ids(0, OUTBOX_ORIGIN_IDS), 2 * OUTBOX_ORIGIN_IDS);
	assert_int_equal(outbox_origin_next_ids(0, 3 * OUTBOX_ORIGIN_IDS + 1), 4 * OUTBOX_ORIGIN_IDS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_place_is_here),
		cmocka_unit_test(a_place_that_is_not_known_yet_is_here),
		cmocka_unit_test(another_database_is_a_copy_whatever_else_differs),
		cmocka_unit_test(an_upgrade_continues),
		cmocka_unit_test(a_promotion_continues_in_whatever_directory),
		cmocka_unit_test(copied_files_are_a_copy),
		cmocka_unit_test(the_inode_decides_where_no_birth_is_known),
		cmocka_unit_test(an_unreliable_directory_counts_as_moved),
		cmocka_unit_test(only_here_and_moved_continue),
		cmocka_unit_test(ids_go_on_beyond_all_that_were_given_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
