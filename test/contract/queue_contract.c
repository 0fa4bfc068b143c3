/*
 * queue_contract.c
 *		The suite.
 */
#include "contract/queue_contract.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define ENOUGH 100000 /* broadcasts that fill any queue */
#define ODD 107 /* bytes of payload that make no round number in all */

static const QueueBench *queue_bench;

typedef struct QueueTest
{
	void *self;
	int next; /* number of the next one to be put */
	uint64_t before[OUTBOX_FATES];
} QueueTest;

static QueueTest
begin(void)
{
	QueueTest test = {.next = 1};

	test.self = queue_bench->open();
	for (int i = 0; i < OUTBOX_FATES; i++)
		test.before[i] = queue_bench->count(test.self, i);
	return test;
}

static QueueTest
begin_admitted(void)
{
	QueueTest test = begin();

	queue_bench->routine->admit(test.self, OUTBOX_FATE_SENT);
	return test;
}

static void
put(QueueTest *test, int count, size_t payload_length)
{
	queue_bench->put(test->self, count, payload_length);
	test->next += count;
}

static uint64_t
met(const QueueTest *test, OutboxFate fate)
{
	return queue_bench->count(test->self, fate) - test->before[fate];
}

static void
expect_none(QueueTest *test)
{
	OutboxEvent event;
	int64_t since;

	assert_false(queue_bench->routine->peek(test->self, &event, &since));
}

/* The oldest one has this number and payload. */
static void
expect(QueueTest *test, int number, size_t payload_length)
{
	char id[16];
	OutboxEvent event;
	int64_t since;

	memset(&event, 0x5a, sizeof(event));
	assert_true(queue_bench->routine->peek(test->self, &event, &since));
	snprintf(id, sizeof(id), "%d", number);
	assert_string_equal(event.aggregate_id, id);
	assert_string_equal(event.aggregate, "order");
	assert_string_equal(event.action, "viewed");
	assert_string_equal(event.content_type, "application/json");
	assert_string_equal(event.headers, "");
	assert_int_equal(event.payload_length, payload_length);
	for (size_t i = 0; i < payload_length; i++)
		assert_int_equal(((const char *) event.payload)[i], 'x');
	assert_in_range(queue_bench->now() - since, 0, 60000000);
}

static void
expect_and_pass(QueueTest *test, int number, size_t payload_length)
{
	expect(test, number, payload_length);
	queue_bench->routine->pass(test->self, OUTBOX_FATE_SENT);
}

static void
in_the_beginning_nobody_listens(void **state)
{
	QueueTest test = begin();

	(void) state;
	expect_none(&test);
	put(&test, 3, 10);
	expect_none(&test);
	assert_int_equal(met(&test, OUTBOX_FATE_OFFLINE), 3);
	assert_int_equal(met(&test, OUTBOX_FATE_SENT), 0);
}

static void
what_is_put_comes_in_order_and_stays_until_it_passes(void **state)
{
	QueueTest test = begin_admitted();

	(void) state;
	put(&test, 2, 10);
	put(&test, 1, 0);
	expect(&test, 1, 10);
	expect(&test, 1, 10);
	assert_int_equal(met(&test, OUTBOX_FATE_SENT), 0);
	queue_bench->routine->pass(test.self, OUTBOX_FATE_REFUSED);
	expect_and_pass(&test, 2, 10);
	put(&test, 1, 33);
	expect_and_pass(&test, 3, 0);
	expect_and_pass(&test, 4, 33);
	expect_none(&test);
	assert_int_equal(met(&test, OUTBOX_FATE_REFUSED), 1);
	assert_int_equal(met(&test, OUTBOX_FATE_SENT), 3);
}

