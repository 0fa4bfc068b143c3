/*
 * fake_store.c
 *		The relay's store over a database in memory.
 */
#include "unit/fake_quarantine.h"
#include "unit/fake_sieve.h"
#include "unit/fake_trail.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fetch(void *self, OutboxEvent *events, int max_events, size_t max_bytes);
static void rewind_to_settled(void *self);
static void settle(void *self, OutboxPosition upto, uint64_t sequence, int64_t created);
static void refuse(void *self, const OutboxPosition *position, int code, const char *text,
				   uint64_t sequence, int64_t created);
static void settled(void *self, uint64_t *sequence, int64_t *created);

const OutboxStoreRoutine fake_store = {
	.fetch = fetch,
	.rewind = rewind_to_settled,
	.settle = settle,
	.refuse = refuse,
	.persist = fake_store_persist,
	.settled = settled,
	.stranger = fake_sieve_stranger,
	.sifting = fake_sieve_sifting,
	.sift = fake_sieve_sift,
	.note = fake_trail_note,
	.held = fake_trail_held,
	.trail = fake_trail_read,
	.lose = fake_trail_lose,
	.checked = fake_trail_checked,
};

static void raise_highest(FakeStore *store, int64_t event);
static void take_snapshot(const FakeStore *store, FakeSnapshot *into);
static void copy_snapshot(FakeSnapshot *to, const FakeSnapshot *from);
static void copy_cursor(FakeCursor *to, const FakeCursor *from);
static bool make_ready(FakeStore *store, bool *looked);
static bool all_settled(const FakeStore *store);
static bool open_interval(FakeStore *store);
static void close_interval(FakeStore *store);
static void collect(FakeStore *store);
static OutboxPosition position_of(const FakeStore *store, int row);
static void note_settled(FakeStore *store, int row);
static void load_cursor(FakeStore *store, const FakeCursor *from);

/* Payloads point here; as large as the largest that a test emits. */
static const char payload[FAKE_PAYLOAD_MAX];

