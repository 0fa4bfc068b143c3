/*
 * clock.c
 *		The clock of the adapter's deadlines.
 */
#include "infrastructure/nats/clock.h"

#include <time.h>

int64_t
outbox_nats_clock_now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (int64_t) time.tv_sec * 1000 + time.tv_nsec / 1000000;
}
