/*
 * fake_trail.c
 *		The trail of the fake store, and what it hands out again.
 */
#include "unit/fake_trail.h"

#include <assert.h>
#include <string.h>

#include "unit/fake_quarantine.h"

static int find_place(const FakeTrail *trail, uint64_t after);
static bool is_retained(const FakeStore *store, OutboxTrailEntry entry);

void
fake_trail_note(void *self, OutboxTrailEntry entry)
{
	FakeTrail *trail = &((FakeStore *) self)->cursor.trail;
	int place = find_place(trail, entry.sequence);

	/* Where nothing is repaired, the sequence of what was lost is given out again. */
	if (place > 0 && trail->entries[place - 1].sequence == entry.sequence)
	{
		trail->entries[place - 1] = entry;
		return;
	}
	assert(trail->count < FAKE_TRAIL);
	memmove(&trail->entries[place + 1], &trail->entries[place],
			(size_t) (trail->count - place) * sizeof(entry));
	trail->entries[place] = entry;
	trail->count++;
}

void
fake_trail_held(void *self, OutboxHeld *held)
{
	const FakeStore *store = self;
	const FakeTrail *trail = &store->cursor.trail;

	memset(held, 0, sizeof(*held));
	if (trail->count > 0)
		held->newest = trail->entries[trail->count - 1];
	held->deleted = trail->deleted;
	held->waiting = (uint64_t) (trail->lost_count - trail->settled + trail->fresh_count);
	held->gone = store->gone;
}

int
fake_trail_read(void *self, uint64_t after, OutboxTrailEntry *entries, int max)
{
	const FakeTrail *trail = &((const FakeStore *) self)->cursor.trail;
	int count = 0;

	for (int i = find_place(trail, after); i < trail->count && count < max; i++)
		entries[count++] = trail->entries[i];
	return count;
}

/* Until the next rewind it stands apart from what is handed out. */
void
fake_trail_lose(void *self, uint64_t first, uint64_t last)
{
	FakeStore *store = self;
	FakeTrail *trail = &store->cursor.trail;
	int begin = find_place(trail, first - 1);
	int end = last == UINT64_MAX ? trail->count : find_place(trail, last);
	int count = end - begin;

	fake_store_persist(store, false);
	assert(trail->fresh_count + count <= FAKE_TRAIL);
	memcpy(&trail->fresh[trail->fresh_count], &trail->entries[begin],
		   (size_t) count * sizeof(trail->fresh[0]));
	memmove(&trail->entries[begin], &trail->entries[end],
			(size_t) (trail->count - end) * sizeof(trail->entries[0]));
	trail->count -= count;
	trail->fresh_count += count;
	fake_store_save(store, true, true);
}

void
fake_trail_checked(void *self, const OutboxChecked *checked)
{
	FakeStore *store = self;
	FakeTrail *trail = &store->cursor.trail;
	int expired = checked->first > 0 ? find_place(trail, checked->first - 1) : 0;

	if (expired == 0 && store->cursor.sequence == checked->sequence &&
		store->cursor.created == checked->created && trail->deleted == checked->deleted)
		return;
	trail->count -= expired;
	memmove(trail->entries, &trail->entries[expired],
			(size_t) trail->count * sizeof(trail->entries[0]));
	store->cursor.sequence = checked->sequence;
	store->cursor.created = checked->created;
	trail->deleted = checked->deleted;
	store->dirty = true;
	fake_store_persist(store, false);
	store->flushed = store->lsn;
}

void
fake_trail_copy(FakeTrail *to, const FakeTrail *from)
{
	memcpy(to->entries, from->entries, sizeof(from->entries[0]) * (size_t) from->count);
	memcpy(to->lost, from->lost, sizeof(from->lost[0]) * (size_t) from->lost_count);
	memcpy(to->fresh, from->fresh, sizeof(from->fresh[0]) * (size_t) from->fresh_count);
	to->fresh_count = from->fresh_count;
	to->count = from->count;
	to->lost_count = from->lost_count;
	to->settled = from->settled;
	to->deleted = from->deleted;
}

bool
fake_trail_fetch(FakeStore *store, OutboxEvent *events, int max_events, int *count)
{
	FakeTrail *trail = &store->cursor.trail;

	*count = 0;
	if (!store->again)
		return false;
	while (store->again_next < trail->lost_count && *count < max_events)
	{
		OutboxTrailEntry entry = trail->lost[store->again_next++];

		if (!is_retained(store, entry))
		{
			if (store->again_next > store->again_seen)
				store->gone++;
			if (trail->settled == store->again_next - 1)
				trail->settled++;
			continue;
		}
		fake_store_describe(store, fake_store_find(store, entry.event), &events[*count]);
		events[*count].position = (OutboxPosition){store->again_next, entry.event};
		events[*count].again = true;
		(*count)++;
	}
	if (store->again_next > store->again_seen)
		store->again_seen = store->again_next;
	if (*count > 0 || trail->settled < trail->lost_count)
		return true;
	trail->lost_count = 0;
	store->again = false;
	trail->settled = 0;
	store->dirty = true;
	fake_store_persist(store, false);
	return false;
}

void
fake_trail_settle(FakeStore *store, OutboxPosition upto)
{
	FakeTrail *trail = &store->cursor.trail;

	assert(upto.last > trail->settled && upto.last <= store->again_next);
	assert(trail->lost[upto.last - 1].event == upto.id);
	trail->settled = (int) upto.last;
	while (trail->settled < store->again_next && !is_retained(store, trail->lost[trail->settled]))
		trail->settled++;
}

/* What is settled leaves the list, what was lost meanwhile comes before the rest. */
void
fake_trail_rewind(FakeStore *store)
{
	FakeTrail *trail = &store->cursor.trail;
	int rest = trail->lost_count - trail->settled;

	assert(trail->fresh_count + rest <= FAKE_TRAIL);
	memmove(&trail->lost[trail->fresh_count], &trail->lost[trail->settled],
			(size_t) rest * sizeof(trail->lost[0]));
	memcpy(trail->lost, trail->fresh, (size_t) trail->fresh_count * sizeof(trail->lost[0]));
	trail->lost_count = trail->fresh_count + rest;
	trail->fresh_count = 0;
	trail->settled = 0;
	store->again_next = 0;
	store->again_seen = 0;
	store->again = trail->lost_count > 0;
}

/* The first entry beyond the sequence. */
static int
find_place(const FakeTrail *trail, uint64_t after)
{
	int place = trail->count;

	while (place > 0 && trail->entries[place - 1].sequence > after)
		place--;
	return place;
}

static bool
is_retained(const FakeStore *store, OutboxTrailEntry entry)
{
	int row = fake_store_find(store, entry.event);

	return row >= 0 && !store->rows[row].removed;
}
