/*
 * store_steps.c
 *		The steps that the tests of the store's contract are made of.
 */
#include "contract/store_steps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

const StoreBench *store_bench;

StoreTest
store_begin(void)
{
	StoreTest test = {.bench = store_bench->open()};

	return test;
}

void
store_finish(StoreTest *test)
{
	store_bench->close(test->bench);
}

int
store_fetch_some(StoreTest *test, int most, size_t bytes)
{
	memset(test->events, 0x5a, sizeof(test->events));
	test->count =
		store_bench->routine->fetch(store_bench->self(test->bench), test->events, most, bytes);
	return test->count;
}

int
store_fetch(StoreTest *test)
{
	return store_fetch_some(test, MOST, 1 << 20);
}

void
store_settle(StoreTest *test, OutboxPosition upto, uint64_t sequence)
{
	store_bench->routine->settle(store_bench->self(test->bench), upto, sequence, CREATED);
}

/* Settles all of the last fetch. */
void
store_settle_all(StoreTest *test, uint64_t sequence)
{
	store_settle(test, test->events[test->count - 1].position, sequence);
}

void
store_rewind(StoreTest *test)
{
	store_bench->routine->rewind(store_bench->self(test->bench));
}

void
store_persist(StoreTest *test)
{
	store_bench->routine->persist(store_bench->self(test->bench), false);
}

void
store_refuse(StoreTest *test, int event)
{
	store_bench->routine->refuse(store_bench->self(test->bench), &test->events[event].position,
								 10054, "too large", 1, CREATED);
	store_rewind(test);
}

int64_t
store_commit_event(StoreTest *test, int aggregate)
{
	int transaction = store_bench->begin(test->bench);
	int64_t event = store_emit(test, transaction, aggregate);

	store_bench->commit(test->bench, transaction);
	return event;
}

int64_t
store_emit(StoreTest *test, int transaction, int aggregate)
{
	return store_bench->emit(test->bench, transaction, aggregate, 10);
}

/* One transaction of so many events; returns the first one's id. */
int64_t
store_commit_events(StoreTest *test, int events)
{
	int transaction = store_bench->begin(test->bench);
	int64_t first = 0;

	for (int i = 0; i < events; i++)
	{
		int64_t id = store_emit(test, transaction, 0);

		if (i == 0)
			first = id;
	}
	store_bench->commit(test->bench, transaction);
	return first;
}

void
store_expect_events(StoreTest *test, const int64_t *ids, int count)
{
	assert_int_equal(store_fetch(test), count);
	for (int i = 0; i < count; i++)
	{
		assert_int_equal(test->events[i].id, ids[i]);
		assert_int_equal(test->events[i].position.id, ids[i]);
		if (i > 0)
			assert_true(outbox_position_compare(test->events[i - 1].position,
												test->events[i].position) < 0);
	}
}
