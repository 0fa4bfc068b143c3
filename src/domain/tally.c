/*
 * tally.c
 *		What a relay counts, for as long as nobody resets it.
 */
#include "domain/tally.h"

#include <string.h>

/* The first bucket's bound is 2^7 = 128 microseconds; each further one is twice as wide. */
#define FIRST_BOUND_BITS 7

/* Kept out of what runs for each event, which then has no registers to save for it. */
#define RARELY __attribute__((noinline, cold))

static const char replay[] = "Outbox-Replay:";

static void forget_order(OutboxTally *tally);
static void change(OutboxTally *tally, uint16_t type);
static bool adds_up(const OutboxTallyBook *book);
static RARELY bool knows(const OutboxTallyRanges *ranges, uint64_t sequence, int64_t created);
static RARELY void begin_range(OutboxTallyRanges *ranges, const OutboxSlot *slot);
static void note_place(OutboxTallyRanges *ranges, const OutboxSlot *slot, int64_t created);
static void cut_off(OutboxTallyRanges *ranges, uint64_t sequence);
static void acknowledge(OutboxTallyCounts *counts, int64_t now, int64_t emitted_at);
static int bucket_of(uint64_t latency);
static uint32_t hash(const char *aggregate, const char *action);
static uint16_t *find_place(OutboxTally *tally, const char *aggregate, const char *action);
static bool is_type(const OutboxTallyType *type, const char *aggregate, const char *action);
static uint16_t type_of(OutboxTally *tally, const OutboxEvent *event);
static RARELY uint16_t find_type(OutboxTally *tally, const OutboxEvent *event);
static uint16_t add_type(OutboxTally *tally, uint16_t *place, const OutboxEvent *event);
static bool is_terminated(const char *name);

void
outbox_tally_clear(OutboxTally *tally, int64_t now)
{
	OutboxTallyBook *book = &tally->book;

	memset(&book->counts, 0, sizeof(book->counts));
	memset(&book->types[OUTBOX_TALLY_OTHER], 0, sizeof(OutboxTallyType));
	memset(tally->changed, 0, sizeof(tally->changed));
	memset(tally->places, 0, sizeof(tally->places));
	forget_order(tally);
	book->counts.since = now;
	book->type_count = 1;
	tally->change_count = 0;
}

bool
outbox_tally_resume(OutboxTally *tally, int64_t now)
{
	OutboxTallyBook *book = &tally->book;
	bool sound = adds_up(book);

	tally->change_count = 0;
	memset(tally->changed, 0, sizeof(tally->changed));
	memset(tally->places, 0, sizeof(tally->places));
	forget_order(tally);
	if (book->ranges.count < 0 || book->ranges.count > OUTBOX_TALLY_RANGES)
		sound = false;
	tally->before = book->ranges;
	for (int i = 1; sound && i < book->type_count; i++)
	{
		const OutboxTallyType *type = &book->types[i];

		sound = is_terminated(type->aggregate) && is_terminated(type->action);
		if (sound)
			*find_place(tally, type->aggregate, type->action) = (uint16_t) i;
	}
	if (!sound)
	{
		memset(&book->ranges, 0, sizeof(book->ranges));
		tally->before = book->ranges;
		outbox_tally_clear(tally, now);
		return false;
	}
	for (int i = 0; i < book->type_count; i++)
		change(tally, (uint16_t) i);
	return true;
}

void
outbox_tally_enter(OutboxTally *tally, OutboxSlot *slot, const OutboxEvent *event)
{
	slot->type = type_of(tally, event);
	/* A copy tells when its original was emitted. */
	if (event->headers[0] != replay[0] || strncmp(event->headers, replay, sizeof(replay) - 1) != 0)
		slot->emitted_at = event->emitted_at;
}

uint16_t
outbox_tally_type(OutboxTally *tally, const OutboxEvent *event)
{
	return type_of(tally, event);
}

