/*
 * fake_store.c
 *		A database in memory, and the relay's store over it.
 */
#include "unit/fake_store.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fetch(void *self, OutboxEvent *events, int max_events, size_t max_bytes);
static void rewind_to_settled(void *self);
static void settle(void *self, OutboxPosition upto, uint64_t sequence, int64_t created);
static void refuse(void *self, const OutboxPosition *position, int code, const char *text);
static void persist(void *self);
static void settled(void *self, uint64_t *sequence, int64_t *created);

const OutboxStoreRoutine fake_store = {
	.fetch = fetch,
	.rewind = rewind_to_settled,
	.settle = settle,
	.refuse = refuse,
	.persist = persist,
	.settled = settled,
};

static void take_snapshot(const FakeStore *store, FakeSnapshot *into);
static void copy_snapshot(FakeSnapshot *to, const FakeSnapshot *from);
static void copy_cursor(FakeCursor *to, const FakeCursor *from);
static bool open_interval(FakeStore *store);
static void close_interval(FakeStore *store);
static void collect(FakeStore *store);
static OutboxPosition position_of(const FakeStore *store, int row);
static void describe(FakeStore *store, int entry, OutboxEvent *event);
static void save_cursor(FakeStore *store, bool synchronous);
static void load_cursor(FakeStore *store, const FakeCursor *from);
static void unlock(FakeStore *store, int transaction);

/* Payloads point here; as large as the largest that a test emits. */
static const char payload[1 << 16];

void
fake_store_init(FakeStore *store, bool durable_intervals)
{
	memset(store, 0, sizeof(*store));
	store->next_xid = store->oldest_xid = 100;
	store->next_id = 1;
	store->durable_intervals = durable_intervals;
	take_snapshot(store, &store->cursor.old_snapshot);
	copy_cursor(&store->saved[0], &store->cursor);
	copy_cursor(&store->saved[1], &store->cursor);
}

void
fake_store_settled_before(FakeStore *store, uint64_t sequence, int64_t created)
{
	store->cursor.sequence = sequence;
	store->cursor.created = created;
	copy_cursor(&store->saved[0], &store->cursor);
	copy_cursor(&store->saved[1], &store->cursor);
}

int
fake_store_begin(FakeStore *store)
{
	FakeTransaction *transaction;

	if (store->transaction_count == FAKE_TRANSACTIONS)
		return -1;
	transaction = &store->transactions[store->transaction_count];
	memset(transaction, 0, sizeof(*transaction));
	transaction->xid = store->next_xid++;
	return store->transaction_count++;
}

int
fake_store_emit(FakeStore *store, int transaction, int aggregate, FakeKind kind,
				size_t payload_length)
{
	FakeTransaction *owner = &store->transactions[transaction];
	FakeRow *row = &store->rows[store->row_count];

	if (store->row_count == FAKE_ROWS || payload_length > sizeof(payload) ||
		(store->locks[aggregate] && store->locks[aggregate] != transaction + 1))
		return -1;
	store->locks[aggregate] = transaction + 1;
	memset(row, 0, sizeof(*row));
	row->id = store->next_id++;
	row->transaction = transaction;
	row->aggregate = aggregate;
	row->kind = kind;
	row->payload_length = payload_length;
	owner->rows++;
	owner->last = row->id;
	return store->row_count++;
}

bool
fake_store_roll_back(FakeStore *store, int transaction)
{
	FakeTransaction *owner = &store->transactions[transaction];
	int undone = -1;

	owner->last = 0;
	for (int i = 0; i < store->row_count; i++)
	{
		FakeRow *row = &store->rows[i];

		if (row->transaction != transaction || row->rolled_back)
			continue;
		if (undone >= 0)
			owner->last = store->rows[undone].id;
		undone = i;
	}
	if (undone < 0)
		return false;
	store->rows[undone].rolled_back = true;
	owner->rows--;
	return true;
}

