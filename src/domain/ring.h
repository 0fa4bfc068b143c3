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
} OutboxRingChild;

typedef struct OutboxRing
{
	int current;
	OutboxRingChild children[OUTBOX_RING_CHILDREN];
} OutboxRing;

typedef enum OutboxRingAction
{
	OUTBOX_RING_REST,
	OUTBOX_RING_EMPTY, /* empty this child */
	OUTBOX_RING_ENTER /* make this child current */
} OutboxRingAction;

typedef struct OutboxRingStep
{
	OutboxRingAction action;
	int child;
} OutboxRingStep;

/* What to do now; retention in microseconds. */
extern OutboxRingStep outbox_ring_decide(const OutboxRing *ring, int64_t now, int64_t retention);

#endif
