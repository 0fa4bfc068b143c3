/*
 * store_contract.h
 *		What every store must do, whatever stands behind it.
 *
 * The suite drives an OutboxStoreRoutine through a *bench*: hooks that make a
 * database with a store and do what applications and accidents do.  Every test
 * starts with a new bench that holds no events.
 */
#ifndef OUTBOX_TEST_CONTRACT_STORE_CONTRACT_H
#define OUTBOX_TEST_CONTRACT_STORE_CONTRACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "application/ports.h"

typedef struct StoreBench
{
	const char *name; /* of the suite */
	const OutboxStoreRoutine *routine;

	/* A database without events, and a store that has just started. */
	void *(*open)(void);
	void (*close)(void *bench);

	/* The routine's self; another one after restart and crash. */
	void *(*self)(void *bench);

	/* Transactions, side by side; emit returns the event's id. */
	int (*begin)(void *bench);
	int64_t (*emit)(void *bench, int transaction, int aggregate, size_t payload_length);
	void (*commit)(void *bench, int transaction);
	void (*abort)(void *bench, int transaction);

	/* Undoes the transaction's last emit, as ROLLBACK TO SAVEPOINT does. */
	void (*roll_back)(void *bench, int transaction);

	/* The store's process is killed, and started again. */
	void (*restart)(void *bench);

	/* The database crashes; what may be lost is.  NULL: cannot be done. */
	void (*crash)(void *bench);

	/*
	 * Rows move to other places, those of settled events or all of them; no transaction
	 * is open.  NULL: they have no places.
	 */
	void (*move)(void *bench);

	/* Shall the aggregates of refused events be blocked?  They are at first. */
	void (*block)(void *bench, bool blocking);

	/* How many dead letters there are of this event. */
	int (*dead_letters)(void *bench, int64_t event);

	/* Have a dead letter sent again, or give it up. */
	void (*redrive)(void *bench, int64_t event);
	void (*discard)(void *bench, int64_t event);

	/* The event, which is settled, is no longer retained. */
	void (*remove)(void *bench, int64_t event);
} StoreBench;

/* Runs the suite as TAP or as cmocka is set up; returns the number of failures. */
extern int store_contract_run(const StoreBench *bench);

#endif
