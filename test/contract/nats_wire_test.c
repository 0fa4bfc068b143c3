/*
 * nats_wire_test.c
 *		What goes over the line: our messages, byte by byte, and the library's in
 *		between, each of them whole.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <limits.h>
#include <poll.h>
#include <unistd.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "contract/nats_bench.h"
#include "contract/nats_keys.h"
#include "contract/nats_peer.h"
#include "contract/nats_server.h"
#include "infrastructure/nats/link.h"
#include "infrastructure/nats/wire.h"

#define DEADLINE 60000 /* ms */
#define CROWD ((size_t) 1000000) /* bytes that are kept waiting */
#define PONGS 20 /* answers that must come while they do */

static const OutboxHeaderField one_field[] = {{"Key", "value"}};
static char payload[900000];

/* What is added to an empty wire is exactly these bytes. */
static void
assert_bytes(const OutboxMessage *message, const char *inbox, const char *bytes, size_t length)
{
	OutboxNatsWire wire = {0};

	assert_int_equal(outbox_nats_wire_add(&wire, message, inbox, 1000), NATS_OK);
	assert_int_equal(outbox_nats_wire_waiting(&wire), length);
	assert_memory_equal(wire.bytes, bytes, length);
	outbox_nats_wire_clear(&wire);
	assert_int_equal(outbox_nats_wire_waiting(&wire), 0);
}

#define ASSERT_BYTES(message, inbox, text) assert_bytes(message, inbox, text, sizeof(text) - 1)

static void
a_message_is_these_bytes(void **state)
{
	const OutboxHeaderField fields[] = {{"Nats-Msg-Id", "u-1"}, {"Key-2", "wert \xc3\xa4"}};
	OutboxMessage message = {
		.subject = "shop.order.placed",
		.fields = fields,
		.field_count = 2,
		.payload = "a\0b\r\nPING\r\n",
		.payload_length = 11,
		.token = UINT64_MAX,
		.expected_last = 0,
	};

	(void) state;
	ASSERT_BYTES(&message, "_INBOX.x",
				 "HPUB shop.order.placed _INBOX.x.18446744073709551615 78 89\r\nNATS/1.0\r\n"
				 "Nats-Msg-Id: u-1\r\nKey-2: wert \xc3\xa4\r\n"
				 "Nats-Expected-Last-Sequence: 0\r\n\r\na\0b\r\nPING\r\n\r\n");
	message.field_count = 0;
	message.token = 7;
	message.expected_last = UINT64_MAX - 1;
	ASSERT_BYTES(&message, "_INBOX.x",
				 "HPUB shop.order.placed _INBOX.x.7 63 74\r\nNATS/1.0\r\n"
				 "Nats-Expected-Last-Sequence: 18446744073709551614\r\n\r\n"
				 "a\0b\r\nPING\r\n\r\n");
	message.expected_last = OUTBOX_UNFENCED;
	ASSERT_BYTES(&message, "_INBOX.x",
				 "PUB shop.order.placed _INBOX.x.7 11\r\na\0b\r\nPING\r\n\r\n");
	message.payload = NULL;
	message.payload_length = 0;
	ASSERT_BYTES(&message, NULL, "PUB shop.order.placed 0\r\n\r\n");
	message.field_count = 1;
	ASSERT_BYTES(&message, NULL,
				 "HPUB shop.order.placed 30 30\r\nNATS/1.0\r\nNats-Msg-Id: u-1\r\n\r\n\r\n");
}

static void
headers_and_payload_count_towards_the_limit(void **state)
{
	OutboxNatsWire wire = {0};
	OutboxMessage message = {
		.subject = "s",
		.fields = one_field, /* 10 + 12 + 2 bytes */
		.field_count = 1,
		.payload = payload,
		.payload_length = 76,
		.expected_last = OUTBOX_UNFENCED,
	};

	(void) state;
	assert_int_equal(outbox_nats_wire_add(&wire, &message, NULL, 99), NATS_MAX_PAYLOAD);
	assert_int_equal(outbox_nats_wire_add(&wire, &message, NULL, 20), NATS_MAX_PAYLOAD);
	message.payload_length = SIZE_MAX;
	assert_int_equal(outbox_nats_wire_add(&wire, &message, NULL, INT32_MAX), NATS_MAX_PAYLOAD);
	assert_int_equal(outbox_nats_wire_waiting(&wire), 0);
	message.payload_length = 76;
	assert_int_equal(outbox_nats_wire_add(&wire, &message, NULL, 100), NATS_OK);
	outbox_nats_wire_clear(&wire);
}

