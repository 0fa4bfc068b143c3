/*
 * waiter.h
 *		Waits for everything that a relay waits for, at once.
 */
#ifndef OUTBOX_INTERFACE_WAITER_H
#define OUTBOX_INTERFACE_WAITER_H

#include <stdbool.h>

#include "infrastructure/nats/broker.h"

/* What has happened. */
typedef struct OutboxWakes
{
	bool latch; /* a commit, a signal, a reload */
	bool readable; /* the broker's socket */
	bool writable;
	bool news; /* of the broker's connect thread */
} OutboxWakes;

/*
 * Waits until the latch is set, the broker has something, or timeout_ms is over.
 * Resets the latch if it was set.  The process ends when the postmaster has.
 */
extern OutboxWakes outbox_waiter_wait(OutboxNatsBroker *broker, long timeout_ms);

#endif
