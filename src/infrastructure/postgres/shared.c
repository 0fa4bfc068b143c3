/*
 * shared.c
 *		What the processes share: one slot per database.  Locking rules: shared.h.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/shmem.h"
#include "storage/spin.h"
#include "utils/timestamp.h"

#include "infrastructure/postgres/shared.h"

#define MIN_SLOTS 256

typedef struct Slot
{
	slock_t mutex;
	OutboxSlotInfo info;
	OutboxRelayStatus status;
	Latch *volatile latch; /* the relay's, while it runs */
	volatile bool wakeable; /* do commits set it? */
	pg_atomic_uint32 woken; /* have they, since the relay asked? */
	pg_atomic_uint64 max_payload;
	pg_atomic_uint64 max_message_size;
	pg_atomic_uint32 current_child;
	pg_atomic_uint64 due; /* of the next scheduled event */
	pg_atomic_uint64 verification; /* asked for last */
	pg_atomic_uint64 verified; /* over */
} Slot;

typedef struct Shared
{
	int count;
	volatile int used; /* those behind are free, and always were */
	Latch *volatile launcher;
	Slot slots[FLEXIBLE_ARRAY_MEMBER];
} Shared;

static Shared *shared = NULL;
static int attached = OUTBOX_NO_SLOT;
static shmem_request_hook_type previous_request = NULL;
static shmem_startup_hook_type previous_startup = NULL;

static void request(void);
static void startup(void);
static Size size(void);
static void set_latch(int slot);
static void detach(int code, Datum arg);
static void detach_launcher(int code, Datum arg);
static void clear(Slot *slot);

void
outbox_shared_request(void)
{
	previous_request = shmem_request_hook;
	shmem_request_hook = request;
	previous_startup = shmem_startup_hook;
	shmem_startup_hook = startup;
}

bool
outbox_shared_available(void)
{
	return shared != NULL;
}

int
outbox_shared_count(void)
{
	return shared ? shared->count : 0;
}

int
outbox_shared_find(uint32_t database)
{
	static int last = 0;

	if (shared == NULL)
		return OUTBOX_NO_SLOT;
	if (shared->slots[last].info.database == database)
		return last;
	for (int i = 0; i < (OidIsValid(database) ? shared->used : shared->count); i++)
		if (shared->slots[i].info.database == database)
			return last = i;
	return OUTBOX_NO_SLOT;
}

int
outbox_shared_claim(uint32_t database)
{
	int free_slot = outbox_shared_find(InvalidOid);
	Slot *slot;

	if (free_slot == OUTBOX_NO_SLOT)
		return OUTBOX_NO_SLOT;
	slot = &shared->slots[free_slot];
	shared->used = Max(shared->used, free_slot + 1);
	SpinLockAcquire(&slot->mutex);
	slot->info.database = database;
	slot->info.state = OUTBOX_SLOT_UNKNOWN;
	SpinLockRelease(&slot->mutex);
	return free_slot;
}

void
outbox_shared_release(int slot)
{
	SpinLockAcquire(&shared->slots[slot].mutex);
	clear(&shared->slots[slot]);
	SpinLockRelease(&shared->slots[slot].mutex);
}

void
outbox_shared_info(int slot, OutboxSlotInfo *info)
{
	SpinLockAcquire(&shared->slots[slot].mutex);
	*info = shared->slots[slot].info;
	SpinLockRelease(&shared->slots[slot].mutex);
}

void
outbox_shared_set_state(int slot, OutboxSlotState state)
{
	Slot *target = &shared->slots[slot];
	TimestampTz now = GetCurrentTimestamp();

	SpinLockAcquire(&target->mutex);
	if (target->info.state != state)
		target->info.since = now;
	target->info.state = state;
	SpinLockRelease(&target->mutex);
}

void
outbox_shared_set_failures(int slot, int failures, int64_t start_after)
{
	SpinLockAcquire(&shared->slots[slot].mutex);
	shared->slots[slot].info.failures = failures;
	shared->slots[slot].info.start_after = start_after;
	SpinLockRelease(&shared->slots[slot].mutex);
}

void
outbox_shared_hold(int slot, int change)
{
	SpinLockAcquire(&shared->slots[slot].mutex);
	shared->slots[slot].info.holds += change;
	SpinLockRelease(&shared->slots[slot].mutex);
	outbox_shared_wake_launcher();
}

