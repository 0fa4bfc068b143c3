/*
 * store.c
 *		The log as the relay's store.
 *
 * An interval of the log (stretch.h) is *handed out* slice by slice and *settled* up
 * to a position; when all that was handed out is settled and nothing is left, the
 * next one opens.
 *
 * Where no interval is open, a *release* may be: what the quarantine lets go
 * (release.h).  Events of blocked aggregates (quarantine.h) are not handed out but
 * *parked*, and with that it is written down which interval is open, so that no
 * release opens before the parked events are behind the cursor for good.  No interval
 * is open while a release is, so what is let go comes before everything of its
 * aggregate that is still in the log.
 *
 * Every call runs short transactions of its own, and none is open between calls,
 * so the relay never holds back vacuum while it waits for the network.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "infrastructure/postgres/announcement.h"
#include "infrastructure/postgres/cursor.h"
#include "infrastructure/postgres/quarantine.h"
#include "infrastructure/postgres/reader.h"
#include "infrastructure/postgres/release.h"
#include "infrastructure/postgres/sieve.h"
#include "infrastructure/postgres/standby.h"
#include "infrastructure/postgres/store.h"
#include "infrastructure/postgres/stretch.h"
#include "infrastructure/postgres/transaction.h"

struct OutboxStore
{
	MemoryContext memory; /* what lives as long as the store */
	MemoryContext slice; /* what the last fetch returned */
	OutboxCursor cursor;
	OutboxStretch stretch;
	OutboxPosition handed_out; /* the last one handed out */
	OutboxQuarantine *quarantine;
	OutboxRelease release;
	bool releasing; /* a release is open */
	bool blocking; /* refused events block their aggregate */
	bool dirty; /* settled more than was persisted */
	const char *channel;
};

static int fetch(void *self, OutboxEvent *events, int max_events, size_t max_bytes);
static void rewind_to_settled(void *self);
static void settle(void *self, OutboxPosition upto, uint64_t sequence, int64_t created);
static void refuse(void *self, const OutboxPosition *position, int code, const char *reason,
				   uint64_t sequence, int64_t created);
static void persist(void *self, bool durable);
static void settled(void *self, uint64_t *sequence, int64_t *created);
static int64_t stranger(void *self, const int64_t *events, int count);
static bool sifting(void *self);
static void sift(void *self, const int64_t *events, int count, uint64_t floor, int64_t created,
				 bool last);

const OutboxStoreRoutine outbox_postgres_store = {
	.fetch = fetch,
	.rewind = rewind_to_settled,
	.settle = settle,
	.refuse = refuse,
	.persist = persist,
	.settled = settled,
	.stranger = stranger,
	.sifting = sifting,
	.sift = sift,
};

static bool make_ready(OutboxStore *store, bool *looked);
static bool has_next(const OutboxStore *store);
static bool all_settled(const OutboxStore *store);
static bool open_release(OutboxStore *store);
static void close_release(OutboxStore *store);
static bool open_interval(OutboxStore *store);
static bool go_on(OutboxStore *store);
static int hand_out(OutboxStore *store, OutboxEvent *events, int max_events, size_t max_bytes);
static bool hand_out_entry(OutboxStore *store, OutboxReader *reader, OutboxEvent *event);
static void note_parked(OutboxStore *store, bool passed);
static void conclude(OutboxStore *store);

OutboxStore *
outbox_store_create(void)
{
	MemoryContext memory = CurrentMemoryContext;
	OutboxStore *store = MemoryContextAllocZero(memory, sizeof(OutboxStore));

	store->memory = memory;
	store->blocking = true;
	store->slice = AllocSetContextCreate(memory, "outbox slice", ALLOCSET_DEFAULT_SIZES);
	outbox_transaction_begin();
	MemoryContextSwitchTo(memory);
	outbox_cursor_load(&store->cursor);
	store->quarantine = outbox_quarantine_load();
	outbox_release_init(&store->release);
	outbox_transaction_commit();
	outbox_stretch_load(&store->stretch, &store->cursor);
	store->handed_out = store->cursor.position;
	return store;
}

void
outbox_store_announce_on(OutboxStore *store, const char *channel)
{
	store->channel = channel && channel[0] ? channel : NULL;
}

void
outbox_store_block_on_refusal(OutboxStore *store, bool blocking)
{
	store->blocking = blocking;
}

void
outbox_store_publish_after_standbys(OutboxStore *store, bool after)
{
	store->stretch.after_standbys = after;
}

void
outbox_store_explain_withheld(const OutboxStore *store, char *text, size_t size)
{
	outbox_standby_explain(store->stretch.aim, text, size);
}

bool
outbox_store_is_restored(const OutboxStore *store)
{
	return store->stretch.restored;
}

