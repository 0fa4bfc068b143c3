/*
 * pace.h
 *		The pace at which workers that fail are started again.
 *
 * 1 second after the first failure, twice as long after each next one, at most a
 * minute.  One that ran for a minute before it failed begins anew.  Times are
 * TimestampTz.
 */
#ifndef OUTBOX_INTERFACE_PACE_H
#define OUTBOX_INTERFACE_PACE_H

#include <stdint.h>

/* How long to wait before a worker process is asked for again, where there was none. */
#define OUTBOX_PACE_NO_WORKER_MS 5000

/*
 * A worker has failed that ran since then, after so many failures in a row; returns
 * how many they are now.  The next one is to start after *start_after.
 */
extern int outbox_pace_fail(int failures, int64_t since, int64_t *start_after);

/* Milliseconds until then; 0: it may start. */
extern long outbox_pace_wait(int64_t start_after);

#endif
