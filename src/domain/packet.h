/*
 * packet.h
 *		An event as bytes that stand on their own.
 *
 * A *packet* carries what an event says from one process to another: names,
 * aggregate id, time, content type, headers, payload.  What the log gives an
 * event (id, position, transaction, version) it does not carry.  Packets are
 * written and read on the same machine and may follow each other: their length
 * is a multiple of OUTBOX_PACKET_UNIT.
 */
#ifndef OUTBOX_DOMAIN_PACKET_H
#define OUTBOX_DOMAIN_PACKET_H

#include <stddef.h>

#include "domain/event.h"

#define OUTBOX_PACKET_UNIT 8

/* Bytes of this event's packet. */
extern size_t outbox_packet_size(const OutboxEvent *event);

/* Writes the packet, of outbox_packet_size bytes. */
extern void outbox_packet_write(const OutboxEvent *event, char *packet);

/* Length of a packet, of which the first OUTBOX_PACKET_UNIT bytes suffice. */
extern size_t outbox_packet_length(const char *packet);

/* Reads a packet; the event points into it. */
extern void outbox_packet_read(OutboxEvent *event, const char *packet);

#endif
