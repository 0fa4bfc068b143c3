/*
 * monotonic.h
 *		A clock that never goes back.
 */
#ifndef OUTBOX_INFRASTRUCTURE_POSTGRES_MONOTONIC_H
#define OUTBOX_INFRASTRUCTURE_POSTGRES_MONOTONIC_H

#include <stdint.h>

/* Microseconds since some moment, the same for all processes of the machine. */
extern int64_t outbox_monotonic_us(void);

#endif
