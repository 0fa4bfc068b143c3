/*
 * envelope_test.c
 *		The message that an event becomes in each mode, and how long it may be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "domain/envelope.h"
#include "domain/json.h"

#define UUID "6f1c0e6e-0000-4000-8000-000000000001"

static OutboxTemplate template;
static OutboxEnvelope envelope;
static char scratch[32768];

static const OutboxEvent sample = {.id = 7,
								   .xid = UINT64_C(5000000000),
								   .tx_index = 2,
								   .tx_count = 3,
								   .emitted_at = INT64_C(1709210096000042),
								   .aggregate = "order",
								   .aggregate_id = "a \"1\" 50% \xe2\x82\xac",
								   .action = "placed",
								   .has_version = true,
								   .version = 12,
								   .content_type = "application/json",
								   .headers = "traceparent: 00-x\ntenant: a: b\n",
								   .payload = "{\"n\":1}",
								   .payload_length = 7};

static OutboxEnvelopeOptions
options(OutboxEnvelopeMode mode)
{
	assert_int_equal(outbox_template_parse(&template, OUTBOX_TEMPLATE_DEFAULT), OUTBOX_FAULT_NONE);
	return (OutboxEnvelopeOptions){mode, &template, "shop", UUID, false};
}

static void
seal(const OutboxEvent *event, OutboxEnvelopeMode mode)
{
	OutboxEnvelopeOptions chosen = options(mode);

	memset(scratch, '#', sizeof(scratch));
	assert_int_equal(outbox_envelope_seal(&envelope, event, &chosen, scratch, sizeof(scratch)),
					 OUTBOX_FAULT_NONE);
}

static void
check_fields(const OutboxHeaderField *expected, int count)
{
	size_t bytes = strlen("NATS/1.0\r\n\r\n");

	for (int i = 0; i < envelope.field_count && i < count; i++)
	{
		assert_string_equal(envelope.fields[i].key, expected[i].key);
		assert_string_equal(envelope.fields[i].value, expected[i].value);
		bytes += strlen(expected[i].key) + strlen(expected[i].value) + strlen(": \r\n");
	}
	assert_int_equal(envelope.field_count, count);
	assert_int_equal(envelope.header_bytes, bytes);
}

static void
check_body(const char *expected)
{
	assert_int_equal(envelope.payload_length, strlen(expected));
	assert_memory_equal(envelope.payload, expected, strlen(expected));
}

static bool
body_contains(const char *part)
{
	const char *body = envelope.payload;

	for (size_t at = 0; at + strlen(part) <= envelope.payload_length; at++)
	{
		if (memcmp(body + at, part, strlen(part)) == 0)
			return true;
	}
	return false;
}

static void
binary_mode_keeps_the_payload_and_says_the_rest_in_headers(void **state)
{
	static const OutboxHeaderField expected[] = {
		{"Nats-Msg-Id", UUID "-7"},
		{"ce-id", UUID "-7"},
		{"ce-specversion", "1.0"},
		{"ce-source", "/shop"},
		{"ce-type", "order.placed"},
		{"ce-subject", "a%20%221%22%2050%25%20%E2%82%AC"},
		{"ce-time", "2024-02-29T12:34:56.000042Z"},
		{"ce-datacontenttype", "application/json"},
		{"Outbox-Aggregate-Version", "12"},
		{"Outbox-Tx", "5000000000"},
		{"Outbox-Tx-Index", "2"},
		{"Outbox-Tx-Count", "3"},
		{"traceparent", "00-x"},
		{"tenant", "a: b"},
	};

	(void) state;
	seal(&sample, OUTBOX_ENVELOPE_CLOUDEVENTS);
	assert_string_equal(envelope.subject, "shop.order.placed");
	check_fields(expected, sizeof(expected) / sizeof(expected[0]));
	check_body("{\"n\":1}");
	assert_ptr_equal(envelope.payload, sample.payload);
}

static void
structured_mode_is_one_json_object(void **state)
{
	static const OutboxHeaderField expected[] = {
		{"Nats-Msg-Id", UUID "-7"},
		{"Content-Type", "application/cloudevents+json"},
		{"Outbox-Aggregate-Version", "12"},
		{"Outbox-Tx", "5000000000"},
		{"Outbox-Tx-Index", "2"},
		{"Outbox-Tx-Count", "3"},
		{"traceparent", "00-x"},
		{"tenant", "a: b"},
	};

	(void) state;
	seal(&sample, OUTBOX_ENVELOPE_CLOUDEVENTS_STRUCTURED);
	check_fields(expected, sizeof(expected) / sizeof(expected[0]));
	check_body("{\"specversion\":\"1.0\",\"id\":\"" UUID "-7\",\"source\":\"/shop\","
			   "\"type\":\"order.placed\",\"subject\":\"a \\\"1\\\" 50% \xe2\x82\xac\","
			   "\"time\":\"2024-02-29T12:34:56.000042Z\",\"datacontenttype\":\"application/json\","
			   "\"aggregateversion\":\"12\",\"tx\":\"5000000000\",\"txindex\":2,\"txcount\":3,"
			   "\"data\":{\"n\":1}}");
	assert_true(outbox_json_check(envelope.payload, envelope.payload_length));
}

static void
plain_mode_speaks_no_cloudevents(void **state)
{
	static const OutboxHeaderField expected[] = {
		{"Nats-Msg-Id", UUID "-7"},
		{"Content-Type", "application/json"},
		{"Outbox-Type", "order.placed"},
		{"Outbox-Aggregate-Id", "a%20%221%22%2050%25%20%E2%82%AC"},
		{"Outbox-Time", "2024-02-29T12:34:56.000042Z"},
		{"Outbox-Aggregate-Version", "12"},
		{"Outbox-Tx", "5000000000"},
		{"Outbox-Tx-Index", "2"},
		{"Outbox-Tx-Count", "3"},
		{"traceparent", "00-x"},
		{"tenant", "a: b"},
	};

	(void) state;
	seal(&sample, OUTBOX_ENVELOPE_PLAIN);
	check_fields(expected, sizeof(expected) / sizeof(expected[0]));
	check_body("{\"n\":1}");
}

static void
no_version_no_header(void **state)
{
	OutboxEvent event = sample;

	(void) state;
	event.has_version = false;
	event.headers = "";
	seal(&event, OUTBOX_ENVELOPE_CLOUDEVENTS);
	assert_int_equal(envelope.field_count, 11);
	for (int i = 0; i < envelope.field_count; i++)
		assert_string_not_equal(envelope.fields[i].key, "Outbox-Aggregate-Version");
	seal(&event, OUTBOX_ENVELOPE_CLOUDEVENTS_STRUCTURED);
	assert_false(body_contains("aggregateversion"));
}

static void
seal_broadcast(OutboxEnvelopeMode mode)
{
	OutboxEnvelopeOptions chosen = options(mode);

	chosen.broadcast = true;
	assert_int_equal(outbox_envelope_seal(&envelope, &sample, &chosen, scratch, sizeof(scratch)),
					 OUTBOX_FAULT_NONE);
}

static void
a_broadcast_says_nothing_of_stream_and_log(void **state)
{
	static const OutboxHeaderField binary[] = {
		{"ce-id", UUID "-b7"},
		{"ce-specversion", "1.0"},
		{"ce-source", "/shop"},
		{"ce-type", "order.placed"},
		{"ce-subject", "a%20%221%22%2050%25%20%E2%82%AC"},
		{"ce-time", "2024-02-29T12:34:56.000042Z"},
		{"ce-datacontenttype", "application/json"},
		{"Outbox-Delivery", "best-effort"},
		{"traceparent", "00-x"},
		{"tenant", "a: b"},
	};
	static const OutboxHeaderField structured[] = {
		{"Content-Type", "application/cloudevents+json"},
		{"Outbox-Delivery", "best-effort"},
		{"traceparent", "00-x"},
		{"tenant", "a: b"},
	};

	(void) state;
	seal_broadcast(OUTBOX_ENVELOPE_CLOUDEVENTS);
	check_fields(binary, sizeof(binary) / sizeof(binary[0]));
	check_body("{\"n\":1}");
	seal_broadcast(OUTBOX_ENVELOPE_CLOUDEVENTS_STRUCTURED);
	check_fields(structured, sizeof(structured) / sizeof(structured[0]));
	assert_true(outbox_json_check(envelope.payload, envelope.payload_length));
	assert_true(body_contains("\"id\":\"" UUID "-b7\""));
	assert_false(body_contains("\"tx"));
	seal_broadcast(OUTBOX_ENVELOPE_PLAIN);
	assert_string_equal(envelope.fields[0].key, "Content-Type");
	assert_string_equal(envelope.fields[4].key, "Outbox-Delivery");
}

static void
check_data(const char *content_type, const char *payload, const char *expected)
{
	OutboxEvent event = sample;
	char end[256];

	event.content_type = content_type;
	event.payload = payload;
	event.payload_length = strlen(payload);
	seal(&event, OUTBOX_ENVELOPE_CLOUDEVENTS_STRUCTURED);
	assert_true(outbox_json_check(envelope.payload, envelope.payload_length));
	strcpy(end, "\"txcount\":3");
	strcat(end, expected);
	strcat(end, "}");
	assert_true(envelope.payload_length > strlen(end));
	assert_memory_equal((const char *) envelope.payload + envelope.payload_length - strlen(end),
						end, strlen(end));
}

static void
structured_data_is_json_or_base64(void **state)
{
	(void) state;
	check_data("application/json", " [1] ", ",\"data\": [1] ");
	check_data("application/vnd.x+JSON; v=1", "null", ",\"data\":null");
	check_data("application/json", "{\"a\":1", ",\"data_base64\":\"eyJhIjox\"");
	check_data("application/json", "1,\"id\":\"forged\"",
			   ",\"data_base64\":\"MSwiaWQiOiJmb3JnZWQi\"");
	check_data("text/plain", "a", ",\"data_base64\":\"YQ==\"");
	check_data("text/plain", "ab", ",\"data_base64\":\"YWI=\"");
	check_data("text/plain", "\xff\xfe\xfd", ",\"data_base64\":\"//79\"");
	check_data("application/json", "", "");
}

static void
odd_database_names_are_encoded(void **state)
{
	OutboxEnvelopeOptions chosen = options(OUTBOX_ENVELOPE_CLOUDEVENTS);

	(void) state;
	chosen.database = "my \"shop\"/\xc3\xa9";
	assert_int_equal(outbox_envelope_seal(&envelope, &sample, &chosen, scratch, sizeof(scratch)),
					 OUTBOX_FAULT_NONE);
	assert_string_equal(envelope.subject, "my%20%22shop%22%2F%C3%A9.order.placed");
	assert_string_equal(envelope.fields[3].key, "ce-source");
	assert_string_equal(envelope.fields[3].value, "/my%2520%2522shop%2522%252F%25C3%25A9");
	chosen.mode = OUTBOX_ENVELOPE_CLOUDEVENTS_STRUCTURED;
	assert_int_equal(outbox_envelope_seal(&envelope, &sample, &chosen, scratch, sizeof(scratch)),
					 OUTBOX_FAULT_NONE);
	assert_true(body_contains("\"source\":\"/my%20%22shop%22%2F%C3%A9\""));
}

static void
too_little_scratch_is_a_fault_at_every_size(void **state)
{
	(void) state;
	for (int mode = OUTBOX_ENVELOPE_CLOUDEVENTS; mode <= OUTBOX_ENVELOPE_PLAIN; mode++)
	{
		OutboxEnvelopeOptions chosen = options((OutboxEnvelopeMode) mode);
		size_t size = 0;
		OutboxFault fault;

		do
		{
			char *exact = malloc(size);

			fault = outbox_envelope_seal(&envelope, &sample, &chosen, exact, size);
			free(exact);
			size++;
		} while (fault == OUTBOX_FAULT_SCRATCH_TOO_SMALL);
		assert_int_equal(fault, OUTBOX_FAULT_NONE);
		assert_true(size > 150);
		assert_true(size < outbox_envelope_scratch_size((OutboxEnvelopeMode) mode, 7));
	}
}

/* An event as long as the rules allow. */
static void
make_longest(OutboxEvent *event, size_t payload_length)
{
	static char name[101];
	static char id[OUTBOX_AGGREGATE_ID_MAX + 1];
	static char type[OUTBOX_CONTENT_TYPE_MAX + 1];
	static char headers[OUTBOX_HEADER_LINES_MAX + 1];
	static char payload[100000];

	memset(name, 'a', 90);
	memset(id, '"', OUTBOX_AGGREGATE_ID_MAX);
	memset(type, '"', OUTBOX_CONTENT_TYPE_MAX);
	memcpy(type, "a/b;", 4);
	memset(headers, 'v', OUTBOX_HEADER_LINES_MAX);
	memcpy(headers, "key: ", 5);
	headers[OUTBOX_HEADER_LINES_MAX - 1] = '\n';
	memset(payload, 0xff, sizeof(payload));
	*event = (OutboxEvent){.id = INT64_MAX,
						   .xid = UINT64_MAX,
						   .tx_index = UINT32_MAX,
						   .tx_count = UINT32_MAX,
						   .aggregate = name,
						   .aggregate_id = id,
						   .action = name,
						   .has_version = true,
						   .version = INT64_MIN,
						   .content_type = type,
						   .headers = headers,
						   .payload = payload,
						   .payload_length = payload_length};
	assert_true(payload_length <= sizeof(payload));
}

