/*
 * event.h
 *		A fact that an aggregate states.
 *
 * An *event* is what is stored in the log and published.  Its *type* is
 * {aggregate}.{action}; since neither name holds a dot, it can be taken apart
 * again.  Its *message id* is {uuid of the outbox}-{event id}: unique among all
 * installations, also where several publish into one stream.
 *
 * Text is NUL-terminated UTF-8 and never NULL (where the database has another
 * encoding, whoever fills the struct converts it); nothing here is owned.
 */
#ifndef OUTBOX_DOMAIN_EVENT_H
#define OUTBOX_DOMAIN_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "domain/cursor.h"
#include "domain/fault.h"

#define OUTBOX_AGGREGATE_ID_MAX 255 /* bytes */
#define OUTBOX_CONTENT_TYPE_MAX 255 /* bytes */

typedef struct OutboxEvent
{
	int64_t id;
	OutboxPosition position; /* where it stands in its interval */
	bool let_go; /* it was kept back before: of no interval of the log */
	uint64_t xid; /* its transaction (top level, 64 bits) */
	uint32_t tx_index; /* 1 .. tx_count within its transaction */
	uint32_t tx_count;
	bool again; /* was stored, and the broker has lost it */
	int64_t emitted_at; /* microseconds since 1970-01-01 00:00 UTC */
	const char *aggregate;
	const char *aggregate_id;
	const char *action;
	bool has_version;
	int64_t version;
	const char *content_type;
	const char *headers; /* lines "Key: value\n", "" when there are none */
	const void *payload;
	size_t payload_length;
} OutboxEvent;

/* Room for a type or message id with its NUL. */
#define OUTBOX_EVENT_TYPE_SIZE 202
#define OUTBOX_MESSAGE_ID_SIZE 58

/* Is this a legal name of an aggregate: OUTBOX_FAULT_AGGREGATE_xxx? */
extern OutboxFault outbox_event_check_aggregate(const char *aggregate);

/* Is this a legal name of an action: OUTBOX_FAULT_ACTION_xxx? */
extern OutboxFault outbox_event_check_action(const char *action);

/* Is this a legal aggregate id: OUTBOX_FAULT_AGGREGATE_ID_xxx? */
extern OutboxFault outbox_event_check_id(const char *aggregate_id);

/* Is this a legal content type: OUTBOX_FAULT_CONTENT_TYPE_xxx? */
extern OutboxFault outbox_event_check_content_type(const char *content_type);

/*
 * Are names, aggregate id, content type and headers legal?  Does not know how
 * the event is sent: emit calls outbox_envelope_check, which also judges
 * subject and size.
 */
extern OutboxFault outbox_event_check(const OutboxEvent *event);

/*
 * Write the type {aggregate}.{action} and the message id {uuid}-{event id},
 * NUL-terminated.  Return the length, or how long it would be where size, which
 * of legal names and a uuid is at most the one above, is too small.
 */
extern size_t outbox_event_type(const OutboxEvent *event, char *type, size_t size);
extern size_t outbox_event_message_id(const OutboxEvent *event, const char *uuid, char *message_id,
									  size_t size);

/* The event of a message id {uuid}-{event id}; 0: it is none of this outbox. */
extern int64_t outbox_event_of_message_id(const char *message_id, const char *uuid);

#endif
