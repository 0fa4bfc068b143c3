/*
 * statistics.c
 *		Counts what sessions do to aggregates.  Locking rules: statistics.h.
 *
 * Entries are in an open table, found by hash within PROBES places.  One is filled under
 * the spinlock and then marked as ready, and never altered while its database exists.
 */
#include "postgres.h"

#include "common/hashfn.h"
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

typedef struct Key
{
	int slot;
	OutboxStatisticsKind kind;
	char names[3][OUTBOX_STATISTICS_NAME_SIZE]; /* padded with zeros */
} Key;

typedef struct Entry
{
	pg_atomic_uint32 state;
	pg_atomic_uint64 count;
	Key key;
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
static size_t copy_name(char *to, const char *name);
static Entry *find(const Key *key, uint32 hash, Entry **room);
static Entry *enter(const Key *key, uint32 hash);

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
	if (from->key.slot != slot)
		return false;
	entry->kind = from->key.kind;
	memcpy(entry->names, from->key.names, sizeof(entry->names));
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

		if (pg_atomic_read_u32(&entry->state) == ENTRY_READY && entry->key.slot == slot)
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
			shared->entries[i].key.slot == slot)
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
	int slot = shared ? outbox_shared_find(MyDatabaseId) : OUTBOX_NO_SLOT;
	const char *names[] = {first, second, third};
	Key key;
	uint32 hash;
	Entry *entry;
	Entry *room;

	if (slot == OUTBOX_NO_SLOT)
		return;
	memset(&key, 0, sizeof(key));
	key.slot = slot;
	key.kind = kind;
	hash = hash_combine(slot, kind);
	for (int i = 0; i < lengthof(names); i++)
	{
		size_t length = copy_name(key.names[i], names[i]);

		hash = hash_combine(hash, hash_bytes((const unsigned char *) names[i], (int) length));
	}
	entry = find(&key, hash, &room);
	if (entry == NULL && room != NULL)
		entry = enter(&key, hash);
	pg_atomic_fetch_add_u64(entry ? &entry->count : &shared->places[slot].others[kind], 1);
}

static size_t
copy_name(char *to, const char *name)
{
	size_t length = strlen(name);

	if (length >= OUTBOX_STATISTICS_NAME_SIZE)
		length = pg_mbcliplen(name, length, OUTBOX_STATISTICS_NAME_SIZE - 1);
	memcpy(to, name, length);
	return length;
}

/* NULL: it is not there, and would have room there, or none. */
static Entry *
find(const Key *key, uint32 hash, Entry **room)
{
	*room = NULL;
	for (uint32 i = 0; i < PROBES; i++)
	{
		Entry *entry = &shared->entries[(hash + i) % OUTBOX_STATISTICS_ENTRIES];
		uint32 state = pg_atomic_read_u32(&entry->state);

		pg_read_barrier();
		if (state == ENTRY_READY && memcmp(&entry->key, key, sizeof(*key)) == 0)
			return entry;
		if (state != ENTRY_READY && *room == NULL)
			*room = entry;
		if (state == ENTRY_FREE)
			break;
	}
	return NULL;
}

static Entry *
enter(const Key *key, uint32 hash)
{
	Entry *entry;
	Entry *room;

	SpinLockAcquire(&shared->mutex);
	entry = find(key, hash, &room);
	if (entry == NULL && room != NULL)
	{
		entry = room;
		entry->key = *key;
		pg_atomic_write_u64(&entry->count, 0);
		pg_write_barrier();
		pg_atomic_write_u32(&entry->state, ENTRY_READY);
	}
	SpinLockRelease(&shared->mutex);
	return entry;
}
