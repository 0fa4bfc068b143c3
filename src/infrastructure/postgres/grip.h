/*
 * grip.h
 *		What the current transaction still holds.
 *
 * Who has locked or opened a relation once may go on without doing so again for as long
 * as a *grip* holds that was taken before: no other transaction has begun, no
 * subtransaction was rolled back (its locks are gone), and PostgreSQL has told of no
 * relation or schema that it has changed.  So a pointer to an open relation's entry
 * stays good, too, though nobody counts it as used meanwhile.
 *
 * What was looked up, and not locked, is *known* for longer: until PostgreSQL tells of a
 * change, or a subtransaction is rolled back.
 *
 * A grip of zeros holds nothing, and knows nothing.
 */
#ifndef OUTBOX_INFRASTRUCTURE_POSTGRES_GRIP_H
#define OUTBOX_INFRASTRUCTURE_POSTGRES_GRIP_H

#include <stdbool.h>
#include <stdint.h>

typedef struct OutboxGrip
{
	uint32_t transaction; /* its local number */
	uint64_t losses; /* of all grips, when it was taken */
} OutboxGrip;

/* To be taken before what it is to cover: what changes in between ends it. */
extern OutboxGrip outbox_grip_take(void);

extern bool outbox_grip_holds(const OutboxGrip *grip);
extern bool outbox_grip_knows(const OutboxGrip *grip);

#endif
