/*
 * nats_bench.c
 *		Playing the worker.
 */
#include "contract/nats_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <poll.h>

#include <cmocka.h>
#include <nats/nats.h>

#define DEADLINE 15000 /* ms that anything may take */

long
nats_bench_limit(long milliseconds)
{
	const char *slowness = getenv("NATS_TEST_SLOWNESS");

	return milliseconds * (slowness ? atol(slowness) : 1);
}

/* Milliseconds that this thread was ready to run but had no processor, so far. */
static long
unscheduled(void)
{
	long long running = 0;
	long long delayed = 0;
	FILE *file = fopen("/proc/thread-self/schedstat", "r");

	if (file == NULL)
		return 0;
	if (fscanf(file, "%lld %lld", &running, &delayed) != 2)
		delayed = 0;
	fclose(file);
	return (long) (delayed / 1000000);
}

/* The time now, less what a busy machine has kept from us. */
static long
own_time(void)
{
	return nats_server_now() - unscheduled();
}

/* Notes how long a call took that began then. */
static void
note(NatsBench *bench, long began)
{
	long took = own_time() - began;

	if (took > bench->longest)
		bench->longest = took;
}

NatsBench *
nats_bench_make(void)
{
	NatsBench *bench = calloc(1, sizeof(*bench));

	assert_non_null(bench);
	nats_server_prepare(&bench->server);
	bench->broker = outbox_nats_broker_create();
	assert_non_null(bench->broker);
	bench->token = 100;
	bench->options.url = bench->server.url;
	bench->options.name = "bench";
	bench->options.stream = "SHOP";
	bench->options.stream_subject = "shop.>";
	bench->options.stream_create = true;
	bench->options.broadcast_subject = "broadcast.*.*";
	bench->options.connect_timeout = (int) nats_bench_limit(3000);
	return bench;
}

void
nats_bench_free(NatsBench *bench)
{
	if (bench->server.pid != 0)
		nats_server_resume(&bench->server);
	outbox_nats_broker_destroy(bench->broker);
	natsSubscription_Destroy(bench->listener);
	natsConnection_Destroy(bench->listening);
	nats_server_remove(&bench->server);
	free(bench);
}

void
nats_bench_connect(NatsBench *bench)
{
	long began = own_time();

	assert_true(outbox_nats_broker_configure(bench->broker, &bench->options));
	outbox_nats_broker.connect(bench->broker);
	note(bench, began);
}

void
nats_bench_disconnect(NatsBench *bench)
{
	long began = own_time();

	outbox_nats_broker.disconnect(bench->broker);
	note(bench, began);
}

void
nats_bench_pump(NatsBench *bench, int milliseconds)
{
	struct pollfd fds[] = {
		{.fd = outbox_nats_broker_wakeup_fd(bench->broker), .events = POLLIN},
		{.fd = outbox_nats_broker_socket(bench->broker), .events = POLLIN},
	};
	long began = own_time();

	outbox_nats_broker_flush(bench->broker);
	note(bench, began);
	fds[1].fd = outbox_nats_broker_socket(bench->broker);
	if (outbox_nats_broker_wants_write(bench->broker))
		fds[1].events |= POLLOUT;
	poll(fds, 2, milliseconds);
	began = own_time();
	outbox_nats_broker_process(bench->broker, fds[1].revents & (POLLIN | POLLHUP | POLLERR),
							   fds[1].revents & POLLOUT);
	note(bench, began);
}

bool
nats_bench_hear(NatsBench *bench, long milliseconds)
{
	long deadline = nats_server_now() + milliseconds;

	for (;;)
	{
		long began = own_time();
		bool heard = outbox_nats_broker.next(bench->broker, &bench->signal);

		note(bench, began);
		if (heard || nats_server_now() >= deadline)
			return heard;
		nats_bench_pump(bench, 50);
	}
}

static void
expect(NatsBench *bench, OutboxSignalKind kind)
{
	assert_true(nats_bench_hear(bench, nats_bench_limit(DEADLINE)));
	if (bench->signal.kind != kind)
		print_error("heard kind %d verdict %d code %d: %s\n", bench->signal.kind,
					bench->signal.verdict, bench->signal.code, bench->signal.text);
	assert_int_equal(bench->signal.kind, kind);
}

void
nats_bench_expect_open(NatsBench *bench)
{
	nats_bench_connect(bench);
	expect(bench, OUTBOX_SIGNAL_OPENED);
}

void
nats_bench_expect_failure(NatsBench *bench, OutboxVerdict verdict, const char *why)
{
	nats_bench_connect(bench);
	expect(bench, OUTBOX_SIGNAL_FAILED);
	if (bench->signal.verdict != verdict ||
		(why != NULL && strstr(bench->signal.text, why) == NULL))
		print_error("failed with verdict %d code %d: %s\n", bench->signal.verdict,
					bench->signal.code, bench->signal.text);
	assert_int_equal(bench->signal.verdict, verdict);
	assert_true(why == NULL || strstr(bench->signal.text, why) != NULL);
}

OutboxSendResult
nats_bench_send(NatsBench *bench, const char *subject, size_t length)
{
	char *payload = calloc(1, length + 1);
	OutboxMessage message = {
		.subject = subject,
		.payload = payload,
		.payload_length = length,
		.token = ++bench->token,
		.expected_last = OUTBOX_UNFENCED,
	};
	long began = own_time();
	OutboxSendResult result = outbox_nats_broker.publish(bench->broker, &message);

	note(bench, began);
	free(payload);
	return result;
}

void
nats_bench_expect_ack(NatsBench *bench)
{
	assert_int_equal(nats_bench_send(bench, "shop.order.placed", 10), OUTBOX_SEND_DONE);
	expect(bench, OUTBOX_SIGNAL_ANSWER);
	assert_int_equal(bench->signal.verdict, OUTBOX_VERDICT_ACKED);
	assert_int_equal(bench->signal.token, bench->token);
}

uint64_t
nats_bench_stored(const NatsBench *bench)
{
	natsConnection *connection = NULL;
	jsCtx *jetstream = NULL;
	jsStreamInfo *info = NULL;
	uint64_t stored = 0;

	assert_int_equal(natsConnection_ConnectTo(&connection, bench->server.url), NATS_OK);
	assert_int_equal(natsConnection_JetStream(&jetstream, connection, NULL), NATS_OK);
	if (js_GetStreamInfo(&info, jetstream, bench->options.stream, NULL, NULL) == NATS_OK)
		stored = info->State.Msgs;
	jsStreamInfo_Destroy(info);
	jsCtx_Destroy(jetstream);
	natsConnection_Destroy(connection);
	return stored;
}

void
nats_bench_listen(NatsBench *bench, const char *pattern)
{
	assert_int_equal(natsConnection_ConnectTo(&bench->listening, bench->server.url), NATS_OK);
	assert_int_equal(natsConnection_SubscribeSync(&bench->listener, bench->listening, pattern),
					 NATS_OK);
	assert_int_equal(natsConnection_FlushTimeout(bench->listening, DEADLINE), NATS_OK);
}

uint64_t
nats_bench_heard(NatsBench *bench)
{
	natsMsg *message = NULL;

	while (natsSubscription_NextMsg(&message, bench->listener, 0) == NATS_OK)
	{
		natsMsg_Destroy(message);
		bench->heard++;
	}
	return bench->heard;
}
