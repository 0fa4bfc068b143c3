/*
 * store_backlog.c
 *		The part of the suite about large backlogs.
 *
 * *Writers* are transactions of all sizes, side by side; some are open while others
 * come and go.  What they commit waits together and is then fetched in pieces, over
 * rewinds, restarts and rows that move.  Chance comes from a seed, which is printed;
 * SEED chooses it.
 *
 * Promises: Never skipped, In order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "contract/store_steps.h"
#include "domain/backoff.h"

#define BACKLOGS 6
#define WRITERS 60
#define SIDE_BY_SIDE 5
#define EVENTS 440
#define LARGE 120

typedef struct Writer
{
	int transaction;
	int aggregate; /* held by no other open writer */
	bool open;
	bool committed;
	int began; /* when it emitted first, and when it ended: events so far */
	int ended;
	int first; /* place of its first event among those that have arrived */
	int count;
	int64_t ids[LARGE];
} Writer;

typedef struct Backlog
{
	StoreTest test;
	uint64_t random;
	Writer writers[WRITERS];
	int writer_count;
	int events; /* emitted so far */
	int committed;
	int arrived;
} Backlog;

static uint64_t seed;

static int
chance(Backlog *backlog, int below)
{
	backlog->random = outbox_backoff_mix(backlog->random);
	return (int) (backlog->random >> 33) % below;
}

static void
write_some(Backlog *backlog, Writer *writer, int count)
{
	if (writer->count == 0)
		writer->began = backlog->events;
	for (; count > 0 && writer->count < LARGE && backlog->events < EVENTS; count--)
	{
		size_t length = (size_t) chance(backlog, 1000);

		writer->ids[writer->count++] =
			store_bench->emit(backlog->test.bench, writer->transaction, writer->aggregate, length);
		backlog->events++;
	}
}

static void
end(Backlog *backlog, Writer *writer)
{
	writer->open = false;
	writer->ended = backlog->events;
	writer->committed = chance(backlog, 5) > 0;
	if (writer->committed)
		store_bench->commit(backlog->test.bench, writer->transaction);
	else
		store_bench->abort(backlog->test.bench, writer->transaction);
	if (writer->committed)
		backlog->committed += writer->count;
}

static Writer *
new_writer(Backlog *backlog, unsigned held)
{
	Writer *writer;

	if (backlog->writer_count == WRITERS)
		return NULL;
	writer = &backlog->writers[backlog->writer_count++];
	writer->transaction = store_bench->begin(backlog->test.bench);
	writer->open = true;
	while (held & (1U << writer->aggregate))
		writer->aggregate++;
	return writer;
}

/* Some writer that is open, or a new one; NULL: there can be no more. */
static Writer *
any_writer(Backlog *backlog)
{
	int which = chance(backlog, SIDE_BY_SIDE);
	unsigned held = 0;

	for (int i = 0; i < backlog->writer_count; i++)
	{
		if (!backlog->writers[i].open)
			continue;
		if (which-- == 0)
			return &backlog->writers[i];
		held |= 1U << backlog->writers[i].aggregate;
	}
	return new_writer(backlog, held);
}

/* Writes until there are so many events; all: and ends all writers. */
static void
fill(Backlog *backlog, int events, bool all)
{
	for (int turns = 0; backlog->events < events && turns < 1000; turns++)
	{
		Writer *writer = any_writer(backlog);

		if (writer == NULL)
			continue;
		write_some(backlog, writer, chance(backlog, 12) == 0 ? LARGE : 1 + chance(backlog, 4));
		if (chance(backlog, 3) == 0)
			end(backlog, writer);
	}
	for (int i = 0; all && i < backlog->writer_count; i++)
		if (backlog->writers[i].open)
			end(backlog, &backlog->writers[i]);
}

/* Its writer, and its place in that, from 0. */
static Writer *
writer_of(Backlog *backlog, int64_t id, int *place)
{
	for (int i = 0; i < backlog->writer_count; i++)
		for (*place = 0; *place < backlog->writers[i].count; ++*place)
			if (backlog->writers[i].ids[*place] == id)
				return &backlog->writers[i];
	return NULL;
}

