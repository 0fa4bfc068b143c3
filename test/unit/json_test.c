/*
 * json_test.c
 *		What counts as JSON, and text as a JSON string.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "domain/json.h"

static void
json_is_recognised(void **state)
{
	static const char *const texts[] = {"{}",
										"[]",
										"null",
										"true",
										"false",
										"0",
										"-0",
										"1.5e+3",
										"1E-2",
										"\"\"",
										" 1 ",
										"[1,2]",
										"[[],{}]",
										"{\"a\":1,\"a\":2}",
										"\"\\u00e9\\n\\\\\\/\"",
										"\t\r\n[ ]",
										"{ \"a\" : [ 1 , {\"b\":null} ] }",
										"\"\xe2\x82\xac\"",
										"[{\"a\":[{}]},1]",
										"\"\\ud800\"",
										"{\"\":{}}"};

	(void) state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_true(outbox_json_check(texts[i], strlen(texts[i])));
}

static void
all_else_is_not(void **state)
{
	static const char *const texts[] = {"",
										"{",
										"}",
										"[",
										"]",
										"[1,]",
										"{,}",
										"{\"a\"}",
										"{\"a\":}",
										"{1:2}",
										"[1 2]",
										"01",
										"-",
										"1.",
										".5",
										"1e",
										"+1",
										"nul",
										"tru",
										"nullx",
										"\"",
										"\"\\\"",
										"\"\\x\"",
										"\"\\u12\"",
										"\"\\u12g4\"",
										"'a'",
										"1 2",
										"[]]",
										"{}{}",
										"1,2",
										"[}",
										"{]",
										"\"\n\"",
										"\"\xff\"",
										"\"\xc3\"",
										"{\"a\":1,}",
										"[,1]",
										"\"a\",",
										"\xef\xbb\xbf{}",
										"1}",
										"{\"a\":1]",
										"NaN",
										"\"\\",
										"\"\\u"};

	(void) state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_false(outbox_json_check(texts[i], strlen(texts[i])));
	assert_false(outbox_json_check("\"a\0b\"", 5));
	assert_false(outbox_json_check("1\0", 2));
	assert_true(outbox_json_check("[1]x", 3));
}

static void
nesting_is_bounded(void **state)
{
	char text[2 * OUTBOX_JSON_MAX_DEPTH + 2];

	(void) state;
	memset(text, '[', OUTBOX_JSON_MAX_DEPTH);
	memset(text + OUTBOX_JSON_MAX_DEPTH, ']', OUTBOX_JSON_MAX_DEPTH);
	assert_true(outbox_json_check(text, 2 * OUTBOX_JSON_MAX_DEPTH));
	memset(text, '[', OUTBOX_JSON_MAX_DEPTH + 1);
	memset(text + OUTBOX_JSON_MAX_DEPTH + 1, ']', OUTBOX_JSON_MAX_DEPTH + 1);
	assert_false(outbox_json_check(text, 2 * OUTBOX_JSON_MAX_DEPTH + 2));
}

static void
media_types_tell_json(void **state)
{
	(void) state;
	assert_true(outbox_json_is_type("application/json"));
	assert_true(outbox_json_is_type("application/JSON;charset=utf-8"));
	assert_true(outbox_json_is_type("text/json ; a=b"));
	assert_true(outbox_json_is_type("application/vnd.a+json"));
	assert_false(outbox_json_is_type("application/xjson"));
	assert_false(outbox_json_is_type("application/json5"));
	assert_false(outbox_json_is_type("text/plain;a=/json"));
	assert_false(outbox_json_is_type("text+json"));
	assert_false(outbox_json_is_type("json"));
	assert_false(outbox_json_is_type(""));
}

static void
strings_are_escaped(void **state)
{
	char memory[64];
	OutboxText text = {memory, sizeof(memory), 0};

	(void) state;
	outbox_json_append_string(&text, "a\"b\\c\x01\x1f\n\xc3\xa9");
	assert_int_equal(text.length, strlen("\"a\\\"b\\\\c\\u0001\\u001f\\u000a\xc3\xa9\""));
	assert_memory_equal(memory, "\"a\\\"b\\\\c\\u0001\\u001f\\u000a\xc3\xa9\"", text.length);
	assert_true(outbox_json_check(memory, text.length));
}

/* A text of so many bytes, with this one at a place: what is it as a JSON string? */
static void
check_escaped(size_t length, size_t place, unsigned char byte)
{
	char string[32];
	char expected[64];
	char memory[64];
	OutboxText text = {memory, sizeof(memory), 0};

	memset(string, 'x', sizeof(string));
	string[place] = (char) byte;
	string[length] = '\0';
	snprintf(expected, sizeof(expected),
			 byte < ' '                    ? "\"%.*s\\u%04x%s\""
			 : byte == '"' || byte == '\\' ? "\"%.*s\\%c%s\""
										   : "\"%.*s%c%s\"",
			 (int) place, string, byte, string + place + 1);
	outbox_json_append_string(&text, string);
	assert_int_equal(text.length, strlen(expected));
	assert_memory_equal(memory, expected, text.length);
	assert_true(outbox_json_check(memory, text.length) == (byte < 0x80));
}

static void
every_byte_is_escaped_at_every_place(void **state)
{
	(void) state;
	for (size_t length = 1; length <= 18; length++)
	{
		for (size_t place = 0; place < length; place++)
		{
			for (int byte = 1; byte < 256; byte++)
				check_escaped(length, place, (unsigned char) byte);
		}
	}
}

/* Only a control, and half a character, is no JSON inside a string. */
static void
every_byte_is_judged_at_every_place(void **state)
{
	char text[20];

	(void) state;
	for (size_t place = 1; place <= 17; place++)
	{
		for (int byte = 0; byte < 256; byte++)
		{
			memset(text, 'x', sizeof(text));
			text[0] = text[19] = '"';
			text[place] = (char) byte;
			if (byte == '"' || byte == '\\')
				continue; /* ends the string, or escapes an x */
			assert_true(outbox_json_check(text, sizeof(text)) == (byte >= ' ' && byte < 0x80));
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_is_recognised),
		cmocka_unit_test(all_else_is_not),
		cmocka_unit_test(nesting_is_bounded),
		cmocka_unit_test(media_types_tell_json),
		cmocka_unit_test(strings_are_escaped),
		cmocka_unit_test(every_byte_is_escaped_at_every_place),
		cmocka_unit_test(every_byte_is_judged_at_every_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
