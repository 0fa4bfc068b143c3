/*
 * bulletin.h
 *		Tells the world how a relay stands: shared memory, process title, log.
 */
#ifndef OUTBOX_INTERFACE_BULLETIN_H
#define OUTBOX_INTERFACE_BULLETIN_H

#include <stdbool.h>
#include <stdint.h>

#include "application/relay.h"
#include "infrastructure/nats/broker.h"
#include "infrastructure/postgres/shared.h"
#include "infrastructure/postgres/store.h"
#include "interface/binding.h"

typedef struct OutboxBulletin
{
	int slot;
	const OutboxBinding *binding; /* whose relay it is */
	const OutboxStore *store;
	const OutboxNatsBroker *broker;
	OutboxSight sight; /* as told last */
	OutboxRelayStatus status; /* as told last */
	bool captures_broadcasts; /* the same */
	bool idle; /* the same */
	uint64_t lost; /* as logged last */
	uint64_t repaired;
	uint64_t gone;
} OutboxBulletin;

/* Begins to tell of the relay in this slot; binding, store and broker must stay. */
extern void outbox_bulletin_open(OutboxBulletin *bulletin, int slot, const OutboxBinding *binding,
								 const OutboxStore *store, const OutboxNatsBroker *broker);

/*
 * Tells how the relay stands; logs changes of state only.  verification is the number of
 * the last one that was begun; now is the relay's clock.
 */
extern void outbox_bulletin_relay(OutboxBulletin *bulletin, const OutboxRelay *relay,
								  uint64_t verification, int64_t now);

/* Tells why the relay cannot even try. */
extern void outbox_bulletin_misfit(OutboxBulletin *bulletin, OutboxCode code, const char *reason);

#endif
