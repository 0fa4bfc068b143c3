/*
 * stretch.h
 *		The interval of the log that is being published.
 *
 * One interval is open at a time: what new_snapshot sees and old_snapshot does not.
 * When all of it is settled, the new snapshot becomes the old one.  The cursor is
 * told, and is written down by whoever settles.
 *
 * What was handed out may be published, or travel there still, so a crash must not
 * change what follows it.  An interval of several events is *pinned* before any of
 * it is handed out: where it ends is durable.  If it were opened again with a later
 * end, transactions that have committed since could come between the events of one
 * that is published in part, and between those that their old places in the stream
 * still admit.  For a single event pinning is spared: it is published in full or not
 * at all, and the relay sees to the other (domain/fence.h: it travels alone).
 */
#ifndef OUTBOX_INFRASTRUCTURE_POSTGRES_STRETCH_H
#define OUTBOX_INFRASTRUCTURE_POSTGRES_STRETCH_H

#include <stdbool.h>
#include <stdint.h>

#include "domain/cursor.h"
#include "domain/event.h"
#include "infrastructure/postgres/cursor.h"
#include "infrastructure/postgres/interval.h"
#include "infrastructure/postgres/reader.h"

typedef struct OutboxStretch
{
	struct MemoryContextData *memory; /* what lives as long as the stretch */
	OutboxSnapshot old_snapshot;
	OutboxSnapshot new_snapshot;
	bool open;
	bool restored; /* rows of a dump have come: nothing is opened any more */
	OutboxInterval interval;
	int next; /* entry to hand out next */
	uint32_t next_index; /* its tx_index */
	bool after_standbys; /* the synchronous standbys must have it first */
	uint64_t aim; /* then: up to here in the WAL */
} OutboxStretch;

/* Goes on as the cursor says; memory is taken from the current context. */
extern void outbox_stretch_load(OutboxStretch *stretch, const OutboxCursor *cursor);

/*
 * Opens the interval up to now, in transactions of its own; false when there is
 * nothing in it.  What it holds survives a crash.
 */
extern bool outbox_stretch_open(OutboxStretch *stretch, OutboxCursor *cursor);

/*
 * All that was collected is settled: collects what is left of the interval, or
 * closes it when that is nothing.  Is it still open?
 */
extern bool outbox_stretch_go_on(OutboxStretch *stretch, OutboxCursor *cursor);

/* All of the interval is settled. */
extern void outbox_stretch_close(OutboxStretch *stretch, OutboxCursor *cursor);

/* Has all of the open interval been collected and handed out? */
extern bool outbox_stretch_is_over(const OutboxStretch *stretch);

/* May what was collected be published?  Asks no longer once it may. */
extern bool outbox_stretch_may_leave(OutboxStretch *stretch);

/* The next entry is the first one after this position. */
extern void outbox_stretch_rewind(OutboxStretch *stretch, OutboxPosition settled);

/*
 * Reads the next event into the current memory context; false: its row has moved,
 * and the rest is found anew when what was handed out is settled.
 */
extern bool outbox_stretch_read(OutboxStretch *stretch, OutboxReader *reader, OutboxEvent *event);

#endif
