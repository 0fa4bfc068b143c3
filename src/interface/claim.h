/*
 * claim.h
 *		A relay's claim to be the outbox that its database holds.
 *
 * It stands while the outbox is where it was seen last and nobody else publishes as
 * the same outbox.  A relay whose claim has fallen is *fenced*: it publishes nothing
 * until outbox.adopt decides.
 */
#ifndef OUTBOX_INTERFACE_CLAIM_H
#define OUTBOX_INTERFACE_CLAIM_H

#include <stdint.h>

#include "application/relay.h"
#include "infrastructure/postgres/identity.h"
#include "infrastructure/postgres/shared.h"

typedef struct OutboxClaim
{
	OutboxIdentity identity;
	char fence[OUTBOX_TEXT_SIZE]; /* why the relay is fenced; "": it is not */
} OutboxClaim;

/* Notes where the outbox is now, or that it is fenced.  Runs a transaction of its own. */
extern void outbox_claim_make(OutboxClaim *claim);

/*
 * Somebody else is this outbox, too, who made himself known to the relay (sift.h):
 * fences it, and keeps clear of his ids.  Runs a transaction of its own.
 */
extern void outbox_claim_give_up(OutboxClaim *claim, OutboxRelay *relay, int64_t now);

#endif