/* Reads all that the other end has; returns how much. */
static size_t
drain(int socket, char *bytes, size_t size)
{
	size_t length = 0;
	ssize_t got;

	while (length < size && (got = recv(socket, bytes + length, size - length, MSG_DONTWAIT)) > 0)
		length += (size_t) got;
	return length;
}

static void
what_is_added_behind_a_hold_waits_for_the_release(void **state)
{
	OutboxNatsWire wire = {0};
	OutboxNatsTls tls = {0};
	OutboxMessage message = {.subject = "s", .expected_last = OUTBOX_UNFENCED};
	char bytes[100];
	int pair[2];

	(void) state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_true(outbox_nats_wire_send(&wire, &tls, pair[0]));
	outbox_nats_wire_add(&wire, &message, NULL, 100);
	outbox_nats_wire_hold(&wire);
	message.subject = "t";
	outbox_nats_wire_add(&wire, &message, NULL, 100);
	outbox_nats_wire_hold(&wire);
	for (int i = 0; i < 2; i++)
		assert_true(outbox_nats_wire_send(&wire, &tls, pair[0]));
	assert_int_equal(drain(pair[1], bytes, sizeof(bytes)), 11);
	assert_memory_equal(bytes, "PUB s 0\r\n\r\n", 11);
	assert_int_equal(outbox_nats_wire_waiting(&wire), 11);
	outbox_nats_wire_release(&wire);
	assert_true(outbox_nats_wire_send(&wire, &tls, pair[0]));
	assert_int_equal(drain(pair[1], bytes, sizeof(bytes)), 11);
	assert_memory_equal(bytes, "PUB t 0\r\n\r\n", 11);
	outbox_nats_wire_clear(&wire);
	close(pair[0]);
	close(pair[1]);
}

/* Ten of 900 kB against a socket that takes little; then all of it goes, and the memory with it. */
static void
large_messages_leave_no_memory_behind(void **state)
{
	static char bytes[sizeof(payload)];
	OutboxNatsWire wire = {0};
	OutboxNatsTls tls = {0};
	OutboxMessage message = {
		.subject = "s",
		.payload = payload,
		.payload_length = sizeof(payload),
		.expected_last = OUTBOX_UNFENCED,
	};
	size_t expected = 10 * (sizeof("PUB s 900000\r\n\r\n") - 1 + sizeof(payload));
	size_t received = 0;
	int pair[2];

	(void) state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	for (int i = 0; i < 10; i++)
	{
		assert_int_equal(outbox_nats_wire_add(&wire, &message, NULL, 1000000), NATS_OK);
		assert_false(outbox_nats_wire_send(&wire, &tls, pair[0]));
		received += drain(pair[1], bytes, 100000);
		assert_int_equal(outbox_nats_wire_waiting(&wire) > 0, true);
	}
	assert_in_range(wire.size, 1, 2 * expected);
	while (!outbox_nats_wire_send(&wire, &tls, pair[0]))
		received += drain(pair[1], bytes, sizeof(bytes));
	received += drain(pair[1], bytes, sizeof(bytes));
	assert_int_equal(received, expected);
	assert_int_equal(wire.size, 0);
	message.payload_length = 10;
	outbox_nats_wire_add(&wire, &message, NULL, 1000);
	assert_in_range(wire.size, 1, 262144);
	outbox_nats_wire_clear(&wire);
	close(pair[0]);
	close(pair[1]);
}

/* A peer and a link to it. */
typedef struct Line
{
	NatsPeer *peer;
	NatsServer keys; /* for its folder alone */
	OutboxNatsLink *link;
	OutboxSignal signal;
	uint64_t token;
	long asked;
} Line;

