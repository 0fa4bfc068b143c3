/*
 * stream.h
 *		Looking at the stream before anything is published to it.
 *
 * Inside the adapter only; on a connect thread, since it waits.
 */
#ifndef OUTBOX_INFRASTRUCTURE_NATS_STREAM_H
#define OUTBOX_INFRASTRUCTURE_NATS_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "application/sight.h"
#include "infrastructure/nats/link.h"

/*
 * Finds the stream, makes it when it is missing and that is wanted, and judges
 * it; an existing one is never altered.  True: signal is OPENED, with facts and a
 * warning in text, or "".  False: FAILED, at the deadline at the latest.  What was seen
 * is shown in either case.
 */
extern bool outbox_nats_stream_look(OutboxNatsLink *link, const OutboxNatsOptions *options,
									int64_t deadline, OutboxSignal *signal, OutboxSight *sight);

#endif
