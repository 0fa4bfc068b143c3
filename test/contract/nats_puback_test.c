/*
 * nats_puback_test.c
 *		How acknowledgements are read from what servers write.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "infrastructure/nats/puback.h"

/* Parses a copy of exactly that length, so that a sanitizer sees any excess. */
static bool
parse(const char *text, OutboxNatsPubAck *ack)
{
	size_t length = strlen(text);
	char *copy = malloc(length ? length : 1);
	bool fine;

	memcpy(copy, text, length);
	fine = outbox_nats_puback_parse(copy, length, ack);
	free(copy);
	return fine;
}

static void
acknowledgements_are_read(void **state)
{
	OutboxNatsPubAck ack;

	(void) state;
	assert_true(parse("{\"stream\":\"E\", \"seq\":1}", &ack));
	assert_false(ack.error || ack.duplicate);
	assert_string_equal(ack.stream, "E");
	assert_int_equal(ack.sequence, 1);
	assert_true(parse("{\"stream\":\"E\",\"domain\":\"hub\",\"seq\":18446744073709551615,"
					  "\"duplicate\": true}",
					  &ack));
	assert_true(ack.duplicate);
	assert_true(ack.sequence == UINT64_MAX);
	assert_true(parse(" {\"val\":-1.5e+3,\"x\":[1,{\"y\":[null,false]}],\"stream\":\"E\",\"seq\":7,"
					  "\"duplicate\":false} ",
					  &ack));
	assert_int_equal(ack.sequence, 7);
	assert_false(ack.duplicate);
}

/* Blanks that servers write take another way through the reader than those that they do not. */
static void
the_usual_acknowledgement_says_the_same(void **state)
{
	static const char *const names[] = {"E",      "",         "OUTBOX_shop", "a\\u003eb",
										"a\\\"b", "\xc3\xa4", "a\tb"};
	static const char *const numbers[] = {
		"0",
		"1",
		"007",
		"42",
		"999999999999999999",
		"1000000000000000000",
		"18446744073709551615",
		"18446744073709551616",
		"",
		"-1",
		"1.5",
		"1 ",
		"x",
	};

	(void) state;
	for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++)
		for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		{
			char usual[100];
			char other[100];
			OutboxNatsPubAck a;
			OutboxNatsPubAck b;

			snprintf(usual, sizeof(usual), "{\"stream\":\"%s\", \"seq\":%s}", names[n], numbers[i]);
			snprintf(other, sizeof(other), "{ \"stream\":\"%s\",\"seq\":%s}", names[n], numbers[i]);
			assert_int_equal(parse(usual, &a), parse(other, &b));
			assert_string_equal(a.stream, b.stream);
			assert_true(a.sequence == b.sequence || !parse(other, &b));
			usual[strlen(usual) - 1] = '\0';
			assert_false(parse(usual, &a));
		}
	assert_false(parse("{\"stream\":\"E\", \"seq\":1} x", &(OutboxNatsPubAck){0}));
}

static void
refusals_are_read(void **state)
{
	OutboxNatsPubAck ack;

	(void) state;
	assert_true(parse("{\"error\":{\"code\":400,\"err_code\":10071,\"description\":"
					  "\"wrong last sequence: 5\"},\"stream\":\"E\",\"seq\":0}",
					  &ack));
	assert_true(ack.error);
	assert_int_equal(ack.code, 400);
	assert_int_equal(ack.err_code, 10071);
	assert_string_equal(ack.description, "wrong last sequence: 5");
	assert_true(parse("{\"error\":{\"code\":503}}", &ack));
	assert_int_equal(ack.err_code, 0);
	assert_true(parse("{\"error\":{\"description\":\"a \\\"b\\\"\\n\\\\\"}}", &ack));
	assert_string_equal(ack.description, "a \"b\" \\");
	assert_true(parse("{\"error\":null,\"stream\":\"E\",\"seq\":3}", &ack));
	assert_false(ack.error);
}

static void
what_is_no_answer_is_not_read(void **state)
{
	static const char *const broken[] = {
		"",
		" ",
		"x",
		"{",
		"{}",
		"[]",
		"null",
		"{\"stream\":\"E\"}",
		"{\"seq\":1}",
		"{\"stream\":\"\",\"seq\":1}",
		"{\"stream\":\"E\",\"seq\":0}",
		"{\"stream\":\"E\",\"seq\":-1}",
		"{\"stream\":\"E\",\"seq\":1.5}",
		"{\"stream\":\"E\",\"seq\":\"1\"}",
		"{\"stream\":\"E\",\"seq\":18446744073709551616}",
		"{\"stream\":\"E\",\"seq\":99999999999999999999}",
		"{\"stream\":\"E\",\"seq\":1",
		"{\"stream\":\"E\",\"seq\":1}}",
		"{\"stream\":\"E\",\"seq\":1,}",
		"{\"stream\":\"E\" \"seq\":1}",
		"{\"stream\":\"E,\"seq\":1}",
		"{\"stream\":\"E\n\",\"seq\":1}",
		"{\"stream\":\"E\",\"seq\":1,\"duplicate\":1}",
		"{\"stream\":E,\"seq\":1}",
		"{\"error\":true}",
		"{\"error\":{\"code\":\"400\"}}",
		"{\"stream\":\"E\",\"seq\":1,\"x\":[1,]}",
		"{\"stream\":\"E\",\"seq\":1,\"x\":tru}",
		"{\"stream\":\"E\",\"seq\":1,\"x\":1e}",
		"{\"x\":[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]],\"stream\":\"E\",\"seq\":1}",
		"{\"stream\":\"E\\",
	};
	OutboxNatsPubAck ack;

	(void) state;
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
		if (parse(broken[i], &ack))
			fail_msg("was read: %s", broken[i]);
}

static void
long_texts_are_cut(void **state)
{
	OutboxNatsPubAck ack;
	char text[3000] = "{\"stream\":\"";

	(void) state;
	memset(text + strlen(text), 's', 1000);
	strcat(text, "\",\"seq\":1}");
	assert_true(parse(text, &ack));
	assert_int_equal(strlen(ack.stream), sizeof(ack.stream) - 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(acknowledgements_are_read),
		cmocka_unit_test(the_usual_acknowledgement_says_the_same),
		cmocka_unit_test(refusals_are_read),
		cmocka_unit_test(what_is_no_answer_is_not_read),
		cmocka_unit_test(long_texts_are_cut),
	};

	return cmocka_run_group_tests_name("nats puback", tests, NULL, NULL);
}
