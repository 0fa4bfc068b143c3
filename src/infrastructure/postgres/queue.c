/*
 * queue.c
 *		Broadcasts on their way from committed transactions to the relay, in shared
 *		memory.  Terms and locking rules: queue.h.
 *
 * Positions in a ring only grow; a position's place is its rest by the ring's size.
 * A relay that ends leaves its ring to the next one as it is, since somebody may
 * still be filling a group; groups name the database that they were meant for.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "storage/spin.h"
#include "utils/memutils.h"

#include "domain/packet.h"
#include "infrastructure/postgres/monotonic.h"
#include "infrastructure/postgres/queue.h"
#include "infrastructure/postgres/shared.h"

/* What a group begins with; its head never wraps, since groups are aligned to GROUP_UNIT. */
#define GROUP_UNIT 32

typedef struct Group
{
	pg_atomic_uint32 complete;
	Oid database; /* whose relay it is for */
	uint64 length; /* of the packets */
	int64 since; /* monotonic clock, microseconds */
} Group;

typedef struct Ring
{
	slock_t mutex;
	Oid owner; /* the database; InvalidOid: free */
	uint64 head; /* where the next group begins */
	uint64 tail; /* what is before may be overwritten */
} Ring;

typedef struct Channel
{
	pg_atomic_uint32 admitted; /* OutboxFate */
	pg_atomic_uint32 ring; /* of the relay that runs */
	Latch *volatile latch; /* its latch */
	pg_atomic_uint64 fates[OUTBOX_FATES];
} Channel;

/* One channel per slot, one for databases without, then the rings, then their bytes. */
typedef struct Shared
{
	int slots;
	int rings;
	Channel channels[FLEXIBLE_ARRAY_MEMBER];
} Shared;

/* The relay's end of its ring. */
struct OutboxQueue
{
	Channel *channel;
	int ring;
	uint64 at; /* the next packet */
	uint64 end; /* of the group's packets; equal: between groups */
	int64 since;
	char *packet; /* a copy of the oldest packet, in room for the longest */
	size_t packet_length;
};

static Shared *shared = NULL;
static Ring *rings;
static char *bytes;
static size_t ring_size = 0;
static OutboxQueue own;
static shmem_request_hook_type previous_request = NULL;
static shmem_startup_hook_type previous_startup = NULL;

static void request(void);
static void startup(void);
static Size rings_offset(void);
static Size bytes_offset(void);
static Size shared_size(void);
static void format(void);
static Channel *find_channel(void);
static size_t fit(const char *packets, size_t length, size_t room, uint64_t *taken);
static Group *reserve(int ring, size_t length, uint64 *at);
static size_t room_of(int ring);
static void copy_in(int ring, uint64 at, const char *source, size_t length);
static void copy_out(int ring, uint64 at, char *target, size_t length);
static Group *group_at(int ring, uint64 at);
static int claim(void);
static void leave(int code, Datum arg);
static bool peek(void *self, OutboxEvent *event, int64_t *since);
static void pass(void *self, OutboxFate fate);
static void admit(void *self, OutboxFate fate);
static bool enter_group(OutboxQueue *queue);
static void give_back(OutboxQueue *queue);

const OutboxQueueRoutine outbox_postgres_queue = {
	.peek = peek,
	.pass = pass,
	.admit = admit,
};

void
outbox_queue_request(size_t size)
{
	ring_size = TYPEALIGN_DOWN(GROUP_UNIT, size);
	previous_request = shmem_request_hook;
	shmem_request_hook = request;
	previous_startup = shmem_startup_hook;
	shmem_startup_hook = startup;
}

size_t
outbox_queue_room(void)
{
	return shared != NULL && ring_size > 0 ? ring_size - GROUP_UNIT : 0;
}

void
outbox_queue_put(const char *packets, size_t length, uint64_t count)
{
	Channel *channel = find_channel();
	OutboxFate fate;
	uint64_t taken = 0;
	Group *group = NULL;
	Latch *latch;
	uint64 at;
	int ring;

	if (channel == NULL)
		return;
	fate = pg_atomic_read_u32(&channel->admitted);
	if (fate != OUTBOX_FATE_SENT)
	{
		pg_atomic_fetch_add_u64(&channel->fates[fate], count);
		return;
	}
	ring = pg_atomic_read_u32(&channel->ring);
	/* Somebody may take the room that was seen; then there is less of it. */
	for (int tries = 0; group == NULL && tries < 3; tries++)
	{
		length = fit(packets, length, room_of(ring), &taken);
		if (taken == 0)
			break;
		group = reserve(ring, length, &at);
	}
	if (group == NULL)
		taken = 0;
	else
	{
		copy_in(ring, at, packets, length);
		pg_write_barrier();
		pg_atomic_write_u32(&group->complete, 1);
		latch = channel->latch;
		if (latch)
			SetLatch(latch);
	}
	pg_atomic_fetch_add_u64(&channel->fates[OUTBOX_FATE_FULL], count - taken);
}

