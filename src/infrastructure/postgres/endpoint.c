/*
 * endpoint.c
 *		How the HTTP endpoint stands, in shared memory.  Locking rules: endpoint.h.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "storage/spin.h"
#include "utils/timestamp.h"

#include "infrastructure/postgres/endpoint.h"
#include "infrastructure/postgres/shared.h"

typedef struct Shared
{
	slock_t mutex;
	OutboxEndpointInfo info;
} Shared;

static Shared *shared = NULL;
static shmem_request_hook_type previous_request = NULL;
static shmem_startup_hook_type previous_startup = NULL;

static void request(void);
static void startup(void);
static void detach(int code, Datum arg);

void
outbox_endpoint_request(void)
{
	previous_request = shmem_request_hook;
	shmem_request_hook = request;
	previous_startup = shmem_startup_hook;
	shmem_startup_hook = startup;
}

void
outbox_endpoint_info(OutboxEndpointInfo *info)
{
	memset(info, 0, sizeof(*info));
	if (shared == NULL)
		return;
	SpinLockAcquire(&shared->mutex);
	*info = shared->info;
	SpinLockRelease(&shared->mutex);
}

void
outbox_endpoint_set_state(OutboxEndpointState state, const char *reason)
{
	TimestampTz now = GetCurrentTimestamp();

	SpinLockAcquire(&shared->mutex);
	if (shared->info.state != state)
		shared->info.since = now;
	shared->info.state = state;
	strlcpy(shared->info.reason, reason, sizeof(shared->info.reason));
	if (state != OUTBOX_ENDPOINT_LISTENING)
		shared->info.address[0] = '\0';
	SpinLockRelease(&shared->mutex);
}

void
outbox_endpoint_set_failures(int failures, int64_t start_after)
{
	SpinLockAcquire(&shared->mutex);
	shared->info.failures = failures;
	shared->info.start_after = start_after;
	SpinLockRelease(&shared->mutex);
}

bool
outbox_endpoint_attach(void)
{
	bool taken;

	SpinLockAcquire(&shared->mutex);
	taken = shared->info.pid != 0;
	if (!taken)
		shared->info.pid = MyProcPid;
	SpinLockRelease(&shared->mutex);
	if (!taken)
		before_shmem_exit(detach, (Datum) 0);
	return !taken;
}

void
outbox_endpoint_set_address(const char *address)
{
	SpinLockAcquire(&shared->mutex);
	strlcpy(shared->info.address, address, sizeof(shared->info.address));
	SpinLockRelease(&shared->mutex);
}

void
outbox_endpoint_count(uint64_t answered, uint64_t refused, uint64_t cut)
{
	SpinLockAcquire(&shared->mutex);
	shared->info.answered += answered;
	shared->info.refused += refused;
	shared->info.cut += cut;
	SpinLockRelease(&shared->mutex);
}

static void
request(void)
{
	if (previous_request)
		previous_request();
	RequestAddinShmemSpace(sizeof(Shared));
}

static void
startup(void)
{
	bool found;

	if (previous_startup)
		previous_startup();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	shared = ShmemInitStruct("cleanoutbox endpoint", sizeof(Shared), &found);
	if (!found)
	{
		memset(shared, 0, sizeof(*shared));
		SpinLockInit(&shared->mutex);
	}
	LWLockRelease(AddinShmemInitLock);
}

/* One that an earlier launcher has started is nobody's to wait for. */
static void
detach(int code, Datum arg)
{
	SpinLockAcquire(&shared->mutex);
	shared->info.pid = 0;
	SpinLockRelease(&shared->mutex);
	outbox_shared_wake_launcher();
}
