/*
 * nats_words_test.c
 *		The parts of the adapter that need no server: what is read from texts and
 *		how codes are judged.
 */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <nats/nats.h>
#include <openssl/evp.h>

#include "contract/nats_keys.h"
#include "infrastructure/nats/info.h"
#include "infrastructure/nats/legal.h"
#include "infrastructure/nats/nkey.h"
#include "infrastructure/nats/options.h"
#include "infrastructure/nats/pattern.h"
#include "infrastructure/nats/stored.h"
#include "infrastructure/nats/url.h"
#include "infrastructure/nats/verdict.h"

static void
ids_of_stored_messages_are_found(void **state)
{
	OutboxNatsStored stored;
	char text[2000] = "{\"message\":{\"subject\":\"a\",\"seq\":7,\"hdrs\":\"";
	char headers[900] = "NATS/1.0\r\nX-Nats-Msg-Id: no\r\nLong: ";

	(void) state;
	memset(headers + strlen(headers), 'l', 600);
	strcat(headers, "\r\nNats-Msg-Id: 42-a\r\nce-id: 1\r\n\r\n");
	EVP_EncodeBlock((unsigned char *) text + strlen(text), (unsigned char *) headers,
					(int) strlen(headers));
	strcat(text, "\",\"data\":\"eA==\"}}");
	assert_true(outbox_nats_stored_parse(text, strlen(text), &stored));
	assert_string_equal(stored.id, "42-a");
	assert_false(stored.refusal.error);

	strcpy(text, "{\"message\":{\"seq\":7,\"data\":\"eA==\"}}");
	assert_true(outbox_nats_stored_parse(text, strlen(text), &stored));
	assert_string_equal(stored.id, "");
	strcpy(text, "{\"error\":{\"code\":404,\"err_code\":10037}}");
	assert_true(outbox_nats_stored_parse(text, strlen(text), &stored));
	assert_int_equal(stored.refusal.code, 404);
	strcpy(text, "{\"message\":{\"hdrs\":\"!\"}}");
	assert_false(outbox_nats_stored_parse(text, strlen(text), &stored));
	strcpy(text, "{\"stream\":\"E\",\"seq\":1}");
	assert_false(outbox_nats_stored_parse(text, strlen(text), &stored));
	assert_false(outbox_nats_stored_parse("", 0, &stored));
}

static void
codes_have_their_verdicts(void **state)
{
	static const struct
	{
		int code;
		OutboxVerdict verdict;
	} expected[] = {
		{10054, OUTBOX_VERDICT_REFUSED},       {10097, OUTBOX_VERDICT_REFUSED},
		{10071, OUTBOX_VERDICT_CONFLICT},      {10070, OUTBOX_VERDICT_CONFLICT},
		{10060, OUTBOX_VERDICT_MISCONFIGURED}, {10077, OUTBOX_VERDICT_MISCONFIGURED},
		{10109, OUTBOX_VERDICT_MISCONFIGURED}, {10076, OUTBOX_VERDICT_MISCONFIGURED},
		{10039, OUTBOX_VERDICT_MISCONFIGURED}, {10111, OUTBOX_VERDICT_REFUSED},
		{10008, OUTBOX_VERDICT_TRANSIENT},     {10023, OUTBOX_VERDICT_TRANSIENT},
		{10059, OUTBOX_VERDICT_TRANSIENT},     {0, OUTBOX_VERDICT_TRANSIENT},
		{99999, OUTBOX_VERDICT_TRANSIENT},     {503, OUTBOX_VERDICT_TRANSIENT},
	};
	int faults_of_one = 0;

	(void) state;
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		assert_int_equal(outbox_nats_verdict_of_code(expected[i].code), expected[i].verdict);

	/* nothing else gives an event up, and an error never counts as stored */
	for (int code = 0; code < 20000; code++)
	{
		faults_of_one += outbox_nats_verdict_of_code(code) == OUTBOX_VERDICT_REFUSED;
		assert_true(outbox_nats_verdict_of_code(code) > OUTBOX_VERDICT_DUPLICATE);
	}
	assert_int_equal(faults_of_one, 3);
	assert_int_equal(outbox_nats_verdict_of_status(NATS_NOT_PERMITTED),
					 OUTBOX_VERDICT_UNAUTHORIZED);
	assert_int_equal(outbox_nats_verdict_of_status(NATS_TIMEOUT), OUTBOX_VERDICT_TRANSIENT);
	assert_int_equal(outbox_nats_verdict_of_status(NATS_SSL_ERROR), OUTBOX_VERDICT_MISCONFIGURED);
}

