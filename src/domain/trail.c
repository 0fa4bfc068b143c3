/*
 * trail.c
 *		Which event is stored at which sequence of the stream.
 */
#include "domain/trail.h"

#include <string.h>

static void shift(OutboxTrailRun *run, uint64_t entries);

bool
outbox_trail_note(OutboxTrail *trail, OutboxTrailEntry entry)
{
	OutboxTrailRun *last = trail->count > 0 ? &trail->runs[trail->count - 1] : NULL;

	if (last && entry.sequence == last->sequence + last->count &&
		entry.event == last->event + (int64_t) last->count)
	{
		last->count++;
		return true;
	}
	if (trail->count == OUTBOX_TRAIL_RUNS)
		return false;
	trail->runs[trail->count++] = (OutboxTrailRun){entry.sequence, entry.event, 1};
	return true;
}

bool
outbox_trail_is_full(const OutboxTrail *trail)
{
	return trail->count >= OUTBOX_TRAIL_RUNS / 2;
}

void
outbox_trail_sort(OutboxTrailRun *runs, int count)
{
	for (int i = 1; i < count; i++)
	{
		OutboxTrailRun run = runs[i];
		int place = i;

		while (place > 0 && runs[place - 1].sequence > run.sequence)
			place--;
		if (place == i)
			continue;
		memmove(&runs[place + 1], &runs[place], sizeof(run) * (size_t) (i - place));
		runs[place] = run;
	}
}

int
outbox_trail_take_row(OutboxTrailRun *runs, int count, int *next, OutboxTrailRun *row)
{
	int taken = 0;
	uint64_t limit;

	if (*next == count)
		return 0;
	limit = runs[*next].sequence + OUTBOX_TRAIL_SPAN;
	while (*next < count && outbox_trail_end(&runs[*next]) < limit)
		row[taken++] = runs[(*next)++];
	if (*next < count && runs[*next].sequence < limit)
	{
		row[taken] = runs[*next];
		row[taken].count = limit - runs[*next].sequence;
		shift(&runs[*next], row[taken++].count);
	}
	return taken;
}

int
outbox_trail_slice(const OutboxTrailRun *runs, int count, uint64_t first, uint64_t last,
				   OutboxTrailRun *part)
{
	int taken = 0;

	for (int i = 0; i < count; i++)
	{
		OutboxTrailRun run = runs[i];

		if (run.sequence > last || outbox_trail_end(&run) < first)
			continue;
		if (run.sequence < first)
			shift(&run, first - run.sequence);
		if (outbox_trail_end(&run) > last)
			run.count = last - run.sequence + 1;
		part[taken++] = run;
	}
	return taken;
}

int
outbox_trail_drop(const OutboxTrailRun *runs, int count, uint64_t entries, OutboxTrailRun *part)
{
	int taken = 0;

	for (int i = 0; i < count; i++)
	{
		OutboxTrailRun run = runs[i];
		uint64_t dropped = entries < run.count ? entries : run.count;

		entries -= dropped;
		shift(&run, dropped);
		if (run.count > 0)
			part[taken++] = run;
	}
	return taken;
}

int
outbox_trail_unfold(const OutboxTrailRun *runs, int count, uint64_t after,
					OutboxTrailEntry *entries, int max)
{
	int taken = 0;

	for (int i = 0; i < count && taken < max; i++)
	{
		OutboxTrailRun run = runs[i];

		if (outbox_trail_end(&run) <= after)
			continue;
		if (run.sequence <= after)
			shift(&run, after + 1 - run.sequence);
		for (uint64_t n = 0; n < run.count && taken < max; n++)
			entries[taken++] = (OutboxTrailEntry){run.sequence + n, run.event + (int64_t) n};
	}
	return taken;
}

uint64_t
outbox_trail_count(const OutboxTrailRun *runs, int count)
{
	uint64_t entries = 0;

	for (int i = 0; i < count; i++)
		entries += runs[i].count;
	return entries;
}

uint64_t
outbox_trail_end(const OutboxTrailRun *run)
{
	return run->sequence + run->count - 1;
}

/* Leaves its first entries out. */
static void
shift(OutboxTrailRun *run, uint64_t entries)
{
	run->sequence += entries;
	run->event += (int64_t) entries;
	run->count -= entries;
}
