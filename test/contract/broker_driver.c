/*
 * broker_driver.c
 *		Driving a broker through its port, for the suite.
 */
#include "contract/broker_driver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

const BrokerBench *driver_bench;

#define QUIET 300 /* ms without news that count as silence */

static long
now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000L + time.tv_nsec / 1000000;
}

BrokerDriver
driver_begin(BrokerStream stream)
{
	BrokerDriver test = {.token = 100};

	test.bench = driver_bench->open(stream);
	test.self = driver_bench->self(test.bench);
	return test;
}

void
driver_finish(BrokerDriver *test)
{
	driver_bench->close(test->bench);
}

/* Waits for the next signal; false: none came in time. */
bool
driver_hear(BrokerDriver *test, long milliseconds)
{
	long deadline = now() + milliseconds;

	for (;;)
	{
		memset(&test->signal, 0x5a, sizeof(test->signal));
		if (driver_bench->routine->next(test->self, &test->signal))
			return true;
		if (now() >= deadline)
			return false;
		driver_bench->wait(test->bench, 50);
	}
}

void
driver_expect(BrokerDriver *test, OutboxSignalKind kind, OutboxVerdict verdict)
{
	assert_true(driver_hear(test, DRIVER_DEADLINE));
	if (test->signal.kind != kind)
		print_error("heard kind %d verdict %d code %d: %s\n", test->signal.kind,
					test->signal.verdict, test->signal.code, test->signal.text);
	assert_int_equal(test->signal.kind, kind);
	if (kind != OUTBOX_SIGNAL_OPENED)
		assert_int_equal(test->signal.verdict, verdict);
}

void
driver_expect_silence(BrokerDriver *test)
{
	bool heard = driver_hear(test, QUIET);

	if (heard)
		print_error("heard kind %d: %s\n", test->signal.kind, test->signal.text);
	assert_false(heard);
}

void
driver_open(BrokerDriver *test)
{
	driver_bench->routine->connect(test->self);
	driver_expect(test, OUTBOX_SIGNAL_OPENED, 0);
}

BrokerDriver
driver_begin_open(void)
{
	BrokerDriver test = driver_begin(BROKER_STREAM_TO_MAKE);

	driver_open(&test);
	return test;
}

OutboxSendResult
driver_send(BrokerDriver *test, OutboxMessage *message, const char *id)
{
	OutboxHeaderField fields[] = {{"Nats-Msg-Id", id}, {"ce-type", "order.placed"}};

	message->fields = fields;
	message->field_count = id ? 2 : 0;
	message->token = ++test->token;
	return driver_bench->routine->publish(test->self, message);
}

/* Sends a small message; id may be NULL. */
OutboxSendResult
driver_send_small(BrokerDriver *test, const char *id, uint64_t expected_last)
{
	OutboxMessage message = {
		.subject = "shop.order.placed",
		.payload = "{\"total\": 12}",
		.payload_length = 13,
		.expected_last = expected_last,
	};

	return driver_send(test, &message, id);
}

OutboxSendResult
driver_send_to(BrokerDriver *test, const char *subject)
{
	OutboxMessage message = {
		.subject = subject, .payload = "x", .payload_length = 1, .expected_last = OUTBOX_UNFENCED};

	return driver_send(test, &message, NULL);
}

OutboxSendResult
driver_send_bytes(BrokerDriver *test, size_t length)
{
	char *bytes = calloc(1, length + 1);
	OutboxMessage message = {
		.subject = "shop.order.placed",
		.payload = bytes,
		.payload_length = length,
		.expected_last = OUTBOX_UNFENCED,
	};
	OutboxSendResult result = driver_send(test, &message, NULL);

	free(bytes); /* the broker has copied what it needs */
	return result;
}

OutboxBroadcastResult
driver_broadcast(BrokerDriver *test, const char *subject, size_t length)
{
	char *bytes = calloc(1, length + 1);
	OutboxMessage message = {.subject = subject, .payload = bytes, .payload_length = length};
	OutboxBroadcastResult result = driver_bench->routine->broadcast(test->self, &message);

	free(bytes);
	return result;
}

void
driver_expect_heard(BrokerDriver *test, uint64_t count)
{
	long deadline = now() + DRIVER_DEADLINE;

	while (driver_bench->heard(test->bench) < count && now() < deadline)
		driver_bench->wait(test->bench, 50);
	driver_expect_silence(test);
	assert_int_equal(driver_bench->heard(test->bench), count);
}

void
driver_must_send(BrokerDriver *test, const char *id, uint64_t expected_last)
{
	assert_int_equal(driver_send_small(test, id, expected_last), OUTBOX_SEND_DONE);
}

void
driver_expect_answer(BrokerDriver *test, OutboxVerdict verdict, uint64_t token, uint64_t sequence)
{
	driver_expect(test, OUTBOX_SIGNAL_ANSWER, verdict);
	assert_int_equal(test->signal.token, token);
	if (verdict == OUTBOX_VERDICT_ACKED || verdict == OUTBOX_VERDICT_DUPLICATE)
		assert_int_equal(test->signal.sequence, sequence);
}
