/*
 * settle.h
 *		The part of the relay that settles: what is stored, or set aside.
 *
 * An event is settled only after all before it are, and only when its own answer
 * said where it is stored, recall has found it stored, or its dead letter is
 * durable.
 *
 * The position is written down now and then, and made durable before a crash could
 * forget more events than can be recalled (domain/recall.h).
 */
#ifndef OUTBOX_APPLICATION_SETTLE_H
#define OUTBOX_APPLICATION_SETTLE_H

#include "application/relay.h"

/* Why an epoch ends, or an event is refused. */
typedef struct OutboxReason
{
	OutboxVerdict verdict;
	int code; /* the broker's, 0: none */
	const char *text;
} OutboxReason;

/* Settles the answered messages at the head of the window, up to a halt. */
extern void outbox_settle_answered(OutboxRelay *relay, int64_t now);

/*
 * Sets the oldest event that is not settled, of this type (domain/tally.h), aside as a
 * dead letter, settles it.  The caller rewinds (publish.h) before anything more is sent.
 */
extern void outbox_settle_refused(OutboxRelay *relay, OutboxPosition position, uint16_t type,
								  const OutboxReason *reason, int64_t now);

/* All is settled, and the store has no more. */
extern void outbox_settle_drained(OutboxRelay *relay, int64_t now);

/* Writes down what is settled: when that is due, or in any case. */
extern void outbox_settle_persist_when_due(OutboxRelay *relay, int64_t now);
extern void outbox_settle_persist(OutboxRelay *relay, int64_t now);

#endif