void
outbox_shared_announce(uint32_t database)
{
	int slot = outbox_shared_find(database);

	if (slot != OUTBOX_NO_SLOT)
	{
		SpinLockAcquire(&shared->slots[slot].mutex);
		if (shared->slots[slot].info.state == OUTBOX_SLOT_RUNNING)
			shared->slots[slot].info.announced = true;
		else
			shared->slots[slot].info.state = OUTBOX_SLOT_UNKNOWN;
		shared->slots[slot].info.start_after = 0;
		SpinLockRelease(&shared->slots[slot].mutex);
		set_latch(slot);
	}
	outbox_shared_wake_launcher();
}

void
outbox_shared_announce_all(void)
{
	for (int i = 0; i < outbox_shared_count(); i++)
		if (OidIsValid(shared->slots[i].info.database))
			outbox_shared_announce(shared->slots[i].info.database);
	outbox_shared_wake_launcher();
}

void
outbox_shared_pardon(uint32_t database, int64_t set_aside)
{
	int slot = outbox_shared_find(database);

	if (slot == OUTBOX_NO_SLOT)
		return;
	SpinLockAcquire(&shared->slots[slot].mutex);
	shared->slots[slot].info.pardoned = true;
	if (set_aside != 0)
		shared->slots[slot].info.set_aside = set_aside;
	SpinLockRelease(&shared->slots[slot].mutex);
}

bool
outbox_shared_take_pardon(int slot, int64_t *set_aside)
{
	Slot *target = &shared->slots[slot];
	bool pardoned;

	SpinLockAcquire(&target->mutex);
	pardoned = target->info.pardoned;
	*set_aside = target->info.set_aside;
	target->info.pardoned = false;
	target->info.set_aside = 0;
	SpinLockRelease(&target->mutex);
	return pardoned;
}

void
outbox_shared_leave(int slot, OutboxSlotState state)
{
	Slot *target = &shared->slots[slot];
	TimestampTz now = GetCurrentTimestamp();

	SpinLockAcquire(&target->mutex);
	target->info.state = target->info.announced ? OUTBOX_SLOT_UNKNOWN : state;
	target->info.since = now;
	target->info.announced = false;
	SpinLockRelease(&target->mutex);
}

bool
outbox_shared_take_announcement(int slot)
{
	Slot *target = &shared->slots[slot];
	bool announced;

	SpinLockAcquire(&target->mutex);
	announced = target->info.announced;
	target->info.announced = false;
	SpinLockRelease(&target->mutex);
	return announced;
}

void
outbox_shared_attach_launcher(void)
{
	shared->launcher = MyLatch;
	before_shmem_exit(detach_launcher, (Datum) 0);
}

bool
outbox_shared_has_launcher(void)
{
	return shared && shared->launcher;
}

void
outbox_shared_wake_launcher(void)
{
	Latch *latch = shared ? shared->launcher : NULL;

	if (latch)
		SetLatch(latch);
}

bool
outbox_shared_attach(int slot)
{
	Slot *target = &shared->slots[slot];
	bool taken;

	SpinLockAcquire(&target->mutex);
	/* Whoever it names is alive: a crash would have made the memory anew. */
	taken = target->info.pid != 0;
	if (!taken)
	{
		target->info.pid = MyProcPid;
		target->info.announced = false;
		memset(&target->status, 0, sizeof(target->status));
	}
	SpinLockRelease(&target->mutex);
	if (taken)
		return false;
	target->latch = MyLatch;
	attached = slot;
	before_shmem_exit(detach, (Datum) 0);
	return true;
}

void
outbox_shared_set_wakeable(int slot, bool wakeable)
{
	shared->slots[slot].wakeable = wakeable;
}

void
outbox_shared_wake(uint32_t database)
{
	int slot = outbox_shared_find(database);

	if (slot == OUTBOX_NO_SLOT || !shared->slots[slot].wakeable)
		return;
	pg_atomic_write_u32(&shared->slots[slot].woken, 1);
	set_latch(slot);
}

void
outbox_shared_nudge(uint32_t database)
{
	set_latch(outbox_shared_find(database));
}

bool
outbox_shared_take_wake(int slot)
{
	return pg_atomic_exchange_u32(&shared->slots[slot].woken, 0) != 0;
}

void
outbox_shared_report(int slot, const OutboxRelayStatus *status)
{
	SpinLockAcquire(&shared->slots[slot].mutex);
	shared->slots[slot].status = *status;
	SpinLockRelease(&shared->slots[slot].mutex);
}

void
outbox_shared_status(int slot, OutboxRelayStatus *status)
{
	SpinLockAcquire(&shared->slots[slot].mutex);
	*status = shared->slots[slot].status;
	SpinLockRelease(&shared->slots[slot].mutex);
}

uint64_t
outbox_shared_ask_verification(int slot)
{
	uint64 number = pg_atomic_add_fetch_u64(&shared->slots[slot].verification, 1);

	set_latch(slot);
	return number;
}

