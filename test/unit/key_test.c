/*
 * key_test.c
 *		Ids of several columns: no two keys have one id, and each is taken apart again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "domain/key.h"

#define MAX_PARTS 3
#define PARTS (int) (sizeof(parts) / sizeof(parts[0]))

static char memory[256];
static const char *const parts[] = {"",     "a",     "/",   "%",        "%2F",
									"%25",  "%252F", "a/b", "a%b",      "2F/%",
									"//%%", "%2f/2", "/a",  "\xc3\xa9", "%2"};

static const char *
join(const char *const *key, int count)
{
	OutboxText text = {memory, sizeof(memory), 0};

	for (int i = 0; i < count; i++)
		outbox_key_append(&text, key[i], i == 0);
	outbox_text_append_char(&text, '\0');
	assert_true(outbox_text_fits(&text));
	return memory;
}

static void
parts_are_joined(void **state)
{
	(void) state;
	assert_string_equal(join((const char *const[]){"a", "1"}, 2), "a/1");
	assert_string_equal(join((const char *const[]){"a/b", "50%"}, 2), "a%2Fb/50%25");
	assert_string_equal(join((const char *const[]){"", ""}, 2), "/");
}

static void
every_key_is_taken_apart_again(void **state)
{
	(void) state;
	for (int n = 0; n < PARTS * PARTS * PARTS; n++)
	{
		const char *key[MAX_PARTS] = {parts[n % PARTS], parts[n / PARTS % PARTS],
									  parts[n / PARTS / PARTS]};
		char copy[sizeof(memory)];
		char *rest = strcpy(copy, join(key, MAX_PARTS));

		for (int i = 0; i < MAX_PARTS; i++)
			assert_string_equal(outbox_key_take(&rest), key[i]);
		assert_null(outbox_key_take(&rest));
	}
}

static void
no_two_keys_have_one_id(void **state)
{
	(void) state;
	for (int n = 0; n < PARTS * PARTS; n++)
		for (int m = 0; m < n; m++)
		{
			char other[sizeof(memory)];

			strcpy(other, join((const char *const[]){parts[m % PARTS], parts[m / PARTS]}, 2));
			assert_string_not_equal(
				join((const char *const[]){parts[n % PARTS], parts[n / PARTS]}, 2), other);
		}
}

static void
a_key_that_does_not_fit_is_measured(void **state)
{
	OutboxText text = {memory, 3, 0};

	(void) state;
	outbox_key_append(&text, "a/b", true);
	outbox_key_append(&text, "c", false);
	assert_false(outbox_text_fits(&text));
	assert_int_equal(text.length, strlen("a%2Fb/c"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_are_joined),
		cmocka_unit_test(every_key_is_taken_apart_again),
		cmocka_unit_test(no_two_keys_have_one_id),
		cmocka_unit_test(a_key_that_does_not_fit_is_measured),
	};

	return cmocka_run_group_tests_name("key", tests, NULL, NULL);
}