void
outbox_store_on_save(OutboxStore *store, void (*save)(void *context), void *context)
{
	store->cursor.on_save = save;
	store->cursor.context = context;
}

void
outbox_store_stand_at(OutboxStore *store, uint64_t sequence, int64_t created)
{
	settle(store, store->cursor.position, sequence, created);
}

const char *
outbox_store_settled_snapshot(const OutboxStore *store)
{
	return store->dirty ? NULL : store->cursor.old_snapshot;
}

int64_t
outbox_store_highest_id(const OutboxStore *store)
{
	return store->cursor.highest;
}

static int
fetch(void *self, OutboxEvent *events, int max_events, size_t max_bytes)
{
	OutboxStore *store = self;
	bool looked = false;
	int count = 0;

	while (count == 0 && make_ready(store, &looked))
	{
		if (!store->releasing && !outbox_stretch_may_leave(&store->stretch))
			return OUTBOX_STORE_WITHHELD;
		outbox_transaction_begin();
		count = hand_out(store, events, max_events, max_bytes);
		outbox_transaction_commit();
	}
	return count;
}

static void
rewind_to_settled(void *self)
{
	OutboxStore *store = self;

	if (store->releasing)
		outbox_release_rewind(&store->release, store->cursor.position.id);
	else
		outbox_stretch_rewind(&store->stretch, store->cursor.position);
	store->handed_out = store->cursor.position;
}

static void
settle(void *self, OutboxPosition upto, uint64_t sequence, int64_t created)
{
	OutboxStore *store = self;

	store->cursor.position = upto;
	store->cursor.highest = Max(store->cursor.highest, upto.last);
	store->cursor.sequence = sequence;
	store->cursor.created = created;
	store->dirty = true;
}

static void
refuse(void *self, const OutboxPosition *position, int code, const char *reason, uint64_t sequence,
	   int64_t created)
{
	OutboxStore *store = self;
	OutboxRefusal refusal = {code, reason, store->blocking};

	outbox_transaction_begin();
	if (store->releasing)
	{
		outbox_release_settle(&store->release, position->id - 1);
		outbox_quarantine_bury_again(store->quarantine, position->id, &refusal);
		/* What it holds now is no longer part of the release. */
		outbox_release_end(&store->release);
		store->releasing = false;
		settle(store, OUTBOX_POSITION_START, sequence, created);
		store->handed_out = OUTBOX_POSITION_START;
	}
	else
	{
		int at = outbox_interval_find(&store->stretch.interval, *position);

		outbox_quarantine_bury(store->quarantine, &store->stretch.interval.entries[at],
							   outbox_interval_index(&store->stretch.interval, at), &refusal);
		settle(store, *position, sequence, created);
	}
	ForceSyncCommit();
	conclude(store);
}

static void
persist(void *self, bool durable)
{
	OutboxStore *store = self;

	if (!store->dirty && !durable)
		return;
	outbox_transaction_begin();
	if (durable)
		ForceSyncCommit();
	if (store->releasing)
		outbox_release_settle(&store->release, store->cursor.position.id);
	else if (outbox_stretch_is_over(&store->stretch) && all_settled(store))
	{
		outbox_stretch_close(&store->stretch, &store->cursor);
		store->handed_out = store->cursor.position;
	}
	conclude(store);
}

static void
settled(void *self, uint64_t *sequence, int64_t *created)
{
	OutboxStore *store = self;

	*sequence = store->cursor.sequence;
	*created = store->cursor.created;
}

static int64_t
stranger(void *self, const int64_t *events, int count)
{
	OutboxStore *store = self;
	int64_t found;

	outbox_transaction_begin();
	found = outbox_sieve_find_stranger(&store->cursor, events, count);
	outbox_transaction_commit();
	return found;
}

static bool
sifting(void *self)
{
	OutboxStore *store = self;

	return store->cursor.sifting;
}

static void
sift(void *self, const int64_t *events, int count, uint64_t floor, int64_t created, bool last)
{
	OutboxStore *store = self;

	outbox_transaction_begin();
	outbox_sieve_remove(events, count);
	store->release.due = true;
	store->cursor.sequence = floor;
	store->cursor.created = created;
	store->cursor.sifting = !last;
	ForceSyncCommit();
	conclude(store);
}

/*
 * Sees to it that there is something to hand out; false: there is nothing now.
 * looked: the log has been looked at in this fetch, and whatever has committed since
 * wakes the relay again.
 */
