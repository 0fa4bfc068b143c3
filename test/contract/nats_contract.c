/*
 * nats_contract.c
 *		The broker's contract, on the real adapter and a real nats-server.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <nats/nats.h>

#include "contract/broker_contract.h"
#include "contract/nats_bench.h"

#define MAX_PAYLOAD 100000

static void
make_stream(const NatsBench *bench, BrokerStream kind)
{
	const char *subjects[] = {"shop.>", "broadcast.order.>"};
	natsConnection *connection = NULL;
	jsCtx *jetstream = NULL;
	jsStreamConfig config;

	jsStreamConfig_Init(&config);
	config.Name = "SHOP";
	config.Subjects = subjects;
	config.SubjectsLen = kind == BROKER_STREAM_OF_BROADCASTS ? 2 : 1;
	if (kind == BROKER_STREAM_OF_TWO)
	{
		config.MaxMsgs = 2;
		config.Discard = js_DiscardNew;
	}
	else if (kind == BROKER_STREAM_OF_SMALL)
		config.MaxMsgSize = 1000;
	assert_int_equal(natsConnection_ConnectTo(&connection, bench->server.url), NATS_OK);
	assert_int_equal(natsConnection_JetStream(&jetstream, connection, NULL), NATS_OK);
	assert_int_equal(js_AddStream(NULL, jetstream, &config, NULL, NULL), NATS_OK);
	jsCtx_Destroy(jetstream);
	natsConnection_Destroy(connection);
}

static void *
open_bench(BrokerStream stream)
{
	NatsBench *bench = nats_bench_make();

	strcpy(bench->server.extra, "max_payload: 100000\n");
	nats_server_start(&bench->server);
	nats_bench_listen(bench, "broadcast.>");
	if (stream != BROKER_STREAM_TO_MAKE && stream != BROKER_STREAM_MISSING)
		make_stream(bench, stream);
	bench->options.stream_create = stream == BROKER_STREAM_TO_MAKE;
	assert_true(outbox_nats_broker_configure(bench->broker, &bench->options));
	return bench;
}

static void
close_bench(void *bench)
{
	nats_bench_free(bench);
}

static void *
broker_of(void *bench)
{
	return ((NatsBench *) bench)->broker;
}

static void
wait_for(void *bench, int milliseconds)
{
	nats_bench_pump(bench, milliseconds);
}

static void
kill_server(void *bench)
{
	nats_server_kill(&((NatsBench *) bench)->server);
}

static void
revive_server(void *bench)
{
	nats_server_start(&((NatsBench *) bench)->server);
}

static uint64_t
stored(void *bench)
{
	return nats_bench_stored(bench);
}

static uint64_t
heard(void *bench)
{
	return nats_bench_heard(bench);
}

int
main(void)
{
	const BrokerBench bench = {
		.name = "nats broker",
		.routine = &outbox_nats_broker,
		.open = open_bench,
		.close = close_bench,
		.self = broker_of,
		.wait = wait_for,
		.kill = kill_server,
		.revive = revive_server,
		.stored = stored,
		.heard = heard,
		.max_payload = MAX_PAYLOAD,
	};

	return broker_contract_run(&bench);
}