void
fake_store_commit(FakeStore *store, int transaction, bool synchronous)
{
	FakeTransaction *owner = &store->transactions[transaction];

	owner->state = FAKE_COMMITTED;
	owner->commit_lsn = ++store->lsn;
	if (synchronous)
		store->flushed = store->lsn;
	unlock(store, transaction);
}

void
fake_store_abort(FakeStore *store, int transaction)
{
	store->transactions[transaction].state = FAKE_ABORTED;
	unlock(store, transaction);
}

void
fake_store_restart(FakeStore *store)
{
	load_cursor(store, &store->saved[0]);
}

void
fake_store_crash(FakeStore *store, uint64_t lsn)
{
	int64_t next_id = 1;
	uint64_t next_xid = 100;

	assert(lsn >= store->flushed && lsn <= store->lsn);
	for (int i = 0; i < store->transaction_count; i++)
	{
		FakeTransaction *transaction = &store->transactions[i];

		unlock(store, i);
		if (transaction->state != FAKE_COMMITTED || transaction->commit_lsn > lsn)
			transaction->state = FAKE_ABORTED;
		else if (transaction->xid >= next_xid)
			next_xid = transaction->xid + 1;
	}
	for (int i = 0; i < store->row_count; i++)
	{
		FakeRow *row = &store->rows[i];

		if (row->dead_lsn > lsn)
			row->dead_letter = false;
		if (store->transactions[row->transaction].state == FAKE_COMMITTED && row->id >= next_id)
			next_id = row->id + 1;
	}
	/* Numbers are given out again, unless WAL knew them: lost owners lose theirs. */
	for (int i = 0; i < store->transaction_count; i++)
		if (store->transactions[i].state == FAKE_ABORTED)
			store->transactions[i].xid = 0;
	for (int i = 0; i < store->row_count; i++)
		if (store->transactions[store->rows[i].transaction].state == FAKE_ABORTED)
			store->rows[i].id = 0;
	store->lsn = store->flushed = lsn;
	if (store->saved[0].lsn > lsn)
		copy_cursor(&store->saved[0], &store->saved[1]);
	store->next_id = next_id;
	store->next_xid = next_xid;
	if (store->next_xid < store->saved[0].old_snapshot.snapshot.xmax)
		store->next_xid = store->saved[0].old_snapshot.snapshot.xmax;
	if (store->saved[0].open && store->next_xid < store->saved[0].new_snapshot.snapshot.xmax)
		store->next_xid = store->saved[0].new_snapshot.snapshot.xmax;
	store->oldest_xid = store->next_xid;
	load_cursor(store, &store->saved[0]);
}

int
fake_store_find(const FakeStore *store, int64_t id)
{
	for (int i = store->row_count - 1; i >= 0; i--)
		if (store->rows[i].id == id && fake_store_committed(store, i))
			return i;
	return -1;
}

bool
fake_store_committed(const FakeStore *store, int row)
{
	return !store->rows[row].rolled_back &&
		   store->transactions[store->rows[row].transaction].state == FAKE_COMMITTED;
}

bool
fake_store_durable_row(const FakeStore *store, int row)
{
	return fake_store_committed(store, row) &&
		   store->transactions[store->rows[row].transaction].commit_lsn <= store->flushed;
}

bool
fake_store_row_settled(const FakeStore *store, int row)
{
	const FakeCursor *cursor = &store->cursor;
	uint64_t xid = store->transactions[store->rows[row].transaction].xid;

	if (outbox_snapshot_sees(&cursor->old_snapshot.snapshot, xid))
		return true;
	return cursor->open && outbox_snapshot_sees(&cursor->new_snapshot.snapshot, xid) &&
		   outbox_position_compare(position_of(store, row), cursor->position) <= 0;
}

