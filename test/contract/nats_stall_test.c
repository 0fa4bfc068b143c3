/*
 * nats_stall_test.c
 *		Servers that stop, hang and half answer: nothing may block the main
 *		thread, and nothing may leak.
 */
#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <netinet/in.h>
#include <unistd.h>

#include <cmocka.h>

#include "contract/nats_bench.h"
#include "contract/nats_keys.h"
#include "contract/nats_relay.h"

#define LONGEST 1000 /* ms that one call may take; one that blocks takes until the server goes on */

/* A running server, with TLS or without. */
static NatsBench *
make(bool secure)
{
	static char ca[100];
	NatsBench *bench = nats_bench_make();
	const char *folder = bench->server.folder;

	if (secure)
	{
		nats_keys_make_certificates(folder);
		snprintf(bench->server.extra, sizeof(bench->server.extra),
				 "tls { cert_file: \"%s/server.pem\", key_file: \"%s/server.key\", timeout: 10 }",
				 folder, folder);
		snprintf(ca, sizeof(ca), "%s/ca.pem", folder);
		bench->options.tls_ca_file = ca;
	}
	nats_server_start(&bench->server);
	return bench;
}

/* The kernel takes little, so that the rest has to wait with us. */
static void
narrow(NatsBench *bench)
{
	int size = 16384;

	setsockopt(outbox_nats_broker_socket(bench->broker), SOL_SOCKET, SO_SNDBUF, &size,
			   sizeof(size));
}

static int
count_entries(const char *path)
{
	DIR *folder = opendir(path);
	int count = 0;

	while (readdir(folder) != NULL)
		count++;
	closedir(folder);
	return count;
}

/* Pumps for that long; nothing may be heard. */
static void
pump_in_silence(NatsBench *bench, long milliseconds)
{
	long deadline = nats_server_now() + milliseconds;

	while (nats_server_now() < deadline)
	{
		nats_bench_pump(bench, 20);
		assert_false(outbox_nats_broker.next(bench->broker, &bench->signal));
	}
}

static void
publish_into_a_stop(bool secure, size_t size)
{
	NatsBench *bench = make(secure);
	size_t handed = 0;
	long began;

	nats_bench_expect_open(bench);
	nats_bench_expect_ack(bench);
	narrow(bench);
	nats_server_pause(&bench->server);
	bench->longest = 0;
	while (handed < 12000000)
	{
		assert_int_equal(nats_bench_send(bench, "shop.order.placed", size), OUTBOX_SEND_DONE);
		handed += size;
		nats_bench_pump(bench, 0);
	}
	assert_true(outbox_nats_broker_buffered(bench->broker) > 1000000);
	pump_in_silence(bench, 700);
	assert_in_range(bench->longest, 0, nats_bench_limit(LONGEST));

	/* letting go of it takes no time either, and a new connect gives up in time */
	began = nats_server_now();
	nats_bench_disconnect(bench);
	assert_int_equal(outbox_nats_broker_socket(bench->broker), -1);
	assert_int_equal(outbox_nats_broker_buffered(bench->broker), 0);
	bench->options.connect_timeout = (int) nats_bench_limit(700);
	nats_bench_expect_failure(bench, OUTBOX_VERDICT_TRANSIENT, NULL);
	assert_in_range(nats_server_now() - began, 0, nats_bench_limit(2000));
	assert_in_range(bench->longest, 0, nats_bench_limit(LONGEST));

	nats_server_resume(&bench->server);
	bench->options.connect_timeout = (int) nats_bench_limit(10000);
	nats_bench_expect_open(bench);
	nats_bench_expect_ack(bench);
	nats_bench_free(bench);
}

static void
a_stopped_server_blocks_nothing(void **state)
{
	(void) state;
	publish_into_a_stop(false, 1000);
	publish_into_a_stop(false, 900000);
}