/* What arrives next: of a committed writer, next to the rest of it, after its elders. */
static void
expect(Backlog *backlog, const OutboxEvent *event)
{
	int place = 0;
	Writer *writer = writer_of(backlog, event->id, &place);

	assert_non_null(writer);
	assert_true(writer->committed);
	assert_int_equal(event->tx_count, writer->count);
	assert_int_equal(event->tx_index, place + 1);
	assert_int_equal(event->position.last, writer->ids[writer->count - 1]);
	if (place == 0)
		writer->first = backlog->arrived;
	assert_int_equal(writer->first + place, backlog->arrived);
	for (int i = 0; place == 0 && i < backlog->writer_count; i++)
	{
		const Writer *elder = &backlog->writers[i];

		if (elder->committed && elder->count > 0 && elder->ended <= writer->began)
			assert_true(elder->first >= 0 && elder->first < writer->first);
	}
	backlog->arrived++;
}

static void
have_an_accident(Backlog *backlog, bool may_move)
{
	switch (chance(backlog, 12))
	{
		case 0:
			store_rewind(&backlog->test);
			break;
		case 1:
			store_persist(&backlog->test);
			store_bench->restart(backlog->test.bench);
			break;
		case 2:
			if (may_move && store_bench->move)
				store_bench->move(backlog->test.bench);
			break;
		default:
			break;
	}
}

/* Fetches all that has committed, in pieces, of which only a part may be settled. */
static void
drain(Backlog *backlog, bool may_move)
{
	StoreTest *test = &backlog->test;

	while (store_fetch_some(test, 1 + chance(backlog, MOST), 1 + (size_t) chance(backlog, 20000)) >
		   0)
	{
		int settled = chance(backlog, 4) == 0 ? 1 + chance(backlog, test->count) : test->count;

		for (int i = 0; i < settled; i++)
			expect(backlog, &test->events[i]);
		store_settle(test, test->events[settled - 1].position, 1);
		if (settled < test->count)
			store_rewind(test);
		have_an_accident(backlog, may_move);
	}
}

static void
a_backlog_comes_once_in_order_and_whole(void **state)
{
	(void) state;
	for (uint64_t i = 0; i < BACKLOGS; i++)
	{
		static Backlog backlog;

		memset(&backlog, 0, sizeof(backlog));
		for (int w = 0; w < WRITERS; w++)
			backlog.writers[w].first = -1;
		backlog.random = outbox_backoff_mix(seed + i);
		backlog.test = store_begin();
		/* An interval with holes: some are open, and end in the second one. */
		fill(&backlog, EVENTS / 2, false);
		drain(&backlog, false);
		fill(&backlog, EVENTS, true);
		drain(&backlog, true);
		assert_int_equal(backlog.arrived, backlog.committed);
		store_finish(&backlog.test);
	}
}

static void
settled_events_that_move_leave_the_numbers_of_the_rest(void **state)
{
	static Backlog backlog;
	Writer *writer = &backlog.writers[0];

	(void) state;
	memset(&backlog, 0, sizeof(backlog));
	backlog.random = outbox_backoff_mix(seed);
	backlog.test = store_begin();
	writer->transaction = store_bench->begin(backlog.test.bench);
	backlog.writer_count = 1;
	write_some(&backlog, writer, LARGE);
	writer->ended = backlog.events;
	writer->committed = true;
	store_bench->commit(backlog.test.bench, writer->transaction);
	while (store_fetch_some(&backlog.test, 7, 1 << 20) > 0)
	{
		for (int i = 0; i < backlog.test.count; i++)
			expect(&backlog, &backlog.test.events[i]);
		store_settle_all(&backlog.test, 1);
		store_persist(&backlog.test);
		if (store_bench->move)
			store_bench->move(backlog.test.bench);
	}
	assert_int_equal(backlog.arrived, LARGE);
	store_finish(&backlog.test);
}

int
store_backlog_run(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_backlog_comes_once_in_order_and_whole),
		cmocka_unit_test(settled_events_that_move_leave_the_numbers_of_the_rest),
	};

	seed = getenv("SEED") && *getenv("SEED") ? strtoull(getenv("SEED"), NULL, 10)
											 : (uint64_t) time(NULL);
	printf("# backlogs from seed %llu\n", (unsigned long long) seed);
	return cmocka_run_group_tests_name("backlogs", tests, NULL, NULL);
}