void
outbox_tally_stored(OutboxTally *tally, const OutboxSlot *slot, int64_t created, int64_t now)
{
	OutboxTallyBook *book = &tally->book;
	OutboxTallyCounts *counts = &book->counts;
	OutboxTallyType *type = &book->types[slot->type];
	int64_t clock = now + tally->clock;

	if (slot->recalled || slot->duplicate)
	{
		counts->duplicates += slot->duplicate;
		if (knows(&tally->before, slot->sequence, created))
			return;
	}
	counts->published++;
	counts->bytes += slot->bytes;
	type->published++;
	type->bytes += slot->bytes;
	type->last_published_at = clock;
	change(tally, slot->type);
	if (slot->recalled)
		counts->recalled++;
	else
		acknowledge(counts, clock, slot->emitted_at);
	note_place(&book->ranges, slot, created);
}

void
outbox_tally_refused(OutboxTally *tally, uint16_t type)
{
	tally->book.counts.refused++;
	tally->book.types[type].refused++;
	change(tally, type);
}

int
outbox_tally_take_change(OutboxTally *tally)
{
	int type;

	if (tally->change_count == 0)
		return -1;
	type = tally->changes[--tally->change_count];
	tally->changed[type] = false;
	return type;
}

int64_t
outbox_tally_bound(int bucket)
{
	return bucket >= OUTBOX_TALLY_BUCKETS - 1 ? INT64_MAX
											  : INT64_C(1) << (FIRST_BOUND_BITS + bucket);
}

static void
forget_order(OutboxTally *tally)
{
	memset(tally->followers, 0, sizeof(tally->followers));
	tally->latest = OUTBOX_TALLY_OTHER;
}

static void
change(OutboxTally *tally, uint16_t type)
{
	if (tally->changed[type])
		return;
	tally->changed[type] = true;
	tally->changes[tally->change_count++] = type;
}

/* What is counted by type is all that is counted. */
static bool
adds_up(const OutboxTallyBook *book)
{
	uint64_t published = 0;
	uint64_t refused = 0;

	if (book->type_count < 1 || book->type_count > OUTBOX_TALLY_TYPES + 1)
		return false;
	for (int i = 0; i < book->type_count; i++)
	{
		published += book->types[i].published;
		refused += book->types[i].refused;
	}
	return published == book->counts.published && refused == book->counts.refused;
}

/* Was that counted by a relay before this one? */
static bool
knows(const OutboxTallyRanges *ranges, uint64_t sequence, int64_t created)
{
	uint64_t lowest = UINT64_MAX;

	if (created != ranges->created)
		return false;
	for (int i = 0; i < ranges->count; i++)
	{
		const OutboxTallyRange *range = &ranges->ranges[i];

		if (sequence >= range->first && sequence <= range->last)
			return true;
		if (range->first < lowest)
			lowest = range->first;
	}
	return ranges->forgotten && sequence < lowest;
}

static void
note_place(OutboxTallyRanges *ranges, const OutboxSlot *slot, int64_t created)
{
	if (created != ranges->created)
	{
		memset(ranges, 0, sizeof(*ranges));
		ranges->created = created;
	}
	if (ranges->count > 0 && slot->sequence == ranges->ranges[ranges->count - 1].last + 1)
	{
		ranges->ranges[ranges->count - 1].last++;
		return;
	}
	begin_range(ranges, slot);
}

static void
begin_range(OutboxTallyRanges *ranges, const OutboxSlot *slot)
{
	if (!slot->recalled && !slot->duplicate)
		cut_off(ranges, slot->sequence);
	if (ranges->count == OUTBOX_TALLY_RANGES)
	{
		memmove(&ranges->ranges[0], &ranges->ranges[1],
				sizeof(OutboxTallyRange) * (OUTBOX_TALLY_RANGES - 1));
		ranges->count--;
		ranges->forgotten = true;
	}
	ranges->ranges[ranges->count++] = (OutboxTallyRange){slot->sequence, slot->sequence};
}

