/*
 * overview.h
 *		All databases that may publish, as shared memory shows them: for whoever has no
 *		connection to them.
 */
#ifndef OUTBOX_INTERFACE_OVERVIEW_H
#define OUTBOX_INTERFACE_OVERVIEW_H

#include <stdint.h>

#include "infrastructure/postgres/queue.h"
#include "infrastructure/postgres/shared.h"
#include "infrastructure/postgres/tally.h"

typedef struct OutboxOverview
{
	int slot;
	OutboxSlotInfo info;
	OutboxRelayStatus status; /* of the relay that runs, or has run last */
	OutboxTallyReading tally;
	OutboxQueueReport broadcasts;
	OutboxTallyType *types;
	int type_count;
} OutboxOverview;

/* Reads them, and sets how many there are.  Allocates in the current memory context. */
extern OutboxOverview *outbox_overview_read(int *count);

/* The names of states, as outbox.status calls them; NULL behind the last one. */
extern const char *const outbox_overview_states[];

/* Which one the database is in, as far as shared memory can tell. */
extern const char *outbox_overview_state(const OutboxOverview *overview);

#endif
