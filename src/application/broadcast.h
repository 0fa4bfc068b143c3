/*
 * broadcast.h
 *		The part of the relay that broadcasts: sends what is in the queue, now or
 *		never.
 *
 * Broadcasts take turns with the events of the log: one slice of each in a step.
 * They are sent while an epoch lasts and the relay's stream does not capture
 * them; stored there they would stand in the places of events.
 */
#ifndef OUTBOX_APPLICATION_BROADCAST_H
#define OUTBOX_APPLICATION_BROADCAST_H

#include "application/relay.h"

/* The most broadcasts, and about the most bytes, of one step. */
#define OUTBOX_BROADCAST_SLICE 256
#define OUTBOX_BROADCAST_SLICE_BYTES ((size_t) 262144)

/* A broadcast that has waited for longer than this is not sent, microseconds. */
#define OUTBOX_BROADCAST_PATIENCE INT64_C(5000000)

/* Seeds the ids of broadcasts, which no two relays share. */
extern void outbox_broadcast_init(OutboxRelay *relay, const OutboxRelayPorts *ports, uint64_t seed);

/* An epoch has begun, or is over. */
extern void outbox_broadcast_open(OutboxRelay *relay);
extern void outbox_broadcast_close(OutboxRelay *relay);

/*
 * Sends what is in the queue, at most one slice.  False: the connection turned
 * out to be gone.
 */
extern bool outbox_broadcast_slice(OutboxRelay *relay, int64_t now);

#endif
