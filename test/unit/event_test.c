/*
 * event_test.c
 *		What an event may say; its type and its message id.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "domain/event.h"
#include "domain/subject.h"

static char long_text[400];

static const char *
letters(size_t length)
{
	memset(long_text, 'a', sizeof(long_text));
	long_text[length] = '\0';
	return long_text;
}

static void
names_have_faults_of_their_own(void **state)
{
	(void) state;
	assert_int_equal(outbox_event_check_aggregate("order"), OUTBOX_FAULT_NONE);
	assert_int_equal(outbox_event_check_aggregate(""), OUTBOX_FAULT_AGGREGATE_EMPTY);
	assert_int_equal(outbox_event_check_aggregate("a.b"), OUTBOX_FAULT_AGGREGATE_ILLEGAL_CHARACTER);
	assert_int_equal(outbox_event_check_aggregate(letters(OUTBOX_TOKEN_MAX + 1)),
					 OUTBOX_FAULT_AGGREGATE_TOO_LONG);
	assert_int_equal(outbox_event_check_action("placed"), OUTBOX_FAULT_NONE);
	assert_int_equal(outbox_event_check_action(""), OUTBOX_FAULT_ACTION_EMPTY);
	assert_int_equal(outbox_event_check_action("a b"), OUTBOX_FAULT_ACTION_ILLEGAL_CHARACTER);
	assert_int_equal(outbox_event_check_action(letters(OUTBOX_TOKEN_MAX + 1)),
					 OUTBOX_FAULT_ACTION_TOO_LONG);
}

static void
an_id_is_any_text_without_control_characters(void **state)
{
	(void) state;
	assert_int_equal(outbox_event_check_id("42"), OUTBOX_FAULT_NONE);
	assert_int_equal(outbox_event_check_id(" a.b *>\xe2\x82\xac"), OUTBOX_FAULT_NONE);
	assert_int_equal(outbox_event_check_id(letters(OUTBOX_AGGREGATE_ID_MAX)), OUTBOX_FAULT_NONE);
	assert_int_equal(outbox_event_check_id(letters(OUTBOX_AGGREGATE_ID_MAX + 1)),
					 OUTBOX_FAULT_AGGREGATE_ID_TOO_LONG);
	assert_int_equal(outbox_event_check_id(""), OUTBOX_FAULT_AGGREGATE_ID_EMPTY);
	assert_int_equal(outbox_event_check_id("a\nb"), OUTBOX_FAULT_AGGREGATE_ID_CONTROL_CHARACTER);
	assert_int_equal(outbox_event_check_id("a\x7f"), OUTBOX_FAULT_AGGREGATE_ID_CONTROL_CHARACTER);
	assert_int_equal(outbox_event_check_id("\xc2\x9f"),
					 OUTBOX_FAULT_AGGREGATE_ID_CONTROL_CHARACTER);
	assert_int_equal(outbox_event_check_id("a\x80"), OUTBOX_FAULT_AGGREGATE_ID_NOT_UTF8);
	assert_int_equal(outbox_event_check_id("\xe2\x82"), OUTBOX_FAULT_AGGREGATE_ID_NOT_UTF8);
}

static void
a_content_type_is_a_media_type(void **state)
{
	static const char *const illegal[] = {"json",
										  "/json",
										  "text/",
										  "text/plain ",
										  "text/pl ain",
										  "text/plain; ",
										  "text/plain;a=\x01",
										  "text/plain;\xc3\xa9",
										  "text/plain\r\nNats-Rollup: all",
										  "text/a/b",
										  "te\"xt/a",
										  " text/plain"};

	(void) state;
	assert_int_equal(outbox_event_check_content_type("application/json"), OUTBOX_FAULT_NONE);
	assert_int_equal(outbox_event_check_content_type("application/vnd.a+json"), OUTBOX_FAULT_NONE);
	assert_int_equal(outbox_event_check_content_type("text/plain; charset=\"utf-8\""),
					 OUTBOX_FAULT_NONE);
	assert_int_equal(outbox_event_check_content_type("text/plain ;a=b"), OUTBOX_FAULT_NONE);
	assert_int_equal(outbox_event_check_content_type(""), OUTBOX_FAULT_CONTENT_TYPE_EMPTY);
	assert_int_equal(outbox_event_check_content_type(letters(OUTBOX_CONTENT_TYPE_MAX + 1)),
					 OUTBOX_FAULT_CONTENT_TYPE_TOO_LONG);
	for (size_t i = 0; i < sizeof(illegal) / sizeof(illegal[0]); i++)
		assert_int_equal(outbox_event_check_content_type(illegal[i]),
						 OUTBOX_FAULT_CONTENT_TYPE_ILLEGAL);
}

static void
every_part_of_an_event_is_checked(void **state)
{
	const OutboxEvent good = {.aggregate = "order",
							  .aggregate_id = "42",
							  .action = "placed",
							  .content_type = "application/json",
							  .headers = ""};
	OutboxEvent event = good;

	(void) state;
	assert_int_equal(outbox_event_check(&event), OUTBOX_FAULT_NONE);
	event.aggregate = "";
	assert_int_equal(outbox_event_check(&event), OUTBOX_FAULT_AGGREGATE_EMPTY);
	event = good;
	event.aggregate_id = "";
	assert_int_equal(outbox_event_check(&event), OUTBOX_FAULT_AGGREGATE_ID_EMPTY);
	event = good;
	event.action = "";
	assert_int_equal(outbox_event_check(&event), OUTBOX_FAULT_ACTION_EMPTY);
	event = good;
	event.content_type = "";
	assert_int_equal(outbox_event_check(&event), OUTBOX_FAULT_CONTENT_TYPE_EMPTY);
	event = good;
	event.headers = "x";
	assert_int_equal(outbox_event_check(&event), OUTBOX_FAULT_HEADERS_MALFORMED);
}

static void
type_and_message_id_are_written(void **state)
{
	const char *uuid = "6f1c0e6e-0000-4000-8000-000000000001";
	OutboxEvent event = {.id = 7, .aggregate = "order", .action = "placed"};
	char type[OUTBOX_EVENT_TYPE_SIZE];
	char id[OUTBOX_MESSAGE_ID_SIZE];

	(void) state;
	assert_int_equal(outbox_event_type(&event, type, sizeof(type)), 12);
	assert_string_equal(type, "order.placed");
	assert_int_equal(outbox_event_message_id(&event, uuid, id, sizeof(id)), 38);
	assert_string_equal(id, "6f1c0e6e-0000-4000-8000-000000000001-7");
}

static void
their_sizes_are_enough_and_no_more(void **state)
{
	const char *uuid = "6f1c0e6e-0000-4000-8000-000000000001";
	OutboxEvent event = {.id = INT64_MIN};
	char type[OUTBOX_EVENT_TYPE_SIZE];
	char id[OUTBOX_MESSAGE_ID_SIZE];

	(void) state;
	event.aggregate = event.action = letters(OUTBOX_TOKEN_MAX);
	assert_int_equal(outbox_event_type(&event, type, sizeof(type)), sizeof(type) - 1);
	assert_int_equal(strlen(type), sizeof(type) - 1);
	assert_int_equal(outbox_event_message_id(&event, uuid, id, sizeof(id)), sizeof(id) - 1);
	assert_string_equal(id + 36, "--9223372036854775808");
}

static void
a_message_id_tells_its_event(void **state)
{
	static const char uuid[] = "6f1c1fbc-0d0f-4c58-9f3e-3c1b0d5a7e11";
	static const char *const others[] = {
		"",
		"6f1c1fbc-0d0f-4c58-9f3e-3c1b0d5a7e11",
		"6f1c1fbc-0d0f-4c58-9f3e-3c1b0d5a7e11-",
		"6f1c1fbc-0d0f-4c58-9f3e-3c1b0d5a7e11-x",
		"6f1c1fbc-0d0f-4c58-9f3e-3c1b0d5a7e11-4x",
		"6f1c1fbc-0d0f-4c58-9f3e-3c1b0d5a7e11--4",
		"6f1c1fbc-0d0f-4c58-9f3e-3c1b0d5a7e12-4",
		"6f1c1fbc-0d0f-4c58-9f3e-3c1b0d5a7e11-99999999999999999999",
	};
	OutboxEvent event = {.id = 1234567890123};
	char id[OUTBOX_MESSAGE_ID_SIZE];

	(void) state;
	outbox_event_message_id(&event, uuid, id, sizeof(id));
	assert_int_equal(outbox_event_of_message_id(id, uuid), event.id);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_int_equal(outbox_event_of_message_id(others[i], uuid), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_have_faults_of_their_own),
		cmocka_unit_test(an_id_is_any_text_without_control_characters),
		cmocka_unit_test(a_content_type_is_a_media_type),
		cmocka_unit_test(every_part_of_an_event_is_checked),
		cmocka_unit_test(type_and_message_id_are_written),
		cmocka_unit_test(their_sizes_are_enough_and_no_more),
		cmocka_unit_test(a_message_id_tells_its_event),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
