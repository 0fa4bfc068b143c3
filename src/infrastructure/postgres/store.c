/*
 * store.c
 *		The log as the relay's store.
 *
 * One *interval* is open at a time: what new_snapshot sees and old_snapshot does
 * not.  It is *handed out* slice by slice and *settled* up to a position; when
 * all that was handed out is settled and nothing is left, the new snapshot
 * becomes the old one.
 *
 * Every call is a short transaction of its own, and none is open between calls,
 * so the relay never holds back vacuum while it waits for the network.  The
 * transaction that takes a snapshot never writes: a transaction sees itself as
 * finished in its own pg_current_snapshot once others have moved on.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "domain/ring.h"
#include "infrastructure/postgres/announcement.h"
#include "infrastructure/postgres/columns.h"
#include "infrastructure/postgres/cursor.h"
#include "infrastructure/postgres/durable.h"
#include "infrastructure/postgres/interval.h"
#include "infrastructure/postgres/log.h"
#include "infrastructure/postgres/store.h"
#include "infrastructure/postgres/transaction.h"

struct OutboxStore
{
	MemoryContext memory; /* what lives as long as the store */
	MemoryContext slice; /* what the last fetch returned */
	OutboxCursor cursor;
	OutboxSnapshot old_snapshot;
	OutboxSnapshot new_snapshot;
	bool open; /* an interval is open */
	OutboxInterval interval;
	bool fresh; /* it was collected in this transaction, so its places hold */
	int next; /* entry to hand out next */
	uint32_t next_index; /* its tx_index */
	OutboxPosition handed_out; /* the last one handed out */
	bool dirty; /* settled more than was persisted */
	const char *channel;
};

/* The log's children, as far as a slice has needed them. */
typedef struct Children
{
	Relation log[OUTBOX_RING_CHILDREN];
	TupleTableSlot *slot[OUTBOX_RING_CHILDREN];
	BlockNumber blocks[OUTBOX_RING_CHILDREN];
} Children;

static int fetch(void *self, OutboxEvent *events, int max_events, size_t max_bytes);
static void rewind_to_settled(void *self);
static void settle(void *self, OutboxPosition upto, uint64_t sequence, int64_t created);
static void refuse(void *self, const OutboxPosition *position, int code, const char *reason);
static void persist(void *self);
static void settled(void *self, uint64_t *sequence, int64_t *created);

const OutboxStoreRoutine outbox_postgres_store = {
	.fetch = fetch,
	.rewind = rewind_to_settled,
	.settle = settle,
	.refuse = refuse,
	.persist = persist,
	.settled = settled,
};

static void read_snapshot(OutboxStore *store, OutboxSnapshot *snapshot, const char *printed);
static bool all_settled(const OutboxStore *store);
static bool open_interval(OutboxStore *store);
static void close_interval(OutboxStore *store);
static void collect(OutboxStore *store);
static int hand_out(OutboxStore *store, OutboxEvent *events, int max_events, size_t max_bytes);
static bool read_event(OutboxStore *store, Children *children, const OutboxEntry *entry,
					   OutboxEvent *event);
static void close_children(Children *children);
static void copy_event(OutboxStore *store, TupleTableSlot *slot, OutboxEvent *event);
static const OutboxEntry *find_entry(OutboxStore *store, OutboxPosition position);
static const char *utf8(Datum value);
static bool bury(const char *source, Datum *values);

OutboxStore *
outbox_store_create(void)
{
	MemoryContext memory = CurrentMemoryContext;
	OutboxStore *store = MemoryContextAllocZero(memory, sizeof(OutboxStore));

	store->memory = memory;
	store->slice = AllocSetContextCreate(memory, "outbox slice", ALLOCSET_DEFAULT_SIZES);
	outbox_transaction_begin();
	MemoryContextSwitchTo(memory);
	outbox_cursor_load(&store->cursor);
	outbox_transaction_commit();
	read_snapshot(store, &store->old_snapshot, store->cursor.old_snapshot);
	if (store->cursor.new_snapshot)
	{
		/* Go on inside the interval in which the last process stopped. */
		read_snapshot(store, &store->new_snapshot, store->cursor.new_snapshot);
		store->open = true;
		store->interval.truncated = true;
		store->handed_out = store->cursor.position;
	}
	return store;
}

