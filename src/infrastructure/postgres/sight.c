/*
 * sight.c
 *		What only a relay sees, kept in shared memory.  Locking rules: sight.h.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "storage/spin.h"
#include "utils/timestamp.h"

#include "infrastructure/postgres/shared.h"
#include "infrastructure/postgres/sight.h"

typedef struct Place
{
	slock_t mutex;
	Oid database; /* InvalidOid: nothing was ever seen */
	OutboxSighting sighting;
} Place;

static Place *places = NULL;
static shmem_request_hook_type previous_request = NULL;
static shmem_startup_hook_type previous_startup = NULL;

static void request(void);
static void startup(void);
static Size size(void);

void
outbox_sight_request(void)
{
	previous_request = shmem_request_hook;
	shmem_request_hook = request;
	previous_startup = shmem_startup_hook;
	shmem_startup_hook = startup;
}

void
outbox_sight_begin(int slot)
{
	Place *place = &places[slot];

	SpinLockAcquire(&place->mutex);
	place->database = MyDatabaseId;
	memset(&place->sighting, 0, sizeof(place->sighting));
	place->sighting.stuck_child = OUTBOX_NOT_STUCK;
	SpinLockRelease(&place->mutex);
}

void
outbox_sight_set_stream(int slot, const OutboxSight *stream)
{
	Place *place = &places[slot];
	TimestampTz now = GetCurrentTimestamp();

	SpinLockAcquire(&place->mutex);
	place->sighting.stream = *stream;
	place->sighting.seen_at = now;
	SpinLockRelease(&place->mutex);
}

void
outbox_sight_set_stuck(int slot, int child)
{
	Place *place = &places[slot];
	TimestampTz now = GetCurrentTimestamp();

	SpinLockAcquire(&place->mutex);
	if (place->sighting.stuck_child != child)
		place->sighting.stuck_since = now;
	place->sighting.stuck_child = child;
	SpinLockRelease(&place->mutex);
}

bool
outbox_sight_read(OutboxSighting *sighting)
{
	int slot = outbox_shared_find(MyDatabaseId);
	bool found;

	if (places == NULL || slot == OUTBOX_NO_SLOT)
		return false;
	SpinLockAcquire(&places[slot].mutex);
	found = places[slot].database == MyDatabaseId;
	*sighting = places[slot].sighting;
	SpinLockRelease(&places[slot].mutex);
	return found;
}

static void
request(void)
{
	if (previous_request)
		previous_request();
	RequestAddinShmemSpace(size());
}

static void
startup(void)
{
	bool found;

	if (previous_startup)
		previous_startup();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	places = ShmemInitStruct("cleanoutbox sights", size(), &found);
	if (!found)
	{
		memset(places, 0, size());
		for (int i = 0; i < outbox_shared_slots(); i++)
			SpinLockInit(&places[i].mutex);
	}
	LWLockRelease(AddinShmemInitLock);
}

static Size
size(void)
{
	return mul_size(outbox_shared_slots(), sizeof(Place));
}
