/*
 * tally.c
 *		The tallies of all databases.  Terms and locking rules: tally.h.
 */
#include "postgres.h"

#include <fcntl.h>
#include <unistd.h>

#include "miscadmin.h"
#include "pgstat.h"
#include "port/pg_crc32c.h"
#include "storage/fd.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "storage/spin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "infrastructure/postgres/shared.h"
#include "infrastructure/postgres/tally.h"

#define FILE_VERSION UINT32_C(0x4f425431)
#define NO_FILE (-1)
#define NO_AREA (-1)
#define PATH_SIZE 64
#define UUID_SIZE 40
#define TRANCHE "cleanoutbox tallies"

typedef struct Place
{
	slock_t mutex;
	int area;
	uint64 resets;
	OutboxTallyReading reading;
} Place;

typedef struct Area
{
	int slot; /* OUTBOX_NO_SLOT: free */
	int count;
	OutboxTallyType types[OUTBOX_TALLY_TYPES + 1];
} Area;

/* One place per slot, then the areas. */
typedef struct Shared
{
	LWLock *lock; /* of who has which area */
	int areas;
	Place places[FLEXIBLE_ARRAY_MEMBER];
} Shared;

/* What the file holds, of types as many as there are. */
typedef struct Kept
{
	uint32_t version;
	pg_crc32c crc; /* of what follows, up to the types, which the counts vouch for */
	uint32_t length; /* of the book */
	char uuid[UUID_SIZE]; /* of the outbox */
	OutboxTally tally; /* begins with the book */
} Kept;

static Shared *shared = NULL;
static Kept *own = NULL; /* the relay's */
static int own_slot;
static uint64 own_resets;
static int file = NO_FILE;
static OutboxTallyCounts written; /* in the file */
static shmem_request_hook_type previous_request = NULL;
static shmem_startup_hook_type previous_startup = NULL;

static void request(void);
static void startup(void);
static Size areas_offset(void);
static Size shared_size(void);
static Area *area_at(int area);
static void take_area(int slot);
static int choose_area(int slot);
static bool is_idle(int slot);
static void let_area_go(int slot);
static void publish_type(Place *place, int type);
static void load(const char *uuid);
static void write_book(void);
static pg_crc32c check_sum(const Kept *kept);
static void name_file(char *path, uint32_t database);
static void complain(void);
static int64_t now_unix(void);

void
outbox_tally_request(void)
{
	previous_request = shmem_request_hook;
	shmem_request_hook = request;
	previous_startup = shmem_startup_hook;
	shmem_startup_hook = startup;
}

void
outbox_tally_name(int slot, const char *database)
{
	Place *place = &shared->places[slot];

	if (strcmp(place->reading.database, database) == 0)
		return;
	SpinLockAcquire(&place->mutex);
	strlcpy(place->reading.database, database, sizeof(place->reading.database));
	SpinLockRelease(&place->mutex);
}

bool
outbox_tally_read(int slot, OutboxTallyReading *reading)
{
	if (shared == NULL)
		return false;
	SpinLockAcquire(&shared->places[slot].mutex);
	*reading = shared->places[slot].reading;
	SpinLockRelease(&shared->places[slot].mutex);
	return true;
}

int
outbox_tally_read_types(int slot, OutboxTallyType types[OUTBOX_TALLY_TYPES + 1])
{
	Place *place = &shared->places[slot];
	int count = 0;

	for (int i = 0;; i++)
	{
		bool there;

		SpinLockAcquire(&place->mutex);
		there = place->area != NO_AREA && i < area_at(place->area)->count;
		if (there)
			types[count] = area_at(place->area)->types[i];
		SpinLockRelease(&place->mutex);
		if (!there)
			return count;
		/* One without a name is not published yet. */
		count += i == OUTBOX_TALLY_OTHER || types[count].aggregate[0] != '\0';
	}
}

void
outbox_tally_reset(int slot, uint32_t database)
{
	Place *place = &shared->places[slot];
	int64_t now = now_unix();
	char path[PATH_SIZE];

	SpinLockAcquire(&place->mutex);
	place->resets++;
	memset(&place->reading.counts, 0, sizeof(place->reading.counts));
	place->reading.counts.since = now;
	place->reading.counted = true;
	if (place->area != NO_AREA)
		area_at(place->area)->count = 0;
	SpinLockRelease(&place->mutex);
	/* The relay writes its own, and looks at resets when it publishes. */
	name_file(path, database);
	(void) unlink(path);
	outbox_shared_nudge(database);
}

