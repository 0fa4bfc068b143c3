/*
 * finder.h
 *		Finds events in the log by their ids.
 *
 * The log has no index on the id; but it is appended to, so ids ascend with the
 * blocks of a child, almost.  So a child is read from about where the first wanted
 * event should be; what is not found there is looked for everywhere.
 */
#ifndef OUTBOX_INFRASTRUCTURE_POSTGRES_FINDER_H
#define OUTBOX_INFRASTRUCTURE_POSTGRES_FINDER_H

#include <stdbool.h>

#include "infrastructure/postgres/interval.h"

/* Of entry, position.id is what is wanted; what is found fills in its place. */
typedef struct OutboxWanted
{
	OutboxEntry entry;
	uint32_t tx_index; /* the caller's */
	bool found;
} OutboxWanted;

/*
 * Finds what is not found yet.  Runs short transactions of its own; none may be
 * open.
 */
extern void outbox_finder_find(OutboxWanted *wanted, int count);

#endif
