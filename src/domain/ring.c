/*
 * ring.c
 *		The ring of the log's children.
 */
#include "domain/ring.h"

/* What clocks may differ by when nobody has set them, microseconds. */
#define CLOCK_TOLERANCE INT64_C(1000000)

static int oldest_to_empty(const OutboxRing *ring, int64_t now, int64_t retention);
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
	}
	return changed;
}

OutboxRingStep
outbox_ring_decide(const OutboxRing *ring, int64_t now, int64_t retention)
{
	const OutboxRingChild *current = &ring->children[ring->current];
	int next = (ring->current + 1) % OUTBOX_RING_CHILDREN;
	int old = oldest_to_empty(ring, now, retention);

	if (old >= 0)
		return (OutboxRingStep){OUTBOX_RING_EMPTY, old};
	if (!current->empty && ring->children[next].empty && now - current->entered_at >= retention / 2)
		return (OutboxRingStep){OUTBOX_RING_ENTER, next};
	return (OutboxRingStep){OUTBOX_RING_REST, ring->current};
}

/* The child that was left first, if all of it is old enough; -1: none is. */
static int
oldest_to_empty(const OutboxRing *ring, int64_t now, int64_t retention)
{
	int oldest = -1;

	for (int i = 0; i < OUTBOX_RING_CHILDREN; i++)
	{
		const OutboxRingChild *child = &ring->children[i];

		if (i == ring->current || child->empty || now - child->left_at < retention)
			continue;
		if (oldest < 0 || child->left_at < ring->children[oldest].left_at)
			oldest = i;
	}
	return oldest;
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