void
outbox_tally_forget(int slot, uint32_t database)
{
	Place *place = &shared->places[slot];
	char path[PATH_SIZE];

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	let_area_go(slot);
	LWLockRelease(shared->lock);
	SpinLockAcquire(&place->mutex);
	place->resets = 0;
	memset(&place->reading, 0, sizeof(place->reading));
	SpinLockRelease(&place->mutex);
	name_file(path, database);
	(void) unlink(path);
}

OutboxTally *
outbox_tally_open(int slot, const char *database, const char *uuid)
{
	Place *place = &shared->places[slot];

	own = MemoryContextAllocZero(TopMemoryContext, sizeof(Kept));
	own_slot = slot;
	load(uuid);
	take_area(slot);
	outbox_tally_name(slot, database);
	SpinLockAcquire(&place->mutex);
	own_resets = place->resets;
	place->reading.counted = true;
	place->reading.counts = own->tally.book.counts;
	SpinLockRelease(&place->mutex);
	return &own->tally;
}

void
outbox_tally_publish(const OutboxTallyGauges *gauges)
{
	Place *place = &shared->places[own_slot];
	OutboxTally *tally = &own->tally;
	bool reset;
	int type;

	SpinLockAcquire(&place->mutex);
	place->reading.gauges = *gauges;
	reset = place->resets != own_resets;
	own_resets = place->resets;
	if (!reset)
		place->reading.counts = tally->book.counts;
	SpinLockRelease(&place->mutex);
	if (reset)
	{
		outbox_tally_clear(tally, place->reading.counts.since);
		/* The file is gone, too. */
		if (file != NO_FILE)
			close(file);
		file = NO_FILE;
		memset(&written, 0xff, sizeof(written));
	}
	while ((type = outbox_tally_take_change(tally)) >= 0)
		publish_type(place, type);
}

void
outbox_tally_keep(void)
{
	/* Types change with the counts alone. */
	if (own != NULL && memcmp(&written, &own->tally.book.counts, sizeof(written)) != 0)
		write_book();
}

void
outbox_tally_keep_settled(void)
{
	if (own != NULL && (written.published != own->tally.book.counts.published ||
						written.refused != own->tally.book.counts.refused))
		write_book();
}

static void
request(void)
{
	if (previous_request)
		previous_request();
	RequestAddinShmemSpace(shared_size());
	RequestNamedLWLockTranche(TRANCHE, 1);
}

static void
startup(void)
{
	bool found;

	if (previous_startup)
		previous_startup();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	shared = ShmemInitStruct("cleanoutbox tallies", shared_size(), &found);
	if (!found)
	{
		shared->lock = &GetNamedLWLockTranche(TRANCHE)->lock;
		shared->areas = max_worker_processes;
		for (int i = 0; i < outbox_shared_slots(); i++)
		{
			memset(&shared->places[i], 0, sizeof(Place));
			SpinLockInit(&shared->places[i].mutex);
			shared->places[i].area = NO_AREA;
		}
		for (int i = 0; i < shared->areas; i++)
		{
			area_at(i)->slot = OUTBOX_NO_SLOT;
			area_at(i)->count = 0;
		}
	}
	LWLockRelease(AddinShmemInitLock);
}

static Size
areas_offset(void)
{
	return MAXALIGN(
		add_size(offsetof(Shared, places), mul_size(outbox_shared_slots(), sizeof(Place))));
}

static Size
shared_size(void)
{
	return add_size(areas_offset(), mul_size(max_worker_processes, sizeof(Area)));
}

static Area *
area_at(int area)
{
	return (Area *) ((char *) shared + areas_offset()) + area;
}

/* Sees to it that the slot has an area, empty. */
static void
take_area(int slot)
{
	Place *place = &shared->places[slot];
	int area;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	area = choose_area(slot);
	if (area != NO_AREA)
	{
		let_area_go(area_at(area)->slot);
		area_at(area)->slot = slot;
		SpinLockAcquire(&place->mutex);
		place->area = area;
		area_at(area)->count = 0;
		SpinLockRelease(&place->mutex);
	}
	LWLockRelease(shared->lock);
}

