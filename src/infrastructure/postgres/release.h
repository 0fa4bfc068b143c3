/*
 * release.h
 *		What the quarantine lets go: dead letters that are sent again, and events
 *		that waited behind them.
 *
 * A *release* is a list of events by id, in order, handed out one after the
 * other like an interval of the log.  An event leaves the quarantine in the
 * transaction that writes down that it is settled, so a crash at any time leaves
 * it either there or settled.
 *
 * Everything here runs inside a transaction of the caller.
 */
#ifndef OUTBOX_INFRASTRUCTURE_POSTGRES_RELEASE_H
#define OUTBOX_INFRASTRUCTURE_POSTGRES_RELEASE_H

#include <stdbool.h>
#include <stdint.h>

#include "domain/event.h"

typedef struct OutboxRelease
{
	int64_t *ids; /* ascending */
	int count;
	int next; /* to hand out next */
	int gone; /* have left the quarantine */
	bool due; /* there may be more than what is marked */
	int64_t looked_at; /* for aggregates that nothing holds any more */
} OutboxRelease;

/*
 * Nothing is known yet: so there may be something to let go.  Lives in the current
 * memory context.
 */
extern void outbox_release_init(OutboxRelease *release);

/* Is there something to let go?  Cheap. */
extern bool outbox_release_is_due(OutboxRelease *release);

/*
 * Lists what is to be let go.  False: nothing, but an aggregate may have come to
 * be blocked by nothing.
 */
extern bool outbox_release_collect(OutboxRelease *release);

/* Reads the next event into the current memory context; false: it was removed. */
extern bool outbox_release_read(OutboxRelease *release, OutboxEvent *event);

/* All up to this event has been settled: it leaves the quarantine. */
extern void outbox_release_settle(OutboxRelease *release, int64_t upto);

/* The next event is the first one after this. */
extern void outbox_release_rewind(OutboxRelease *release, int64_t settled);

/* It is over, whatever is left of it; look again for more. */
extern void outbox_release_end(OutboxRelease *release);

#endif
