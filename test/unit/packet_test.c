/*
 * packet_test.c
 *		What goes into a packet comes out of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "domain/packet.h"

static const OutboxEvent sample = {.emitted_at = INT64_C(1709210096000042),
								   .aggregate = "order",
								   .aggregate_id = "4 2",
								   .action = "viewed",
								   .content_type = "application/json",
								   .headers = "tenant: north\n",
								   .payload = "{\"n\":\0001}",
								   .payload_length = 8};

/* Writes into memory of just that size, so that a sanitizer sees any excess. */
static char *
write_packet(const OutboxEvent *event)
{
	char *packet = malloc(outbox_packet_size(event));

	outbox_packet_write(event, packet);
	return packet;
}

static void
expect_same(const OutboxEvent *event)
{
	char *packet = write_packet(event);
	OutboxEvent read;

	memset(&read, 0x5a, sizeof(read));
	assert_int_equal(outbox_packet_length(packet), outbox_packet_size(event));
	assert_int_equal(outbox_packet_size(event) % OUTBOX_PACKET_UNIT, 0);
	outbox_packet_read(&read, packet);
	assert_int_equal(read.emitted_at, event->emitted_at);
	assert_string_equal(read.aggregate, event->aggregate);
	assert_string_equal(read.aggregate_id, event->aggregate_id);
	assert_string_equal(read.action, event->action);
	assert_string_equal(read.content_type, event->content_type);
	assert_string_equal(read.headers, event->headers);
	assert_int_equal(read.payload_length, event->payload_length);
	assert_memory_equal(read.payload, event->payload, event->payload_length);
	assert_int_equal(read.id, 0);
	assert_false(read.has_version);
	free(packet);
}

static void
an_event_comes_out_as_it_went_in(void **state)
{
	OutboxEvent event = sample;

	(void) state;
	expect_same(&event);
	event.headers = "";
	event.payload_length = 0;
	expect_same(&event);
}

static void
every_length_of_payload_fits(void **state)
{
	OutboxEvent event = sample;
	char payload[40];

	(void) state;
	memset(payload, 'x', sizeof(payload));
	event.payload = payload;
	for (event.payload_length = 0; event.payload_length < sizeof(payload); event.payload_length++)
		expect_same(&event);
}

static void
packets_follow_each_other(void **state)
{
	size_t size = outbox_packet_size(&sample);
	char *packets = malloc(2 * size);
	OutboxEvent event = sample;
	OutboxEvent read;

	(void) state;
	outbox_packet_write(&sample, packets);
	event.aggregate_id = "43";
	event.payload_length = 1;
	outbox_packet_write(&event, packets + outbox_packet_length(packets));
	outbox_packet_read(&read, packets + outbox_packet_length(packets));
	assert_string_equal(read.aggregate_id, "43");
	outbox_packet_read(&read, packets);
	assert_string_equal(read.aggregate_id, "4 2");
	free(packets);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_event_comes_out_as_it_went_in),
		cmocka_unit_test(every_length_of_payload_fits),
		cmocka_unit_test(packets_follow_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
