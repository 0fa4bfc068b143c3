/*
 * sight.h
 *		The stream as the broker's adapter saw it when it looked last.
 *
 * For people: no decision of the relay depends on it.  What does is among the facts
 * of ports.h.
 */
#ifndef OUTBOX_APPLICATION_SIGHT_H
#define OUTBOX_APPLICATION_SIGHT_H

#include <stdbool.h>
#include <stdint.h>

#define OUTBOX_SIGHT_VERSION_SIZE 16

typedef struct OutboxSight
{
	bool looked; /* else all of this is void */
	bool covered; /* it captures all subjects of the events */
	bool met; /* it captures some of them */
	bool sealed;
	bool no_ack;
	bool in_memory;
	bool consumed; /* removes what consumers have had */
	bool discard_old; /* when it is full */
	bool clustered; /* the server is one of a cluster */
	int64_t replicas;
	int64_t max_age; /* nanoseconds; of these five, 0 or less is no limit */
	int64_t max_messages;
	int64_t max_bytes;
	int64_t max_per_subject;
	int64_t max_message_size;
	int64_t max_payload; /* the server's */
	int64_t duplicate_window; /* nanoseconds */
	uint64_t messages;
	uint64_t bytes;
	uint64_t last_sequence;
	char server[OUTBOX_SIGHT_VERSION_SIZE]; /* the server's version, as far as it shows */
} OutboxSight;

#endif