static void
closing_lets_what_waits_meet_its_fate(void **state)
{
	QueueTest test = begin_admitted();

	(void) state;
	put(&test, 5, 10);
	expect_and_pass(&test, 1, 10);
	queue_bench->routine->admit(test.self, OUTBOX_FATE_CAPTURED);
	expect_none(&test);
	assert_int_equal(met(&test, OUTBOX_FATE_CAPTURED), 4);
	put(&test, 2, 10);
	assert_int_equal(met(&test, OUTBOX_FATE_CAPTURED), 6);
	queue_bench->routine->admit(test.self, OUTBOX_FATE_SENT);
	expect_none(&test);
	put(&test, 1, 10);
	expect_and_pass(&test, 8, 10);
}

static void
a_full_queue_drops_what_comes_and_keeps_what_is_there(void **state)
{
	QueueTest test = begin_admitted();
	int kept;

	(void) state;
	while (met(&test, OUTBOX_FATE_FULL) == 0 && test.next < ENOUGH)
		put(&test, 1, 100);
	assert_int_equal(met(&test, OUTBOX_FATE_FULL), 1);
	kept = test.next - 2;
	put(&test, 3, 100);
	assert_int_equal(met(&test, OUTBOX_FATE_FULL), 4);
	for (int i = 1; i <= kept; i++)
		expect_and_pass(&test, i, 100);
	expect_none(&test);
	put(&test, 1, 100);
	expect_and_pass(&test, test.next - 1, 100);
}

/* Fills the queue by transactions of three; returns the number of the last one in it. */
static int
fill(QueueTest *test)
{
	while (met(test, OUTBOX_FATE_FULL) == 0 && test->next < ENOUGH)
		put(test, 3, ODD);
	return test->next - 1 - (int) met(test, OUTBOX_FATE_FULL);
}

static void
of_a_transaction_the_first_ones_are_kept(void **state)
{
	(void) state;
	for (int room = 0; room < 30; room++)
	{
		QueueTest test = begin_admitted();
		int last = fill(&test);
		int first = test.next;
		int dropped = -(int) met(&test, OUTBOX_FATE_FULL);

		for (int i = 1; i <= room; i++)
			expect_and_pass(&test, i, ODD);
		put(&test, room + 10, ODD);
		dropped += (int) met(&test, OUTBOX_FATE_FULL);
		/* beginning a transaction may cost the room of one */
		assert_in_range(dropped, 1, room == 0 ? 10 : 11);
		for (int i = room + 1; i <= last; i++)
			expect_and_pass(&test, i, ODD);
		for (int i = first; i < test.next - dropped; i++)
			expect_and_pass(&test, i, ODD);
		expect_none(&test);
	}
}

/* Round and round: every way in which one may lie across the end of the memory. */
static void
any_sizes_come_out_as_they_went_in(void **state)
{
	QueueTest test = begin_admitted();
	int oldest = 1;
	uint32_t random = 1;

	(void) state;
	for (int i = 0; i < 20000; i++)
	{
		size_t lengths[3];
		int count = 1 + (int) (random >> 30) % 3;

		for (int j = 0; j < count; j++)
		{
			random = random * 1664525 + 1013904223;
			lengths[j] = (random >> 16) % 300;
			put(&test, 1, lengths[j]);
		}
		for (int j = 0; j < count; j++)
			expect_and_pass(&test, oldest++, lengths[j]);
		put(&test, 3, lengths[0]);
		for (int j = 0; j < 3; j++)
			expect_and_pass(&test, oldest++, lengths[0]);
	}
	assert_int_equal(met(&test, OUTBOX_FATE_FULL), 0);
	expect_none(&test);
}

int
queue_contract_run(const QueueBench *bench)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_the_beginning_nobody_listens),
		cmocka_unit_test(what_is_put_comes_in_order_and_stays_until_it_passes),
		cmocka_unit_test(closing_lets_what_waits_meet_its_fate),
		cmocka_unit_test(a_full_queue_drops_what_comes_and_keeps_what_is_there),
		cmocka_unit_test(of_a_transaction_the_first_ones_are_kept),
		cmocka_unit_test(any_sizes_come_out_as_they_went_in),
	};

	queue_bench = bench;
	return cmocka_run_group_tests_name(bench->name, tests, NULL, NULL);
}
