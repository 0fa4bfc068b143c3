/*
 * nats_bench.h
 *		The real adapter with a nats-server of its own, for tests.
 *
 * The bench plays the worker: it waits for the adapter's descriptors and pumps
 * it, and it keeps the longest time that any of the adapter's calls has taken.
 */
#ifndef OUTBOX_TEST_CONTRACT_NATS_BENCH_H
#define OUTBOX_TEST_CONTRACT_NATS_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#include "contract/nats_server.h"
#include "infrastructure/nats/broker.h"

typedef struct NatsBench
{
	NatsServer server;
	OutboxNatsOptions options;
	OutboxNatsBroker *broker;
	struct __natsConnection *listening; /* to broadcasts, or NULL */
	struct __natsSubscription *listener;
	uint64_t heard;
	uint64_t token; /* used last */
	OutboxSignal signal; /* heard last */
	long longest; /* ms of its own, of one call of the adapter */
} NatsBench;

/* A prepared server (not started) and a broker with options for it. */
extern NatsBench *nats_bench_make(void);
extern void nats_bench_free(NatsBench *bench);

/* Takes bench->options over and connects. */
extern void nats_bench_connect(NatsBench *bench);
extern void nats_bench_disconnect(NatsBench *bench);

/* Waits once for the descriptors, then processes. */
extern void nats_bench_pump(NatsBench *bench, int milliseconds);

/* Pumps until the next signal; false: none came in time. */
extern bool nats_bench_hear(NatsBench *bench, long milliseconds);

/* Connects and asserts what comes of it; text must contain why (NULL: any). */
extern void nats_bench_expect_open(NatsBench *bench);
extern void nats_bench_expect_failure(NatsBench *bench, OutboxVerdict verdict, const char *why);

/* Publishes length bytes to the subject; the answer's token is bench->token. */
extern OutboxSendResult nats_bench_send(NatsBench *bench, const char *subject, size_t length);

/* Publishes one message and asserts that it is acknowledged. */
extern void nats_bench_expect_ack(NatsBench *bench);

/* Messages in the stream, asked for on a connection of the test's own. */
extern uint64_t nats_bench_stored(const NatsBench *bench);

/* Listens to this pattern from now on, on a connection of the test's own; what it has heard. */
extern void nats_bench_listen(NatsBench *bench, const char *pattern);
extern uint64_t nats_bench_heard(NatsBench *bench);

/* Times a limit in ms by what sanitizers and valgrind cost (NATS_TEST_SLOWNESS). */
extern long nats_bench_limit(long milliseconds);

#endif