static void
a_stopped_server_blocks_nothing_over_tls(void **state)
{
	(void) state;
	publish_into_a_stop(true, 1000);
	publish_into_a_stop(true, 900000);
}

static void
a_resumed_server_gets_what_was_waiting(void **state)
{
	NatsBench *bench = make(true);

	(void) state;
	nats_bench_expect_open(bench);
	narrow(bench);
	nats_server_pause(&bench->server);
	for (int i = 0; i < 10; i++)
		assert_int_equal(nats_bench_send(bench, "shop.order.placed", 800000), OUTBOX_SEND_DONE);
	pump_in_silence(bench, 300);
	nats_server_resume(&bench->server);
	for (uint64_t i = 1; i <= 10; i++)
	{
		assert_true(nats_bench_hear(bench, nats_bench_limit(20000)));
		assert_int_equal(bench->signal.kind, OUTBOX_SIGNAL_ANSWER);
		assert_int_equal(bench->signal.sequence, i);
	}
	nats_bench_free(bench);
}

static void
half_an_answer_blocks_nothing(bool secure)
{
	NatsBench *bench = make(secure);
	NatsRelay *relay = nats_relay_start(bench->server.port);
	char url[64];

	snprintf(url, sizeof(url), "nats://127.0.0.1:%d", nats_relay_port(relay));
	bench->options.url = url;
	nats_bench_expect_open(bench);
	nats_bench_expect_ack(bench);
	for (long bytes = 1; bytes < 40; bytes += 6)
	{
		long before = nats_relay_passed(relay);

		nats_relay_allow(relay, bytes);
		bench->longest = 0;
		assert_int_equal(nats_bench_send(bench, "shop.order.placed", 10), OUTBOX_SEND_DONE);
		while (nats_relay_passed(relay) < before + bytes)
			pump_in_silence(bench, 10);
		pump_in_silence(bench, 100);
		assert_in_range(bench->longest, 0, nats_bench_limit(LONGEST));
		nats_relay_allow(relay, -1);
		assert_true(nats_bench_hear(bench, nats_bench_limit(10000)));
		assert_int_equal(bench->signal.kind, OUTBOX_SIGNAL_ANSWER);
		assert_int_equal(bench->signal.token, bench->token);
	}
	nats_bench_free(bench);
	nats_relay_stop(relay);
}

static void
half_an_answer_waits_for_its_rest(void **state)
{
	(void) state;
	half_an_answer_blocks_nothing(false);
	half_an_answer_blocks_nothing(true);
}

static void
a_server_stopped_before_connecting_fails_in_time(void **state)
{
	NatsBench *bench = make(false);
	long began = nats_server_now();

	(void) state;
	bench->options.connect_timeout = (int) nats_bench_limit(600);
	nats_server_pause(&bench->server);
	nats_bench_expect_failure(bench, OUTBOX_VERDICT_TRANSIENT, NULL);
	assert_in_range(nats_server_now() - began, 0, nats_bench_limit(1500));
	assert_in_range(bench->longest, 0, nats_bench_limit(LONGEST));
	nats_bench_free(bench);
}

/* Listens, greets like a server and then says nothing. */
static int
start_greeter(NatsBench *bench, pid_t *pid)
{
	static const char greeting[] =
		"INFO {\"server_id\":\"X\",\"version\":\"2.9.10\",\"headers\":true,\"proto\":1,"
		"\"max_payload\":1048576} \r\n";
	struct sockaddr_in address = {.sin_family = AF_INET};
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	bench->server.port = nats_server_free_port();
	address.sin_port = htons((uint16_t) bench->server.port);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(listener, (struct sockaddr *) &address, sizeof(address)), 0);
	assert_int_equal(listen(listener, 8), 0);
	*pid = fork();
	if (*pid == 0)
	{
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		while (write(accept(listener, NULL, NULL), greeting, strlen(greeting)) > 0)
			;
		_exit(0);
	}
	return listener;
}

