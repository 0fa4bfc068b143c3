/*
 * envelope.h
 *		How an event looks on the wire: subject, headers, body.
 *
 * To *seal* an event is to make its message in memory of the caller.  Modes:
 *
 * cloudevents				body is the payload; attributes are headers ce-xxx
 *							(CloudEvents 1.0, binary mode of the NATS binding)
 * cloudevents-structured	body is a JSON object with attributes and payload
 * plain					body is the payload; headers Outbox-xxx, no ce-xxx
 *
 * Headers cost the relay and the stream, so each tells something that no other
 * tells.  All modes: Nats-Msg-Id; Outbox-Tx, Outbox-Tx-Index, Outbox-Tx-Count
 * (which events belong to one transaction); Outbox-Aggregate-Version if there is
 * one; the lines of the event.  Besides:
 *
 * cloudevents				ce-specversion, ce-id (the message id), ce-source
 *							(/{database}), ce-type, ce-subject (the aggregate id),
 *							ce-time, ce-datacontenttype
 * cloudevents-structured	Content-Type: application/cloudevents+json
 * plain					Content-Type, Outbox-Type, Outbox-Aggregate-Id,
 *							Outbox-Time
 *
 * A *broadcast* (fate.h) is in no stream and in no log: Outbox-Delivery says so,
 * Nats-Msg-Id and Outbox-Tx are left out, and its ce-id is {uuid}-b{event id}.
 *
 * Header values of ours are percent-encoded as CloudEvents wants it: blank, '"',
 * '%' and all that is not ASCII.  The database's name in the source is encoded
 * for a URI before.
 */
#ifndef OUTBOX_DOMAIN_ENVELOPE_H
#define OUTBOX_DOMAIN_ENVELOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "domain/event.h"
#include "domain/fault.h"
#include "domain/header.h"
#include "domain/template.h"

typedef enum OutboxEnvelopeMode
{
	OUTBOX_ENVELOPE_CLOUDEVENTS,
	OUTBOX_ENVELOPE_CLOUDEVENTS_STRUCTURED,
	OUTBOX_ENVELOPE_PLAIN
} OutboxEnvelopeMode;

typedef struct OutboxEnvelopeOptions
{
	OutboxEnvelopeMode mode;
	const OutboxTemplate *template;
	const char *database; /* at most OUTBOX_DATABASE_MAX bytes */
	const char *uuid; /* of this outbox, as text of 36 characters */
	bool broadcast;
} OutboxEnvelopeOptions;

/* 63 bytes of an encoding that takes one for what takes three in UTF-8. */
#define OUTBOX_DATABASE_MAX 189
#define OUTBOX_ENVELOPE_MAX_FIELDS 96

typedef struct OutboxEnvelope
{
	const char *subject;
	OutboxHeaderField fields[OUTBOX_ENVELOPE_MAX_FIELDS];
	int field_count;
	size_t header_bytes; /* what the headers take on the wire */
	const void *payload;
	size_t payload_length;
} OutboxEnvelope;

/* The broker's limits in bytes; 0 or less: none or not known. */
typedef struct OutboxEnvelopeLimits
{
	int64_t max_payload; /* the server's, headers included */
	int64_t max_message_size; /* the stream's, headers included */
} OutboxEnvelopeLimits;

/* Room kept for headers that the broker's adapter adds, as Nats-Expected-xxx. */
#define OUTBOX_ENVELOPE_RESERVE 512

/*
 * May this event be emitted?  Judges all of it: outbox_event_check, the subject,
 * and the message's size.  The event needs no id, xid, place in its transaction
 * or time yet, and options no uuid: room for the longest is reckoned.  What
 * passes is never refused by outbox_envelope_seal with the same options, nor,
 * for its size, by a broker with these limits.
 */
extern OutboxFault outbox_envelope_check(const OutboxEvent *event,
										 const OutboxEnvelopeOptions *options,
										 const OutboxEnvelopeLimits *limits);

/*
 * Makes the message of an event, which is checked again.  The envelope points
 * into scratch, to the event's payload and to constants; scratch must live as
 * long.  OUTBOX_FAULT_SCRATCH_TOO_SMALL cannot come if it has
 * outbox_envelope_scratch_size bytes.
 */
extern OutboxFault outbox_envelope_seal(OutboxEnvelope *envelope, const OutboxEvent *event,
										const OutboxEnvelopeOptions *options, char *scratch,
										size_t scratch_size);

/* How much scratch always suffices for a payload of this length. */
extern size_t outbox_envelope_scratch_size(OutboxEnvelopeMode mode, size_t payload_length);

#endif
