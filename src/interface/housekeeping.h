/*
 * housekeeping.h
 *		What a relay does beside publishing: it has old events leave the log, and looks
 *		whether the stream holds what it should, on which that depends.
 */
#ifndef OUTBOX_INTERFACE_HOUSEKEEPING_H
#define OUTBOX_INTERFACE_HOUSEKEEPING_H

#include <stdint.h>

#include "application/relay.h"
#include "infrastructure/postgres/ring.h"
#include "infrastructure/postgres/store.h"

typedef struct OutboxHousekeeping
{
	int slot; /* of the relay */
	const OutboxStore *store;
	OutboxRing ring;
	int64_t due_at; /* monotonic.h */
	uint64_t verification; /* the one that was begun last */
} OutboxHousekeeping;

/* Of this slot's relay, over this store, which must stay.  Runs a transaction of its own. */
extern void outbox_housekeeping_open(OutboxHousekeeping *housekeeping, int slot,
									 const OutboxStore *store);

/* The settings have changed, so more may be due than was. */
extern void outbox_housekeeping_hurry(OutboxHousekeeping *housekeeping);

/* Has the relay begin what outbox.verify asks for; before each step of the relay. */
extern void outbox_housekeeping_verify(OutboxHousekeeping *housekeeping, OutboxRelay *relay);

/*
 * Lets old events go, if it is time to, as far as all before them is written down and
 * the stream is known to hold what it should.  After a step, in no transaction.
 */
extern void outbox_housekeeping_turn(OutboxHousekeeping *housekeeping, OutboxRelay *relay);

#endif
