/*
 * fake_database.c
 *		A database in memory: its transactions.
 */
#include <string.h>

#include "unit/fake_store.h"

static void unlock(FakeStore *store, int transaction);

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

	if (store->row_count == FAKE_ROWS || payload_length > FAKE_PAYLOAD_MAX ||
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

static void
unlock(FakeStore *store, int transaction)
{
	for (int i = 0; i < FAKE_AGGREGATES; i++)
		if (store->locks[i] == transaction + 1)
			store->locks[i] = 0;
}
