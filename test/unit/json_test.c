/*
 * json_test.c
 *		What counts as JSON, and text as a JSON string.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_is_recognised),  cmocka_unit_test(all_else_is_not),
		cmocka_unit_test(nesting_is_bounded),  cmocka_unit_test(media_types_tell_json),
		cmocka_unit_test(strings_are_escaped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
