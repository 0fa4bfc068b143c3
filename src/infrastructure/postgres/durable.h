/*
 * durable.h
 *		Makes sure that a commit survives a crash before anybody acts on it.
 *
 * A transaction with synchronous_commit = off is visible before it is durable.
 * Publishing its events at once could tell the world of a transaction that a
 * crash undoes, and whose ids are then given out again.
 */
#ifndef OUTBOX_INFRASTRUCTURE_POSTGRES_DURABLE_H
#define OUTBOX_INFRASTRUCTURE_POSTGRES_DURABLE_H

#include <stdint.h>

/*
 * Raises *position to the WAL position up to which must be flushed for the
 * commit of this transaction, seen as committed, to be durable.  Costs a look
 * into the commit log; leaves *position alone when the commit was synchronous.
 */
extern void outbox_durable_note(uint64_t *position, uint64_t xid);

/* Flushes WAL up to the position. */
extern void outbox_durable_flush(uint64_t position);

#endif