static int
fetch(void *self, OutboxEvent *events, int max_events, size_t max_bytes)
{
	FakeStore *store = self;
	int count = 0;
	size_t bytes = 0;

	store->fetches++;
	if (store->cursor.open && store->next == store->entry_count &&
		(store->entry_count == 0 ||
		 outbox_position_compare(position_of(store, store->entries[store->entry_count - 1]),
								 store->cursor.position) <= 0))
		close_interval(store);
	if (!store->cursor.open && !open_interval(store))
		return 0;
	store->flushed = store->lsn;
	while (store->next < store->entry_count && count < max_events && bytes < max_bytes)
	{
		describe(store, store->next++, &events[count]);
		bytes += events[count++].payload_length;
	}
	return count;
}

static void
rewind_to_settled(void *self)
{
	FakeStore *store = self;

	store->next = 0;
	while (store->next < store->entry_count &&
		   outbox_position_compare(position_of(store, store->entries[store->next]),
								   store->cursor.position) <= 0)
		store->next++;
}

static void
settle(void *self, OutboxPosition upto, uint64_t sequence, int64_t created)
{
	FakeStore *store = self;
	bool known = false;

	assert(store->cursor.open);
	assert(outbox_position_compare(upto, store->cursor.position) > 0);
	for (int i = 0; i < store->next; i++)
	{
		int row = store->entries[i];
		OutboxPosition position = position_of(store, row);

		if (outbox_position_compare(position, upto) == 0)
			known = true;
		if (outbox_position_compare(position, store->cursor.position) <= 0 ||
			outbox_position_compare(position, upto) > 0)
			continue;
		store->rows[row].settled = true;
		store->settled_events++;
		if (store->on_settle)
			store->on_settle(store->context, row);
	}
	assert(known);
	store->cursor.position = upto;
	store->cursor.sequence = sequence;
	store->cursor.created = created;
	store->dirty = true;
}

static void
refuse(void *self, const OutboxPosition *position, int code, const char *text)
{
	FakeStore *store = self;
	int row = fake_store_find(store, position->id);

	assert(row >= 0 && text != NULL);
	(void) code;
	store->lsn++;
	if (!store->rows[row].dead_letter)
		store->rows[row].dead_lsn = store->lsn;
	store->rows[row].dead_letter = true;
	store->flushed = store->lsn;
}

static void
persist(void *self)
{
	FakeStore *store = self;

	if (!store->dirty)
		return;
	save_cursor(store, false);
	store->dirty = false;
}

static void
settled(void *self, uint64_t *sequence, int64_t *created)
{
	FakeStore *store = self;

	*sequence = store->cursor.sequence;
	*created = store->cursor.created;
}

/* What has finished is below xmax, which follows the last that finished. */
static void
take_snapshot(const FakeStore *store, FakeSnapshot *into)
{
	OutboxSnapshot *snapshot = &into->snapshot;

	snapshot->running = into->running;
	snapshot->capacity = FAKE_TRANSACTIONS;
	snapshot->count = 0;
	snapshot->xmax = store->oldest_xid;
	for (int i = 0; i < store->transaction_count; i++)
		if (store->transactions[i].state != FAKE_RUNNING &&
			store->transactions[i].xid >= snapshot->xmax)
			snapshot->xmax = store->transactions[i].xid + 1;
	snapshot->xmin = snapshot->xmax;
	for (int i = 0; i < store->transaction_count; i++)
	{
		const FakeTransaction *transaction = &store->transactions[i];

		if (transaction->state != FAKE_RUNNING || transaction->xid >= snapshot->xmax)
			continue;
		if (snapshot->count == 0)
			snapshot->xmin = transaction->xid;
		snapshot->running[snapshot->count++] = transaction->xid;
	}
}

static void
copy_snapshot(FakeSnapshot *to, const FakeSnapshot *from)
{
	to->snapshot = from->snapshot;
	to->snapshot.running = to->running;
	memcpy(to->running, from->running, from->snapshot.count * sizeof(from->running[0]));
}

