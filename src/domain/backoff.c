/*
 * backoff.c
 *		When to try again.
 */
#include "domain/backoff.h"

uint64_t
outbox_backoff_mix(uint64_t seed)
{
	/* the finalizer of SplitMix64 */
	seed += UINT64_C(0x9e3779b97f4a7c15);
	seed = (seed ^ (seed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	seed = (seed ^ (seed >> 27)) * UINT64_C(0x94d049bb133111eb);
	return seed ^ (seed >> 31);
}

int64_t
outbox_backoff_delay(uint32_t attempt, int64_t initial_us, int64_t max_us, uint64_t seed)
{
	int64_t ceiling = initial_us < 1 ? 1 : initial_us;
	int64_t half;

	if (max_us < ceiling)
		max_us = ceiling;
	for (uint32_t doublings = attempt < 1 ? 0 : attempt - 1; doublings > 0; doublings--)
	{
		if (ceiling > max_us / 2)
		{
			ceiling = max_us;
			break;
		}
		ceiling *= 2;
	}
	half = ceiling / 2;
	return ceiling - (int64_t) (outbox_backoff_mix(seed ^ outbox_backoff_mix(attempt)) %
								((uint64_t) half + 1));
}
