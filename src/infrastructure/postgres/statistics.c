/*
 * statistics.c
 *		Counts what sessions do to aggregates.  Locking rules: statistics.h.
 *
 * Entries are in an open table, found by hash within PROBES places.  One is filled under
 * the spinlock and then marked as ready, and never altered while its database exists.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "storage/spin.h"
#include "utils/timestamp.h"

#include "infrastructure/postgres/shared.h"
#include "infrastructure/postgres/statistics.h"

#define PROBES 64

typedef enum EntryState
{
	ENTRY_FREE, /* never used: nothing is behind it */
	ENTRY_READY,
	ENTRY_GONE /* may be used again */
} EntryState;

#define NAMES 3

typedef struct Key
{
	int slot;
	OutboxStatisticsKind kind;
	const char *names[NAMES];
} Key;

typedef struct Entry
{
	pg_atomic_uint32 state;
	pg_atomic_uint64 count;
	int slot;
	OutboxStatisticsKind kind;
	char names[NAMES][OUTBOX_STATISTICS_NAME_SIZE];
} Entry;

typedef struct Place
{
	pg_atomic_uint64 since;
	pg_atomic_uint64 others[OUTBOX_STATISTICS_KINDS];
} Place;

/* The entries, then one place per slot. */
typedef struct Shared
{
	slock_t mutex;
	Entry entries[OUTBOX_STATISTICS_ENTRIES];
	Place places[FLEXIBLE_ARRAY_MEMBER];
} Shared;

static Shared *shared = NULL;
static shmem_request_hook_type previous_request = NULL;
static shmem_startup_hook_type previous_startup = NULL;

static void request(void);
static void startup(void);
static Size shared_size(void);
static void count(OutboxStatisticsKind kind, const char *first, const char *second,
				  const char *third);
static Entry *find_expected(const Key *key);
static Entry *find(const Key *key, Entry **room);
static uint32 hash(const Key *key);
static bool is_of(const Entry *entry, const Key *key);
static Entry *find_or_enter(const Key *key);
static const char *clip(char *buffer, const char *name);
static Entry *enter(const Key *key);

void
outbox_statistics_request(void)
{
	previous_request = shmem_request_hook;
	shmem_request_hook = request;
	previous_startup = shmem_startup_hook;
	shmem_startup_hook = startup;
}

void
outbox_statistics_count_transition(const char *aggregate, const char *from, const char *to)
{
	count(OUTBOX_STATISTICS_TRANSITION, aggregate, from, to);
}

void
outbox_statistics_count_violation(const char *aggregate, const char *rule)
{
	count(OUTBOX_STATISTICS_VIOLATION, aggregate, rule, "");
}

bool
outbox_statistics_read(int slot, int index, OutboxStatisticsEntry *entry)
{
	const Entry *from;

	if (index >= OUTBOX_STATISTICS_ENTRIES)
	{
		memset(entry, 0, sizeof(*entry));
		entry->kind = index - OUTBOX_STATISTICS_ENTRIES;
		entry->count = pg_atomic_read_u64(&shared->places[slot].others[entry->kind]);
		return entry->count > 0;
	}
	from = &shared->entries[index];
	if (pg_atomic_read_u32((pg_atomic_uint32 *) &from->state) != ENTRY_READY)
		return false;
	pg_read_barrier();
	if (from->slot != slot)
		return false;
	entry->kind = from->kind;
	memcpy(entry->names, from->names, sizeof(entry->names));
	entry->count = pg_atomic_read_u64((pg_atomic_uint64 *) &from->count);
	return true;
}

int
outbox_statistics_limit(void)
{
	return shared ? OUTBOX_STATISTICS_ENTRIES + OUTBOX_STATISTICS_KINDS : 0;
}

int64_t
outbox_statistics_since(int slot)
{
	return (int64_t) pg_atomic_read_u64(&shared->places[slot].since);
}

void
outbox_statistics_reset(int slot)
{
	Place *place = &shared->places[slot];

	for (int i = 0; i < OUTBOX_STATISTICS_ENTRIES; i++)
	{
		Entry *entry = &shared->entries[i];

		if (pg_atomic_read_u32(&entry->state) == ENTRY_READY && entry->slot == slot)
			pg_atomic_write_u64(&entry->count, 0);
	}
	for (int i = 0; i < OUTBOX_STATISTICS_KINDS; i++)
		pg_atomic_write_u64(&place->others[i], 0);
	pg_atomic_write_u64(&place->since, (uint64) GetCurrentTimestamp());
}

/* Nobody is connected to the database any more. */
void
outbox_statistics_forget(int slot)
{
	outbox_statistics_reset(slot);
	SpinLockAcquire(&shared->mutex);
	for (int i = 0; i < OUTBOX_STATISTICS_ENTRIES; i++)
		if (pg_atomic_read_u32(&shared->entries[i].state) == ENTRY_READY &&
			shared->entries[i].slot == slot)
			pg_atomic_write_u32(&shared->entries[i].state, ENTRY_GONE);
	SpinLockRelease(&shared->mutex);
}

static void
request(void)
{
	if (previous_request)
		previous_request();
	RequestAddinShmemSpace(shared_size());
}

