/*
 * root.h
 *		The row of an aggregate's root, by the aggregate's id: locked, numbered, judged.
 */
#ifndef OUTBOX_INFRASTRUCTURE_POSTGRES_ROOT_H
#define OUTBOX_INFRASTRUCTURE_POSTGRES_ROOT_H

#include <stdbool.h>
#include <stdint.h>

#include "infrastructure/postgres/definition.h"
#include "infrastructure/postgres/touch.h"

typedef enum OutboxRootState
{
	OUTBOX_ROOT_FINE,
	OUTBOX_ROOT_MISSING, /* there is no such row, and an entity needs it */
	OUTBOX_ROOT_BROKEN /* a commit-time invariant does not hold */
} OutboxRootState;

/*
 * Locks the root of this touch against other writers of its aggregate, until the
 * transaction ends, and learns its version, unless that has been done before.  Waits
 * for whoever holds it; 40001 where the transaction's isolation forbids to go on.
 * Does nothing where there is no such row (yet).
 */
extern void outbox_root_lock(OutboxTouch *touch);

/* What keeps an aggregate from being committed. */
typedef struct OutboxRootFlaw
{
	const OutboxInvariant *broken; /* OUTBOX_ROOT_BROKEN: the first invariant that does not hold */
	uint32_t entity; /* OUTBOX_ROOT_MISSING: a table with rows of the aggregate */
} OutboxRootFlaw;

/*
 * Brings the aggregate into the state in which it may be committed: raises the
 * root's version if only entities were changed, and judges the commit-time
 * invariants.  Fills in the flaw unless all is fine.
 */
extern OutboxRootState outbox_root_settle(OutboxTouch *touch, OutboxRootFlaw *flaw);

#endif
