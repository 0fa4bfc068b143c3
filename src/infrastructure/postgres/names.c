/*
 * names.c
 *		The names of the databases, by slot.  Locking rules: names.h.
 */
#include "postgres.h"

#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "storage/spin.h"

#include "miscadmin.h"

#include "infrastructure/postgres/names.h"
#include "infrastructure/postgres/shared.h"

StaticAssertDecl(OUTBOX_NAME_SIZE == NAMEDATALEN, "a name of PostgreSQL fits");

typedef struct Shared
{
	slock_t mutex;
	char names[FLEXIBLE_ARRAY_MEMBER][OUTBOX_NAME_SIZE];
} Shared;

static Shared *shared = NULL;
static shmem_request_hook_type previous_request = NULL;
static shmem_startup_hook_type previous_startup = NULL;

static void request(void);
static void startup(void);
static Size size(void);

void
outbox_names_request(void)
{
	previous_request = shmem_request_hook;
	shmem_request_hook = request;
	previous_startup = shmem_startup_hook;
	shmem_startup_hook = startup;
}

void
outbox_names_note(int slot, const char *name)
{
	if (strcmp(shared->names[slot], name) == 0)
		return;
	SpinLockAcquire(&shared->mutex);
	strlcpy(shared->names[slot], name, OUTBOX_NAME_SIZE);
	SpinLockRelease(&shared->mutex);
}

void
outbox_names_read(int slot, char *name)
{
	SpinLockAcquire(&shared->mutex);
	memcpy(name, shared->names[slot], OUTBOX_NAME_SIZE);
	SpinLockRelease(&shared->mutex);
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
	shared = ShmemInitStruct("cleanoutbox names", size(), &found);
	if (!found)
	{
		memset(shared, 0, size());
		SpinLockInit(&shared->mutex);
	}
	LWLockRelease(AddinShmemInitLock);
}

static Size
size(void)
{
	return add_size(offsetof(Shared, names), mul_size(outbox_shared_slots(), OUTBOX_NAME_SIZE));
}