static bool
legal(const char *subject, const char *key, const char *value)
{
	OutboxHeaderField field = {key, value};
	OutboxMessage message = {.subject = subject, .fields = &field, .field_count = 1};

	return outbox_nats_legal_message(&message);
}

/* Every byte at every place of values of up to 20 bytes. */
static void
control_characters_are_not_legal(void **state)
{
	(void) state;
	for (size_t length = 1; length <= 20; length++)
		for (size_t at = 0; at < length; at++)
			for (int byte = 1; byte < 256; byte++)
			{
				char value[21] = {0};

				memset(value, at % 2 == 0 ? '!' : 0xff, length);
				value[at] = (char) byte;
				assert_int_equal(legal("a.b", "Key", value), byte >= ' ' && byte != 127);
			}
	assert_true(legal("a.b", "Key", ""));
	assert_false(legal("a. b", "Key", "v"));
	assert_false(legal("a.b", "", "v"));
	for (int byte = 1; byte < 256; byte++)
	{
		char key[4] = {'K', (char) byte, 'y', '\0'};

		assert_int_equal(legal("a.b", key, "v"),
						 byte < 128 && (isalnum(byte) || byte == '-' || byte == '_'));
	}
}

static void
patterns_cover_and_meet(void **state)
{
	static const struct
	{
		const char *outer;
		const char *inner;
		bool covers;
		bool meets;
	} pairs[] = {
		{"shop.>", "shop.*.*", true, true},
		{"shop.*.*", "shop.*.*", true, true},
		{">", "shop.*.*", true, true},
		{"*.*.*", "shop.*.*", true, true},
		{"shop.*.*", "shop.>", false, true},
		{"shop.order.>", "shop.*.*", false, true},
		{"shop.*.placed", "shop.*.*", false, true},
		{"shop.*", "shop.*.*", false, false},
		{"bank.>", "shop.*.*", false, false},
		{"shop.>", "shop", false, false},
		{"shop.order", "shop.order", true, true},
		{"shop.orders", "shop.order", false, false},
		{"shop.*.*.*", "shop.*.*", false, false},
		{"*", ">", false, true},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
	{
		assert_int_equal(outbox_nats_pattern_covers(pairs[i].outer, pairs[i].inner),
						 pairs[i].covers);
		assert_int_equal(outbox_nats_pattern_meets(pairs[i].outer, pairs[i].inner), pairs[i].meets);
		assert_int_equal(outbox_nats_pattern_meets(pairs[i].inner, pairs[i].outer), pairs[i].meets);
	}
}

static OutboxNatsInfo info; /* of the stream judged last */

/* Judges a stream with these members of its configuration. */
static bool
judge(const char *config, const char *pattern, char *text, size_t size)
{
	char answer[1000];

	snprintf(
		answer, sizeof(answer),
		"{\"type\":\"x\",\"config\":{\"name\":\"S\",%s},\"created\":"
		"\"2026-11-22T20:31:00.000000005Z\",\"state\":{\"messages\":2,\"bytes\":90,\"first_seq\":5,"
		"\"last_seq\":7,\"num_deleted\":1},\"cluster\":{\"leader\":\"n\"}}",
		config);
	assert_true(outbox_nats_info_parse(answer, strlen(answer), pattern, &info));
	assert_int_equal(info.first_sequence, 5);
	assert_int_equal(info.last_sequence, 7);
	assert_int_equal(info.deleted, 1);
	assert_int_equal(info.created, 1795379460000000005);
	return outbox_nats_info_judge(&info, pattern, text, size) == 0;
}

static void
streams_are_judged(void **state)
{
	static const char both[] = "\"subjects\":[\"bank.>\",\"shop.>\"],\"storage\":\"file\"";
	char text[256];

	(void) state;
	assert_true(judge(both, "shop.*.*", text, sizeof(text)));
	assert_string_equal(text, "");
	assert_true(judge("\"subjects\":[\"shop.\\u003e\"]", "shop.*.*", text, sizeof(text)));
	assert_string_equal(text, "");
	assert_true(judge(both, "*.*.*", text, sizeof(text)));
	assert_non_null(strstr(text, "only some"));
	assert_true(judge("\"subjects\":[\"shop.>\"],\"storage\":\"memory\",\"max_age\":1,"
					  "\"retention\":\"interest\",\"max_msgs\":-1",
					  "shop.*.*", text, sizeof(text)));
	assert_non_null(strstr(text, "memory"));
	assert_non_null(strstr(text, "; the stream's limits remove"));
	assert_non_null(strstr(text, "consumers have had them"));
	assert_true(outbox_nats_info_expires(&info) && outbox_nats_info_sparse(&info));
	assert_true(judge("\"subjects\":[\"shop.>\"],\"max_bytes\":9,\"discard\":\"new\"", "shop.*.*",
					  text, sizeof(text)));
	assert_string_equal(text, "");
	assert_false(outbox_nats_info_expires(&info) || outbox_nats_info_sparse(&info));
	assert_true(judge("\"subjects\":[\"shop.>\"],\"max_bytes\":9,\"discard\":\"old\"", "shop.*.*",
					  text, sizeof(text)));
	assert_non_null(strstr(text, "limits"));
	assert_false(
		judge("\"subjects\":[\"shop.>\"],\"sealed\":true", "shop.*.*", text, sizeof(text)));
	assert_non_null(strstr(text, "sealed"));
	assert_false(
		judge("\"subjects\":[\"shop.>\"],\"no_ack\":true", "shop.*.*", text, sizeof(text)));
	assert_non_null(strstr(text, "no_ack"));
	assert_false(judge("\"subjects\":[\"bank.>\"]", "shop.*.*", text, sizeof(text)));
	assert_non_null(strstr(text, "does not capture"));
	assert_false(judge("\"subjects\":null", "shop.*.*", text, sizeof(text)));
}

static void
what_is_no_stream_is_not_read(void **state)
{
	static const char *const broken[] = {
		"",
		"{}",
		"{\"config\":{}}",
		"{\"created\":\"yesterday\"}",
		"{\"created\":\"2026-11-22T20:31:00Z\",\"config\":{\"max_age\":\"1\"}}",
		"{\"created\":\"2026-11-22T20:31:00Z\",\"config\":{\"subjects\":\"a\"}}",
		"{\"created\":\"2026-11-22T20:31:00Z\",\"state\":{\"last_seq\":-1}}",
		"{\"stream\":\"S\",\"seq\":1}",
	};

	(void) state;
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
		if (outbox_nats_info_parse(broken[i], strlen(broken[i]), "a", &info))
			fail_msg("was read: %s", broken[i]);
}

static void
times_are_read(void **state)
{
	static const struct
	{
		const char *text;
		int64_t time; /* -1: illegal */
	} times[] = {
		{"1970-01-01T00:00:00Z", 0},
		{"2000-02-29T23:59:59.5Z", 951868799500000000},
		{"2024-12-31T00:00:00+01:00", 1735599600000000000},
		{"2024-03-01T00:00:00.123456789123-02:30", 1709260200123456789},
		{"2024-03-01", -1},
		{"2024-03-01T00:00:00", -1},
		{"2024-13-01T00:00:00Z", -1},
		{"2024-03-01T00:00:00Zz", -1},
		{"", -1},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
	{
		int64_t time = -1;

		assert_int_equal(outbox_nats_info_time(times[i].text, &time), times[i].time >= 0);
		assert_true(times[i].time < 0 || time == times[i].time);
	}
}

static void
urls_are_taken_apart(void **state)
{
	static const struct
	{
		const char *text;
		const char *host;
		bool tls;
		bool user;
		bool loopback;
		bool legal;
	} urls[] = {
		{"nats://a:4222", "a", false, false, false, true},
		{"tls://a.example", "a.example", true, false, false, true},
		{"localhost:4222", "localhost", false, false, true, true},
		{"127.0.0.1", "127.0.0.1", false, false, true, true},
		{"nats://127.8.8.8:1", "127.8.8.8", false, false, true, true},
		{"nats://127.0.0.1.evil.example", "127.0.0.1.evil.example", false, false, false, true},
		{"nats://localhost.example", "localhost.example", false, false, false, true},
		{"nats://[::1]:4222", "::1", false, false, true, true},
		{"nats://[fe80::1]:4222", "fe80::1", false, false, false, true},
		{"nats://u:p@localhost", NULL, false, true, false, true},
		{"nats://localhost@evil.example", NULL, false, true, false, true},
		{"http://a", "a", false, false, false, false},
		{"nats://", "", false, false, false, false},
		{"nats://a b", "a b", false, false, false, false},
		{"nats://a/b", "a/b", false, false, false, false},
		{"nats://[::1", "::1", false, false, true, false},
	};
	const char *list = " ,nats://a:1 ,, tls://b\n, c ";
	OutboxNatsUrl url;

	(void) state;
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++)
	{
		const char *at = urls[i].text;

		assert_true(outbox_nats_url_next(&at, &url));
		assert_int_equal(url.user, urls[i].user);
		assert_int_equal(url.tls, urls[i].tls);
		assert_int_equal(url.legal, urls[i].legal);
		if (urls[i].host == NULL)
			continue;
		assert_int_equal(url.loopback, urls[i].loopback);
		assert_int_equal(url.host_length, strlen(urls[i].host));
		assert_memory_equal(url.host, urls[i].host, url.host_length);
	}
	assert_int_equal(outbox_nats_url_count(list), 3);
	assert_int_equal(outbox_nats_url_count(NULL), 0);
	assert_true(outbox_nats_url_next(&list, &url));
	assert_int_equal(url.length, strlen("nats://a:1"));
}

static void
nkeys_are_derived(void **state)
{
	char key[OUTBOX_NKEY_SIZE];
	NatsKey made;

	(void) state;
	for (int i = 0; i < 50; i++)
	{
		nats_keys_make(&made, 'U');
		assert_true(outbox_nats_nkey_public(made.seed, key));
		assert_string_equal(key, made.name);
		made.seed[5 + i] = made.seed[5 + i] == 'A' ? 'B' : 'A';
		assert_false(outbox_nats_nkey_public(made.seed, key));
	}
	nats_keys_make(&made, 'A');
	assert_false(outbox_nats_nkey_public(made.seed, key));
	assert_false(outbox_nats_nkey_public("SU", key));
	assert_false(outbox_nats_nkey_public("", key));
	assert_false(outbox_nats_nkey_public_of_file("/nonexistent", key));
}

static void
options_are_checked(void **state)
{
	const OutboxNatsOptions good = {
		.url = "nats://127.0.0.1:4222", .stream = "SHOP", .stream_subject = "shop.>"};
	OutboxNatsOptions options = good;
	OutboxNatsOptions *copy;
	char text[256];

	(void) state;
	assert_true(outbox_nats_options_check(&options, text, sizeof(text)));
	options.url = " , ";
	assert_false(outbox_nats_options_check(&options, text, sizeof(text)));
	options = good;
	options.stream = "a\"b";
	assert_false(outbox_nats_options_check(&options, text, sizeof(text)));
	options.stream = "a.b";
	assert_false(outbox_nats_options_check(&options, text, sizeof(text)));
	options = good;
	options.url = "127.0.0.1,broker.example";
	options.credentials_file = "f";
	assert_false(outbox_nats_options_check(&options, text, sizeof(text)));
	assert_non_null(strstr(text, "\"broker.example\""));
	options.tls = true;
	assert_true(outbox_nats_options_check(&options, text, sizeof(text)));
	options.tls = false;
	options.credentials_file = NULL;
	options.nkey_seed_file = "f";
	assert_true(outbox_nats_options_check(&options, text, sizeof(text)));
	options = good;
	options.password = "p";
	assert_false(outbox_nats_options_check(&options, text, sizeof(text)));

	options.password = "";
	copy = outbox_nats_options_copy(&options);
	assert_string_equal(copy->stream, "SHOP");
	assert_ptr_not_equal(copy->stream, options.stream);
	assert_null(copy->password);
	assert_int_equal(copy->connect_timeout, 5000);
	outbox_nats_options_free(copy);
	outbox_nats_options_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids_of_stored_messages_are_found),
		cmocka_unit_test(codes_have_their_verdicts),
		cmocka_unit_test(control_characters_are_not_legal),
		cmocka_unit_test(patterns_cover_and_meet),
		cmocka_unit_test(streams_are_judged),
		cmocka_unit_test(what_is_no_stream_is_not_read),
		cmocka_unit_test(times_are_read),
		cmocka_unit_test(urls_are_taken_apart),
		cmocka_unit_test(nkeys_are_derived),
		cmocka_unit_test(options_are_checked),
	};

	return cmocka_run_group_tests_name("nats words", tests, NULL, NULL);
}