/* Something new stands here: what was here or behind it is lost. */
static void
cut_off(OutboxTallyRanges *ranges, uint64_t sequence)
{
	int kept = 0;

	for (int i = 0; i < ranges->count; i++)
	{
		OutboxTallyRange range = ranges->ranges[i];

		if (range.first >= sequence)
			continue;
		if (range.last >= sequence)
			range.last = sequence - 1;
		ranges->ranges[kept++] = range;
	}
	ranges->count = kept;
}

/* A clock that was set back may give a latency below 0. */
static void
acknowledge(OutboxTallyCounts *counts, int64_t now, int64_t emitted_at)
{
	int64_t latency = now - emitted_at;
	uint64_t known = latency > 0 ? (uint64_t) latency : 0;

	counts->acknowledged++;
	if (emitted_at == 0)
		return;
	counts->timed++;
	counts->latency += known;
	counts->latencies[bucket_of(known)]++;
}

static int
bucket_of(uint64_t latency)
{
	int bucket;

	if (latency <= UINT64_C(1) << FIRST_BOUND_BITS)
		return 0;
	bucket = 64 - __builtin_clzll(latency - 1) - FIRST_BOUND_BITS;
	return bucket < OUTBOX_TALLY_BUCKETS ? bucket : OUTBOX_TALLY_BUCKETS - 1;
}

/* FNV-1a. */
static uint32_t
hash(const char *aggregate, const char *action)
{
	uint32_t value = 2166136261u;

	for (; *aggregate; aggregate++)
		value = (value ^ (unsigned char) *aggregate) * 16777619u;
	for (; *action; action++)
		value = (value ^ (unsigned char) *action) * 16777619u;
	return value ^ (value >> 16);
}

/* The type's place, or the free one that it would take; at most half of all are taken. */
static uint16_t *
find_place(OutboxTally *tally, const char *aggregate, const char *action)
{
	uint32_t at = hash(aggregate, action);

	for (;; at++)
	{
		uint16_t *place = &tally->places[at % OUTBOX_TALLY_PLACES];
		const OutboxTallyType *type = &tally->book.types[*place];

		if (*place == 0 || is_type(type, aggregate, action))
			return place;
	}
}

static bool
is_type(const OutboxTallyType *type, const char *aggregate, const char *action)
{
	return strcmp(type->action, action) == 0 && strcmp(type->aggregate, aggregate) == 0;
}

/*
 * One type comes many times, or a few in turn: the one that is expected is tried before
 * it is looked for.
 */
static uint16_t
type_of(OutboxTally *tally, const OutboxEvent *event)
{
	uint16_t *expected = &tally->followers[tally->latest];

	if (!is_type(&tally->book.types[*expected], event->aggregate, event->action))
		*expected = find_type(tally, event);
	tally->latest = *expected;
	return tally->latest;
}

static uint16_t
find_type(OutboxTally *tally, const OutboxEvent *event)
{
	uint16_t *place = find_place(tally, event->aggregate, event->action);

	return *place != 0 ? *place : add_type(tally, place, event);
}

static uint16_t
add_type(OutboxTally *tally, uint16_t *place, const OutboxEvent *event)
{
	OutboxTallyBook *book = &tally->book;
	size_t aggregate = strlen(event->aggregate);
	size_t action = strlen(event->action);
	OutboxTallyType *type;

	if (book->type_count > OUTBOX_TALLY_TYPES || aggregate >= OUTBOX_TALLY_NAME_SIZE ||
		action >= OUTBOX_TALLY_NAME_SIZE)
		return OUTBOX_TALLY_OTHER;
	*place = (uint16_t) book->type_count++;
	type = &book->types[*place];
	memset(type, 0, sizeof(*type));
	memcpy(type->aggregate, event->aggregate, aggregate);
	memcpy(type->action, event->action, action);
	return *place;
}

static bool
is_terminated(const char *name)
{
	return name[0] != '\0' && memchr(name, '\0', OUTBOX_TALLY_NAME_SIZE) != NULL;
}
