/*
 * nats_login_test.c
 *		Users, keys, rights, and what the preflight finds.
 */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "contract/nats_bench.h"
#include "contract/nats_keys.h"

#define CONFIGURE(bench, ...) \
	snprintf((bench)->server.extra, sizeof((bench)->server.extra), __VA_ARGS__)

static void
user_and_password_open(void **state)
{
	NatsBench *bench = nats_bench_make();

	(void) state;
	CONFIGURE(bench, "authorization { user: relay, password: \"s3 cret\" }");
	nats_server_start(&bench->server);
	bench->options.user = "relay";
	bench->options.password = "s3 cret";
	nats_bench_expect_open(bench);
	nats_bench_expect_ack(bench);

	bench->options.password = "wrong";
	nats_bench_expect_failure(bench, OUTBOX_VERDICT_UNAUTHORIZED, "uthori");
	assert_null(strstr(bench->signal.text, "wrong"));
	bench->options.user = NULL;
	bench->options.password = NULL;
	nats_bench_expect_failure(bench, OUTBOX_VERDICT_UNAUTHORIZED, "uthori");
	nats_bench_free(bench);
}

static void
a_token_opens(void **state)
{
	NatsBench *bench = nats_bench_make();

	(void) state;
	CONFIGURE(bench, "authorization { token: \"t0ken\" }");
	nats_server_start(&bench->server);
	bench->options.token = "t0ken";
	nats_bench_expect_open(bench);
	nats_bench_expect_ack(bench);
	bench->options.token = "other";
	nats_bench_expect_failure(bench, OUTBOX_VERDICT_UNAUTHORIZED, "uthori");
	nats_bench_free(bench);
}

static void
an_nkey_opens(void **state)
{
	NatsBench *bench = nats_bench_make();
	NatsKey known;
	NatsKey stranger;
	char path[100];

	(void) state;
	nats_keys_make(&known, 'U');
	nats_keys_make(&stranger, 'U');
	CONFIGURE(bench, "authorization { users: [ { nkey: %s } ] }", known.name);
	nats_server_start(&bench->server);
	snprintf(path, sizeof(path), "%s/seed", bench->server.folder);
	bench->options.nkey_seed_file = path;
	nats_bench_expect_failure(bench, OUTBOX_VERDICT_UNAUTHORIZED, "nkey seed file");

	nats_keys_write_file(path, known.seed);
	nats_bench_expect_open(bench);
	nats_bench_expect_ack(bench);
	nats_keys_write_file(path, stranger.seed);
	nats_bench_expect_failure(bench, OUTBOX_VERDICT_UNAUTHORIZED, "uthori");
	nats_bench_free(bench);
}

/* A server that knows one operator with one account; path gets the user's file. */
static void
use_tokens(NatsBench *bench, char *path, size_t size)
{
	static const char limits[] =
		"{\"limits\":{\"subs\":-1,\"data\":-1,\"payload\":-1,\"imports\":-1,\"exports\":-1,"
		"\"wildcards\":true,\"conn\":-1,\"leaf\":-1,\"mem_storage\":%d,\"disk_storage\":%d,"
		"\"streams\":-1,\"consumer\":-1},\"type\":\"account\",\"version\":2}";
	NatsKey operator;
	NatsKey system;
	NatsKey account;
	NatsKey user;
	char claims[500];
	char operator_token[2500];
	char system_token[2500];
	char account_token[2500];
	char user_token[2500];

	nats_keys_make(&operator, 'O');
	nats_keys_make(&system, 'A');
	nats_keys_make(&account, 'A');
	nats_keys_make(&user, 'U');
	nats_keys_sign(operator_token, sizeof(operator_token), &operator, & operator,
				   "{\"type\":\"operator\",\"version\":2}");
	snprintf(claims, sizeof(claims), limits, 0, 0);
	nats_keys_sign(system_token, sizeof(system_token), &operator, & system, claims);
	snprintf(claims, sizeof(claims), limits, -1, -1);
	nats_keys_sign(account_token, sizeof(account_token), &operator, & account, claims);
	nats_keys_sign(user_token, sizeof(user_token), &account, &user,
				   "{\"pub\":{},\"sub\":{},\"subs\":-1,\"data\":-1,\"payload\":-1,"
				   "\"type\":\"user\",\"version\":2}");
	CONFIGURE(bench,
			  "operator: %s\nsystem_account: %s\nresolver: MEMORY\n"
			  "resolver_preload { %s: %s\n %s: %s }",
			  operator_token, system.name, system.name, system_token, account.name, account_token);
	snprintf(path, size, "%s/user.creds", bench->server.folder);
	nats_keys_write_credentials(path, user_token, &user);
}

static void
a_credentials_file_opens(void **state)
{
	NatsBench *bench = nats_bench_make();
	NatsKey stranger;
	char path[100];

	(void) state;
	use_tokens(bench, path, sizeof(path));
	nats_server_start(&bench->server);
	bench->options.credentials_file = path;
	nats_bench_expect_open(bench);
	nats_bench_expect_ack(bench);

	nats_keys_make(&stranger, 'U');
	nats_keys_write_credentials(path, "a.b.c", &stranger);
	nats_bench_expect_failure(bench, OUTBOX_VERDICT_UNAUTHORIZED, "uthori");
	nats_bench_free(bench);
}