static void
scratch_size_always_suffices(void **state)
{
	char database[OUTBOX_DATABASE_MAX + 1];
	OutboxEvent event;

	(void) state;
	memset(database, '"', OUTBOX_DATABASE_MAX);
	database[OUTBOX_DATABASE_MAX] = '\0';
	for (int mode = OUTBOX_ENVELOPE_CLOUDEVENTS; mode <= OUTBOX_ENVELOPE_PLAIN; mode++)
	{
		OutboxEnvelopeOptions chosen = options((OutboxEnvelopeMode) mode);
		size_t size = outbox_envelope_scratch_size((OutboxEnvelopeMode) mode, 99999);
		char *room = malloc(size);

		make_longest(&event, 99999);
		chosen.database = database;
		assert_int_equal(outbox_template_parse(&template, "{aggregate}.{action}"),
						 OUTBOX_FAULT_NONE);
		assert_int_equal(outbox_envelope_seal(&envelope, &event, &chosen, room, size),
						 OUTBOX_FAULT_NONE);
		free(room);
	}
}

static void
illegal_events_are_not_sealed(void **state)
{
	OutboxEnvelopeOptions chosen = options(OUTBOX_ENVELOPE_CLOUDEVENTS);
	OutboxEnvelopeLimits none = {0, 0};
	OutboxEvent event = sample;

	(void) state;
	event.aggregate = "a b";
	assert_int_equal(outbox_envelope_seal(&envelope, &event, &chosen, scratch, sizeof(scratch)),
					 OUTBOX_FAULT_AGGREGATE_ILLEGAL_CHARACTER);
	assert_int_equal(outbox_envelope_check(&event, &chosen, &none),
					 OUTBOX_FAULT_AGGREGATE_ILLEGAL_CHARACTER);
	event = sample;
	event.headers = "Nats-Rollup: all\n";
	assert_int_equal(outbox_envelope_seal(&envelope, &event, &chosen, scratch, sizeof(scratch)),
					 OUTBOX_FAULT_HEADER_KEY_OF_BROKER);
	event = sample;
	chosen.database = "_INBOX";
	assert_int_equal(outbox_envelope_seal(&envelope, &event, &chosen, scratch, sizeof(scratch)),
					 OUTBOX_FAULT_SUBJECT_RESERVED);
	assert_int_equal(outbox_envelope_check(&event, &chosen, &none), OUTBOX_FAULT_SUBJECT_RESERVED);
}

