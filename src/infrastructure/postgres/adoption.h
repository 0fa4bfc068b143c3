/*
 * adoption.h
 *		What becomes of an outbox that was copied.
 *
 * It *continues*: it is the successor of the outbox that it was copied from, keeps
 * its uuid, and publishes what its stream lacks.  Or it is a *fork*: an outbox of
 * its own, which leaves to the original what was pending when it was copied.
 *
 * A *physical* copy has the rows where they were, with transaction ids that are
 * good here, so the cursor still tells what is pending.  A *restored* one has, in
 * outbox.restored, only what was pending, with transaction ids of another life.
 *
 * All of it runs inside the caller's transaction, which has written nothing yet,
 * while no relay runs.
 */
#ifndef OUTBOX_INFRASTRUCTURE_POSTGRES_ADOPTION_H
#define OUTBOX_INFRASTRUCTURE_POSTGRES_ADOPTION_H

#include <stdint.h>

#include "infrastructure/postgres/identity.h"

extern void outbox_adoption_continue(const OutboxIdentity *identity);

/* Returns how many pending events it leaves to the original. */
extern int64_t outbox_adoption_fork(const OutboxIdentity *identity);

#endif
