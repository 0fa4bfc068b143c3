/*
 * backoff_test.c
 *		Delays grow, stay in their bounds and differ between relays.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "domain/backoff.h"

static void
check_bounds(uint32_t attempt, int64_t initial, int64_t max, int64_t ceiling)
{
	for (uint64_t seed = 0; seed < 200; seed++)
	{
		int64_t delay = outbox_backoff_delay(attempt, initial, max, seed);

		assert_true(delay <= ceiling);
		assert_true(delay >= ceiling - ceiling / 2);
	}
}

static void
the_ceiling_doubles_up_to_max(void **state)
{
	(void) state;
	check_bounds(0, 1000, 30000, 1000);
	check_bounds(1, 1000, 30000, 1000);
	check_bounds(2, 1000, 30000, 2000);
	check_bounds(5, 1000, 30000, 16000);
	check_bounds(6, 1000, 30000, 30000);
	check_bounds(7, 1000, 32000, 32000);
	check_bounds(1000, 1000, 30000, 30000);
}

static void
extremes_do_not_overflow(void **state)
{
	(void) state;
	check_bounds(UINT32_MAX, INT64_MAX, INT64_MAX, INT64_MAX);
	check_bounds(UINT32_MAX, 1, INT64_MAX, INT64_MAX);
	check_bounds(63, 1, INT64_MAX, INT64_C(1) << 62);
	check_bounds(3, 0, 0, 1);
	check_bounds(3, INT64_MIN, INT64_MIN, 1);
	check_bounds(3, 1000, 10, 1000);
}

static void
the_same_seed_gives_the_same_delay_and_others_differ(void **state)
{
	int differ = 0;

	(void) state;
	for (uint64_t seed = 0; seed < 100; seed++)
	{
		int64_t delay = outbox_backoff_delay(4, 1000000, 30000000, seed);

		assert_int_equal(delay, outbox_backoff_delay(4, 1000000, 30000000, seed));
		differ += delay != outbox_backoff_delay(4, 1000000, 30000000, seed + 1);
	}
	assert_true(differ > 95);
}

static void
delays_spread_over_the_whole_upper_half(void **state)
{
	int64_t least = INT64_MAX;
	int64_t most = 0;
	int64_t sum = 0;

	(void) state;
	for (uint64_t seed = 0; seed < 1000; seed++)
	{
		int64_t delay = outbox_backoff_delay(1, 1000, 1000, seed);

		least = delay < least ? delay : least;
		most = delay > most ? delay : most;
		sum += delay;
	}
	assert_true(least < 510 && most > 990);
	assert_true(sum / 1000 > 735 && sum / 1000 < 765);
}

static void
mixing_separates_close_seeds(void **state)
{
	(void) state;
	for (uint64_t seed = 0; seed < 1000; seed++)
	{
		uint64_t changed = outbox_backoff_mix(seed) ^ outbox_backoff_mix(seed + 1);

		assert_true(__builtin_popcountll(changed) > 8);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_ceiling_doubles_up_to_max),
		cmocka_unit_test(extremes_do_not_overflow),
		cmocka_unit_test(the_same_seed_gives_the_same_delay_and_others_differ),
		cmocka_unit_test(delays_spread_over_the_whole_upper_half),
		cmocka_unit_test(mixing_separates_close_seeds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