static Line
open_line(NatsPeerManner manner, bool secure)
{
	Line line = {.token = 100};
	OutboxNatsOptions options = {.name = "wire"};
	char url[64];
	char ca[100];

	nats_server_prepare(&line.keys);
	if (secure)
	{
		nats_keys_make_certificates(line.keys.folder);
		manner.certificates = line.keys.folder;
		snprintf(ca, sizeof(ca), "%s/ca.pem", line.keys.folder);
		options.tls_ca_file = ca;
	}
	line.peer = nats_peer_start(&manner);
	snprintf(url, sizeof(url), "nats://127.0.0.1:%d", nats_peer_port(line.peer));
	options.url = url;
	line.link = outbox_nats_link_open(&options, (int) nats_bench_limit(10000), &line.signal);
	if (line.link == NULL)
		print_error("%s\n", line.signal.text);
	assert_non_null(line.link);
	return line;
}

static void
close_line(Line *line)
{
	outbox_nats_link_close(line->link);
	nats_peer_stop(line->peer);
	nats_server_remove(&line->keys);
}

static void
pump(Line *line)
{
	struct pollfd wait = {.fd = outbox_nats_link_socket(line->link), .events = POLLIN};

	outbox_nats_link_flush(line->link);
	if (outbox_nats_link_wants_write(line->link))
		wait.events |= POLLOUT;
	poll(&wait, 1, 10);
	outbox_nats_link_process(line->link, wait.revents & (POLLIN | POLLHUP | POLLERR),
							 wait.revents & POLLOUT);
	assert_true(outbox_nats_link_alive(line->link, &line->signal));
}

static natsStatus
publish(Line *line, size_t length)
{
	OutboxMessage message = {
		.subject = "shop.order.placed",
		.fields = one_field,
		.field_count = 1,
		.payload = payload,
		.payload_length = length,
		.token = line->token + 1,
		.expected_last = line->token,
	};
	natsStatus status;

	memset(payload, nats_peer_letter(message.token), length);
	status = outbox_nats_link_publish(line->link, &message);
	if (status == NATS_OK)
		line->token++;
	return status;
}

/* Waits until the peer has got all that was handed over, and has nothing to complain of. */
static void
expect_all(Line *line)
{
	long deadline = nats_server_now() + nats_bench_limit(DEADLINE);
	NatsPeerCounts counts = nats_peer_counts(line->peer);

	while (counts.fault[0] == '\0' && nats_server_now() < deadline &&
		   (counts.messages < (long) line->token - 100 || counts.requests < line->asked ||
			counts.pongs < counts.pings || outbox_nats_link_wants_write(line->link)))
	{
		pump(line);
		counts = nats_peer_counts(line->peer);
	}
	assert_string_equal(counts.fault, "");
	assert_int_equal(counts.messages, line->token - 100);
	assert_int_equal(counts.requests, line->asked);
	assert_int_equal(counts.pongs, counts.pings);
	assert_int_equal(outbox_nats_link_buffered(line->link), 0);
}

/*
 * Never lets the line run empty, asks and is asked all the while; PING is answered and
 * requests arrive all the same, and every frame is whole.
 */
