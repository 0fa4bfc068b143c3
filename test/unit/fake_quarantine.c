/*
 * fake_quarantine.c
 *		Dead letters of the fake store, and what waits behind them.
 */
#include "unit/fake_quarantine.h"

#include <assert.h>
#include <stdlib.h>

static bool holds(const FakeStore *store, int row);
static bool is_held(const FakeStore *store, int aggregate);
static bool unblock(FakeStore *store);
static int compare_rows(const void *left, const void *right, void *context);

FakeStanding
fake_store_standing(const FakeStore *store, int row)
{
	return (FakeStanding) store->cursor.quarantine.standing[row];
}

bool
fake_store_is_dead(const FakeStore *store, int row)
{
	FakeStanding standing = fake_store_standing(store, row);

	return standing == FAKE_DEAD || standing == FAKE_MARKED || standing == FAKE_GIVEN_UP;
}

bool
fake_store_redrive(FakeStore *store, int row, bool synchronous)
{
	if (fake_store_standing(store, row) != FAKE_DEAD)
		return false;
	for (int i = 0; i < store->row_count; i++)
		if (holds(store, i) && store->rows[i].aggregate == store->rows[row].aggregate &&
			store->rows[i].id < store->rows[row].id)
			return false;
	store->cursor.quarantine.standing[row] = FAKE_MARKED;
	fake_store_save(store, false, synchronous);
	return true;
}

bool
fake_store_discard(FakeStore *store, int row, bool synchronous)
{
	if (fake_store_standing(store, row) != FAKE_DEAD)
		return false;
	store->cursor.quarantine.standing[row] = FAKE_GIVEN_UP;
	fake_store_save(store, false, synchronous);
	return true;
}

bool
fake_quarantine_park(FakeStore *store, int row)
{
	FakeQuarantine *quarantine = &store->cursor.quarantine;

	if (!quarantine->blocked[store->rows[row].aggregate])
		return false;
	assert(!fake_store_is_dead(store, row));
	if (quarantine->standing[row] != FAKE_WAITING)
	{
		quarantine->standing[row] = FAKE_WAITING;
		fake_store_save(store, true, false);
	}
	return true;
}

void
fake_quarantine_bury(FakeStore *store, int row)
{
	FakeQuarantine *quarantine = &store->cursor.quarantine;
	int aggregate = store->rows[row].aggregate;

	/* What others have passed holds none of them from now on. */
	quarantine->blocks[row] =
		store->blocking && (quarantine->standing[row] != FAKE_MARKED || quarantine->blocks[row]);
	quarantine->standing[row] = FAKE_DEAD;
	if (!quarantine->blocks[row])
		return;
	quarantine->blocked[aggregate] = true;
	for (int i = 0; i < store->row_count; i++)
		if (store->rows[i].aggregate == aggregate && store->rows[i].id > store->rows[row].id &&
			quarantine->standing[i] == FAKE_MARKED)
			quarantine->standing[i] = FAKE_DEAD;
}

/* It has been stored once, so nobody waits. */
void
fake_quarantine_bury_again(FakeStore *store, int row)
{
	store->cursor.quarantine.blocks[row] = false;
	store->cursor.quarantine.standing[row] = FAKE_DEAD;
}

bool
fake_quarantine_open(FakeStore *store)
{
	store->entry_count = 0;
	store->next = 0;
	for (int i = 0; i < store->row_count; i++)
	{
		FakeStanding standing = fake_store_standing(store, i);

		if (standing == FAKE_MARKED ||
			(standing == FAKE_WAITING && !is_held(store, store->rows[i].aggregate)))
			store->entries[store->entry_count++] = i;
	}
	store->releasing = store->entry_count > 0;
	if (store->releasing)
	{
		qsort_r(store->entries, store->entry_count, sizeof(int), compare_rows, store);
		store->cursor.position = OUTBOX_POSITION_START;
		store->handed_out = OUTBOX_POSITION_START;
	}
	else if (unblock(store))
		fake_store_save(store, false, false);
	return store->releasing;
}

void
fake_quarantine_settle(FakeStore *store, int64_t upto)
{
	for (int i = 0; i < store->next; i++)
		if (store->rows[store->entries[i]].id <= upto)
			store->cursor.quarantine.standing[store->entries[i]] = FAKE_LET_GO;
}

void
fake_quarantine_close(FakeStore *store)
{
	store->releasing = false;
	store->entry_count = 0;
	store->next = 0;
	store->cursor.position = OUTBOX_POSITION_START;
	store->handed_out = OUTBOX_POSITION_START;
	(void) unblock(store);
}

bool
fake_quarantine_handed_out(const FakeStore *store, int row)
{
	for (int i = 0; i < store->next; i++)
		if (store->entries[i] == row)
			return true;
	return false;
}

/* A dead letter behind which its aggregate waits. */
static bool
holds(const FakeStore *store, int row)
{
	return fake_store_standing(store, row) == FAKE_DEAD && store->cursor.quarantine.blocks[row];
}

static bool
is_held(const FakeStore *store, int aggregate)
{
	for (int i = 0; i < store->row_count; i++)
		if (store->rows[i].aggregate == aggregate && holds(store, i))
			return true;
	return false;
}

/* Forgets the aggregates that nothing blocks any more; false: none. */
static bool
unblock(FakeStore *store)
{
	bool busy[FAKE_AGGREGATES] = {false};
	bool changed = false;

	for (int i = 0; i < store->row_count; i++)
	{
		FakeStanding standing = fake_store_standing(store, i);

		busy[store->rows[i].aggregate] |=
			standing == FAKE_WAITING || standing == FAKE_MARKED || holds(store, i);
	}
	for (int i = 0; i < FAKE_AGGREGATES; i++)
	{
		changed |= store->cursor.quarantine.blocked[i] && !busy[i];
		store->cursor.quarantine.blocked[i] &= busy[i];
	}
	return changed;
}

static int
compare_rows(const void *left, const void *right, void *context)
{
	const FakeStore *store = context;
	int64_t a = store->rows[*(const int *) left].id;
	int64_t b = store->rows[*(const int *) right].id;

	return a < b ? -1 : a > b;
}
