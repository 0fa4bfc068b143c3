/*
 * ledger.c
 *		The store with a memory.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/memutils.h"

#include "infrastructure/postgres/ledger.h"
#include "infrastructure/postgres/quarantine.h"
#include "infrastructure/postgres/rebuild.h"
#include "infrastructure/postgres/trail.h"
#include "infrastructure/postgres/transaction.h"

/* Room for the places of what is lost later and sent again first. */
#define PLACES (INT64CONST(1) << 32)

struct OutboxLedger
{
	MemoryContext memory;
	MemoryContext slice; /* what the last fetch of a rebuild returned */
	OutboxStore *store;
	char *stream; /* "": none yet */
	OutboxTrail noted; /* not written down yet */
	OutboxHeld held;
	uint64_t first; /* entries before it have been removed */
	OutboxRebuild rebuild;
	bool rebuilding;
	int64_t next_place; /* where the next loss goes; 0: before all others */
	uint64_t sequence; /* as settled last */
	int64_t created;
	const OutboxWanted *refused; /* becomes a dead letter with what is written next */
	OutboxRefusal refusal;
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
static void note(void *self, OutboxTrailEntry entry);
static void tell_held(void *self, OutboxHeld *held);
static int read_trail(void *self, uint64_t after, OutboxTrailEntry *entries, int max);
static void lose(void *self, uint64_t first, uint64_t last);
static void checked(void *self, const OutboxChecked *found);

const OutboxStoreRoutine outbox_postgres_ledger = {
	.fetch = fetch,
	.rewind = rewind_to_settled,
	.settle = settle,
	.refuse = refuse,
	.persist = persist,
	.settled = settled,
	.stranger = stranger,
	.sifting = sifting,
	.sift = sift,
	.note = note,
	.held = tell_held,
	.trail = read_trail,
	.lose = lose,
	.checked = checked,
};

static void write_now(OutboxLedger *ledger, bool durably);
static void write_down(void *self);
static void load(OutboxLedger *ledger);
static bool has_lost(OutboxLedger *ledger);

OutboxLedger *
outbox_ledger_create(OutboxStore *store)
{
	OutboxLedger *ledger = MemoryContextAllocZero(CurrentMemoryContext, sizeof(OutboxLedger));

	ledger->memory = CurrentMemoryContext;
	ledger->slice =
		AllocSetContextCreate(ledger->memory, "outbox rebuilt slice", ALLOCSET_DEFAULT_SIZES);
	ledger->store = store;
	ledger->stream = MemoryContextStrdup(ledger->memory, "");
	outbox_rebuild_init(&ledger->rebuild);
	outbox_postgres_store.settled(store, &ledger->sequence, &ledger->created);
	outbox_store_on_save(store, write_down, ledger);
	return ledger;
}

void
outbox_ledger_follow(OutboxLedger *ledger, const char *stream)
{
	if (strcmp(stream, ledger->stream) == 0)
		return;
	/* What is noted is about the stream before. */
	if (ledger->noted.count > 0)
		write_now(ledger, false);
	pfree(ledger->stream);
	ledger->stream = MemoryContextStrdup(ledger->memory, stream);
	load(ledger);
}

static int
fetch(void *self, OutboxEvent *events, int max_events, size_t max_bytes)
{
	OutboxLedger *ledger = self;
	int count = 0;

	while (ledger->rebuilding && count == 0 && has_lost(ledger))
	{
		MemoryContext caller;

		if (outbox_rebuild_is_handed_out(&ledger->rebuild))
			return 0;
		MemoryContextReset(ledger->slice);
		caller = MemoryContextSwitchTo(ledger->slice);
		count = outbox_rebuild_fetch(&ledger->rebuild, events, max_events, max_bytes);
		MemoryContextSwitchTo(caller);
	}
	if (count > 0)
		return count;
	return outbox_postgres_store.fetch(ledger->store, events, max_events, max_bytes);
}

static void
rewind_to_settled(void *self)
{
	OutboxLedger *ledger = self;

	outbox_postgres_store.rewind(ledger->store);
	if (ledger->next_place != 0)
	{
		/* What was lost since the last rewind comes first: another chunk. */
		if (ledger->rebuild.settled > ledger->rebuild.written)
			write_now(ledger, false);
		outbox_rebuild_clear(&ledger->rebuild);
		ledger->rebuilding = true;
		ledger->next_place = 0;
	}
	outbox_rebuild_rewind(&ledger->rebuild);
}

static void
settle(void *self, OutboxPosition upto, uint64_t sequence, int64_t created)
{
	OutboxLedger *ledger = self;

	ledger->sequence = sequence;
	ledger->created = created;
	if (ledger->rebuilding)
	{
		outbox_rebuild_settle(&ledger->rebuild, upto);
		outbox_store_stand_at(ledger->store, sequence, created);
	}
	else
		outbox_postgres_store.settle(ledger->store, upto, sequence, created);
	if (outbox_trail_is_full(&ledger->noted))
		outbox_postgres_store.persist(ledger->store, false);
}

static void
refuse(void *self, const OutboxPosition *position, int code, const char *reason, uint64_t sequence,
	   int64_t created)
{
	OutboxLedger *ledger = self;

	ledger->sequence = sequence;
	ledger->created = created;
	if (!ledger->rebuilding)
	{
		outbox_postgres_store.refuse(ledger->store, position, code, reason, sequence, created);
		return;
	}
	/* It was stored once: nobody waits behind it. */
	ledger->refused = outbox_rebuild_event(&ledger->rebuild, *position);
	ledger->refusal = (OutboxRefusal){code, reason, false};
	outbox_rebuild_settle(&ledger->rebuild, *position);
	write_now(ledger, true);
}

static void
persist(void *self, bool durable)
{
	outbox_postgres_store.persist(((OutboxLedger *) self)->store, durable);
}

static void
settled(void *self, uint64_t *sequence, int64_t *created)
{
	outbox_postgres_store.settled(((OutboxLedger *) self)->store, sequence, created);
}

static int64_t
stranger(void *self, const int64_t *events, int count)
{
	return outbox_postgres_store.stranger(((OutboxLedger *) self)->store, events, count);
}

static bool
sifting(void *self)
{
	return outbox_postgres_store.sifting(((OutboxLedger *) self)->store);
}

static void
sift(void *self, const int64_t *events, int count, uint64_t floor, int64_t created, bool last)
{
	OutboxLedger *ledger = self;

	ledger->sequence = floor;
	ledger->created = created;
	outbox_postgres_store.sift(ledger->store, events, count, floor, created, last);
}

/* Half of the room is left for what one settle settles. */
static void
note(void *self, OutboxTrailEntry entry)
{
	OutboxLedger *ledger = self;

	if (!outbox_trail_note(&ledger->noted, entry))
		elog(ERROR, "could not note where an event is stored");
	if (entry.sequence > ledger->held.newest.sequence)
		ledger->held.newest = entry;
}

static void
tell_held(void *self, OutboxHeld *held)
{
	const OutboxLedger *ledger = self;

	*held = ledger->held;
	held->gone = ledger->rebuild.gone;
	held->waiting -= (uint64) (ledger->rebuild.settled - ledger->rebuild.written);
}

static int
read_trail(void *self, uint64_t after, OutboxTrailEntry *entries, int max)
{
	OutboxLedger *ledger = self;
	int count;

	persist(self, false);
	outbox_transaction_begin();
	count = outbox_trail_read(ledger->stream, after, entries, max);
	outbox_transaction_commit();
	return count;
}

static void
lose(void *self, uint64_t first, uint64_t last)
{
	OutboxLedger *ledger = self;
	uint64 events;

	persist(self, false);
	outbox_transaction_begin();
	if (ledger->next_place == 0)
		ledger->next_place = outbox_trail_first_lost(ledger->stream, &events) - PLACES;
	events = outbox_trail_lose(ledger->stream, first, last, &ledger->next_place);
	ledger->held.waiting += events;
	ledger->held.newest = outbox_trail_newest(ledger->stream);
	ForceSyncCommit();
	outbox_transaction_commit();
}

static void
checked(void *self, const OutboxChecked *found)
{
	OutboxLedger *ledger = self;
	bool expired = found->first > ledger->first && ledger->held.newest.sequence != 0;

	if (expired || found->deleted != ledger->held.deleted)
	{
		persist(self, false);
		outbox_transaction_begin();
		if (expired)
			outbox_trail_expire(ledger->stream, found->first);
		outbox_trail_set_deleted(ledger->stream, found->deleted);
		ledger->held.newest = outbox_trail_newest(ledger->stream);
		outbox_transaction_commit();
		ledger->held.deleted = found->deleted;
	}
	ledger->first = found->first;
	if (found->sequence == ledger->sequence && found->created == ledger->created)
		return;
	ledger->sequence = found->sequence;
	ledger->created = found->created;
	write_now(ledger, true);
}

/* Writes down what is settled, though the store's own position may not have moved. */
static void
write_now(OutboxLedger *ledger, bool durably)
{
	outbox_store_stand_at(ledger->store, ledger->sequence, ledger->created);
	outbox_postgres_store.persist(ledger->store, durably);
}

/* Inside the transaction that saves the store's cursor. */
static void
write_down(void *self)
{
	OutboxLedger *ledger = self;
	int before = ledger->rebuild.written;

	if (ledger->refused)
		outbox_quarantine_bury(NULL, &ledger->refused->entry, ledger->refused->tx_index,
							   &ledger->refusal);
	ledger->refused = NULL;
	outbox_trail_write(ledger->stream, &ledger->noted);
	outbox_rebuild_write(&ledger->rebuild, ledger->stream);
	ledger->held.waiting -= (uint64) (ledger->rebuild.written - before);
}

/* What is known of the stream. */
static void
load(OutboxLedger *ledger)
{
	outbox_rebuild_clear(&ledger->rebuild);
	outbox_transaction_begin();
	ledger->held.newest = outbox_trail_newest(ledger->stream);
	ledger->held.deleted = outbox_trail_deleted(ledger->stream);
	outbox_trail_first_lost(ledger->stream, &ledger->held.waiting);
	outbox_transaction_commit();
	ledger->rebuilding = ledger->held.waiting > 0;
	ledger->next_place = 0;
	ledger->first = 0;
}

/*
 * Sees to it that there is a chunk of which something is not settled; false: nothing is
 * lost any more.
 */
static bool
has_lost(OutboxLedger *ledger)
{
	OutboxRebuild *rebuild = &ledger->rebuild;

	if (!outbox_rebuild_is_settled(rebuild))
		return true;
	if (rebuild->written < rebuild->settled)
		write_now(ledger, false);
	ledger->rebuilding = outbox_rebuild_load(rebuild, ledger->stream);
	return ledger->rebuilding;
}