void
outbox_shared_verifications(int slot, uint64_t *asked, uint64_t *over)
{
	*asked = pg_atomic_read_u64(&shared->slots[slot].verification);
	*over = pg_atomic_read_u64(&shared->slots[slot].verified);
}

void
outbox_shared_set_verified(int slot, uint64_t number)
{
	pg_atomic_write_u64(&shared->slots[slot].verified, number);
}

void
outbox_shared_set_limits(int slot, int64_t max_payload, int64_t max_message_size)
{
	pg_atomic_write_u64(&shared->slots[slot].max_payload, (uint64) max_payload);
	pg_atomic_write_u64(&shared->slots[slot].max_message_size, (uint64) max_message_size);
}

void
outbox_shared_limits(int64_t *max_payload, int64_t *max_message_size)
{
	int slot = outbox_shared_find(MyDatabaseId);

	*max_payload = *max_message_size = -1;
	if (slot == OUTBOX_NO_SLOT)
		return;
	*max_payload = (int64) pg_atomic_read_u64(&shared->slots[slot].max_payload);
	*max_message_size = (int64) pg_atomic_read_u64(&shared->slots[slot].max_message_size);
}

void
outbox_shared_lower_due(uint32_t database, int64_t due)
{
	int slot = outbox_shared_find(database);
	uint64 known = slot == OUTBOX_NO_SLOT ? 0 : pg_atomic_read_u64(&shared->slots[slot].due);

	while (due < (int64) known &&
		   !pg_atomic_compare_exchange_u64(&shared->slots[slot].due, &known, (uint64) due))
		;
}

int64_t
outbox_shared_due(int slot)
{
	return (int64) pg_atomic_read_u64(&shared->slots[slot].due);
}

int64_t
outbox_shared_take_due(int slot)
{
	return (int64) pg_atomic_exchange_u64(&shared->slots[slot].due, PG_INT64_MAX);
}

void
outbox_shared_set_current_child(int slot, int child)
{
	pg_atomic_write_u32(&shared->slots[slot].current_child, child);
}

int
outbox_shared_current_child(void)
{
	int slot = outbox_shared_find(MyDatabaseId);

	return slot == OUTBOX_NO_SLOT ? 0
								  : (int) pg_atomic_read_u32(&shared->slots[slot].current_child);
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
	shared = ShmemInitStruct("cleanoutbox", size(), &found);
	if (!found)
	{
		shared->count = outbox_shared_slots();
		shared->launcher = NULL;
		for (int i = 0; i < shared->count; i++)
		{
			SpinLockInit(&shared->slots[i].mutex);
			pg_atomic_init_u64(&shared->slots[i].max_payload, (uint64) -1);
			pg_atomic_init_u64(&shared->slots[i].max_message_size, (uint64) -1);
			pg_atomic_init_u32(&shared->slots[i].current_child, 0);
			pg_atomic_init_u64(&shared->slots[i].due, PG_INT64_MAX);
			pg_atomic_init_u32(&shared->slots[i].woken, 0);
			pg_atomic_init_u64(&shared->slots[i].verification, 0);
			pg_atomic_init_u64(&shared->slots[i].verified, 0);
			clear(&shared->slots[i]);
		}
	}
	LWLockRelease(AddinShmemInitLock);
}

/* Databases without a worker, or without the extension, have slots, too. */
int
outbox_shared_slots(void)
{
	return Max(MIN_SLOTS, max_worker_processes);
}

static Size
size(void)
{
	return add_size(offsetof(Shared, slots), mul_size(outbox_shared_slots(), sizeof(Slot)));
}

static void
set_latch(int slot)
{
	Latch *latch = slot == OUTBOX_NO_SLOT ? NULL : shared->slots[slot].latch;

	if (latch)
		SetLatch(latch);
}

static void
detach(int code, Datum arg)
{
	Slot *slot = &shared->slots[attached];

	slot->latch = NULL;
	slot->wakeable = false;
	SpinLockAcquire(&slot->mutex);
	slot->info.pid = 0;
	SpinLockRelease(&slot->mutex);
}

static void
detach_launcher(int code, Datum arg)
{
	shared->launcher = NULL;
}

static void
clear(Slot *slot)
{
	memset(&slot->info, 0, sizeof(slot->info));
	memset(&slot->status, 0, sizeof(slot->status));
	slot->latch = NULL;
	slot->wakeable = false;
	pg_atomic_write_u64(&slot->max_payload, (uint64) -1);
	pg_atomic_write_u64(&slot->max_message_size, (uint64) -1);
	pg_atomic_write_u32(&slot->current_child, 0);
	pg_atomic_write_u64(&slot->due, PG_INT64_MAX);
}
