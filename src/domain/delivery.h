/*
 * delivery.h
 *		When to connect, when to stream, when to pause.
 *
 * A connection is an *epoch*.  It begins with a look at the stream and ends for
 * one reason, a verdict; what was in flight is then sent again in the next one.
 *
 *				due					opened
 *	OFFLINE ----------> CONNECTING ----------> STREAMING
 *	   ^					|					   |
 *	   +--------------------+----------------------+
 *				ended, with a delay for the verdict
 *
 * The delays:
 *	transient					backoff with jitter
 *	conflict					none the first time, then backoff
 *	refused						none: the event is set aside, the rest may pass
 *	unauthorized, misconfigured	the ceiling of the backoff: a person must act
 *
 * *Progress* is that an event is settled, or that there is nothing to settle.  It
 * starts the backoff anew and ends the *trouble* that the last verdicts made.
 */
#ifndef OUTBOX_DOMAIN_DELIVERY_H
#define OUTBOX_DOMAIN_DELIVERY_H

#include <stdbool.h>
#include <stdint.h>

#include "domain/verdict.h"

typedef enum OutboxDeliveryPhase
{
	OUTBOX_DELIVERY_OFFLINE,
	OUTBOX_DELIVERY_CONNECTING,
	OUTBOX_DELIVERY_STREAMING
} OutboxDeliveryPhase;

typedef enum OutboxDeliverySignal
{
	OUTBOX_DELIVERY_TICK, /* time has passed */
	OUTBOX_DELIVERY_OPENED, /* connected, the stream looked at */
	OUTBOX_DELIVERY_PROGRESS,
	OUTBOX_DELIVERY_ENDED, /* the epoch, or the try to begin one, is over */
	OUTBOX_DELIVERY_RELOADED /* the settings of the connection may be new */
} OutboxDeliverySignal;

typedef enum OutboxDeliveryStep
{
	OUTBOX_DELIVERY_WAIT, /* go on as before */
	OUTBOX_DELIVERY_CONNECT, /* begin an epoch */
	OUTBOX_DELIVERY_STREAM, /* the epoch has begun: send */
	OUTBOX_DELIVERY_STOP /* the epoch is over: disconnect, rewind */
} OutboxDeliveryStep;

typedef struct OutboxRetryPolicy
{
	int64_t initial; /* microseconds */
	int64_t max;
} OutboxRetryPolicy;

typedef struct OutboxDelivery
{
	OutboxDeliveryPhase phase;
	bool troubled; /* since the last progress something went wrong */
	OutboxVerdict cause; /* what, the last time */
	uint32_t attempt; /* tries that failed since the last progress */
	uint32_t conflicts; /* conflicts since the last progress */
	int64_t since; /* when the trouble, or else the phase, began */
	int64_t retry_at; /* when OFFLINE: when to connect */
	uint64_t seed; /* of the jitter */
} OutboxDelivery;

/* Offline, due at once. */
extern void outbox_delivery_init(OutboxDelivery *delivery, uint64_t seed, int64_t now);

/*
 * What to do about a signal.  The verdict counts with OUTBOX_DELIVERY_ENDED only.
 * Signals that do not fit the phase change nothing.
 */
extern OutboxDeliveryStep outbox_delivery_decide(OutboxDelivery *delivery,
												 OutboxDeliverySignal signal, OutboxVerdict verdict,
												 const OutboxRetryPolicy *policy, int64_t now);

#endif