/*
 * In a process of its own, because the library may leave a thread spinning: 0
 * when connecting failed in time, nothing blocked, and the thread either came
 * back or was reported.
 */
static int
meet_greeter(void)
{
	NatsBench *bench = nats_bench_make();
	char url[64];
	pid_t pid;
	int listener = start_greeter(bench, &pid);
	long began = nats_server_now();
	long deadline;
	int fault = 0;

	snprintf(url, sizeof(url), "nats://127.0.0.1:%d", bench->server.port);
	bench->options.url = url;
	bench->options.connect_timeout = 500;
	nats_bench_connect(bench);
	if (!nats_bench_hear(bench, nats_bench_limit(3000)) ||
		bench->signal.kind != OUTBOX_SIGNAL_FAILED ||
		nats_server_now() - began > nats_bench_limit(1500))
		fault = 1;
	deadline = nats_server_now() + 8000;
	while (fault == 0 && !outbox_nats_broker_overdue(bench->broker) &&
		   count_entries("/proc/self/task") > 2 + 1 + 3)
	{
		nats_bench_pump(bench, 50);
		if (nats_server_now() > deadline)
			fault = 2;
	}
	if (bench->longest > nats_bench_limit(LONGEST))
		fault = 3;
	kill(pid, SIGKILL);
	close(listener);
	nats_server_remove(&bench->server);
	return fault;
}

