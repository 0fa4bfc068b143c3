/*
 * verdict.h
 *		What the broker's and the library's codes mean for the relay.
 *
 * The one table.  What is not in it is transient: the relay pauses and tries
 * again, and no event is given up for a code that nobody knows.
 */
#ifndef OUTBOX_INFRASTRUCTURE_NATS_VERDICT_H
#define OUTBOX_INFRASTRUCTURE_NATS_VERDICT_H

#include "domain/verdict.h"

/* Of a JetStream error code ("err_code"). */
extern OutboxVerdict outbox_nats_verdict_of_code(int err_code);

/* Of a natsStatus; it is an int here so that this header needs no library. */
extern OutboxVerdict outbox_nats_verdict_of_status(int status);

/*
 * What a code of any of these kinds, or one of our own (OutboxCode), means for a person
 * who has to remedy it, in one word; NULL: nothing in particular.
 */
extern const char *outbox_nats_verdict_cause(int code);

#endif