void
fake_store_init(FakeStore *store)
{
	memset(store, 0, sizeof(*store));
	store->next_xid = store->oldest_xid = 100;
	store->next_id = 1;
	store->blocking = true;
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

	memset(store->locks, 0, sizeof(store->locks));
	assert(lsn >= store->flushed && lsn <= store->lsn);
	for (int i = 0; i < store->transaction_count; i++)
	{
		FakeTransaction *transaction = &store->transactions[i];

		if (transaction->state != FAKE_COMMITTED || transaction->commit_lsn > lsn)
			transaction->state = FAKE_ABORTED;
		else if (transaction->xid >= next_xid)
			next_xid = transaction->xid + 1;
	}
	for (int i = 0; i < store->row_count; i++)
	{
		FakeRow *row = &store->rows[i];

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

bool
fake_store_row_settled(const FakeStore *store, int row)
{
	const FakeCursor *cursor = &store->cursor;
	uint64_t xid = store->transactions[store->rows[row].transaction].xid;
	FakeStanding standing = fake_store_standing(store, row);

	if (standing == FAKE_WAITING || standing == FAKE_MARKED)
		return store->releasing && fake_quarantine_handed_out(store, row) &&
			   store->rows[row].id <= cursor->position.id;
	if (outbox_snapshot_sees(&cursor->old_snapshot.snapshot, xid))
		return true;
	return cursor->open && outbox_snapshot_sees(&cursor->new_snapshot.snapshot, xid) &&
		   outbox_position_compare(position_of(store, row), cursor->position) <= 0;
}

static int
fetch(void *self, OutboxEvent *events, int max_events, size_t max_bytes)
{
	FakeStore *store = self;
	bool looked = false;
	int count = 0;
	size_t bytes = 0;

	store->fetches++;
	if (fake_trail_fetch(store, events, max_events, &count))
		return count;
	while (count == 0 && make_ready(store, &looked))
	{
		if (store->withholding && !store->releasing)
			return OUTBOX_STORE_WITHHELD;
		store->flushed = store->lsn;
		while (store->next < store->entry_count && count < max_events && bytes < max_bytes)
		{
			int row = store->entries[store->next++];

			if (!store->releasing && fake_quarantine_park(store, row))
				continue;
			fake_store_describe(store, row, &events[count]);
			events[count].position = position_of(store, row);
			events[count].let_go = store->releasing;
			store->handed_out = events[count].position;
			bytes += events[count++].payload_length;
		}
		if (count > 0 || store->releasing || !all_settled(store))
			continue;
		/* All before the next entry is parked. */
		store->cursor.position = position_of(store, store->entries[store->next - 1]);
		store->handed_out = store->cursor.position;
		raise_highest(store, store->cursor.position.last);
		fake_store_save(store, true, false);
		store->dirty = false;
	}
	return count;
}

static void
rewind_to_settled(void *self)
{
	FakeStore *store = self;

	fake_trail_rewind(store);
	store->next = 0;
	store->handed_out = store->cursor.position;
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

	store->cursor.sequence = sequence;
	store->cursor.created = created;
	store->dirty = true;
	if (store->again)
	{
		fake_trail_settle(store, upto);
		return;
	}
	assert(store->cursor.open || store->releasing);
	assert(outbox_position_compare(upto, store->cursor.position) > 0);
	for (int i = 0; i < store->next; i++)
	{
		int row = store->entries[i];
		OutboxPosition position = position_of(store, row);

		if (outbox_position_compare(position, upto) == 0)
			known = true;
		if (outbox_position_compare(position, store->cursor.position) <= 0 ||
			outbox_position_compare(position, upto) > 0 ||
			(!store->releasing && fake_store_standing(store, row) == FAKE_WAITING))
			continue;
		note_settled(store, row);
	}
	assert(known);
	store->cursor.position = upto;
	raise_highest(store, upto.last);
}

static void
refuse(void *self, const OutboxPosition *position, int code, const char *text, uint64_t sequence,
	   int64_t created)
{
	FakeStore *store = self;
	int row = fake_store_find(store, position->id);
	bool releasing = store->releasing && !store->again;

	assert(row >= 0 && text != NULL);
	(void) code;
	if (store->again)
	{
		fake_quarantine_bury_again(store, row);
		store->settled_events++;
	}
	else if (releasing)
		fake_quarantine_settle(store, position->id - 1);
	if (!store->again)
		fake_quarantine_bury(store, row);
	settle(store, *position, sequence, created);
	if (releasing)
		fake_quarantine_close(store);
	fake_store_save(store, true, true);
	store->dirty = false;
}

void
fake_store_persist(void *self, bool durable)
{
	FakeStore *store = self;

	if (!store->dirty && !durable)
		return;
	if (store->releasing)
		fake_quarantine_settle(store, store->cursor.position.id);
	fake_store_save(store, true, durable);
	store->dirty = false;
}

static void
settled(void *self, uint64_t *sequence, int64_t *created)
{
	FakeStore *store = self;

	*sequence = store->cursor.sequence;
	*created = store->cursor.created;
}

static void
raise_highest(FakeStore *store, int64_t event)
{
	if (event > store->cursor.highest)
		store->cursor.highest = event;
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
	to->highest = from->highest;
	to->sifting = from->sifting;
	to->quarantine = from->quarantine;
	fake_trail_copy(&to->trail, &from->trail);
	to->lsn = from->lsn;
}

/* As in the real store: what is let go comes first, while no interval is open. */
static bool
make_ready(FakeStore *store, bool *looked)
{
	if (store->next < store->entry_count)
		return true;
	if (!all_settled(store))
		return false;
	if (store->releasing)
	{
		fake_quarantine_settle(store, store->handed_out.id);
		fake_quarantine_close(store);
		fake_store_save(store, true, false);
		store->dirty = false;
	}
	if (store->cursor.open)
		close_interval(store);
	if (fake_quarantine_open(store))
		return true;
	if (*looked)
		return false;
	*looked = true;
	return open_interval(store);
}

static bool
all_settled(const FakeStore *store)
{
	return outbox_position_compare(store->handed_out, store->cursor.position) <= 0;
}

static bool
open_interval(FakeStore *store)
{
	take_snapshot(store, &store->cursor.new_snapshot);
	store->cursor.open = true;
	store->cursor.position = OUTBOX_POSITION_START;
	store->handed_out = OUTBOX_POSITION_START;
	collect(store);
	if (store->entry_count == 0)
	{
		close_interval(store);
		return false;
	}
	if (store->entry_count > 1)
		fake_store_save(store, true, true);
	return true;
}

static void
close_interval(FakeStore *store)
{
	copy_snapshot(&store->cursor.old_snapshot, &store->cursor.new_snapshot);
	store->cursor.open = false;
	store->cursor.position = OUTBOX_POSITION_START;
	store->handed_out = OUTBOX_POSITION_START;
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
		if (fake_store_committed(store, i) && !store->sifted[i] &&
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

	if (store->releasing)
		return (OutboxPosition){found->id, found->id};
	return (OutboxPosition){store->transactions[found->transaction].last, found->id};
}

void
fake_store_describe(FakeStore *store, int row, OutboxEvent *event)
{
	const FakeRow *found = &store->rows[row];
	const FakeTransaction *owner = &store->transactions[found->transaction];

	memset(event, 0, sizeof(*event));
	event->id = found->id;
	event->xid = owner->xid;
	event->tx_count = (uint32_t) owner->rows;
	event->tx_index = 1;
	for (int i = 0; i < row; i++)
		event->tx_index +=
			store->rows[i].transaction == found->transaction && !store->rows[i].rolled_back;
	snprintf(store->texts[row], sizeof(store->texts[row]), "%d", found->aggregate);
	event->aggregate = found->kind == FAKE_ILLEGAL ? "il legal" : "order";
	event->aggregate_id = store->texts[row];
	event->action = found->kind == FAKE_REFUSED ? "refused" : "placed";
	event->content_type = "application/json";
	event->headers = "";
	event->emitted_at = 1;
	event->payload = payload;
	event->payload_length = found->payload_length;
}

static void
note_settled(FakeStore *store, int row)
{
	store->settled_events++;
	if (store->on_settle)
		store->on_settle(store->context, row);
}

/* saved[1] is what a crash falls back to when the last write is not flushed. */
void
fake_store_save(FakeStore *store, bool with_cursor, bool synchronous)
{
	if (store->on_save)
		store->on_save(store->context);
	if (store->saved[0].lsn <= store->flushed)
		copy_cursor(&store->saved[1], &store->saved[0]);
	if (with_cursor)
		copy_cursor(&store->saved[0], &store->cursor);
	else
		store->saved[0].quarantine = store->cursor.quarantine;
	store->saved[0].lsn = ++store->lsn;
	if (!synchronous)
		return;
	store->flushed = store->lsn;
	if (with_cursor)
		store->kept_events = store->settled_events;
}

static void
load_cursor(FakeStore *store, const FakeCursor *from)
{
	copy_cursor(&store->cursor, from);
	store->dirty = false;
	store->releasing = false;
	store->gone = 0;
	fake_trail_rewind(store);
	store->handed_out = store->cursor.position;
	store->settled_events = 0;
	store->kept_events = 0;
	store->entry_count = 0;
	store->next = 0;
	if (!store->cursor.open)
	{
		store->cursor.position = store->handed_out = OUTBOX_POSITION_START;
		return;
	}
	collect(store);
	rewind_to_settled(store);
}
