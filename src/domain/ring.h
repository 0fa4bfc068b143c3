/*
 * ring.h
 *		The ring of the log's children: which one takes new events, which is
 *		emptied.
 *
 * The log is kept in a few *children*.  One is *current*: new events go there.
 * The others hold older events until all of them have been retained for long
 * enough; then they are emptied at once, by TRUNCATE, and can be current again.
 * With a retention of R, the current child is left after R/2, so nothing older
 * than about 1.5 R stays.
 *
 * Ages are told by the clock on the wall, since they outlive the process.  It may be
 * set; so it is compared with a *steady* clock that nobody sets.
 *
 * What a broker has acknowledged it may still lose, until it syncs its files.  So a
 * child that was left is *marked* when all of it is found to be settled, and is
 * emptied only when the stream has been *verified*, compared with what it should
 * hold, at least a *hold time* after that.
 */
#ifndef OUTBOX_DOMAIN_RING_H
#define OUTBOX_DOMAIN_RING_H

#include <stdbool.h>
#include <stdint.h>

#define OUTBOX_RING_CHILDREN 3

typedef struct OutboxRingChild
{
	bool empty;
	int64_t entered_at; /* when it became current, microseconds */
	int64_t left_at; /* when another one did; void while it is current */
	int64_t settled_at; /* when all of it was found to be settled; 0: not yet */
	int64_t turn; /* which one it was to become current, counted for ever */
} OutboxRingChild;

typedef struct OutboxRing
{
	int current;
	OutboxRingChild children[OUTBOX_RING_CHILDREN];
	int64_t wall; /* both clocks when they were compared last, microseconds */
	int64_t steady; /* 0: never */
} OutboxRing;

typedef enum OutboxRingAction
{
	OUTBOX_RING_REST,
	OUTBOX_RING_MARK, /* see whether all of this child is settled */
	OUTBOX_RING_EMPTY, /* empty this child */
	OUTBOX_RING_ENTER /* make this child current */
} OutboxRingAction;

typedef struct OutboxRingStep
{
	OutboxRingAction action;
	int child;
} OutboxRingStep;

/*
 * Compares the clocks.  When the wall clock has been set since the last comparison,
 * moves all times with it, so that ages stay what they were; times beyond now become
 * now.  Returns whether any has changed.
 */
extern bool outbox_ring_mind_clock(OutboxRing *ring, int64_t wall, int64_t steady);

/* How long events are kept. */
typedef struct OutboxRingPolicy
{
	int64_t retention; /* microseconds */
	int64_t hold; /* microseconds */
	int64_t verified_at; /* when the stream was verified last; 0: never, or not now */
} OutboxRingPolicy;

/* What to do now. */
extern OutboxRingStep outbox_ring_decide(const OutboxRing *ring, int64_t now,
										 const OutboxRingPolicy *policy);

#endif
