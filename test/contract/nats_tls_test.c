/*
 * nats_tls_test.c
 *		TLS is verified, never given up for plain text, and carries the load.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "contract/nats_bench.h"
#include "contract/nats_keys.h"

typedef struct Files
{
	char ca[100];
	char other[100];
	char cert[100];
	char key[100];
} Files;

/* A running server with this certificate; more is added to its tls block. */
static NatsBench *
make_secure(Files *files, const char *certificate, const char *more)
{
	NatsBench *bench = nats_bench_make();
	const char *folder = bench->server.folder;

	nats_keys_make_certificates(folder);
	snprintf(bench->server.extra, sizeof(bench->server.extra),
			 "tls { cert_file: \"%s/%s.pem\", key_file: \"%s/%s.key\", ca_file: \"%s/ca.pem\"\n"
			 "timeout: 10\n%s }",
			 folder, certificate, folder, certificate, folder, more);
	snprintf(files->ca, sizeof(files->ca), "%s/ca.pem", folder);
	snprintf(files->other, sizeof(files->other), "%s/other.pem", folder);
	snprintf(files->cert, sizeof(files->cert), "%s/client.pem", folder);
	snprintf(files->key, sizeof(files->key), "%s/client.key", folder);
	bench->options.tls_ca_file = files->ca;
	nats_server_start(&bench->server);
	return bench;
}

/* Sends and hears so many messages of this size, as the worker does. */
static void
exchange(NatsBench *bench, int count, size_t size)
{
	int sent = 0;
	int acked = 0;

	while (acked < count)
	{
		while (sent < count && sent - acked < 500 &&
			   outbox_nats_broker_buffered(bench->broker) < 1000000)
		{
			assert_int_equal(nats_bench_send(bench, "shop.order.placed", size), OUTBOX_SEND_DONE);
			sent++;
		}
		assert_true(nats_bench_hear(bench, nats_bench_limit(20000)));
		if (bench->signal.kind != OUTBOX_SIGNAL_ANSWER)
			print_error("heard: %s\n", bench->signal.text);
		assert_int_equal(bench->signal.kind, OUTBOX_SIGNAL_ANSWER);
		assert_int_equal(bench->signal.verdict, OUTBOX_VERDICT_ACKED);
		assert_int_equal(bench->signal.sequence, ++acked);
	}
	assert_int_equal(outbox_nats_broker_buffered(bench->broker), 0);
}

static void
many_messages_pass(void **state)
{
	Files files;
	NatsBench *bench = make_secure(&files, "server", "");

	(void) state;
	nats_bench_expect_open(bench);
	exchange(bench, 5000, 300);
	nats_bench_free(bench);
}

static void
large_messages_pass(void **state)
{
	Files files;
	NatsBench *bench = make_secure(&files, "server", "");

	(void) state;
	bench->options.tls = true;
	nats_bench_expect_open(bench);
	exchange(bench, 60, 900000);
	nats_bench_free(bench);
}

static void
a_client_certificate_opens(void **state)
{
	Files files;
	NatsBench *bench = make_secure(&files, "server", "verify: true");

	(void) state;
	nats_bench_expect_failure(bench, OUTBOX_VERDICT_TRANSIENT, NULL);
	bench->options.tls_cert_file = files.cert;
	nats_bench_expect_failure(bench, OUTBOX_VERDICT_MISCONFIGURED, "set together");
	bench->options.tls_key_file = files.key;
	nats_bench_expect_open(bench);
	nats_bench_expect_ack(bench);
	bench->options.tls_key_file = files.ca;
	nats_bench_expect_failure(bench, OUTBOX_VERDICT_MISCONFIGURED, "client certificate");
	nats_bench_free(bench);
}

static void
an_unknown_authority_is_refused(void **state)
{
	Files files;
	NatsBench *bench = make_secure(&files, "server", "");

	(void) state;
	bench->options.tls_ca_file = files.other;
	nats_bench_expect_failure(bench, OUTBOX_VERDICT_MISCONFIGURED, "certificate");
	bench->options.tls_ca_file = NULL;
	bench->options.tls = true;
	nats_bench_expect_failure(bench, OUTBOX_VERDICT_MISCONFIGURED, "certificate");
	bench->options.tls_ca_file = "/nonexistent/ca.pem";
	nats_bench_expect_failure(bench, OUTBOX_VERDICT_MISCONFIGURED, "CA certificates");
	nats_bench_free(bench);
}

static void
a_certificate_of_another_host_is_refused(void **state)
{
	Files files;
	NatsBench *bench = make_secure(&files, "stranger", "");

	(void) state;
	nats_bench_expect_failure(bench, OUTBOX_VERDICT_MISCONFIGURED, "mismatch");
	nats_bench_free(bench);
}

static void
a_plain_server_is_refused_when_tls_is_set(void **state)
{
	NatsBench *bench = nats_bench_make();

	(void) state;
	nats_server_start(&bench->server);
	bench->options.tls = true;
	nats_bench_expect_failure(bench, OUTBOX_VERDICT_MISCONFIGURED, "ecure");
	bench->options.tls = false;
	bench->options.tls_ca_file = "/etc/ssl/certs/ca-certificates.crt";
	nats_bench_expect_failure(bench, OUTBOX_VERDICT_MISCONFIGURED, NULL);
	nats_bench_free(bench);
}

static void
a_server_may_insist_on_tls(void **state)
{
	Files files;
	NatsBench *bench = make_secure(&files, "server", "");

	(void) state;
	bench->options.tls_ca_file = NULL;
	nats_bench_expect_failure(bench, OUTBOX_VERDICT_MISCONFIGURED, "certificate");

	/* as if the system trusted it */
	setenv("SSL_CERT_FILE", files.ca, 1);
	nats_bench_expect_open(bench);
	exchange(bench, 10, 100000);
	unsetenv("SSL_CERT_FILE");
	nats_bench_free(bench);
}

static void
a_url_may_ask_for_tls(void **state)
{
	Files files;
	NatsBench *bench = make_secure(&files, "server", "");
	char url[64];

	(void) state;
	snprintf(url, sizeof(url), "tls://localhost:%d", bench->server.port);
	bench->options.url = url;
	nats_bench_expect_open(bench);
	exchange(bench, 10, 10);
	nats_bench_free(bench);
}

static void
a_killed_server_loses_the_epoch(void **state)
{
	Files files;
	NatsBench *bench = make_secure(&files, "server", "");

	(void) state;
	for (int i = 0; i < 3; i++)
	{
		nats_bench_expect_open(bench);
		nats_bench_send(bench, "shop.order.placed", 100000);
		nats_server_kill(&bench->server);
		do
			assert_true(nats_bench_hear(bench, nats_bench_limit(20000)));
		while (bench->signal.kind == OUTBOX_SIGNAL_ANSWER);
		assert_int_equal(bench->signal.kind, OUTBOX_SIGNAL_LOST);
		nats_server_start(&bench->server);
	}
	nats_bench_free(bench);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_messages_pass),
		cmocka_unit_test(large_messages_pass),
		cmocka_unit_test(a_client_certificate_opens),
		cmocka_unit_test(an_unknown_authority_is_refused),
		cmocka_unit_test(a_certificate_of_another_host_is_refused),
		cmocka_unit_test(a_plain_server_is_refused_when_tls_is_set),
		cmocka_unit_test(a_server_may_insist_on_tls),
		cmocka_unit_test(a_url_may_ask_for_tls),
		cmocka_unit_test(a_killed_server_loses_the_epoch),
	};

	return cmocka_run_group_tests_name("nats tls", tests, NULL, NULL);
}
