/*
 * touch.h
 *		The aggregates that this transaction has touched: what is still to be settled
 *		before it commits.
 *
 * A *touch* is what the transaction has done to one aggregate.  It is *due* while
 * something has to be settled: its root's version to be raised for changes of its
 * entities, its commit-time invariants to be judged.  What a savepoint's rollback
 * undoes is undone here, too: each mark knows the nesting level that made it.
 */
#ifndef OUTBOX_INFRASTRUCTURE_POSTGRES_TOUCH_H
#define OUTBOX_INFRASTRUCTURE_POSTGRES_TOUCH_H

#include <stdbool.h>
#include <stdint.h>

/* What can be marked. */
typedef enum OutboxMark
{
	OUTBOX_MARK_LOCKED, /* the root's row is locked by us */
	OUTBOX_MARK_CHANGED, /* we have inserted or changed the root, and so raised its version */
	OUTBOX_MARK_GONE, /* we have deleted it */
	OUTBOX_MARK_DUE, /* there is something to settle */
	OUTBOX_MARK_ROOTED, /* an entity was written, so it needs a root when that is settled */
	OUTBOX_MARK_SETTLED, /* it has been settled since */
	OUTBOX_MARKS
} OutboxMark;

typedef struct OutboxTouch
{
	uint32_t root; /* the root's table */
	const char *aggregate;
	const char *id;
	int number; /* in the order of first touch */
	int levels[OUTBOX_MARKS]; /* nesting level of each mark, 0: it is not set */
	int64_t version; /* that the root has now, where it is locked or changed and has one */
} OutboxTouch;

/* To be called once, when the library is loaded. */
extern void outbox_touch_install(void);

/* The touch of an aggregate, a new one if need be; stays until the transaction ends. */
extern OutboxTouch *outbox_touch_take(uint32_t root, const char *aggregate, const char *id);

extern bool outbox_touch_has(const OutboxTouch *touch, OutboxMark mark);
extern void outbox_touch_set(OutboxTouch *touch, OutboxMark mark);
extern void outbox_touch_clear(OutboxTouch *touch, OutboxMark mark);
extern void outbox_touch_set_version(OutboxTouch *touch, int64_t version);

/* The root was deleted, with this version; 0: without one. */
extern void outbox_touch_leave(OutboxTouch *touch, int64_t version);

/* All roots of this table were. */
extern void outbox_touch_empty(uint32_t root);

/* Is it due and not settled since? */
extern bool outbox_touch_is_due(const OutboxTouch *touch);

/* The next one that is due, in the order of their first touch; NULL: none. */
extern OutboxTouch *outbox_touch_next_due(void);

/*
 * Has nobody been called yet to settle what this transaction touches?  Says so once,
 * until outbox_touch_disarm or a rollback.
 */
extern bool outbox_touch_arm(void);
extern bool outbox_touch_is_armed(void);
extern void outbox_touch_disarm(void);

/*
 * Between a BEFORE trigger that has looked at a row to be inserted, and the WHEN of the
 * AFTER trigger for the same row: was it found to be fine?  The answer is given once, and
 * in doubt it is no: as long as a row that was not fine may be on its way.
 */
extern void outbox_touch_note_insert(bool fine);
extern bool outbox_touch_take_insert(void);

#endif
