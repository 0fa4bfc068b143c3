/*
 * broker_contract.h
 *		What every broker must do, whatever stands behind it.
 *
 * The suite drives an OutboxBrokerRoutine through a *bench*: hooks that make the
 * broker with its server and do to the server what the port cannot.  Every test
 * starts with a new bench.  All subjects that the tests publish to and expect to
 * be stored begin with "shop."; the stream captures "shop.>" when it is made.  What they
 * broadcast begins with "broadcast.".
 */
#ifndef OUTBOX_TEST_CONTRACT_BROKER_CONTRACT_H
#define OUTBOX_TEST_CONTRACT_BROKER_CONTRACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "application/ports.h"

/* The stream that a bench begins with. */
typedef enum BrokerStream
{
	BROKER_STREAM_TO_MAKE, /* none; the broker makes it */
	BROKER_STREAM_MISSING, /* none, and the broker must not make it */
	BROKER_STREAM_OF_TWO, /* takes two messages, then it is full */
	BROKER_STREAM_OF_SMALL, /* takes messages up to 1000 bytes */
	BROKER_STREAM_OF_BROADCASTS /* captures "broadcast.order.>", too */
} BrokerStream;

typedef struct BrokerBench
{
	const char *name; /* of the suite */
	const OutboxBrokerRoutine *routine;

	/* A running server with this stream, and a broker that is not connected. */
	void *(*open)(BrokerStream stream);
	void (*close)(void *bench);

	/* The routine's self. */
	void *(*self)(void *bench);

	/* Lets the broker work until something may have come, or the time is over. */
	void (*wait)(void *bench, int milliseconds);

	/* The server dies; what it has stored survives.  And it comes back. */
	void (*kill)(void *bench);
	void (*revive)(void *bench);

	/* Messages in the stream now, however the bench finds out. */
	uint64_t (*stored)(void *bench);

	/* Broadcasts that a listener to "broadcast.>" has heard since the bench is open. */
	uint64_t (*heard)(void *bench);

	size_t max_payload; /* of the server */
} BrokerBench;

/* Runs the suite as TAP or as cmocka is set up; returns the number of failures. */
extern int broker_contract_run(const BrokerBench *bench);

#endif