static void
copy_cursor(FakeCursor *to, const FakeCursor *from)
{
	copy_snapshot(&to->old_snapshot, &from->old_snapshot);
	copy_snapshot(&to->new_snapshot, &from->new_snapshot);
	to->open = from->open;
	to->position = from->position;
	to->sequence = from->sequence;
	to->created = from->created;
	to->lsn = from->lsn;
}

static bool
open_interval(FakeStore *store)
{
	take_snapshot(store, &store->cursor.new_snapshot);
	store->cursor.open = true;
	store->cursor.position = OUTBOX_POSITION_START;
	collect(store);
	if (store->entry_count == 0)
	{
		close_interval(store);
		return false;
	}
	if (store->durable_intervals)
		save_cursor(store, true);
	return true;
}

static void
close_interval(FakeStore *store)
{
	copy_snapshot(&store->cursor.old_snapshot, &store->cursor.new_snapshot);
	store->cursor.open = false;
	store->cursor.position = OUTBOX_POSITION_START;
	store->entry_count = 0;
	store->next = 0;
}

static int
compare_entries(const void *left, const void *right, void *context)
{
	return outbox_position_compare(position_of(context, *(const int *) left),
								   position_of(context, *(const int *) right));
}

static void
collect(FakeStore *store)
{
	store->entry_count = 0;
	store->next = 0;
	for (int i = 0; i < store->row_count; i++)
		if (fake_store_committed(store, i) &&
			outbox_interval_contains(&store->cursor.old_snapshot.snapshot,
									 &store->cursor.new_snapshot.snapshot,
									 store->transactions[store->rows[i].transaction].xid))
			store->entries[store->entry_count++] = i;
	qsort_r(store->entries, store->entry_count, sizeof(int), compare_entries, store);
}

static OutboxPosition
position_of(const FakeStore *store, int row)
{
	const FakeRow *found = &store->rows[row];

	return (OutboxPosition){store->transactions[found->transaction].last, found->id};
}

static void
describe(FakeStore *store, int entry, OutboxEvent *event)
{
	int row = store->entries[entry];
	const FakeRow *found = &store->rows[row];
	const FakeTransaction *owner = &store->transactions[found->transaction];

	memset(event, 0, sizeof(*event));
	event->id = found->id;
	event->position = position_of(store, row);
	event->xid = owner->xid;
	event->tx_count = (uint32_t) owner->rows;
	event->tx_index = 1;
	for (int i = entry - 1;
		 i >= 0 && store->rows[store->entries[i]].transaction == found->transaction; i--)
		event->tx_index++;
	snprintf(store->texts[row], sizeof(store->texts[row]), "%d", found->aggregate);
	event->aggregate = found->kind == FAKE_ILLEGAL ? "il legal" : "order";
	event->aggregate_id = store->texts[row];
	event->action = found->kind == FAKE_REFUSED ? "refused" : "placed";
	event->content_type = "application/json";
	event->headers = "";
	event->payload = payload;
	event->payload_length = found->payload_length;
}

/* saved[1] is what a crash falls back to when the last write is not flushed. */
static void
save_cursor(FakeStore *store, bool synchronous)
{
	if (store->saved[0].lsn <= store->flushed)
		copy_cursor(&store->saved[1], &store->saved[0]);
	store->lsn++;
	store->cursor.lsn = store->lsn;
	copy_cursor(&store->saved[0], &store->cursor);
	if (synchronous)
		store->flushed = store->lsn;
}

static void
load_cursor(FakeStore *store, const FakeCursor *from)
{
	copy_cursor(&store->cursor, from);
	store->dirty = false;
	store->settled_events = 0;
	store->entry_count = 0;
	store->next = 0;
	if (!store->cursor.open)
		return;
	collect(store);
	rewind_to_settled(store);
}

static void
unlock(FakeStore *store, int transaction)
{
	for (int i = 0; i < FAKE_AGGREGATES; i++)
		if (store->locks[i] == transaction + 1)
			store->locks[i] = 0;
}