void
outbox_queue_count(OutboxFate fate, uint64_t count)
{
	Channel *channel = find_channel();

	if (channel != NULL)
		pg_atomic_fetch_add_u64(&channel->fates[fate], count);
}

bool
outbox_queue_report(OutboxQueueReport *report)
{
	Channel *channel = find_channel();

	outbox_queue_read(channel ? (int) (channel - shared->channels) : 0, report);
	return channel != NULL;
}

void
outbox_queue_read(int slot, OutboxQueueReport *report)
{
	Channel *channel;

	memset(report, 0, sizeof(*report));
	report->admitted = OUTBOX_FATE_OFFLINE;
	if (shared == NULL)
		return;
	channel = &shared->channels[slot];
	report->admitted = pg_atomic_read_u32(&channel->admitted);
	for (int i = 0; i < OUTBOX_FATES; i++)
		report->fates[i] = pg_atomic_read_u64(&channel->fates[i]);
	if (report->admitted == OUTBOX_FATE_SENT)
		report->waiting = ring_size - room_of(pg_atomic_read_u32(&channel->ring));
}

void
outbox_queue_forget(int slot)
{
	for (int i = 0; shared != NULL && i < OUTBOX_FATES; i++)
		pg_atomic_write_u64(&shared->channels[slot].fates[i], 0);
}

OutboxQueue *
outbox_queue_open(void)
{
	if (outbox_queue_room() == 0)
		return NULL;
	own.channel = find_channel();
	own.ring = claim();
	if (own.ring < 0)
		return NULL;
	own.packet = MemoryContextAllocHuge(TopMemoryContext, ring_size);
	own.at = own.end = rings[own.ring].tail;
	own.channel->latch = MyLatch;
	pg_atomic_write_u32(&own.channel->ring, own.ring);
	before_shmem_exit(leave, (Datum) 0);
	return &own;
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
	bool found;

	if (previous_startup)
		previous_startup();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	shared = ShmemInitStruct("cleanoutbox broadcasts", shared_size(), &found);
	rings = (Ring *) ((char *) shared + rings_offset());
	bytes = (char *) shared + bytes_offset();
	if (!found)
		format();
	LWLockRelease(AddinShmemInitLock);
}

static Size
rings_offset(void)
{
	Size channels = mul_size(outbox_shared_slots() + 1, sizeof(Channel));

	return CACHELINEALIGN(add_size(offsetof(Shared, channels), channels));
}

/* Each relay is a background worker, so there are never more of them. */
static Size
bytes_offset(void)
{
	return CACHELINEALIGN(add_size(rings_offset(), mul_size(max_worker_processes, sizeof(Ring))));
}

static Size
shared_size(void)
{
	return add_size(bytes_offset(), mul_size(max_worker_processes, ring_size));
}

static void
format(void)
{
	shared->slots = outbox_shared_slots();
	shared->rings = max_worker_processes;
	for (int i = 0; i <= shared->slots; i++)
	{
		Channel *channel = &shared->channels[i];

		pg_atomic_init_u32(&channel->admitted, OUTBOX_FATE_OFFLINE);
		pg_atomic_init_u32(&channel->ring, 0);
		channel->latch = NULL;
		for (int j = 0; j < OUTBOX_FATES; j++)
			pg_atomic_init_u64(&channel->fates[j], 0);
	}
	for (int i = 0; i < shared->rings; i++)
	{
		SpinLockInit(&rings[i].mutex);
		rings[i].owner = InvalidOid;
		rings[i].head = rings[i].tail = 0;
	}
}

/* This database's channel; NULL: there is no shared memory. */
static Channel *
find_channel(void)
{
	int slot;

	if (shared == NULL)
		return NULL;
	slot = outbox_shared_find(MyDatabaseId);
	return &shared->channels[slot == OUTBOX_NO_SLOT ? shared->slots : slot];
}

/* Bytes, and number, of the first packets that have room together. */
static size_t
fit(const char *packets, size_t length, size_t room, uint64_t *taken)
{
	size_t at = 0;

	*taken = 0;
	while (at < length)
	{
		size_t next = at + outbox_packet_length(packets + at);

		if (TYPEALIGN(GROUP_UNIT, GROUP_UNIT + next) > room)
			break;
		at = next;
		(*taken)++;
	}
	return at;
}

