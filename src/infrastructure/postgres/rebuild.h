/*
 * rebuild.h
 *		Hands out again the events that the broker has lost.
 *
 * What is lost stands in outbox.lost, in the order in which it is to be sent.  It is
 * read a *chunk* at a time: whole rows, whose events are found in the log, as far as
 * they are retained.  The next chunk follows when all of the one before is settled.
 * Rows leave the table in the transaction that writes down where their events are
 * stored now.
 */
#ifndef OUTBOX_INFRASTRUCTURE_POSTGRES_REBUILD_H
#define OUTBOX_INFRASTRUCTURE_POSTGRES_REBUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "domain/event.h"
#include "infrastructure/postgres/finder.h"
#include "infrastructure/postgres/trail.h"

typedef struct OutboxRebuild
{
	struct MemoryContextData *chunk; /* what the chunk consists of */
	OutboxLostRow *rows;
	int row_count;
	OutboxWanted *events; /* of all rows */
	int count;
	int next; /* to hand out next */
	int settled; /* so many of the chunk are */
	int seen; /* so many have been handed out, or found to be gone */
	int written; /* so many have left the table */
	uint64_t gone; /* events that were no longer retained, in this process */
	uint64_t counted_xid; /* the transaction of the event handed out last */
	uint32_t counted;
	int64_t last_id;
	uint32_t last_index;
} OutboxRebuild;

/* Lives in the current memory context. */
extern void outbox_rebuild_init(OutboxRebuild *rebuild);

/* Forgets the chunk. */
extern void outbox_rebuild_clear(OutboxRebuild *rebuild);

/* Reads the next chunk; false: nothing is lost any more.  Transactions of its own. */
extern bool outbox_rebuild_load(OutboxRebuild *rebuild, const char *stream);

/* Has all of the chunk been handed out?  Is all of it settled? */
extern bool outbox_rebuild_is_handed_out(const OutboxRebuild *rebuild);
extern bool outbox_rebuild_is_settled(const OutboxRebuild *rebuild);

/*
 * Hands out the next events, in the current memory context; a transaction of its
 * own.  May return 0 before all is handed out.
 */
extern int outbox_rebuild_fetch(OutboxRebuild *rebuild, OutboxEvent *events, int max_events,
								size_t max_bytes);

/* Everything up to this position is settled. */
extern void outbox_rebuild_settle(OutboxRebuild *rebuild, OutboxPosition upto);

/* The event at this position, which was handed out. */
extern const OutboxWanted *outbox_rebuild_event(const OutboxRebuild *rebuild,
												OutboxPosition position);

/* What is not settled is handed out again. */
extern void outbox_rebuild_rewind(OutboxRebuild *rebuild);

/* Removes what is settled from the table, inside a transaction. */
extern void outbox_rebuild_write(OutboxRebuild *rebuild, const char *stream);

#endif