static void
startup(void)
{
	uint64 now = (uint64) GetCurrentTimestamp();
	bool found;

	if (previous_startup)
		previous_startup();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	shared = ShmemInitStruct("cleanoutbox statistics", shared_size(), &found);
	if (!found)
	{
		SpinLockInit(&shared->mutex);
		for (int i = 0; i < OUTBOX_STATISTICS_ENTRIES; i++)
		{
			pg_atomic_init_u32(&shared->entries[i].state, ENTRY_FREE);
			pg_atomic_init_u64(&shared->entries[i].count, 0);
		}
		for (int i = 0; i < outbox_shared_slots(); i++)
		{
			pg_atomic_init_u64(&shared->places[i].since, now);
			for (int kind = 0; kind < OUTBOX_STATISTICS_KINDS; kind++)
				pg_atomic_init_u64(&shared->places[i].others[kind], 0);
		}
	}
	LWLockRelease(AddinShmemInitLock);
}

static Size
shared_size(void)
{
	return add_size(offsetof(Shared, places), mul_size(outbox_shared_slots(), sizeof(Place)));
}

static void
count(OutboxStatisticsKind kind, const char *first, const char *second, const char *third)
{
	Key key = {
		shared ? outbox_shared_find(MyDatabaseId) : OUTBOX_NO_SLOT, kind, {first, second, third}};
	Entry *entry;

	if (key.slot == OUTBOX_NO_SLOT)
		return;
	entry = find_expected(&key);
	pg_atomic_fetch_add_u64(entry ? &entry->count : &shared->places[key.slot].others[kind], 1);
}

/* A session does the same again, or a few things in turn: what came after the last one before. */
static Entry *
find_expected(const Key *key)
{
	static uint16 followers[OUTBOX_STATISTICS_ENTRIES];
	static uint16 latest = 0;
	uint16 expected = followers[latest];
	Entry *entry = &shared->entries[expected];
	Entry *room;
	uint32 state = pg_atomic_read_u32(&entry->state);

	pg_read_barrier();
	if (state != ENTRY_READY || !is_of(entry, key))
	{
		entry = find(key, &room);
		if (entry == NULL)
			entry = find_or_enter(key);
		if (entry == NULL)
			return NULL;
		expected = (uint16) (entry - shared->entries);
		followers[latest] = expected;
	}
	latest = expected;
	return entry;
}

/* NULL: it is not there, and would have room there, or none. */
static Entry *
find(const Key *key, Entry **room)
{
	uint32 first = hash(key);

	*room = NULL;
	for (uint32 i = 0; i < PROBES; i++)
	{
		Entry *entry = &shared->entries[(first + i) % OUTBOX_STATISTICS_ENTRIES];
		uint32 state = pg_atomic_read_u32(&entry->state);

		pg_read_barrier();
		if (state == ENTRY_READY && is_of(entry, key))
			return entry;
		if (state != ENTRY_READY && *room == NULL)
			*room = entry;
		if (state == ENTRY_FREE)
			break;
	}
	return NULL;
}

/* FNV-1a over the names. */
static uint32
hash(const Key *key)
{
	uint32 value = 2166136261u ^ (uint32) (key->slot * OUTBOX_STATISTICS_KINDS + key->kind);

	for (int i = 0; i < NAMES; i++)
	{
		for (const char *c = key->names[i]; *c != '\0'; c++)
			value = (value ^ (unsigned char) *c) * 16777619u;
		value *= 16777619u;
	}
	return value ^ (value >> 16);
}

static bool
is_of(const Entry *entry, const Key *key)
{
	if (entry->slot != key->slot || entry->kind != key->kind)
		return false;
	for (int i = 0; i < NAMES; i++)
		if (strcmp(entry->names[i], key->names[i]) != 0)
			return false;
	return true;
}

/* It is new, or one of its names is long. */
static Entry *
find_or_enter(const Key *key)
{
	char names[NAMES][OUTBOX_STATISTICS_NAME_SIZE];
	Key clipped = *key;
	Entry *room;
	Entry *entry;

	for (int i = 0; i < NAMES; i++)
		clipped.names[i] = clip(names[i], key->names[i]);
	entry = find(&clipped, &room);
	return entry == NULL && room != NULL ? enter(&clipped) : entry;
}

static const char *
clip(char *buffer, const char *name)
{
	size_t length = strlen(name);

	if (length < OUTBOX_STATISTICS_NAME_SIZE)
		return name;
	length = pg_mbcliplen(name, length, OUTBOX_STATISTICS_NAME_SIZE - 1);
	memcpy(buffer, name, length);
	buffer[length] = '\0';
	return buffer;
}

static Entry *
enter(const Key *key)
{
	Entry *entry;
	Entry *room;

	SpinLockAcquire(&shared->mutex);
	entry = find(key, &room);
	if (entry == NULL && room != NULL)
	{
		entry = room;
		entry->slot = key->slot;
		entry->kind = key->kind;
		for (int i = 0; i < NAMES; i++)
			strlcpy(entry->names[i], key->names[i], OUTBOX_STATISTICS_NAME_SIZE);
		pg_atomic_write_u64(&entry->count, 0);
		pg_write_barrier();
		pg_atomic_write_u32(&entry->state, ENTRY_READY);
	}
	SpinLockRelease(&shared->mutex);
	return entry;
}
