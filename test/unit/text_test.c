/*
 * text_test.c
 *		Writing that counts on when there is no room; times; UTF-8.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "domain/text.h"

static char memory[256];
static OutboxText text;

static void
begin(size_t size)
{
	memset(memory, '#', sizeof(memory));
	text = (OutboxText){memory, size, 0};
}

static void
check_text(const char *expected)
{
	assert_true(outbox_text_fits(&text));
	assert_int_equal(text.length, strlen(expected));
	assert_memory_equal(memory, expected, strlen(expected));
	assert_int_equal(memory[strlen(expected)], '#');
}

static void
text_is_appended(void **state)
{
	(void) state;
	begin(sizeof(memory));
	outbox_text_append_string(&text, "ab");
	outbox_text_append_char(&text, 'c');
	outbox_text_append(&text, "de", 1);
	outbox_text_append_unsigned(&text, 0);
	outbox_text_append_unsigned(&text, UINT64_MAX);
	outbox_text_append_signed(&text, INT64_MIN);
	outbox_text_append_signed(&text, 17);
	check_text("abcd018446744073709551615-922337203685477580817");
}

static void
what_does_not_fit_is_counted_and_not_written(void **state)
{
	(void) state;
	begin(4);
	outbox_text_append_string(&text, "ab");
	outbox_text_append_string(&text, "cde");
	outbox_text_append_char(&text, 'f');
	outbox_text_append_base64(&text, "abcd", 4);
	outbox_text_append(&text, NULL, 0);
	assert_false(outbox_text_fits(&text));
	assert_int_equal(text.length, 14);
	assert_memory_equal(memory, "ab##", 4);

	begin(4);
	outbox_text_append_string(&text, "abcd");
	assert_true(outbox_text_fits(&text));

	text = (OutboxText){NULL, 0, 0};
	outbox_text_append_time(&text, 0);
	assert_int_equal(text.length, 27);
}

static void
encodings_escape_what_is_not_plain(void **state)
{
	(void) state;
	begin(sizeof(memory));
	outbox_text_append_encoded(&text, "a.~/ \"%\xff", 8, OUTBOX_PLAIN_TOKEN);
	check_text("a%2E%7E%2F%20%22%25%FF");
	begin(sizeof(memory));
	outbox_text_append_encoded(&text, "a.~/ \"%\xff", 8, OUTBOX_PLAIN_URI);
	check_text("a.~%2F%20%22%25%FF");
	begin(sizeof(memory));
	outbox_text_append_encoded(&text, "a.~/ \"%\xff\x7f", 9, OUTBOX_PLAIN_HEADER);
	check_text("a.~/%20%22%25%FF%7F");
}

static void
base64_is_padded(void **state)
{
	(void) state;
	begin(sizeof(memory));
	outbox_text_append_base64(&text, "", 0);
	outbox_text_append_base64(&text, "f", 1);
	outbox_text_append_base64(&text, "fo", 2);
	outbox_text_append_base64(&text, "foo", 3);
	outbox_text_append_base64(&text, "\xfb\xff\xbf\x00", 4);
	check_text("Zg==Zm8=Zm9v+/+/AA==");
}

static void
check_time(int64_t time, const char *expected)
{
	begin(sizeof(memory));
	outbox_text_append_time(&text, time);
	check_text(expected);
}

static void
times_are_rfc_3339(void **state)
{
	(void) state;
	check_time(0, "1970-01-01T00:00:00.000000Z");
	check_time(-1, "1969-12-31T23:59:59.999999Z");
	check_time(INT64_C(951782399999999), "2000-02-28T23:59:59.999999Z");
	check_time(INT64_C(951782400000000), "2000-02-29T00:00:00.000000Z");
	check_time(INT64_C(4107542400000000), "2100-03-01T00:00:00.000000Z");
	check_time(INT64_C(253402300799999999), "9999-12-31T23:59:59.999999Z");
	check_time(INT64_C(253402300800000000), "9999-12-31T23:59:59.999999Z");
	check_time(INT64_MAX, "9999-12-31T23:59:59.999999Z");
	check_time(INT64_MIN, "0000-03-01T00:00:00.000000Z");
}

static void
times_agree_with_the_c_library(void **state)
{
	(void) state;
	for (int64_t second = -62135596800; second < 253402300800; second += 86400 * 29 + 3671)
	{
		time_t now = (time_t) second;
		struct tm tm;
		char expected[64];

		assert_non_null(gmtime_r(&now, &tm));
		snprintf(expected, sizeof(expected), "%04d-%02d-%02dT%02d:%02d:%02d.000001Z",
				 tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
		check_time(second * 1000000 + 1, expected);
	}
}

/* The code point's UTF-8, made the textbook way; 0 for what has none. */
static size_t
encode(uint32_t point, char *bytes)
{
	if (point < 0x80)
	{
		bytes[0] = (char) point;
		return 1;
	}
	if (point < 0x800)
	{
		bytes[0] = (char) (0xc0 | point >> 6);
		bytes[1] = (char) (0x80 | (point & 63));
		return 2;
	}
	if (point < 0x10000)
	{
		bytes[0] = (char) (0xe0 | point >> 12);
		bytes[1] = (char) (0x80 | (point >> 6 & 63));
		bytes[2] = (char) (0x80 | (point & 63));
		return point >= 0xd800 && point < 0xe000 ? 0 : 3;
	}
	bytes[0] = (char) (0xf0 | point >> 18);
	bytes[1] = (char) (0x80 | (point >> 12 & 63));
	bytes[2] = (char) (0x80 | (point >> 6 & 63));
	bytes[3] = (char) (0x80 | (point & 63));
	return point < 0x110000 ? 4 : 0;
}

