/*
 * monotonic.c
 *		A clock that never goes back.
 */
#include "postgres.h"

#include <time.h>

#include "infrastructure/postgres/monotonic.h"

int64_t
outbox_monotonic_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64CONST(1000000) + now.tv_nsec / 1000;
}
