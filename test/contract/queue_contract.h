/*
 * queue_contract.h
 *		What every queue of broadcasts must do, whatever carries it.
 *
 * The suite drives an OutboxQueueRoutine through a bench, which plays the
 * transactions.  Broadcasts are numbered from 1 on, in the order in which they are
 * put: the number is the aggregate id, and every byte of the payload an "x".
 */
#ifndef OUTBOX_TEST_CONTRACT_QUEUE_CONTRACT_H
#define OUTBOX_TEST_CONTRACT_QUEUE_CONTRACT_H

#include "application/ports.h"

typedef struct QueueBench
{
	const char *name; /* of the suite */
	const OutboxQueueRoutine *routine;

	/* A queue as a relay finds it in the beginning, numbers starting anew. */
	void *(*open)(void);

	/* A transaction commits that has broadcast so many of this payload. */
	void (*put)(void *self, int count, size_t payload_length);

	/* Broadcasts that have met this fate, so far. */
	uint64_t (*count)(void *self, OutboxFate fate);

	/* The relay's clock. */
	int64_t (*now)(void);
} QueueBench;

/* Runs the suite as cmocka is set up; returns the number of failures. */
extern int queue_contract_run(const QueueBench *bench);

#endif
