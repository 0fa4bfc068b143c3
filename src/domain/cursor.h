/*
 * cursor.h
 *		How far a reader of the log has got.
 *
 * A *snapshot* says which transactions have finished (PostgreSQL's pg_snapshot:
 * xmin, xmax and the transactions between them that are still in progress).
 * An *interval* is what one snapshot sees and an earlier one does not.  Inside
 * an interval events are ordered by *position*: first by the last id of their
 * transaction, then by their own id.
 *
 * Why that order: a writer holds its aggregate's lock until it commits, so of
 * two transactions that touched one aggregate the later one took its last id
 * after the earlier one had committed.  Order by position is therefore commit
 * order within every aggregate, and it keeps a transaction's events together,
 * which order by id alone does not.
 */
#ifndef OUTBOX_DOMAIN_CURSOR_H
#define OUTBOX_DOMAIN_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct OutboxPosition
{
	int64_t last; /* last event id of the event's transaction */
	int64_t id; /* the event's own id */
} OutboxPosition;

/* Before every event of an interval. */
#define OUTBOX_POSITION_START ((OutboxPosition){0, 0})

typedef struct OutboxSnapshot
{
	uint64_t xmin; /* every transaction below has finished */
	uint64_t xmax; /* no transaction from here on has finished */
	uint32_t count; /* transactions in progress between them */
	uint64_t *running; /* ascending; memory of the caller */
	uint32_t capacity; /* room in running */
} OutboxSnapshot;

/* Negative, zero or positive as a comes before, is, or comes after b. */
extern int outbox_position_compare(OutboxPosition a, OutboxPosition b);

/*
 * Reads PostgreSQL's text form "xmin:xmax:xip,xip,...".  False when the text is
 * malformed or names more running transactions than the snapshot has room for.
 */
extern bool outbox_snapshot_parse(OutboxSnapshot *snapshot, const char *text);

/* How many running transactions the text form names, to size the room. */
extern uint32_t outbox_snapshot_text_count(const char *text);

/* Has this transaction finished, as the snapshot sees it? */
extern bool outbox_snapshot_sees(const OutboxSnapshot *snapshot, uint64_t xid);

/* Is this transaction seen by the new snapshot and not by the old one? */
extern bool outbox_interval_contains(const OutboxSnapshot *old_snapshot,
									 const OutboxSnapshot *new_snapshot, uint64_t xid);

#endif
