/*
 * caution.h
 *		How a relay runs after one before it has ended uncleanly.
 *
 * It is careful (domain/suspicion.h) until it has published all that there is, or
 * more than one relay can have had in its hands.  After some minutes without an
 * accident the earlier ones are forgotten.
 */
#ifndef OUTBOX_INTERFACE_CAUTION_H
#define OUTBOX_INTERFACE_CAUTION_H

#include <stdbool.h>
#include <stdint.h>

#include "application/relay.h"
#include "infrastructure/postgres/mark.h"

typedef struct OutboxCaution
{
	OutboxMark mark; /* as the relay before has left it */
	bool careful;
	bool suspected; /* earlier ends are not forgotten */
	int64_t begun_at;
} OutboxCaution;

/* The relay of this database, of that name, begins. */
extern void outbox_caution_begin(OutboxCaution *caution, const char *database, int64_t now);

/* Adds to the options what being careful asks for. */
extern void outbox_caution_apply(const OutboxCaution *caution, OutboxRelayOptions *options);

/* Looks how the relay fares; true: no longer careful, so options have to be made anew. */
extern bool outbox_caution_ends(OutboxCaution *caution, const OutboxRelay *relay, int64_t now);

#endif
