/*
 * header_test.c
 *		Which headers are legal, and their lines in the log.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "domain/header.h"

static char memory[OUTBOX_HEADER_LINES_MAX + 1];

static OutboxFault
check(const char *key, const char *value)
{
	return outbox_header_check(key, strlen(key), value, strlen(value));
}

static OutboxFault
append(OutboxHeaderLines *lines, const char *key, const char *value)
{
	return outbox_header_append(lines, key, strlen(key), value, strlen(value));
}

static void
keys_are_letters_digits_and_hyphens(void **state)
{
	char key[OUTBOX_HEADER_KEY_MAX + 2];

	(void) state;
	assert_int_equal(check("tenant", "a"), OUTBOX_FAULT_NONE);
	assert_int_equal(check("X-Tenant-9", "a"), OUTBOX_FAULT_NONE);
	assert_int_equal(check("", "a"), OUTBOX_FAULT_HEADER_KEY_EMPTY);
	for (int c = 1; c < 256; c++)
	{
		char one[] = {'k', (char) c, '\0'};
		int legal =
			(c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-';

		assert_int_equal(check(one, "a"),
						 legal ? OUTBOX_FAULT_NONE : OUTBOX_FAULT_HEADER_KEY_ILLEGAL_CHARACTER);
	}
	assert_int_equal(outbox_header_check("a\0b", 3, "v", 1),
					 OUTBOX_FAULT_HEADER_KEY_ILLEGAL_CHARACTER);
	memset(key, 'k', sizeof(key));
	key[OUTBOX_HEADER_KEY_MAX] = '\0';
	assert_int_equal(check(key, "a"), OUTBOX_FAULT_NONE);
	key[OUTBOX_HEADER_KEY_MAX] = 'k';
	key[OUTBOX_HEADER_KEY_MAX + 1] = '\0';
	assert_int_equal(check(key, "a"), OUTBOX_FAULT_HEADER_KEY_TOO_LONG);
}

static void
keys_of_the_broker_are_refused(void **state)
{
	static const char *const keys[] = {"Nats-Msg-Id",     "nats-rollup",    "NATS-Expected-Stream",
									   "nAtS-",           "My-Nats-Msg-Id", "xnats-msg-id",
									   "Nats-Trace-Dest", "Status",         "description"};

	(void) state;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		assert_int_equal(check(keys[i], "a"), OUTBOX_FAULT_HEADER_KEY_OF_BROKER);
	assert_int_equal(check("Natsu", "a"), OUTBOX_FAULT_NONE);
	assert_int_equal(check("X-Nats-Msg", "a"), OUTBOX_FAULT_NONE);
	assert_int_equal(check("Statuses", "a"), OUTBOX_FAULT_NONE);
}

static void
keys_of_the_envelope_are_refused(void **state)
{
	static const char *const keys[] = {"ce-id",
									   "CE-type",
									   "Outbox-Tx",
									   "outbox-actor",
									   "Content-Type",
									   "content-type",
									   "Outbox-Correlation-Id"};

	(void) state;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		assert_int_equal(check(keys[i], "a"), OUTBOX_FAULT_HEADER_KEY_OF_ENVELOPE);
	assert_int_equal(check("cell", "a"), OUTBOX_FAULT_NONE);
	assert_int_equal(check("Content-Language", "a"), OUTBOX_FAULT_NONE);
	assert_int_equal(check("traceparent", "a"), OUTBOX_FAULT_NONE);
}

static void
values_are_utf8_without_control_characters(void **state)
{
	(void) state;
	assert_int_equal(check("k", "any value: \"x\" = %20;"), OUTBOX_FAULT_NONE);
	assert_int_equal(check("k", "Jos\xc3\xa9 \xf0\x9f\x98\x80"), OUTBOX_FAULT_NONE);
	assert_int_equal(check("k", "\xc2\xa0"), OUTBOX_FAULT_NONE);
	assert_int_equal(check("k", ""), OUTBOX_FAULT_HEADER_VALUE_EMPTY);
	for (char c = 1; c < ' '; c++)
	{
		char value[] = {'v', c, 'v', '\0'};

		assert_int_equal(check("k", value), OUTBOX_FAULT_HEADER_VALUE_CONTROL_CHARACTER);
	}
	assert_int_equal(check("k", "a\x7f"), OUTBOX_FAULT_HEADER_VALUE_CONTROL_CHARACTER);
	assert_int_equal(check("k", "a\xc2\x85"), OUTBOX_FAULT_HEADER_VALUE_CONTROL_CHARACTER);
	assert_int_equal(outbox_header_check("k", 1, "a\0b", 3),
					 OUTBOX_FAULT_HEADER_VALUE_CONTROL_CHARACTER);
	assert_int_equal(check("k", "a\xff"), OUTBOX_FAULT_HEADER_VALUE_NOT_UTF8);
	assert_int_equal(check("k", "a\xc3"), OUTBOX_FAULT_HEADER_VALUE_NOT_UTF8);
	assert_int_equal(check("k", "\xc0\xa0"), OUTBOX_FAULT_HEADER_VALUE_NOT_UTF8);
	assert_int_equal(check("k", "\xed\xa0\x80"), OUTBOX_FAULT_HEADER_VALUE_NOT_UTF8);
	assert_int_equal(check("k", " a"), OUTBOX_FAULT_HEADER_VALUE_OUTER_BLANK);
	assert_int_equal(check("k", "a "), OUTBOX_FAULT_HEADER_VALUE_OUTER_BLANK);
}

static void
lines_give_back_what_was_appended(void **state)
{
	OutboxHeaderLines lines;
	OutboxHeaderLine line;
	const char *at = memory;

	(void) state;
	outbox_header_begin(&lines, memory, sizeof(memory));
	assert_string_equal(memory, "");
	assert_int_equal(append(&lines, "tenant", "a: b"), OUTBOX_FAULT_NONE);
	assert_int_equal(append(&lines, OUTBOX_HEADER_ACTOR, "x"), OUTBOX_FAULT_NONE);
	assert_string_equal(memory, "tenant: a: b\nOutbox-Actor: x\n");
	assert_int_equal(lines.length, strlen(memory));
	assert_true(outbox_header_next(&at, &line));
	assert_int_equal(line.key_length, 6);
	assert_memory_equal(line.key, "tenant", 6);
	assert_int_equal(line.value_length, 4);
	assert_memory_equal(line.value, "a: b", 4);
	assert_true(outbox_header_next(&at, &line));
	assert_memory_equal(line.key, "Outbox-Actor", 12);
	assert_false(outbox_header_next(&at, &line));
	assert_int_equal(*at, '\0');
}

static void
headers_are_found_whatever_their_case(void **state)
{
	size_t length;

	(void) state;
	assert_string_equal(outbox_header_find("a: 1\nTraceParent: 00-x\n", "traceparent", 11, &length),
						"00-x\n");
	assert_int_equal(length, 4);
	assert_null(outbox_header_find("a: 1\n", "b", 1, &length));
	assert_null(outbox_header_find("", "b", 1, &length));
}

static void
a_key_comes_once(void **state)
{
	OutboxHeaderLines lines;

	(void) state;
	outbox_header_begin(&lines, memory, sizeof(memory));
	assert_int_equal(append(&lines, "Tenant", "1"), OUTBOX_FAULT_NONE);
	assert_int_equal(append(&lines, "tenant", "2"), OUTBOX_FAULT_HEADER_DUPLICATE);
	assert_int_equal(append(&lines, "tenant2", "2"), OUTBOX_FAULT_NONE);
	assert_string_equal(memory, "Tenant: 1\ntenant2: 2\n");
}

static void
only_the_context_may_use_its_keys(void **state)
{
	OutboxHeaderLines lines;

	(void) state;
	outbox_header_begin(&lines, memory, sizeof(memory));
	assert_int_equal(append(&lines, "Outbox-Tx", "1"), OUTBOX_FAULT_HEADER_KEY_OF_ENVELOPE);
	assert_int_equal(append(&lines, "Nats-Rollup", "all"), OUTBOX_FAULT_HEADER_KEY_OF_BROKER);
	assert_int_equal(append(&lines, "x", "1\nNats-Rollup: all"),
					 OUTBOX_FAULT_HEADER_VALUE_CONTROL_CHARACTER);
	assert_int_equal(append(&lines, OUTBOX_HEADER_CORRELATION_ID, "1"), OUTBOX_FAULT_NONE);
	assert_int_equal(append(&lines, OUTBOX_HEADER_CAUSATION_ID, "1"), OUTBOX_FAULT_NONE);
	assert_string_equal(memory, "Outbox-Correlation-Id: 1\nOutbox-Causation-Id: 1\n");
}

static void
there_are_at_most_64_headers(void **state)
{
	OutboxHeaderLines lines;
	char key[16];

	(void) state;
	outbox_header_begin(&lines, memory, sizeof(memory));
	for (int i = 0; i < OUTBOX_HEADER_COUNT_MAX; i++)
	{
		snprintf(key, sizeof(key), "k%d", i);
		assert_int_equal(append(&lines, key, "v"), OUTBOX_FAULT_NONE);
	}
	assert_int_equal(append(&lines, "more", "v"), OUTBOX_FAULT_HEADERS_TOO_MANY);
	assert_int_equal(outbox_header_check_lines(memory), OUTBOX_FAULT_NONE);
	strcat(memory, "more: v\n");
	assert_int_equal(outbox_header_check_lines(memory), OUTBOX_FAULT_HEADERS_TOO_MANY);
}

static void
all_lines_have_at_most_16_kib(void **state)
{
	static char value[OUTBOX_HEADER_LINES_MAX];
	static char large[OUTBOX_HEADER_LINES_MAX + 64];
	OutboxHeaderLines lines;
	size_t room = OUTBOX_HEADER_LINES_MAX - strlen("a: \n");

	(void) state;
	memset(value, 'v', sizeof(value));
	outbox_header_begin(&lines, memory, sizeof(memory));
	assert_int_equal(outbox_header_append(&lines, "a", 1, value, room + 1),
					 OUTBOX_FAULT_HEADERS_TOO_LARGE);
	assert_int_equal(outbox_header_append(&lines, "a", 1, value, room), OUTBOX_FAULT_NONE);
	assert_int_equal(append(&lines, "b", "v"), OUTBOX_FAULT_HEADERS_TOO_LARGE);
	assert_int_equal(outbox_header_check_lines(memory), OUTBOX_FAULT_NONE);
	snprintf(large, sizeof(large), "%sb: v\n", memory);
	assert_int_equal(outbox_header_check_lines(large), OUTBOX_FAULT_HEADERS_TOO_LARGE);
}

static void
lines_fit_their_memory(void **state)
{
	OutboxHeaderLines lines;
	char small[8];

	(void) state;
	outbox_header_begin(&lines, small, sizeof(small));
	assert_int_equal(append(&lines, "a", "1234"), OUTBOX_FAULT_SCRATCH_TOO_SMALL);
	assert_string_equal(small, "");
	assert_int_equal(append(&lines, "a", "123"), OUTBOX_FAULT_NONE);
	assert_string_equal(small, "a: 123\n");
	assert_int_equal(append(&lines, "b", "1"), OUTBOX_FAULT_SCRATCH_TOO_SMALL);
}

static void
stored_lines_are_checked_again(void **state)
{
	(void) state;
	assert_int_equal(outbox_header_check_lines(""), OUTBOX_FAULT_NONE);
	assert_int_equal(outbox_header_check_lines("a: 1\nOutbox-Actor: x\n"), OUTBOX_FAULT_NONE);
	assert_int_equal(outbox_header_check_lines("a: 1"), OUTBOX_FAULT_HEADERS_MALFORMED);
	assert_int_equal(outbox_header_check_lines("a:1\n"), OUTBOX_FAULT_HEADERS_MALFORMED);
	assert_int_equal(outbox_header_check_lines("a\n"), OUTBOX_FAULT_HEADERS_MALFORMED);
	assert_int_equal(outbox_header_check_lines("\n"), OUTBOX_FAULT_HEADERS_MALFORMED);
	assert_int_equal(outbox_header_check_lines("a: 1\n\n"), OUTBOX_FAULT_HEADERS_MALFORMED);
	assert_int_equal(outbox_header_check_lines("a: 1\nA: 2\n"), OUTBOX_FAULT_HEADER_DUPLICATE);
	assert_int_equal(outbox_header_check_lines("a: 1\r\n"),
					 OUTBOX_FAULT_HEADER_VALUE_CONTROL_CHARACTER);
	assert_int_equal(outbox_header_check_lines("Nats-Rollup: all\n"),
					 OUTBOX_FAULT_HEADER_KEY_OF_BROKER);
	assert_int_equal(outbox_header_check_lines("ce-id: 1\n"), OUTBOX_FAULT_HEADER_KEY_OF_ENVELOPE);
	assert_int_equal(outbox_header_check_lines(": 1\n"), OUTBOX_FAULT_HEADER_KEY_EMPTY);
	assert_int_equal(outbox_header_check_lines("a: \n"), OUTBOX_FAULT_HEADER_VALUE_EMPTY);
}

static void
marks_come_on_top_of_the_limits(void **state)
{
	static char full[OUTBOX_HEADER_LINES_MAX + 1];
	static char text[OUTBOX_HEADER_LINES_MAX + 256];
	const char *marks = "Outbox-Erased: true\nOutbox-Replay: 0-1\nOutbox-Scheduled-Id: 1\n";
	char key[16];
	OutboxHeaderLines lines;

	(void) state;
	outbox_header_begin(&lines, full, sizeof(full));
	for (int i = 0; i < OUTBOX_HEADER_COUNT_MAX - 1; i++)
	{
		snprintf(key, sizeof(key), "k%d", i);
		assert_int_equal(append(&lines, key, "v"), OUTBOX_FAULT_NONE);
	}
	memset(text, 'v', sizeof(text));
	assert_int_equal(
		outbox_header_append(&lines, "last", 4, text, OUTBOX_HEADER_LINES_MAX - lines.length - 7),
		OUTBOX_FAULT_NONE);
	assert_int_equal(lines.length, OUTBOX_HEADER_LINES_MAX);
	snprintf(text, sizeof(text), "%s%s", marks, full);
	assert_int_equal(outbox_header_check_lines(text), OUTBOX_FAULT_NONE);
	outbox_header_begin(&lines, text, sizeof(text));
	for (int i = 0; i < OUTBOX_HEADER_COUNT_MAX; i++)
	{
		snprintf(key, sizeof(key), "k%d", i);
		assert_int_equal(append(&lines, key, "v"), OUTBOX_FAULT_NONE);
	}
	assert_int_equal(append(&lines, "Outbox-Replay", "0-1"), OUTBOX_FAULT_NONE);
	assert_int_equal(append(&lines, "more", "v"), OUTBOX_FAULT_HEADERS_TOO_MANY);
	/* But each comes once, is short, and is nobody else's. */
	assert_int_equal(append(&lines, "outbox-replay", "0-2"), OUTBOX_FAULT_HEADER_DUPLICATE);
	memset(full, 'v', OUTBOX_HEADER_MARK_MAX + 1);
	assert_int_equal(
		outbox_header_append(&lines, "Outbox-Erased", 13, full, OUTBOX_HEADER_MARK_MAX + 1),
		OUTBOX_FAULT_HEADERS_TOO_LARGE);
	assert_int_equal(outbox_header_check("Outbox-Replay", 13, "v", 1),
					 OUTBOX_FAULT_HEADER_KEY_OF_ENVELOPE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_letters_digits_and_hyphens),
		cmocka_unit_test(keys_of_the_broker_are_refused),
		cmocka_unit_test(keys_of_the_envelope_are_refused),
		cmocka_unit_test(values_are_utf8_without_control_characters),
		cmocka_unit_test(lines_give_back_what_was_appended),
		cmocka_unit_test(headers_are_found_whatever_their_case),
		cmocka_unit_test(a_key_comes_once),
		cmocka_unit_test(only_the_context_may_use_its_keys),
		cmocka_unit_test(there_are_at_most_64_headers),
		cmocka_unit_test(all_lines_have_at_most_16_kib),
		cmocka_unit_test(lines_fit_their_memory),
		cmocka_unit_test(stored_lines_are_checked_again),
		cmocka_unit_test(marks_come_on_top_of_the_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