void
outbox_store_announce_on(OutboxStore *store, const char *channel)
{
	store->channel = channel && channel[0] ? channel : NULL;
}

const char *
outbox_store_settled_snapshot(const OutboxStore *store)
{
	return store->dirty ? NULL : store->cursor.old_snapshot;
}

static int
fetch(void *self, OutboxEvent *events, int max_events, size_t max_bytes)
{
	OutboxStore *store = self;
	int count = 0;

	outbox_transaction_begin();
	MemoryContextReset(store->slice);
	store->fresh = false;
	if (store->open && store->next == store->interval.count && all_settled(store))
	{
		if (store->interval.truncated)
			collect(store);
		if (store->next == store->interval.count)
			close_interval(store);
	}
	if (store->open || open_interval(store))
		count = hand_out(store, events, max_events, max_bytes);
	outbox_transaction_commit();
	return count;
}

static void
rewind_to_settled(void *self)
{
	OutboxStore *store = self;
	uint32_t index = store->interval.first_index;

	if (!store->open)
		return;
	store->handed_out = store->cursor.position;
	for (store->next = 0; store->next < store->interval.count; store->next++)
	{
		const OutboxEntry *entry = &store->interval.entries[store->next];

		if (store->next > 0 && entry->position.last != entry[-1].position.last)
			index = 1;
		if (outbox_position_compare(entry->position, store->cursor.position) > 0)
			break;
		index++;
	}
	store->next_index = index;
}

static void
settle(void *self, OutboxPosition upto, uint64_t sequence, int64_t created)
{
	OutboxStore *store = self;

	store->cursor.position = upto;
	store->cursor.sequence = sequence;
	store->cursor.created = created;
	store->dirty = true;
}

static void
refuse(void *self, const OutboxPosition *position, int code, const char *reason)
{
	OutboxStore *store = self;
	const OutboxEntry *entry = find_entry(store, *position);
	ItemPointerData place;
	Datum values[4];

	outbox_transaction_begin();
	ItemPointerSet(&place, entry->block, entry->offset);
	values[0] = Int32GetDatum(code);
	values[1] = CStringGetTextDatum(reason);
	values[2] = Int64GetDatum(position->id);
	values[3] = PointerGetDatum(&place);
	SPI_connect();
	/* Where it was; if its row has moved, wherever it is. */
	if (!bury(psprintf("FROM ONLY outbox.event_%d WHERE id = $3 AND ctid = $4", entry->child),
			  values))
		(void) bury("FROM outbox.event WHERE id = $3 AND $4 IS NOT NULL", values);
	SPI_finish();
	ForceSyncCommit();
	outbox_transaction_commit();
}

/* Copies the event to the dead letters; false when it is not there, or one already. */
static bool
bury(const char *source, Datum *values)
{
	Oid types[] = {INT4OID, TEXTOID, INT8OID, TIDOID};
	char *query =
		psprintf("INSERT INTO outbox.dead_letter (code, reason, event_id, emitted_at, aggregate,"
				 "       aggregate_id, action, version, content_type, headers, payload)"
				 " SELECT $1, $2, id, emitted_at, aggregate, aggregate_id, action, version,"
				 "        content_type, headers, payload %s"
				 " ON CONFLICT (event_id) DO NOTHING",
				 source);

	if (SPI_execute_with_args(query, lengthof(types), types, values, NULL, false, 0) !=
		SPI_OK_INSERT)
		elog(ERROR, "could not write a dead letter");
	return SPI_processed > 0;
}

static void
persist(void *self)
{
	OutboxStore *store = self;

	if (!store->dirty)
		return;
	outbox_transaction_begin();
	if (store->open && !store->interval.truncated && store->next == store->interval.count &&
		all_settled(store))
		close_interval(store);
	outbox_cursor_save(&store->cursor);
	outbox_transaction_commit();
	store->dirty = false;
	if (store->channel && !outbox_announcement_send(store->channel, store->cursor.sequence))
		store->channel = NULL;
}

