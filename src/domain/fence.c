/*
 * fence.c
 *		Which stream sequence the next message must find.
 */
#include "domain/fence.h"

#include <string.h>

static void give_up_floor(OutboxFence *fence);
static void predict(OutboxFence *fence);
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

	fence->alone = true;
	fence->last = last;
	if (created != fence->created)
	{
		give_up_floor(fence);
		fence->created = created;
		finding = OUTBOX_FENCE_NEW;
	}
	else if (last < fence->floor)
	{
		fence->floor = last;
		finding = OUTBOX_FENCE_SETBACK;
	}
	predict(fence);
	return finding;
}

void
outbox_fence_recognise(OutboxFence *fence)
{
	if (fence->former == 0)
		return;
	fence->floor = fence->former < fence->last ? fence->former : fence->last;
	fence->astray = fence->former_astray;
	fence->former = 0;
	predict(fence);
}

bool
outbox_fence_at_edge(const OutboxFence *fence)
{
	if (fence->next == fence->last)
		return fence->base != fence->last;
	return fence->alone && fence->next > fence->last;
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
	fence->former = 0;
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
	if (sequence > fence->last)
		fence->alone = false;
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
	fence->former = 0;
	raise_highest(fence, sequence);
}

/* What was given up before, and not yet looked for, is not forgotten for that. */
static void
give_up_floor(OutboxFence *fence)
{
	if (fence->former == 0)
	{
		fence->former = fence->floor;
		fence->former_astray = fence->astray;
	}
	fence->floor = 0;
	fence->astray = false;
}

/* Where the epoch's predictions start. */
static void
predict(OutboxFence *fence)
{
	if (fence->last == fence->floor)
		fence->astray = false;
	fence->highest = fence->last;
	fence->base = fence->astray ? fence->last : fence->floor;
	fence->next = fence->base;
}

static void
raise_highest(OutboxFence *fence, uint64_t sequence)
{
	if (sequence > fence->highest)
		fence->highest = sequence;
}
