/*
 * fake_sieve.c
 *		What the fake store makes of events that were found in the stream.
 */
#include "unit/fake_sieve.h"

#include "unit/fake_quarantine.h"

void
fake_store_adopt(FakeStore *store)
{
	store->cursor.sifting = true;
	store->cursor.highest = store->next_id - 1;
	/* Twice: a crash falls back to the one before. */
	fake_store_save(store, true, true);
	fake_store_save(store, true, true);
}

/* All that is committed and not settled is pending. */
int64_t
fake_sieve_stranger(void *self, const int64_t *events, int count)
{
	FakeStore *store = self;
	int64_t stranger = store->cursor.highest;

	for (int i = 0; i < count; i++)
		if (events[i] > stranger && fake_store_find(store, events[i]) < 0)
			stranger = events[i];
	return stranger > store->cursor.highest ? stranger : 0;
}

bool
fake_sieve_sifting(void *self)
{
	FakeStore *store = self;

	return store->cursor.sifting;
}

void
fake_sieve_sift(void *self, const int64_t *events, int count, uint64_t floor, int64_t created,
				bool last)
{
	FakeStore *store = self;

	for (int i = 0; i < count; i++)
	{
		int row = events[i] > 0 ? fake_store_find(store, events[i]) : -1;

		if (row < 0 || fake_store_standing(store, row) == FAKE_GIVEN_UP)
			continue;
		store->sifted[row] = true;
		if (fake_store_standing(store, row) != FAKE_IN_LOG)
			store->cursor.quarantine.standing[row] = FAKE_LET_GO;
	}
	store->cursor.sequence = floor;
	store->cursor.created = created;
	store->cursor.sifting = !last;
	fake_store_save(store, true, true);
}
