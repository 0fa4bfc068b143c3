/*
 * backoff.h
 *		When to try again.
 *
 * The *ceiling* doubles with every attempt, from initial up to max.  The delay
 * lies between half the ceiling and the ceiling (half jitter): the upper half
 * spreads relays that lost the same broker at the same moment, the lower half
 * is a floor under the pause, which full jitter would not give.
 */
#ifndef OUTBOX_DOMAIN_BACKOFF_H
#define OUTBOX_DOMAIN_BACKOFF_H

#include <stdint.h>

/*
 * The delay in microseconds before the next try, attempt tries having failed
 * since the last success (0 counts as 1).  The same arguments give the same
 * delay.  initial_us below 1 counts as 1, max_us below initial_us as initial_us.
 */
extern int64_t outbox_backoff_delay(uint32_t attempt, int64_t initial_us, int64_t max_us,
									uint64_t seed);

/* Stirs a seed: close seeds give unrelated numbers.  A bijection. */
extern uint64_t outbox_backoff_mix(uint64_t seed);

#endif
