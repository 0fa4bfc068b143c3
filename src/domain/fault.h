/*
 * fault.h
 *		Every way in which an event, a header, a template or a change of an
 *		aggregate can be illegal.
 *
 * The domain only names what is wrong.  SQLSTATE, message, detail and hint are
 * worded in one place, interface/report.c and its part breach.c.
 */
#ifndef OUTBOX_DOMAIN_FAULT_H
#define OUTBOX_DOMAIN_FAULT_H

typedef enum OutboxFault
{
	OUTBOX_FAULT_NONE, /* legal */

	/* a name that becomes one token of a subject; see subject.h */
	OUTBOX_FAULT_TOKEN_EMPTY, /* no character */
	OUTBOX_FAULT_TOKEN_TOO_LONG, /* over OUTBOX_TOKEN_MAX bytes */
	OUTBOX_FAULT_TOKEN_ILLEGAL_CHARACTER, /* not A-Z a-z 0-9 _ - */

	/* the same of an event's names; see event.h */
	OUTBOX_FAULT_AGGREGATE_EMPTY,
	OUTBOX_FAULT_AGGREGATE_TOO_LONG,
	OUTBOX_FAULT_AGGREGATE_ILLEGAL_CHARACTER,
	OUTBOX_FAULT_ACTION_EMPTY,
	OUTBOX_FAULT_ACTION_TOO_LONG,
	OUTBOX_FAULT_ACTION_ILLEGAL_CHARACTER,

	/* the aggregate id */
	OUTBOX_FAULT_AGGREGATE_ID_EMPTY, /* no character */
	OUTBOX_FAULT_AGGREGATE_ID_TOO_LONG, /* over OUTBOX_AGGREGATE_ID_MAX bytes */
	OUTBOX_FAULT_AGGREGATE_ID_CONTROL_CHARACTER, /* a control character */
	OUTBOX_FAULT_AGGREGATE_ID_NOT_UTF8, /* not valid UTF-8 */

	/* the content type */
	OUTBOX_FAULT_CONTENT_TYPE_EMPTY, /* no character */
	OUTBOX_FAULT_CONTENT_TYPE_TOO_LONG, /* over OUTBOX_CONTENT_TYPE_MAX bytes */
	OUTBOX_FAULT_CONTENT_TYPE_ILLEGAL, /* not type/subtype [; parameters] */

	/* one header; see header.h */
	OUTBOX_FAULT_HEADER_KEY_EMPTY, /* no character */
	OUTBOX_FAULT_HEADER_KEY_TOO_LONG, /* over OUTBOX_HEADER_KEY_MAX bytes */
	OUTBOX_FAULT_HEADER_KEY_ILLEGAL_CHARACTER, /* not A-Z a-z 0-9 - */
	OUTBOX_FAULT_HEADER_KEY_OF_BROKER, /* Nats-..., Status, ...: the broker's own */
	OUTBOX_FAULT_HEADER_KEY_OF_ENVELOPE, /* ce-..., Outbox-..., Content-Type */
	OUTBOX_FAULT_HEADER_VALUE_EMPTY, /* no character */
	OUTBOX_FAULT_HEADER_VALUE_CONTROL_CHARACTER, /* CR, LF, tab, NUL, ... */
	OUTBOX_FAULT_HEADER_VALUE_NOT_UTF8, /* not valid UTF-8 */
	OUTBOX_FAULT_HEADER_VALUE_OUTER_BLANK, /* begins or ends with a blank, which readers drop */

	/* all headers of one event */
	OUTBOX_FAULT_HEADER_DUPLICATE, /* a key twice, upper or lower case alike */
	OUTBOX_FAULT_HEADERS_TOO_MANY, /* over OUTBOX_HEADER_COUNT_MAX */
	OUTBOX_FAULT_HEADERS_TOO_LARGE, /* over OUTBOX_HEADER_LINES_MAX bytes */
	OUTBOX_FAULT_HEADERS_MALFORMED, /* the stored form is not "Key: value\n" */

	/* a subject template; see template.h */
	OUTBOX_FAULT_TEMPLATE_EMPTY, /* no character */
	OUTBOX_FAULT_TEMPLATE_TOO_LONG, /* over OUTBOX_TEMPLATE_MAX bytes or its parts */
	OUTBOX_FAULT_TEMPLATE_ILLEGAL_CHARACTER, /* a literal not A-Z a-z 0-9 _ - */
	OUTBOX_FAULT_TEMPLATE_EMPTY_TOKEN, /* "..", or a dot at either end */
	OUTBOX_FAULT_TEMPLATE_OPEN_BRACE, /* "{" without "}" */
	OUTBOX_FAULT_TEMPLATE_STRAY_BRACE, /* "}" without "{" */
	OUTBOX_FAULT_TEMPLATE_UNKNOWN_PLACEHOLDER, /* not database, aggregate, aggregate_id or action */
	OUTBOX_FAULT_TEMPLATE_NO_AGGREGATE, /* {aggregate} is missing */
	OUTBOX_FAULT_TEMPLATE_RESERVED, /* its first token is the broker's own */
	OUTBOX_FAULT_TEMPLATE_TOO_WIDE, /* its first token varies: no stream can be made */

	/* the subject that a template gives for an event; see subject.h */
	OUTBOX_FAULT_SUBJECT_EMPTY, /* no character */
	OUTBOX_FAULT_SUBJECT_TOO_LONG, /* over OUTBOX_SUBJECT_MAX bytes */
	OUTBOX_FAULT_SUBJECT_EMPTY_TOKEN, /* "..", or a dot at either end */
	OUTBOX_FAULT_SUBJECT_ILLEGAL_CHARACTER, /* not a token of ours */
	OUTBOX_FAULT_SUBJECT_RESERVED, /* its first token is the broker's own */

	/* the version of an aggregate's root; see version.h */
	OUTBOX_FAULT_VERSION_STALE, /* somebody else has changed the row */
	OUTBOX_FAULT_VERSION_EXHAUSTED, /* the column's type has no greater one */

	/* its state; see lifecycle.h */
	OUTBOX_FAULT_STATE_NULL, /* null */
	OUTBOX_FAULT_STATE_NOT_INITIAL, /* nothing begins in it */
	OUTBOX_FAULT_NO_TRANSITION, /* nothing leads from the old one to the new one */
	OUTBOX_FAULT_GUARD_UNMET, /* the transition's guard is false or null */

	/* what else is defined of it */
	OUTBOX_FAULT_IMMUTABLE_CHANGED, /* a column that keeps its first value */
	OUTBOX_FAULT_INVARIANT_BROKEN, /* an invariant is false */
	OUTBOX_FAULT_ROOT_MISSING, /* an entity of an aggregate that does not exist */

	/* the message; see envelope.h */
	OUTBOX_FAULT_OVER_MAX_PAYLOAD, /* over the server's max_payload */
	OUTBOX_FAULT_OVER_MAX_MESSAGE_SIZE, /* over the stream's max_msg_size */
	OUTBOX_FAULT_SCRATCH_TOO_SMALL /* the caller gave too little memory */
} OutboxFault;

/* The faults of a change of an aggregate: from _VERSION_STALE to _ROOT_MISSING. */
#define OUTBOX_FAULT_BREACHES (OUTBOX_FAULT_ROOT_MISSING - OUTBOX_FAULT_VERSION_STALE + 1)

#endif
