/*
 * fence.c
 *		Which stream sequence the next message must find.
 */
#include "domain/fence.h"

#include <string.h>

static void raise_highest(OutboxFence *fence, uint64_t sequence);

void
outbox_fence_init(OutboxFence *fence, uint64_t floor, int64_t created)
{
	memset(fence, 0, sizeof(*fence));
	fence->floor = floor;
	fence->created = created;
	fence->last = fence->base = fence->next = fence->highest = floor;
}

OutboxFenceFinding
outbox_fence_open(OutboxFence *fence, uint64_t last, int64_t created)
{
	OutboxFenceFinding finding = OUTBOX_FENCE_SAME;

	if (created != fence->created)
	{
		fence->created = created;
		fence->floor = 0;
		fence->astray = false;
		finding = OUTBOX_FENCE_NEW;
	}
	else if (last < fence->floor)
	{
		fence->floor = last;
		finding = OUTBOX_FENCE_SETBACK;
	}
	if (last == fence->floor)
		fence->astray = false;
	fence->last = last;
	fence->highest = last;
	fence->base = fence->astray ? last : fence->floor;
	fence->next = fence->base;
	return finding;
}

bool
outbox_fence_at_edge(const OutboxFence *fence)
{
	return fence->next == fence->last && fence->base != fence->last;
}

bool
outbox_fence_is_free(const OutboxFence *fence)
{
	return fence->next >= fence->last;
}

void
outbox_fence_advance(OutboxFence *fence)
{
	fence->next++;
}

bool
outbox_fence_admits(const OutboxFence *fence, uint64_t sequence, bool fenced)
{
	if (sequence <= fence->floor)
		return false;
	return !fenced || sequence <= fence->last || sequence <= fence->next;
}

void
outbox_fence_settle(OutboxFence *fence, uint64_t sequence)
{
	if (sequence == fence->floor + 1)
		fence->floor = sequence;
	raise_highest(fence, sequence);
}

void
outbox_fence_conflict(OutboxFence *fence)
{
	fence->astray = true;
}

void
outbox_fence_doubt(OutboxFence *fence)
{
	fence->astray = fence->last > fence->floor;
	fence->base = fence->astray ? fence->last : fence->floor;
	fence->next = fence->base;
}

void
outbox_fence_drained(OutboxFence *fence)
{
	fence->floor = fence->highest;
	fence->next = fence->highest;
	fence->astray = false;
}

void
outbox_fence_sifted(OutboxFence *fence, uint64_t sequence)
{
	fence->floor = sequence;
	fence->base = sequence;
	fence->next = sequence;
	fence->astray = false;
	raise_highest(fence, sequence);
}

static void
raise_highest(OutboxFence *fence, uint64_t sequence)
{
	if (sequence > fence->highest)
		fence->highest = sequence;
}
