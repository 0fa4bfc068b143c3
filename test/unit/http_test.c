/*
 * http_test.c
 *		Where to listen, which hosts are meant, and who has to go.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "infrastructure/http/address.h"
#include "infrastructure/http/clients.h"

static void
addresses_are_read_and_written(void **state)
{
	static const char *const forms[][2] = {{"9187", "127.0.0.1:9187"},
										   {":9187", "127.0.0.1:9187"},
										   {"localhost:1", "127.0.0.1:1"},
										   {"0.0.0.0:65535", "0.0.0.0:65535"},
										   {"127.0.0.1:0", "127.0.0.1:0"},
										   {"[::1]:9187", "[::1]:9187"},
										   {"[::]:9187", "[::]:9187"},
										   {"[fe80::1:2]:80", "[fe80::1:2]:80"},
										   {"192.168.1.20:80", "192.168.1.20:80"}};
	OutboxHttpAddress address;
	char text[OUTBOX_HTTP_ADDRESS_SIZE];

	(void) state;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
	{
		assert_null(outbox_http_address_parse(forms[i][0], &address));
		outbox_http_address_format(&address, text, sizeof(text));
		assert_string_equal(text, forms[i][1]);
	}
}

static void
other_addresses_are_refused(void **state)
{
	static const char *const wrong[] = {"",
										" ",
										"x",
										"127.0.0.1",
										"127.0.0.1:",
										"127.0.0.1:-1",
										"127.0.0.1:x",
										"127.0.0.1:1 ",
										"127.0.0.1: 1",
										"host:1",
										"1.2.3:1",
										"1.2.3.256:1",
										"::1:80",
										"::1",
										"[::1]",
										"[::1]80",
										"[::1:80",
										"[]:80",
										"[:80",
										"]:80",
										"[1.2.3.4]:80",
										"[::1]]:80",
										"*:80",
										"65536",
										"000080000",
										"http://127.0.0.1:80"};
	OutboxHttpAddress address;
	char longest[5000];

	(void) state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_non_null(outbox_http_address_parse(wrong[i], &address));
	for (size_t length = 1; length < sizeof(longest); length *= 2)
	{
		memset(longest, '1', length);
		strcpy(longest + length, ":80");
		assert_non_null(outbox_http_address_parse(longest, &address));
	}
}

static void
at_a_loopback_address_only_numbers_are_meant(void **state)
{
	static const char *const meant[] = {"localhost", "localhost:9187", "127.0.0.1", "127.0.0.1:1",
										"[::1]",     "[::1]:9187",     "10.0.0.1"};
	static const char *const not_meant[] = {
		"",
		"example.com",
		"example.com:9187",
		"localhost.",
		"127.0.0.1.x",
		"[evil]:80",
		"[evil]",
		"[]",
		":",
		"a:b:c",
		"[",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
	OutboxHttpAddress loopback;
	OutboxHttpAddress open;

	(void) state;
	assert_null(outbox_http_address_parse("[::1]:80", &loopback));
	assert_false(outbox_http_address_answers_to(&loopback, "example.com"));
	assert_null(outbox_http_address_parse("80", &loopback));
	assert_null(outbox_http_address_parse("0.0.0.0:80", &open));
	for (size_t i = 0; i < sizeof(meant) / sizeof(meant[0]); i++)
		assert_true(outbox_http_address_answers_to(&loopback, meant[i]));
	for (size_t i = 0; i < sizeof(not_meant) / sizeof(not_meant[0]); i++)
	{
		assert_false(outbox_http_address_answers_to(&loopback, not_meant[i]));
		assert_true(outbox_http_address_answers_to(&open, not_meant[i]));
	}
}

static void
the_longest_connected_gives_way(void **state)
{
	OutboxHttpClients clients = {0};

	(void) state;
	assert_true(outbox_http_clients_deadline(&clients) == INT64_MAX);
	for (int i = 0; i < OUTBOX_HTTP_CLIENTS_MAX; i++)
		assert_int_equal(outbox_http_clients_admit(&clients, 100 + i, i), OUTBOX_HTTP_NOBODY);
	outbox_http_clients_leave(&clients, 101);
	outbox_http_clients_leave(&clients, 999);
	assert_int_equal(outbox_http_clients_admit(&clients, 200, 50), OUTBOX_HTTP_NOBODY);
	assert_int_equal(outbox_http_clients_admit(&clients, 201, 51), 100);
	assert_int_equal(outbox_http_clients_admit(&clients, 202, 52), 102);
	assert_int_equal(clients.count, OUTBOX_HTTP_CLIENTS_MAX);
}

static void
whose_time_is_over_goes(void **state)
{
	OutboxHttpClients clients = {0};

	(void) state;
	outbox_http_clients_admit(&clients, 7, 1000);
	outbox_http_clients_admit(&clients, 8, 2000);
	assert_int_equal(outbox_http_clients_deadline(&clients), 1000 + OUTBOX_HTTP_CLIENT_US);
	assert_int_equal(outbox_http_clients_expire(&clients, 999 + OUTBOX_HTTP_CLIENT_US),
					 OUTBOX_HTTP_NOBODY);
	assert_int_equal(outbox_http_clients_expire(&clients, 2000 + OUTBOX_HTTP_CLIENT_US), 7);
	assert_int_equal(outbox_http_clients_expire(&clients, 2000 + OUTBOX_HTTP_CLIENT_US), 8);
	assert_int_equal(outbox_http_clients_expire(&clients, INT64_MAX - 1), OUTBOX_HTTP_NOBODY);
	assert_int_equal(clients.count, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_read_and_written),
		cmocka_unit_test(other_addresses_are_refused),
		cmocka_unit_test(at_a_loopback_address_only_numbers_are_meant),
		cmocka_unit_test(the_longest_connected_gives_way),
		cmocka_unit_test(whose_time_is_over_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
