/*
 * subject_test.c
 *		Tokens, their encoding, and the last check before a subject is sent.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "domain/subject.h"

static void
a_name_is_plain_bytes(void **state)
{
	(void) state;
	assert_int_equal(outbox_token_check("order"), OUTBOX_FAULT_NONE);
	assert_int_equal(outbox_token_check("Order_Line-2"), OUTBOX_FAULT_NONE);
	assert_int_equal(outbox_token_check(""), OUTBOX_FAULT_TOKEN_EMPTY);
	for (int c = 1; c < 256; c++)
	{
		char token[] = {'a', (char) c, 'z', '\0'};
		int plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
					c == '_' || c == '-';

		assert_int_equal(outbox_token_check(token),
						 plain ? OUTBOX_FAULT_NONE : OUTBOX_FAULT_TOKEN_ILLEGAL_CHARACTER);
	}
}

static void
a_name_has_at_most_100_bytes(void **state)
{
	char token[OUTBOX_TOKEN_MAX + 2];

	(void) state;
	memset(token, 'a', sizeof(token));
	token[OUTBOX_TOKEN_MAX] = '\0';
	assert_int_equal(outbox_token_check(token), OUTBOX_FAULT_NONE);
	token[OUTBOX_TOKEN_MAX] = 'a';
	token[OUTBOX_TOKEN_MAX + 1] = '\0';
	assert_int_equal(outbox_token_check(token), OUTBOX_FAULT_TOKEN_TOO_LONG);
}

static void
check_encoding(const char *bytes, size_t length, const char *expected)
{
	char token[64];

	assert_int_equal(outbox_token_encode(token, sizeof(token), bytes, length), strlen(expected));
	assert_string_equal(token, expected);
}

static void
every_other_byte_is_escaped(void **state)
{
	(void) state;
	check_encoding("42", 2, "42");
	check_encoding("", 0, "");
	check_encoding("a.b", 3, "a%2Eb");
	check_encoding("50%", 3, "50%25");
	check_encoding("a b*>\r\n", 7, "a%20b%2A%3E%0D%0A");
	check_encoding("\0x", 2, "%00x");
	check_encoding("\xc3\xa9", 2, "%C3%A9");
}

static void
encoding_is_injective(void **state)
{
	(void) state;
	for (int a = 0; a < 256; a++)
	{
		char one = (char) a;
		char text[8];

		outbox_token_encode(text, sizeof(text), &one, 1);
		assert_int_equal(strlen(text), text[0] == '%' ? 3 : 1);
		for (int b = 0; b < a; b++)
		{
			char other = (char) b;
			char other_text[8];

			outbox_token_encode(other_text, sizeof(other_text), &other, 1);
			assert_string_not_equal(text, other_text);
		}
	}
}

static void
encoding_writes_all_or_nothing(void **state)
{
	char token[4] = "old";

	(void) state;
	assert_int_equal(outbox_token_encode(token, 3, "ab.", 3), 5);
	assert_string_equal(token, "old");
	assert_int_equal(outbox_token_encode(token, 3, "abc", 3), 3);
	assert_string_equal(token, "old");
	assert_int_equal(outbox_token_encode(token, 4, "abc", 3), 3);
	assert_string_equal(token, "abc");
	assert_int_equal(outbox_token_encode(NULL, 0, "abc", 3), 3);
}

static void
legal_subjects_pass(void **state)
{
	(void) state;
	assert_int_equal(outbox_subject_check("shop.order.placed"), OUTBOX_FAULT_NONE);
	assert_int_equal(outbox_subject_check("x"), OUTBOX_FAULT_NONE);
	assert_int_equal(outbox_subject_check("shop.order.a%2Eb%00.placed"), OUTBOX_FAULT_NONE);
	assert_int_equal(outbox_subject_check("_inbox.a"), OUTBOX_FAULT_NONE);
	assert_int_equal(outbox_subject_check("shop._INBOX"), OUTBOX_FAULT_NONE);
	assert_int_equal(outbox_subject_check("_INBOXES.a"), OUTBOX_FAULT_NONE);
}

static void
empty_tokens_do_not_pass(void **state)
{
	(void) state;
	assert_int_equal(outbox_subject_check(""), OUTBOX_FAULT_SUBJECT_EMPTY);
	assert_int_equal(outbox_subject_check("."), OUTBOX_FAULT_SUBJECT_EMPTY_TOKEN);
	assert_int_equal(outbox_subject_check(".a"), OUTBOX_FAULT_SUBJECT_EMPTY_TOKEN);
	assert_int_equal(outbox_subject_check("a."), OUTBOX_FAULT_SUBJECT_EMPTY_TOKEN);
	assert_int_equal(outbox_subject_check("a..b"), OUTBOX_FAULT_SUBJECT_EMPTY_TOKEN);
}

static void
bytes_that_the_broker_would_act_upon_do_not_pass(void **state)
{
	static const char *const subjects[] = {"a b",        "a\tb",   "a\r\nPUB x 1\r\n",
										   "a.*",        "a.>",    "a.b*",
										   "a.\x7f",     "a$b",    "a.%2e",
										   "a.%",        "a.%2",   "a.%2G",
										   "a.%41",      "a.%5F",  "\xc3\xa9",
										   "a.\xff\xfe", "a/b",    "a:b",
										   "a.\x01",     "a.%%20", "a.%-1"};

	(void) state;
	for (size_t i = 0; i < sizeof(subjects) / sizeof(subjects[0]); i++)
		assert_int_equal(outbox_subject_check(subjects[i]), OUTBOX_FAULT_SUBJECT_ILLEGAL_CHARACTER);
}

static void
reserved_first_tokens_do_not_pass(void **state)
{
	static const char *const subjects[] = {
		"$JS.API.STREAM.DELETE.X", "$SYS", "$", "$.a", "_INBOX.x", "_INBOX", "_R_.x.y", "_GR_.x"};

	(void) state;
	for (size_t i = 0; i < sizeof(subjects) / sizeof(subjects[0]); i++)
		assert_int_equal(outbox_subject_check(subjects[i]), OUTBOX_FAULT_SUBJECT_RESERVED);
}

static void
a_subject_has_at_most_255_bytes(void **state)
{
	char subject[OUTBOX_SUBJECT_MAX + 2];

	(void) state;
	memset(subject, 'a', sizeof(subject));
	subject[100] = '.';
	subject[OUTBOX_SUBJECT_MAX] = '\0';
	assert_int_equal(outbox_subject_check(subject), OUTBOX_FAULT_NONE);
	subject[OUTBOX_SUBJECT_MAX] = 'a';
	subject[OUTBOX_SUBJECT_MAX + 1] = '\0';
	assert_int_equal(outbox_subject_check(subject), OUTBOX_FAULT_SUBJECT_TOO_LONG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_is_plain_bytes),
		cmocka_unit_test(a_name_has_at_most_100_bytes),
		cmocka_unit_test(every_other_byte_is_escaped),
		cmocka_unit_test(encoding_is_injective),
		cmocka_unit_test(encoding_writes_all_or_nothing),
		cmocka_unit_test(legal_subjects_pass),
		cmocka_unit_test(empty_tokens_do_not_pass),
		cmocka_unit_test(bytes_that_the_broker_would_act_upon_do_not_pass),
		cmocka_unit_test(reserved_first_tokens_do_not_pass),
		cmocka_unit_test(a_subject_has_at_most_255_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