static void
a_missing_right_to_publish_is_told_with_the_subject(void **state)
{
	NatsBench *bench = nats_bench_make();

	(void) state;
	CONFIGURE(bench,
			  "authorization { users: [ { user: relay, password: p, permissions: {\n"
			  "publish: [ \"$JS.API.>\", \"shop.order.*\" ], subscribe: \"_INBOX.>\" } } ] }");
	nats_server_start(&bench->server);
	bench->options.user = "relay";
	bench->options.password = "p";
	nats_bench_expect_open(bench);
	nats_bench_expect_ack(bench);
	assert_int_equal(nats_bench_send(bench, "shop.cart.filled", 1), OUTBOX_SEND_DONE);
	assert_true(nats_bench_hear(bench, nats_bench_limit(10000)));
	assert_int_equal(bench->signal.kind, OUTBOX_SIGNAL_LOST);
	assert_int_equal(bench->signal.verdict, OUTBOX_VERDICT_UNAUTHORIZED);
	assert_non_null(strstr(bench->signal.text, "shop.cart.filled"));
	nats_bench_expect_open(bench);
	nats_bench_free(bench);
}

static OutboxBroadcastResult
broadcast(NatsBench *bench, const char *subject)
{
	OutboxMessage message = {.subject = subject, .payload = "x", .payload_length = 1};

	return outbox_nats_broker.broadcast(bench->broker, &message);
}

static void
a_missing_right_to_broadcast_harms_no_message(void **state)
{
	NatsBench *bench = nats_bench_make();
	long deadline = nats_server_now() + nats_bench_limit(10000);

	(void) state;
	CONFIGURE(bench,
			  "authorization { users: [ { user: relay, password: p, permissions: {\n"
			  "publish: [ \"$JS.API.>\", \"shop.order.*\" ], subscribe: \"_INBOX.>\" } } ] }");
	nats_server_start(&bench->server);
	bench->options.user = "relay";
	bench->options.password = "p";
	nats_bench_expect_open(bench);
	assert_int_equal(broadcast(bench, "broadcast.order.viewed"), OUTBOX_BROADCAST_DONE);
	nats_bench_expect_ack(bench);
	while (broadcast(bench, "broadcast.order.viewed") != OUTBOX_BROADCAST_DENIED)
	{
		assert_true(nats_server_now() < deadline);
		nats_bench_pump(bench, 20);
	}
	nats_bench_expect_ack(bench);
	assert_false(nats_bench_hear(bench, 300));

	/* a message without the right to it still is trouble */
	assert_int_equal(nats_bench_send(bench, "shop.cart.filled", 1), OUTBOX_SEND_DONE);
	assert_true(nats_bench_hear(bench, nats_bench_limit(10000)));
	assert_int_equal(bench->signal.kind, OUTBOX_SIGNAL_LOST);
	assert_int_equal(bench->signal.verdict, OUTBOX_VERDICT_UNAUTHORIZED);
	nats_bench_expect_open(bench);
	assert_int_equal(broadcast(bench, "broadcast.order.viewed"), OUTBOX_BROADCAST_DONE);

	/* and the end of the connection is the end, whatever was denied before */
	nats_bench_expect_ack(bench);
	nats_server_kill(&bench->server);
	assert_true(nats_bench_hear(bench, nats_bench_limit(10000)));
	assert_int_equal(bench->signal.kind, OUTBOX_SIGNAL_LOST);
	assert_int_equal(bench->signal.verdict, OUTBOX_VERDICT_TRANSIENT);
	nats_bench_free(bench);
}

static void
a_missing_right_to_look_is_told(void **state)
{
	NatsBench *bench = nats_bench_make();

	(void) state;
	CONFIGURE(bench, "authorization { users: [ { user: relay, password: p, permissions: {\n"
					 "publish: \"shop.>\", subscribe: \"_INBOX.>\" } } ] }");
	nats_server_start(&bench->server);
	bench->options.user = "relay";
	bench->options.password = "p";
	nats_bench_expect_failure(bench, OUTBOX_VERDICT_UNAUTHORIZED, "STREAM.INFO.SHOP");
	nats_bench_free(bench);
}

static void
a_server_without_jetstream_is_told(void **state)
{
	NatsBench *bench = nats_bench_make();

	(void) state;
	bench->server.jetstream = false;
	nats_server_start(&bench->server);
	nats_bench_expect_failure(bench, OUTBOX_VERDICT_MISCONFIGURED,
							  "JetStream is not enabled on this NATS server");
	nats_bench_free(bench);
}

static void
an_account_without_jetstream_is_told(void **state)
{
	NatsBench *bench = nats_bench_make();

	(void) state;
	CONFIGURE(bench, "accounts { A { users: [ { user: relay, password: p } ] }\n"
					 "B { jetstream: enabled, users: [ { user: other, password: p } ] } }");
	nats_server_start(&bench->server);
	bench->options.user = "relay";
	bench->options.password = "p";
	nats_bench_expect_failure(bench, OUTBOX_VERDICT_MISCONFIGURED, "JetStream is not enabled");
	nats_bench_free(bench);
}

