/*
 * ring.h
 *		The ring of the log's children, kept in outbox.ring.
 */
#ifndef OUTBOX_INFRASTRUCTURE_POSTGRES_RING_H
#define OUTBOX_INFRASTRUCTURE_POSTGRES_RING_H

#include <stdint.h>

#include "domain/ring.h"

/* Reads the ring; a transaction of its own.  Tells emitters which child is current. */
extern void outbox_ring_load(OutboxRing *ring, int slot);

/*
 * Does at most one thing that is due: makes the next child current, takes note that all
 * of one is settled, or truncates it.  Settled is what the snapshot sees, below which
 * every event is settled, durably.  Never waits for a lock, so it
 * never stands in an emitter's way; what cannot be done now is tried again.
 */
extern void outbox_ring_turn(OutboxRing *ring, int slot, const char *settled,
							 const OutboxRingPolicy *policy);

#endif