static void
take_turns(bool secure)
{
	Line line =
		open_line((NatsPeerManner){.headers = true, .slow = true, .ping_every = 100000}, secure);
	long deadline = nats_server_now() + nats_bench_limit(DEADLINE);
	char body[3000];
	int small = 4096;
	int round = 0;

	memset(body, 'x', sizeof(body) - 1);
	body[sizeof(body) - 1] = '\0';
	setsockopt(outbox_nats_link_socket(line.link), SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	while (nats_peer_counts(line.peer).pongs < PONGS && nats_server_now() < deadline)
	{
		while (outbox_nats_link_buffered(line.link) < CROWD)
		{
			size_t length = (size_t) round * 7919 % 5000;

			assert_int_equal(publish(&line, round % 97 == 0 ? 200000 : length), NATS_OK);
			if (round++ % 5 == 0)
			{
				assert_int_equal(outbox_nats_link_ask(line.link, "$JS.API.X", 1, body), NATS_OK);
				line.asked++;
			}
		}
		pump(&line);
	}
	assert_true(outbox_nats_link_buffered(line.link) > 0);
	assert_in_range(nats_peer_counts(line.peer).pongs, PONGS, LONG_MAX);
	assert_true(nats_peer_counts(line.peer).requests > 0);
	expect_all(&line);
	close_line(&line);
}

static void
two_writers_take_turns(void **state)
{
	(void) state;
	take_turns(false);
}

static void
two_writers_take_turns_over_tls(void **state)
{
	(void) state;
	take_turns(true);
}

/* One event alone goes out with one flush, without a wait before. */
static void
a_flush_sends(bool secure)
{
	Line line = open_line((NatsPeerManner){.headers = true}, secure);
	char bytes[200];
	char expected[200];
	size_t length;
	long deadline = nats_server_now() + nats_bench_limit(DEADLINE);

	assert_int_equal(publish(&line, 3), NATS_OK);
	assert_true(outbox_nats_link_buffered(line.link) > 0);
	assert_true(outbox_nats_link_wants_write(line.link));
	outbox_nats_link_flush(line.link);
	assert_int_equal(outbox_nats_link_buffered(line.link), 0);
	assert_false(outbox_nats_link_wants_write(line.link));
	while (nats_peer_counts(line.peer).messages < 1 && nats_server_now() < deadline)
		usleep(1000);
	nats_peer_last(line.peer, bytes, sizeof(bytes), &length);
	assert_int_equal(strncmp(bytes, "HPUB shop.order.placed _INBOX.", 30), 0);
	snprintf(expected, sizeof(expected),
			 ".101 58 61\r\nNATS/1.0\r\nKey: value\r\nNats-Expected-Last-Sequence: 100\r\n\r\n"
			 "%c%c%c\r\n",
			 nats_peer_letter(101), nats_peer_letter(101), nats_peer_letter(101));
	assert_true(length > strlen(expected));
	assert_string_equal(bytes + length - strlen(expected), expected);
	expect_all(&line);
	close_line(&line);
}

static void
one_message_goes_out_with_one_flush(void **state)
{
	(void) state;
	a_flush_sends(false);
	a_flush_sends(true);
}

static void
much_goes_out_before_a_flush(void **state)
{
	Line line = open_line((NatsPeerManner){.headers = true}, false);
	long deadline = nats_server_now() + nats_bench_limit(DEADLINE);

	(void) state;
	for (int i = 0; i < 300; i++)
		assert_int_equal(publish(&line, 1000), NATS_OK);
	assert_in_range(outbox_nats_link_buffered(line.link), 1, 299999);
	while (nats_peer_counts(line.peer).messages < 60 && nats_server_now() < deadline)
		usleep(1000);
	assert_in_range(nats_peer_counts(line.peer).messages, 60, 299);
	expect_all(&line);
	close_line(&line);
}

static void
a_server_without_headers_gets_none(void **state)
{
	Line line = open_line((NatsPeerManner){.headers = false}, false);
	OutboxMessage plain = {.subject = "shop.order.placed", .expected_last = OUTBOX_UNFENCED};

	(void) state;
	outbox_nats_link_flush(line.link);
	assert_int_equal(publish(&line, 10), NATS_NO_SERVER_SUPPORT);
	assert_int_equal(outbox_nats_link_buffered(line.link), 0);
	assert_int_equal(outbox_nats_link_broadcast(line.link, &plain), NATS_OK);
	line.asked++;
	expect_all(&line);
	close_line(&line);
}

static void
a_severed_link_has_nothing_to_send(void **state)
{
	Line line = open_line((NatsPeerManner){.headers = true}, false);

	(void) state;
	assert_int_equal(publish(&line, 10), NATS_OK);
	outbox_nats_link_sever(line.link);
	assert_int_equal(outbox_nats_link_buffered(line.link), 0);
	assert_false(outbox_nats_link_wants_write(line.link));
	outbox_nats_link_flush(line.link);
	assert_int_equal(publish(&line, 10), NATS_CONNECTION_CLOSED);
	outbox_nats_link_close(line.link);
	nats_peer_stop(line.peer);
	nats_server_remove(&line.keys);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_is_these_bytes),
		cmocka_unit_test(headers_and_payload_count_towards_the_limit),
		cmocka_unit_test(what_is_added_behind_a_hold_waits_for_the_release),
		cmocka_unit_test(large_messages_leave_no_memory_behind),
		cmocka_unit_test(two_writers_take_turns),
		cmocka_unit_test(two_writers_take_turns_over_tls),
		cmocka_unit_test(one_message_goes_out_with_one_flush),
		cmocka_unit_test(much_goes_out_before_a_flush),
		cmocka_unit_test(a_server_without_headers_gets_none),
		cmocka_unit_test(a_severed_link_has_nothing_to_send),
	};

	return cmocka_run_group_tests_name("nats wire", tests, NULL, NULL);
}