static void
options_that_are_wrong_fail_at_once(void **state)
{
	NatsBench *bench = nats_bench_make();
	struct pollfd news = {.events = POLLIN};

	(void) state;
	bench->options.url = "nats://relay:secret@127.0.0.1:4222";
	nats_bench_expect_failure(bench, OUTBOX_VERDICT_MISCONFIGURED, "must not contain a user");
	assert_null(strstr(bench->signal.text, "secret"));
	bench->options.url = "nats://broker.example:4222";
	bench->options.user = "relay";
	bench->options.password = "secret";
	nats_bench_expect_failure(bench, OUTBOX_VERDICT_MISCONFIGURED, "plain text");
	assert_non_null(strstr(bench->signal.text, "broker.example"));
	assert_null(strstr(bench->signal.text, "secret"));
	bench->options.token = "t";
	nats_bench_expect_failure(bench, OUTBOX_VERDICT_MISCONFIGURED, "only one of");

	/* whoever only waits learns of it, too */
	nats_bench_connect(bench);
	news.fd = outbox_nats_broker_wakeup_fd(bench->broker);
	assert_int_equal(poll(&news, 1, 0), 1);
	nats_bench_free(bench);
}

static void
the_first_server_that_answers_is_taken(void **state)
{
	NatsBench *bench = nats_bench_make();
	char list[200];

	(void) state;
	snprintf(list, sizeof(list), "127.0.0.1:%d, %s", nats_server_free_port(), bench->server.url);
	bench->options.url = list;
	nats_server_start(&bench->server);
	nats_bench_expect_open(bench);
	nats_bench_expect_ack(bench);
	nats_bench_free(bench);
}

static void
an_abandoned_attempt_is_not_heard(void **state)
{
	NatsBench *bench = nats_bench_make();
	char nobody[64];

	(void) state;
	snprintf(nobody, sizeof(nobody), "nats://127.0.0.1:%d", nats_server_free_port());
	nats_server_start(&bench->server);
	for (int i = 0; i < 20; i++)
	{
		bench->options.url = nobody;
		nats_bench_connect(bench);
		bench->options.url = bench->server.url;
		nats_bench_expect_open(bench);
		nats_bench_expect_ack(bench);
	}
	nats_bench_free(bench);
}

static void
a_name_that_does_not_resolve_is_transient(void **state)
{
	NatsBench *bench = nats_bench_make();

	(void) state;
	bench->options.url = "nats://no-such-host.invalid:4222";
	nats_bench_expect_failure(bench, OUTBOX_VERDICT_TRANSIENT, NULL);
	nats_bench_free(bench);
}

static void
new_options_count_from_the_next_connect(void **state)
{
	NatsBench *bench = nats_bench_make();

	(void) state;
	nats_server_start(&bench->server);
	nats_bench_expect_open(bench);
	bench->options.stream = "OTHER";
	bench->options.stream_subject = "other.>";
	assert_true(outbox_nats_broker_configure(bench->broker, &bench->options));
	nats_bench_expect_ack(bench);
	nats_bench_expect_open(bench);
	assert_int_equal(nats_bench_send(bench, "other.x", 1), OUTBOX_SEND_DONE);
	assert_true(nats_bench_hear(bench, nats_bench_limit(10000)));
	assert_int_equal(bench->signal.verdict, OUTBOX_VERDICT_ACKED);

	/* what the old stream captures is stored there, and that is no success */
	assert_int_equal(nats_bench_send(bench, "shop.x", 1), OUTBOX_SEND_DONE);
	assert_true(nats_bench_hear(bench, nats_bench_limit(10000)));
	assert_int_equal(bench->signal.kind, OUTBOX_SIGNAL_ANSWER);
	assert_int_equal(bench->signal.verdict, OUTBOX_VERDICT_MISCONFIGURED);
	assert_non_null(strstr(bench->signal.text, "SHOP"));
	nats_bench_free(bench);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(user_and_password_open),
		cmocka_unit_test(a_token_opens),
		cmocka_unit_test(an_nkey_opens),
		cmocka_unit_test(a_credentials_file_opens),
		cmocka_unit_test(a_missing_right_to_publish_is_told_with_the_subject),
		cmocka_unit_test(a_missing_right_to_broadcast_harms_no_message),
		cmocka_unit_test(a_missing_right_to_look_is_told),
		cmocka_unit_test(a_server_without_jetstream_is_told),
		cmocka_unit_test(an_account_without_jetstream_is_told),
		cmocka_unit_test(options_that_are_wrong_fail_at_once),
		cmocka_unit_test(the_first_server_that_answers_is_taken),
		cmocka_unit_test(an_abandoned_attempt_is_not_heard),
		cmocka_unit_test(a_name_that_does_not_resolve_is_transient),
		cmocka_unit_test(new_options_count_from_the_next_connect),
	};

	return cmocka_run_group_tests_name("nats login", tests, NULL, NULL);
}