/* Room for a group of so many bytes, which begin at *at; NULL: no longer there. */
static Group *
reserve(int ring, size_t length, uint64 *at)
{
	Ring *target = &rings[ring];
	uint64 needed = TYPEALIGN(GROUP_UNIT, GROUP_UNIT + length);
	Group *group = NULL;

	SpinLockAcquire(&target->mutex);
	if (target->owner == MyDatabaseId && target->head + needed - target->tail <= ring_size)
	{
		group = group_at(ring, target->head);
		pg_atomic_write_u32(&group->complete, 0);
		group->database = MyDatabaseId;
		group->length = length;
		*at = target->head + GROUP_UNIT;
		target->head += needed;
	}
	SpinLockRelease(&target->mutex);
	if (group != NULL)
		group->since = outbox_monotonic_us();
	return group;
}

static size_t
room_of(int ring)
{
	size_t room;

	SpinLockAcquire(&rings[ring].mutex);
	room = ring_size - (rings[ring].head - rings[ring].tail);
	SpinLockRelease(&rings[ring].mutex);
	return room;
}

static void
copy_in(int ring, uint64 at, const char *source, size_t length)
{
	size_t place = at % ring_size;
	size_t first = Min(length, ring_size - place);
	char *ring_bytes = bytes + ring * ring_size;

	memcpy(ring_bytes + place, source, first);
	memcpy(ring_bytes, source + first, length - first);
}

static void
copy_out(int ring, uint64 at, char *target, size_t length)
{
	size_t place = at % ring_size;
	size_t first = Min(length, ring_size - place);
	const char *ring_bytes = bytes + ring * ring_size;

	memcpy(target, ring_bytes + place, first);
	memcpy(target + first, ring_bytes, length - first);
}

static Group *
group_at(int ring, uint64 at)
{
	return (Group *) (bytes + ring * ring_size + at % ring_size);
}

static int
claim(void)
{
	for (int i = 0; i < shared->rings; i++)
	{
		bool taken;

		SpinLockAcquire(&rings[i].mutex);
		taken = OidIsValid(rings[i].owner);
		if (!taken)
			rings[i].owner = MyDatabaseId;
		SpinLockRelease(&rings[i].mutex);
		if (!taken)
			return i;
	}
	return -1;
}

static void
leave(int code, Datum arg)
{
	admit(&own, OUTBOX_FATE_OFFLINE);
	own.channel->latch = NULL;
	SpinLockAcquire(&rings[own.ring].mutex);
	rings[own.ring].owner = InvalidOid;
	SpinLockRelease(&rings[own.ring].mutex);
}

static bool
peek(void *self, OutboxEvent *event, int64_t *since)
{
	OutboxQueue *queue = self;
	char head[OUTBOX_PACKET_UNIT];

	if (queue->at == queue->end && !enter_group(queue))
		return false;
	copy_out(queue->ring, queue->at, head, sizeof(head));
	queue->packet_length = outbox_packet_length(head);
	copy_out(queue->ring, queue->at, queue->packet, queue->packet_length);
	outbox_packet_read(event, queue->packet);
	*since = queue->since;
	return true;
}

static void
pass(void *self, OutboxFate fate)
{
	OutboxQueue *queue = self;

	queue->at += queue->packet_length;
	if (queue->at == queue->end)
		queue->at = queue->end = TYPEALIGN64(GROUP_UNIT, queue->end);
	pg_atomic_fetch_add_u64(&queue->channel->fates[fate], 1);
	give_back(queue);
}

static void
admit(void *self, OutboxFate fate)
{
	OutboxQueue *queue = self;
	OutboxEvent event;
	int64_t since;

	pg_atomic_write_u32(&queue->channel->admitted, fate);
	while (fate != OUTBOX_FATE_SENT && peek(queue, &event, &since))
		pass(queue, fate);
}

/* Goes on to the next group of ours; false: there is none, or it is not complete. */
static bool
enter_group(OutboxQueue *queue)
{
	for (;;)
	{
		Group *group = group_at(queue->ring, queue->at);

		if (room_of(queue->ring) == ring_size || !pg_atomic_read_u32(&group->complete))
			return false;
		pg_read_barrier();
		queue->since = group->since;
		queue->at += GROUP_UNIT;
		queue->end = queue->at + group->length;
		if (group->database == MyDatabaseId)
			return true;
		/* left by the ring's former owner */
		queue->at = queue->end = TYPEALIGN64(GROUP_UNIT, queue->end);
		give_back(queue);
	}
}

/* What is before the next packet may be overwritten. */
static void
give_back(OutboxQueue *queue)
{
	SpinLockAcquire(&rings[queue->ring].mutex);
	rings[queue->ring].tail = queue->at;
	SpinLockRelease(&rings[queue->ring].mutex);
}
