/*
 * clock.h
 *		Milliseconds of a clock that only goes forward.
 */
#ifndef OUTBOX_INFRASTRUCTURE_NATS_CLOCK_H
#define OUTBOX_INFRASTRUCTURE_NATS_CLOCK_H

#include <stdint.h>

extern int64_t outbox_nats_clock_now(void);

#endif
