/*
 * wire.h
 *		Our messages on their way to the server, as bytes of its protocol.
 *
 * The library could send them, but keeps each header in a hash table first, with
 * memory of its own for each key and value: that took most of a relay's CPU.  It
 * still reads, and writes what is its own (requests, PONG), to the same connection.
 * So the two take turns, and neither starts in the middle of the other's message:
 * when the library has something to say, the wire is *held* where it ends then,
 * and released when the library is through.
 *
 * Never waits.  Belongs to the link; inside the adapter only.
 */
#ifndef OUTBOX_INFRASTRUCTURE_NATS_WIRE_H
#define OUTBOX_INFRASTRUCTURE_NATS_WIRE_H

#include <nats/nats.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "application/ports.h"
#include "infrastructure/nats/tls.h"

/* What is all zeros is empty. */
typedef struct OutboxNatsWire
{
	char *bytes;
	size_t size;
	size_t used;
	size_t sent; /* of used */
	size_t end; /* held: what may be sent, a message's end */
	bool held;
	bool full; /* the socket took less than it was offered last */
} OutboxNatsWire;

/*
 * Adds a copy of a message; inbox: where to answer, with the message's token behind
 * it, or NULL.  Subject and headers are legal (broker.c sees to it).
 * NATS_MAX_PAYLOAD: headers and payload together are over the limit.
 */
extern natsStatus outbox_nats_wire_add(OutboxNatsWire *wire, const OutboxMessage *message,
									   const char *inbox, size_t limit);

/* Bytes added and not yet sent. */
extern size_t outbox_nats_wire_waiting(const OutboxNatsWire *wire);

/* What is added from now on is not sent before the release. */
extern void outbox_nats_wire_hold(OutboxNatsWire *wire);
extern void outbox_nats_wire_release(OutboxNatsWire *wire);

/*
 * Sends what the socket takes.  True: all that may be sent is, so that the stream
 * stands between two messages.
 */
extern bool outbox_nats_wire_send(OutboxNatsWire *wire, OutboxNatsTls *tls, int socket);

/* Forgets what waits, and frees. */
extern void outbox_nats_wire_clear(OutboxNatsWire *wire);

#endif