/* What the message takes on the wire. */
static int64_t
wire_size(void)
{
	return (int64_t) (envelope.header_bytes + envelope.payload_length);
}

static void
the_check_foresees_the_longest_message(void **state)
{
	OutboxEvent event;
	OutboxEvent draft;
	OutboxEnvelopeLimits limits = {0, 0};

	(void) state;
	for (int mode = OUTBOX_ENVELOPE_CLOUDEVENTS; mode <= OUTBOX_ENVELOPE_PLAIN; mode++)
	{
		OutboxEnvelopeOptions chosen = options((OutboxEnvelopeMode) mode);
		OutboxEnvelopeOptions unnamed = chosen;

		assert_int_equal(outbox_template_parse(&template, "{aggregate}.{action}"),
						 OUTBOX_FAULT_NONE);
		make_longest(&event, 8000);
		assert_int_equal(outbox_envelope_seal(&envelope, &event, &chosen, scratch, sizeof(scratch)),
						 OUTBOX_FAULT_NONE);
		draft = event;
		draft.id = 0;
		draft.xid = 0;
		draft.tx_index = draft.tx_count = 0;
		draft.emitted_at = 0;
		unnamed.uuid = NULL;

		/* one byte more for the sign of the longest id */
		limits.max_payload =
			wire_size() + OUTBOX_ENVELOPE_RESERVE + (mode == OUTBOX_ENVELOPE_PLAIN ? 1 : 2);
		assert_int_equal(outbox_envelope_check(&draft, &unnamed, &limits), OUTBOX_FAULT_NONE);
		limits.max_payload--;
		assert_int_equal(outbox_envelope_check(&draft, &unnamed, &limits),
						 OUTBOX_FAULT_OVER_MAX_PAYLOAD);
		limits.max_message_size = limits.max_payload;
		limits.max_payload = -1;
		assert_int_equal(outbox_envelope_check(&draft, &unnamed, &limits),
						 OUTBOX_FAULT_OVER_MAX_MESSAGE_SIZE);
		limits.max_message_size++;
		assert_int_equal(outbox_envelope_check(&draft, &unnamed, &limits), OUTBOX_FAULT_NONE);
		limits = (OutboxEnvelopeLimits){0, -1};
		assert_int_equal(outbox_envelope_check(&draft, &unnamed, &limits), OUTBOX_FAULT_NONE);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(binary_mode_keeps_the_payload_and_says_the_rest_in_headers),
		cmocka_unit_test(structured_mode_is_one_json_object),
		cmocka_unit_test(plain_mode_speaks_no_cloudevents),
		cmocka_unit_test(no_version_no_header),
		cmocka_unit_test(a_broadcast_says_nothing_of_stream_and_log),
		cmocka_unit_test(structured_data_is_json_or_base64),
		cmocka_unit_test(odd_database_names_are_encoded),
		cmocka_unit_test(too_little_scratch_is_a_fault_at_every_size),
		cmocka_unit_test(scratch_size_always_suffices),
		cmocka_unit_test(illegal_events_are_not_sealed),
		cmocka_unit_test(the_check_foresees_the_longest_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