static bool
make_ready(OutboxStore *store, bool *looked)
{
	MemoryContextReset(store->slice);
	if (has_next(store))
		return true;
	if (!all_settled(store))
		return false;
	if (store->releasing)
		close_release(store);
	if (store->stretch.open && go_on(store))
		return true;
	if (open_release(store))
		return true;
	if (*looked)
		return false;
	*looked = true;
	return open_interval(store);
}

static bool
has_next(const OutboxStore *store)
{
	if (store->releasing)
		return store->release.next < store->release.count;
	return store->stretch.open && store->stretch.next < store->stretch.interval.count;
}

/* Is all that was handed out settled? */
static bool
all_settled(const OutboxStore *store)
{
	return outbox_position_compare(store->handed_out, store->cursor.position) <= 0;
}

/*
 * Opens a release if something is to be let go.  Who decided that may not have waited
 * until it was durable; it has to be before anything is published.
 */
static bool
open_release(OutboxStore *store)
{
	outbox_transaction_begin();
	if (outbox_release_is_due(&store->release))
	{
		store->releasing = outbox_release_collect(&store->release);
		store->cursor.position = OUTBOX_POSITION_START;
		store->handed_out = OUTBOX_POSITION_START;
		if (store->releasing)
		{
			outbox_cursor_save(&store->cursor);
			ForceSyncCommit();
		}
		else
			outbox_quarantine_unblock(store->quarantine);
	}
	outbox_transaction_commit();
	return store->releasing;
}

/* All of the release is settled. */
static void
close_release(OutboxStore *store)
{
	outbox_transaction_begin();
	outbox_release_settle(&store->release, store->handed_out.id);
	outbox_quarantine_unblock(store->quarantine);
	outbox_release_end(&store->release);
	store->releasing = false;
	store->cursor.position = OUTBOX_POSITION_START;
	store->handed_out = OUTBOX_POSITION_START;
	conclude(store);
}

/* Opens the interval up to now; false when there is nothing in it. */
static bool
open_interval(OutboxStore *store)
{
	bool open = outbox_stretch_open(&store->stretch, &store->cursor);

	store->handed_out = store->cursor.position;
	return open;
}

/* Goes on in the open interval; false: it is over, and closed. */
static bool
go_on(OutboxStore *store)
{
	bool open = outbox_stretch_go_on(&store->stretch, &store->cursor);

	store->handed_out = store->cursor.position;
	return open;
}

/* Of blocked aggregates nothing is handed out, but it counts as work. */
static int
hand_out(OutboxStore *store, OutboxEvent *events, int max_events, size_t max_bytes)
{
	MemoryContext caller = MemoryContextSwitchTo(store->slice);
	OutboxReader reader = {0};
	int count = 0;
	size_t bytes = 0;
	int first = store->stretch.next;

	for (int seen = 0; has_next(store) && seen < max_events && (seen == 0 || bytes < max_bytes);
		 seen++)
	{
		OutboxEvent *event = &events[count];
		bool taken;

		CHECK_FOR_INTERRUPTS();
		event->headers = NULL;
		taken = store->releasing ? outbox_release_read(&store->release, event)
								 : hand_out_entry(store, &reader, event);
		if (event->headers)
			bytes += event->payload_length + strlen(event->headers);
		if (!taken)
			continue;
		store->handed_out = event->position;
		count++;
	}
	outbox_reader_close(&reader);
	MemoryContextSwitchTo(caller);
	if (!store->releasing && store->stretch.next - first > count)
		note_parked(store, count == 0 && all_settled(store));
	return count;
}

/* Reads the next entry's event; false: it is parked, or has moved. */
static bool
hand_out_entry(OutboxStore *store, OutboxReader *reader, OutboxEvent *event)
{
	const OutboxEntry *entry = &store->stretch.interval.entries[store->stretch.next];

	if (!outbox_stretch_read(&store->stretch, reader, event))
		return false;
	if (!outbox_quarantine_blocks(store->quarantine, event))
		return true;
	outbox_quarantine_park(entry, event->tx_index);
	return false;
}

/* Some were parked; passed: nothing before the next entry is left for the relay to settle. */
static void
note_parked(OutboxStore *store, bool passed)
{
	if (passed)
	{
		store->cursor.position = store->stretch.interval.entries[store->stretch.next - 1].position;
		store->cursor.highest = Max(store->cursor.highest, store->cursor.position.last);
		store->handed_out = store->cursor.position;
	}
	outbox_cursor_save(&store->cursor);
}

/* Writes down how far all is settled, commits, and tells listeners. */
static void
conclude(OutboxStore *store)
{
	bool moved = store->dirty;

	outbox_cursor_save(&store->cursor);
	outbox_transaction_commit();
	store->dirty = false;
	if (moved && store->channel &&
		!outbox_announcement_send(store->channel, store->cursor.sequence))
		store->channel = NULL;
}
