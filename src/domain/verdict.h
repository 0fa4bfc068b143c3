/*
 * verdict.h
 *		What the broker's answer means for the relay.
 *
 * Only OUTBOX_VERDICT_REFUSED is the fault of one event.  Everything else that
 * is not an acknowledgement is trouble on the way: the event's outcome is
 * unknown, never failed, and no attempt of its own is counted.
 */
#ifndef OUTBOX_DOMAIN_VERDICT_H
#define OUTBOX_DOMAIN_VERDICT_H

typedef enum OutboxVerdict
{
	OUTBOX_VERDICT_ACKED, /* stored by this publish */
	OUTBOX_VERDICT_DUPLICATE, /* the stream knew the message id already */
	OUTBOX_VERDICT_TRANSIENT, /* broker away, no leader, resources, timeout */
	OUTBOX_VERDICT_CONFLICT, /* the stream's last sequence is not the predicted one */
	OUTBOX_VERDICT_REFUSED, /* this event will never pass */
	OUTBOX_VERDICT_UNAUTHORIZED, /* credentials or permissions are missing */
	OUTBOX_VERDICT_MISCONFIGURED /* no stream, wrong stream, full, sealed ... */
} OutboxVerdict;

/* Codes of our own, where the broker has none: negative. */
typedef enum OutboxCode
{
	OUTBOX_CODE_NONE = 0,
	OUTBOX_CODE_SUBJECT = -1, /* the stream does not capture the subjects */
	OUTBOX_CODE_NO_ACK = -2, /* the stream acknowledges nothing */
	OUTBOX_CODE_SETTINGS = -3, /* the settings do not fit */
	OUTBOX_CODE_ID_TAKEN = -4, /* another message has the message id */
	OUTBOX_CODE_PAUSED = -5, /* somebody has paused publishing */
	OUTBOX_CODE_FENCED = -6 /* the outbox is a copy, or another server is it, too */
} OutboxCode;

#endif
