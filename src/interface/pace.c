/*
 * pace.c
 *		The pace at which workers that fail are started again.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "interface/pace.h"

#define FIRST_MS 1000
#define MAX_MS 60000
#define STEADY_MS 60000

int
outbox_pace_fail(int failures, int64_t since, int64_t *start_after)
{
	TimestampTz now = GetCurrentTimestamp();
	int delay;

	if (TimestampDifferenceExceeds(since, now, STEADY_MS))
		failures = 0;
	delay = Min(MAX_MS, FIRST_MS << Min(failures, 6));
	*start_after = TimestampTzPlusMilliseconds(now, delay);
	return failures + 1;
}

long
outbox_pace_wait(int64_t start_after)
{
	long wait = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), start_after);

	/* A clock that has been set back would make it wait for longer than it was told to. */
	return wait <= MAX_MS ? wait : 0;
}