static void
every_code_point_is_utf8_and_surrogates_are_not(void **state)
{
	(void) state;
	for (uint32_t point = 0; point < 0x120000; point++)
	{
		char bytes[4] = {0};
		size_t length = encode(point, bytes);
		bool control = point < 0x20 || (point >= 0x7f && point < 0xa0);

		assert_int_equal(outbox_text_utf8_length(bytes, 4), length);
		if (length == 0)
			continue;
		assert_int_equal(outbox_text_utf8_length(bytes, length), length);
		if (length > 1)
			assert_int_equal(outbox_text_utf8_length(bytes, length - 1), 0);
		assert_int_equal(outbox_text_find_flaw(bytes, length),
						 control ? OUTBOX_TEXT_CONTROL_CHARACTER : OUTBOX_TEXT_CLEAN);
	}
}

static void
overlong_forms_are_not_utf8(void **state)
{
	static const char *const texts[] = {
		"\xc0\x80", "\xc1\xbf",         "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", "\x80",
		"\xbf",     "\xf5\x80\x80\x80", "\xff",         "\xe2\x28\xa1",     "\xe2\x82\x28"};

	(void) state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
	{
		assert_int_equal(outbox_text_utf8_length(texts[i], strlen(texts[i])), 0);
		assert_int_equal(outbox_text_find_flaw(texts[i], strlen(texts[i])), OUTBOX_TEXT_NOT_UTF8);
	}
}

static void
the_first_flaw_is_found(void **state)
{
	(void) state;
	assert_int_equal(outbox_text_find_flaw(NULL, 0), OUTBOX_TEXT_CLEAN);
	assert_int_equal(outbox_text_find_flaw("a\xff\n", 3), OUTBOX_TEXT_NOT_UTF8);
	assert_int_equal(outbox_text_find_flaw("a\n\xff", 3), OUTBOX_TEXT_CONTROL_CHARACTER);
	assert_int_equal(outbox_text_find_flaw("a\0b", 3), OUTBOX_TEXT_CONTROL_CHARACTER);
	assert_int_equal(outbox_text_find_flaw("a b\xc3\xa9", 5), OUTBOX_TEXT_CLEAN);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_appended),
		cmocka_unit_test(what_does_not_fit_is_counted_and_not_written),
		cmocka_unit_test(encodings_escape_what_is_not_plain),
		cmocka_unit_test(base64_is_padded),
		cmocka_unit_test(times_are_rfc_3339),
		cmocka_unit_test(times_agree_with_the_c_library),
		cmocka_unit_test(every_code_point_is_utf8_and_surrogates_are_not),
		cmocka_unit_test(overlong_forms_are_not_utf8),
		cmocka_unit_test(the_first_flaw_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
