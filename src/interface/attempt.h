/*
 * attempt.h
 *		A query that may fail without harm to whoever asks.
 *
 * It runs in a subtransaction of its own, reads only, and sees what the caller's
 * snapshot sees.  The caller's function sets lock_timeout, so that it does not wait
 * for long.  That the session shall end, or its statement, is no failure and is
 * passed on.
 */
#ifndef OUTBOX_INTERFACE_ATTEMPT_H
#define OUTBOX_INTERFACE_ATTEMPT_H

#include <stdbool.h>
#include <stdint.h>

/* In the memory context of the caller. */
typedef struct OutboxAttempt
{
	bool done; /* else: */
	int sqlstate;
	const char *message;
	uint64_t count; /* rows */
	struct HeapTupleData **rows;
	struct TupleDescData *columns;
} OutboxAttempt;

typedef struct OutboxQuery
{
	const char *text;
	int count; /* arguments */
	const uint32_t *types;
	const uintptr_t *values;
	const char *nulls; /* as SPI takes them; NULL: none is */
} OutboxQuery;

extern void outbox_attempt(const OutboxQuery *query, OutboxAttempt *attempt);

/* Waited for a lock in vain? */
extern bool outbox_attempt_was_locked_out(const OutboxAttempt *attempt);

/* A value of the result. */
extern uintptr_t outbox_attempt_value(const OutboxAttempt *attempt, uint64_t row, int column,
									  bool *isnull);

#endif