static void
settled(void *self, uint64_t *sequence, int64_t *created)
{
	OutboxStore *store = self;

	*sequence = store->cursor.sequence;
	*created = store->cursor.created;
}

static void
read_snapshot(OutboxStore *store, OutboxSnapshot *snapshot, const char *printed)
{
	uint32_t count = outbox_snapshot_text_count(printed);

	if (count > snapshot->capacity || snapshot->running == NULL)
	{
		if (snapshot->running)
			pfree(snapshot->running);
		snapshot->capacity = Max(count, 64);
		snapshot->running =
			MemoryContextAlloc(store->memory, sizeof(uint64_t) * snapshot->capacity);
	}
	if (!outbox_snapshot_parse(snapshot, printed))
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
						errmsg("the relay's cursor holds a malformed snapshot \"%s\"", printed)));
}

/* Is all that was handed out settled? */
static bool
all_settled(const OutboxStore *store)
{
	return outbox_position_compare(store->handed_out, store->cursor.position) <= 0;
}

/* Opens the interval up to now; false when there is nothing in it. */
static bool
open_interval(OutboxStore *store)
{
	char *printed;

	outbox_log_lock();
	outbox_transaction_look_again();
	printed = outbox_cursor_current_snapshot();

	if (strcmp(printed, store->cursor.old_snapshot) == 0)
		return false;
	read_snapshot(store, &store->new_snapshot, printed);
	store->cursor.new_snapshot = MemoryContextStrdup(store->memory, printed);
	store->cursor.position = OUTBOX_POSITION_START;
	store->handed_out = OUTBOX_POSITION_START;
	store->open = true;
	collect(store);
	if (store->interval.count > 0)
		return true;
	close_interval(store);
	return false;
}

/* All that the new snapshot sees is settled. */
static void
close_interval(OutboxStore *store)
{
	OutboxSnapshot spare = store->old_snapshot;

	store->old_snapshot = store->new_snapshot;
	store->new_snapshot = spare;
	pfree(store->cursor.old_snapshot);
	store->cursor.old_snapshot = store->cursor.new_snapshot;
	store->cursor.new_snapshot = NULL;
	store->cursor.position = OUTBOX_POSITION_START;
	store->handed_out = OUTBOX_POSITION_START;
	store->open = false;
	store->interval.count = 0;
	store->next = 0;
}

/* Collects what follows the settled position, and makes it durable. */
static void
collect(OutboxStore *store)
{
	MemoryContext caller;

	outbox_log_lock();
	outbox_transaction_look_again();
	caller = MemoryContextSwitchTo(store->memory);
	outbox_interval_collect(&store->interval, &store->old_snapshot, &store->new_snapshot,
							store->cursor.position);
	MemoryContextSwitchTo(caller);
	store->fresh = true;
	store->next = 0;
	store->next_index = store->interval.first_index;
	outbox_durable_flush(store->interval.newest_commit);
}

static int
hand_out(OutboxStore *store, OutboxEvent *events, int max_events, size_t max_bytes)
{
	Children children = {0};
	int count = 0;
	int gone = 0;
	size_t bytes = 0;

	for (; store->next < store->interval.count && count < max_events && bytes < max_bytes;
		 store->next++, store->next_index++)
	{
		const OutboxEntry *entry = &store->interval.entries[store->next];
		OutboxEvent *event = &events[count];

		CHECK_FOR_INTERRUPTS();
		if (store->next > 0 && entry->position.last != entry[-1].position.last)
			store->next_index = 1;
		if (read_event(store, &children, entry, event))
		{
			event->position = entry->position;
			event->tx_index = store->next_index;
			event->tx_count = entry->tx_count;
			bytes += event->payload_length + strlen(event->headers);
			store->handed_out = entry->position;
			count++;
		}
		else if (store->fresh)
			gone++;
		else
		{
			/* The rows have moved: the rest is found anew when this is settled. */
			store->interval.count = store->next;
			store->interval.truncated = true;
			break;
		}
	}
	close_children(&children);
	if (gone > 0)
		ereport(WARNING, (errmsg("%d events were removed before they were published", gone)));
	return count;
}