static void
a_server_that_greets_and_falls_silent_is_survived(void **state)
{
	int status = 0;
	pid_t pid;

	(void) state;
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		_exit(meet_greeter());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* Fills the line to a server that stops, then says so and ends. */
static void
end_beside_a_stop(NatsBench *bench, int ready)
{
	nats_bench_expect_open(bench);
	narrow(bench);
	nats_server_pause(&bench->server);
	for (int i = 0; i < 10; i++)
		nats_bench_send(bench, "shop.order.placed", 800000);
	for (int i = 0; i < 10; i++)
		nats_bench_pump(bench, 10);
	if (outbox_nats_broker_buffered(bench->broker) > 0 && write(ready, "x", 1) == 1)
		_exit(0);
	_exit(1);
}

static void
a_process_ends_at_once_beside_a_stopped_tls_server(void **state)
{
	NatsBench *bench = make(true);
	int status = 0;
	int ready[2];
	char byte;
	long began;
	pid_t pid;

	(void) state;
	assert_int_equal(pipe(ready), 0);
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		end_beside_a_stop(bench, ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	began = nats_server_now();
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_in_range(nats_server_now() - began, 0, nats_bench_limit(1000));
	close(ready[0]);
	close(ready[1]);
	nats_bench_free(bench);
}

static void
reconnect(NatsBench *bench, int times)
{
	for (int i = 0; i < times; i++)
	{
		nats_bench_expect_open(bench);
		assert_int_equal(nats_bench_send(bench, "shop.order.placed", 10), OUTBOX_SEND_DONE);
		if (i % 2 == 0)
			nats_bench_disconnect(bench);
	}
	nats_bench_expect_open(bench);
	nats_bench_expect_ack(bench);
	nats_bench_disconnect(bench);
}

/* Waits until so few entries are left. */
static void
expect_entries(const char *path, int count)
{
	long deadline = nats_server_now() + nats_bench_limit(10000);

	while (count_entries(path) > count && nats_server_now() < deadline)
		usleep(10000);
	assert_in_range(count_entries(path), 0, count);
}

static void
reconnecting_leaks(bool secure, int times)
{
	NatsBench *bench = make(secure);
	int files;
	int threads;

	reconnect(bench, 5);
	usleep(200000);
	files = count_entries("/proc/self/fd");
	threads = count_entries("/proc/self/task");
	reconnect(bench, times);
	expect_entries("/proc/self/fd", files + 1);
	expect_entries("/proc/self/task", threads);
	assert_in_range(bench->longest, 0, nats_bench_limit(LONGEST));
	nats_bench_free(bench);
}

/* RECONNECTS of the environment is how often. */
static void
reconnecting_leaks_neither_descriptors_nor_threads(void **state)
{
	const char *times = getenv("RECONNECTS");

	(void) state;
	reconnecting_leaks(false, times ? atoi(times) : 200);
	reconnecting_leaks(true, 30);
}

static void
a_reconnect_tells_a_new_epoch(void **state)
{
	NatsBench *bench = make(false);
	uint64_t epoch = outbox_nats_broker_epoch(bench->broker);

	(void) state;
	assert_int_equal(outbox_nats_broker_socket(bench->broker), -1);
	for (int i = 0; i < 3; i++)
	{
		nats_bench_expect_open(bench);
		assert_true(outbox_nats_broker_socket(bench->broker) >= 0);
		assert_true(outbox_nats_broker_epoch(bench->broker) > epoch);
		epoch = outbox_nats_broker_epoch(bench->broker);
		nats_bench_disconnect(bench);
		assert_true(outbox_nats_broker_epoch(bench->broker) > epoch);
		epoch = outbox_nats_broker_epoch(bench->broker);
	}

	/* the socket that a dying server takes along is told before LOST is heard */
	nats_bench_expect_open(bench);
	epoch = outbox_nats_broker_epoch(bench->broker);
	nats_server_kill(&bench->server);
	while (outbox_nats_broker_socket(bench->broker) >= 0)
		nats_bench_pump(bench, 50);
	assert_true(outbox_nats_broker_epoch(bench->broker) > epoch);
	nats_bench_free(bench);
}

/* Milliseconds to make this stream, after a connection that was asked for a message, or not. */
static long
time_to_make_a_stream(NatsBench *bench, bool asked, const char *stream)
{
	long began;

	nats_bench_expect_open(bench);
	nats_bench_expect_ack(bench);
	if (asked)
		outbox_nats_broker.look(bench->broker, 1);
	nats_bench_disconnect(bench);
	began = nats_server_now();
	bench->options.stream = stream;
	bench->options.stream_subject = stream;
	nats_bench_expect_open(bench);
	bench->options.stream_subject = "shop.>";
	bench->options.stream = "SHOP";
	return nats_server_now() - began;
}

static void
no_stream_is_made_while_a_question_may_be_under_way(void **state)
{
	NatsBench *bench = make(false);
	long shortest = LONGEST;

	(void) state;
	assert_in_range(time_to_make_a_stream(bench, true, "asked"), 200, 15000);
	for (int i = 0; i < 5; i++)
	{
		static const char *const names[] = {"a", "b", "c", "d", "e"};
		long took = time_to_make_a_stream(bench, false, names[i]);

		shortest = took < shortest ? took : shortest;
	}
	/* that it usually takes less shows that it was this that was waited for */
	assert_in_range(shortest, 0, nats_bench_limit(199));
	nats_bench_free(bench);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		/* first those that fork, before the library has threads here */
		cmocka_unit_test(a_server_that_greets_and_falls_silent_is_survived),
		cmocka_unit_test(a_process_ends_at_once_beside_a_stopped_tls_server),
		cmocka_unit_test(a_stopped_server_blocks_nothing),
		cmocka_unit_test(a_stopped_server_blocks_nothing_over_tls),
		cmocka_unit_test(a_resumed_server_gets_what_was_waiting),
		cmocka_unit_test(half_an_answer_waits_for_its_rest),
		cmocka_unit_test(a_server_stopped_before_connecting_fails_in_time),
		cmocka_unit_test(reconnecting_leaks_neither_descriptors_nor_threads),
		cmocka_unit_test(a_reconnect_tells_a_new_epoch),
		cmocka_unit_test(no_stream_is_made_while_a_question_may_be_under_way),
	};

	return cmocka_run_group_tests_name("nats stall", tests, NULL, NULL);
}
