/*
 * suspicion_test.c
 *		Which ends of a relay bring it into safe mode, and which do not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "domain/suspicion.h"

static OutboxSuspicion suspicion;

static int
begin(void **state)
{
	(void) state;
	suspicion = (OutboxSuspicion){0};
	return 0;
}

static void
end(OutboxEnd how, int64_t at_hand)
{
	outbox_suspicion_judge(&suspicion, how, at_hand);
}

static void
a_clean_end_says_nothing(void **state)
{
	(void) state;
	for (int i = 0; i < 10; i++)
		end(OUTBOX_END_CLEAN, 42);
	assert_false(outbox_suspicion_is_careful(&suspicion));
	assert_false(outbox_suspicion_is_grave(&suspicion));
	assert_int_equal(suspicion.suspect, OUTBOX_AT_HAND_NOTHING);
}

static void
the_third_crash_is_grave_and_names_the_suspect(void **state)
{
	(void) state;
	end(OUTBOX_END_CRASH, OUTBOX_AT_HAND_NOTHING);
	assert_true(outbox_suspicion_is_careful(&suspicion));
	assert_false(outbox_suspicion_is_grave(&suspicion));
	end(OUTBOX_END_CRASH, 42);
	end(OUTBOX_END_CLEAN, OUTBOX_AT_HAND_NOTHING);
	assert_false(outbox_suspicion_is_grave(&suspicion));
	end(OUTBOX_END_CRASH, 42);
	assert_true(outbox_suspicion_is_grave(&suspicion));
	assert_int_equal(suspicion.suspect, 42);
}

static void
crashes_count_whatever_is_at_hand(void **state)
{
	(void) state;
	end(OUTBOX_END_CRASH, OUTBOX_AT_HAND_NOTHING);
	end(OUTBOX_END_CRASH, 7);
	end(OUTBOX_END_CRASH, 8);
	assert_true(outbox_suspicion_is_grave(&suspicion));
	assert_int_equal(suspicion.suspect, 8);
	end(OUTBOX_END_CRASH, OUTBOX_AT_HAND_NOTHING);
	assert_int_equal(suspicion.ends, OUTBOX_UNCLEAN_ENDS_MAX);
	assert_int_equal(suspicion.suspect, 8);
}

static void
a_relay_that_is_shot_at_work_goes_on(void **state)
{
	(void) state;
	for (int64_t event = 1; event < 1000; event++)
	{
		end(OUTBOX_END_VANISHED, event);
		assert_true(outbox_suspicion_is_careful(&suspicion));
		assert_false(outbox_suspicion_is_grave(&suspicion));
	}
}

static void
a_relay_that_is_shot_at_rest_goes_on(void **state)
{
	(void) state;
	for (int i = 0; i < 1000; i++)
		end(OUTBOX_END_VANISHED, OUTBOX_AT_HAND_NOTHING);
	assert_int_equal(suspicion.ends, 1);
	end(OUTBOX_END_VANISHED, 5);
	assert_int_equal(suspicion.ends, 2);
	for (int i = 0; i < 1000; i++)
		end(OUTBOX_END_VANISHED, OUTBOX_AT_HAND_NOTHING);
	assert_false(outbox_suspicion_is_grave(&suspicion));
}

static void
vanishing_again_on_one_event_is_grave(void **state)
{
	(void) state;
	end(OUTBOX_END_VANISHED, OUTBOX_AT_HAND_NOTHING);
	end(OUTBOX_END_VANISHED, 42);
	assert_false(outbox_suspicion_is_grave(&suspicion));
	end(OUTBOX_END_VANISHED, 42);
	assert_true(outbox_suspicion_is_grave(&suspicion));
}

static void
vanishing_again_while_reading_is_grave(void **state)
{
	(void) state;
	end(OUTBOX_END_VANISHED, OUTBOX_AT_HAND_NOTHING);
	end(OUTBOX_END_VANISHED, OUTBOX_AT_HAND_LOG);
	end(OUTBOX_END_VANISHED, OUTBOX_AT_HAND_LOG);
	assert_true(outbox_suspicion_is_grave(&suspicion));
	assert_int_equal(suspicion.suspect, OUTBOX_AT_HAND_LOG);
}

static void
a_pardoned_relay_has_one_more_try(void **state)
{
	(void) state;
	for (int i = 0; i < 3; i++)
		end(OUTBOX_END_CRASH, 42);
	outbox_suspicion_pardon(&suspicion);
	assert_false(outbox_suspicion_is_grave(&suspicion));
	assert_true(outbox_suspicion_is_careful(&suspicion));
	end(OUTBOX_END_CRASH, 42);
	assert_true(outbox_suspicion_is_grave(&suspicion));
}

static void
pardon_blames_nobody(void **state)
{
	(void) state;
	outbox_suspicion_pardon(&suspicion);
	assert_false(outbox_suspicion_is_careful(&suspicion));
	end(OUTBOX_END_CRASH, 42);
	outbox_suspicion_pardon(&suspicion);
	assert_int_equal(suspicion.ends, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_clean_end_says_nothing, begin),
		cmocka_unit_test_setup(the_third_crash_is_grave_and_names_the_suspect, begin),
		cmocka_unit_test_setup(crashes_count_whatever_is_at_hand, begin),
		cmocka_unit_test_setup(a_relay_that_is_shot_at_work_goes_on, begin),
		cmocka_unit_test_setup(a_relay_that_is_shot_at_rest_goes_on, begin),
		cmocka_unit_test_setup(vanishing_again_on_one_event_is_grave, begin),
		cmocka_unit_test_setup(vanishing_again_while_reading_is_grave, begin),
		cmocka_unit_test_setup(a_pardoned_relay_has_one_more_try, begin),
		cmocka_unit_test_setup(pardon_blames_nobody, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
