/*
 * ring.c
 *		The ring of the log's children.
 */
#include "domain/ring.h"

/* What clocks may differ by when nobody has set them, microseconds. */
#define CLOCK_TOLERANCE INT64_C(1000000)

static int oldest(const OutboxRing *ring, OutboxRingAction action, int64_t now,
				  const OutboxRingPolicy *policy);
static bool fits(const OutboxRingChild *child, OutboxRingAction action, int64_t now,
				 const OutboxRingPolicy *policy);
static bool shift(int64_t *time, int64_t by, int64_t limit);

bool
outbox_ring_mind_clock(OutboxRing *ring, int64_t wall, int64_t steady)
{
	int64_t set = 0;
	bool changed = false;

	if (ring->steady != 0)
		set = (wall - ring->wall) - (steady - ring->steady);
	if (set > -CLOCK_TOLERANCE && set < CLOCK_TOLERANCE)
		set = 0;
	ring->wall = wall;
	ring->steady = steady;
	for (int i = 0; i < OUTBOX_RING_CHILDREN; i++)
	{
		changed |= shift(&ring->children[i].entered_at, set, wall);
		changed |= shift(&ring->children[i].left_at, set, wall);
		if (ring->children[i].settled_at != 0)
			changed |= shift(&ring->children[i].settled_at, set, wall);
	}
	return changed;
}

OutboxRingStep
outbox_ring_decide(const OutboxRing *ring, int64_t now, const OutboxRingPolicy *policy)
{
	const OutboxRingChild *current = &ring->children[ring->current];
	int next = (ring->current + 1) % OUTBOX_RING_CHILDREN;
	int child;

	if ((child = oldest(ring, OUTBOX_RING_EMPTY, now, policy)) >= 0)
		return (OutboxRingStep){OUTBOX_RING_EMPTY, child};
	if (!current->empty && ring->children[next].empty &&
		now - current->entered_at >= policy->retention / 2)
		return (OutboxRingStep){OUTBOX_RING_ENTER, next};
	if ((child = oldest(ring, OUTBOX_RING_MARK, now, policy)) >= 0)
		return (OutboxRingStep){OUTBOX_RING_MARK, child};
	return (OutboxRingStep){OUTBOX_RING_REST, ring->current};
}

/* The child that was left first of those with which this may be done; -1: there is none. */
static int
oldest(const OutboxRing *ring, OutboxRingAction action, int64_t now, const OutboxRingPolicy *policy)
{
	int found = -1;

	for (int i = 0; i < OUTBOX_RING_CHILDREN; i++)
	{
		const OutboxRingChild *child = &ring->children[i];

		if (i == ring->current || child->empty || !fits(child, action, now, policy))
			continue;
		if (found < 0 || child->left_at < ring->children[found].left_at)
			found = i;
	}
	return found;
}

static bool
fits(const OutboxRingChild *child, OutboxRingAction action, int64_t now,
	 const OutboxRingPolicy *policy)
{
	if (action == OUTBOX_RING_MARK)
		return child->settled_at == 0;
	return now - child->left_at >= policy->retention && child->settled_at != 0 &&
		   policy->verified_at != 0 && policy->verified_at - child->settled_at >= policy->hold;
}

static bool
shift(int64_t *time, int64_t by, int64_t limit)
{
	int64_t before = *time;

	*time += by;
	if (*time > limit)
		*time = limit;
	return *time != before;
}