/* Reads the entry's row; false when it is not at its place any more. */
static bool
read_event(OutboxStore *store, Children *children, const OutboxEntry *entry, OutboxEvent *event)
{
	int child = entry->child;
	ItemPointerData place;
	Datum id;
	bool isnull;

	if (children->log[child] == NULL)
	{
		children->log[child] = table_open(outbox_log_child(child), AccessShareLock);
		children->slot[child] = table_slot_create(children->log[child], NULL);
		children->blocks[child] = RelationGetNumberOfBlocks(children->log[child]);
	}
	ItemPointerSet(&place, entry->block, entry->offset);
	if (entry->block >= children->blocks[child] ||
		!table_tuple_fetch_row_version(children->log[child], &place, GetActiveSnapshot(),
									   children->slot[child]))
		return false;
	id = slot_getattr(children->slot[child], OUTBOX_EVENT_ID, &isnull);
	if (DatumGetInt64(id) != entry->position.id)
		return false;
	copy_event(store, children->slot[child], event);
	return true;
}

static void
close_children(Children *children)
{
	for (int i = 0; i < OUTBOX_RING_CHILDREN; i++)
	{
		if (children->log[i] == NULL)
			continue;
		ExecDropSingleTupleTableSlot(children->slot[i]);
		table_close(children->log[i], AccessShareLock);
	}
}

/* Copies a row into the slice's memory. */
static void
copy_event(OutboxStore *store, TupleTableSlot *slot, OutboxEvent *event)
{
	MemoryContext caller = MemoryContextSwitchTo(store->slice);
	Datum *values = slot->tts_values;
	bytea *payload;

	slot_getallattrs(slot);
	event->id = DatumGetInt64(values[OUTBOX_EVENT_ID - 1]);
	event->xid = DatumGetUInt64(values[OUTBOX_EVENT_XID - 1]);
	event->emitted_at = DatumGetTimestampTz(values[OUTBOX_EVENT_EMITTED_AT - 1]) +
						(POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;
	event->aggregate = TextDatumGetCString(values[OUTBOX_EVENT_AGGREGATE - 1]);
	event->aggregate_id = utf8(values[OUTBOX_EVENT_AGGREGATE_ID - 1]);
	event->action = TextDatumGetCString(values[OUTBOX_EVENT_ACTION - 1]);
	event->has_version = !slot->tts_isnull[OUTBOX_EVENT_VERSION - 1];
	event->version = event->has_version ? DatumGetInt64(values[OUTBOX_EVENT_VERSION - 1]) : 0;
	event->content_type = utf8(values[OUTBOX_EVENT_CONTENT_TYPE - 1]);
	event->headers = utf8(values[OUTBOX_EVENT_HEADERS - 1]);
	payload = DatumGetByteaPCopy(values[OUTBOX_EVENT_PAYLOAD - 1]);
	event->payload = VARDATA(payload);
	event->payload_length = VARSIZE(payload) - VARHDRSZ;
	MemoryContextSwitchTo(caller);
}

static const OutboxEntry *
find_entry(OutboxStore *store, OutboxPosition position)
{
	for (int i = 0; i < store->interval.count; i++)
		if (outbox_position_compare(store->interval.entries[i].position, position) == 0)
			return &store->interval.entries[i];
	elog(ERROR, "no event at position " INT64_FORMAT, position.id);
}

/* Text of the log as events have it, whatever the database's encoding. */
static const char *
utf8(Datum value)
{
	char *text_in_database = TextDatumGetCString(value);

	if (GetDatabaseEncoding() == PG_UTF8)
		return text_in_database;
	return pg_server_to_any(text_in_database, strlen(text_in_database), PG_UTF8);
}