/* Its own, or a free one, or that of a database without a relay. */
static int
choose_area(int slot)
{
	int chosen = NO_AREA;

	for (int i = 0; i < shared->areas; i++)
	{
		int owner = area_at(i)->slot;

		if (owner == slot)
			return i;
		if (owner == OUTBOX_NO_SLOT)
			chosen = i;
		else if (chosen == NO_AREA && is_idle(owner))
			chosen = i;
	}
	return chosen;
}

static bool
is_idle(int slot)
{
	OutboxSlotInfo info;

	outbox_shared_info(slot, &info);
	return info.pid == 0;
}

/* The slot has no area any more; OUTBOX_NO_SLOT never had one. */
static void
let_area_go(int slot)
{
	Place *place;

	if (slot == OUTBOX_NO_SLOT)
		return;
	place = &shared->places[slot];
	if (place->area != NO_AREA)
		area_at(place->area)->slot = OUTBOX_NO_SLOT;
	SpinLockAcquire(&place->mutex);
	place->area = NO_AREA;
	SpinLockRelease(&place->mutex);
}

/* Types are published in any order: those between are still empty then. */
static void
publish_type(Place *place, int type)
{
	SpinLockAcquire(&place->mutex);
	if (place->area != NO_AREA)
	{
		Area *area = area_at(place->area);

		for (; area->count < type; area->count++)
			memset(&area->types[area->count], 0, sizeof(OutboxTallyType));
		area->types[type] = own->tally.book.types[type];
		area->count = Max(area->count, type + 1);
	}
	SpinLockRelease(&place->mutex);
}

/* Reads what an earlier relay of this outbox has kept. */
static void
load(const char *uuid)
{
	char path[PATH_SIZE];
	ssize_t got = 0;
	int descriptor;

	name_file(path, MyDatabaseId);
	descriptor = BasicOpenFile(path, O_RDONLY | PG_BINARY);
	if (descriptor >= 0)
	{
		got = pg_pread(descriptor, own, offsetof(Kept, tally) + sizeof(OutboxTallyBook), 0);
		close(descriptor);
	}
	if (got < (ssize_t) offsetof(Kept, tally) || own->version != FILE_VERSION ||
		own->length > sizeof(OutboxTallyBook) ||
		got < (ssize_t) (offsetof(Kept, tally) + own->length) || own->crc != check_sum(own) ||
		strncmp(own->uuid, uuid, UUID_SIZE) != 0)
		memset(own, 0, sizeof(Kept));
	(void) outbox_tally_resume(&own->tally, now_unix());
	own->version = FILE_VERSION;
	strlcpy(own->uuid, uuid, UUID_SIZE);
}

static void
write_book(void)
{
	static bool failed = false;
	char path[PATH_SIZE];
	size_t length;
	bool good;

	written = own->tally.book.counts;
	if (file == NO_FILE)
	{
		name_file(path, MyDatabaseId);
		file = BasicOpenFile(path, O_RDWR | O_CREAT | PG_BINARY);
	}
	own->length = offsetof(OutboxTallyBook, types) +
				  sizeof(OutboxTallyType) * (size_t) own->tally.book.type_count;
	own->crc = check_sum(own);
	length = offsetof(Kept, tally) + own->length;
	good = file >= 0 && pg_pwrite(file, own, length, 0) == (ssize_t) length;
	if (!good && !failed)
		complain();
	failed = !good;
}

static pg_crc32c
check_sum(const Kept *kept)
{
	pg_crc32c crc;

	INIT_CRC32C(crc);
	COMP_CRC32C(crc, &kept->length,
				offsetof(Kept, tally) + offsetof(OutboxTallyBook, types) - offsetof(Kept, length));
	FIN_CRC32C(crc);
	return crc;
}

static void
name_file(char *path, uint32_t database)
{
	snprintf(path, PATH_SIZE, "%s/outbox.tally.%u", PG_STAT_TMP_DIR, database);
}

static void
complain(void)
{
	ereport(LOG,
			(errcode_for_file_access(), errmsg("could not write the statistics of a relay: %m"),
			 errdetail("After a crash they go on from what was written last.")));
}

static int64_t
now_unix(void)
{
	return GetCurrentTimestamp() + (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;
}
