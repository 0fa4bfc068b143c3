/*
 * plain_test.c
 *		Which bytes are plain, and that a run is as long as bytes looked at one by one
 *		say, wherever it begins and ends.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "domain/plain.h"

#define CLASSES (OUTBOX_PLAIN_JSON + 1)
#define LONGEST 24
#define ROOM (LONGEST + 8)

/* What plain.h says in words. */
static bool
is_plain(unsigned char byte, OutboxPlain plain)
{
	static const char token[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
	bool of_token = byte != 0 && strchr(token, byte) != NULL;

	switch (plain)
	{
		case OUTBOX_PLAIN_TOKEN:
			return of_token;
		case OUTBOX_PLAIN_URI:
			return of_token || byte == '.' || byte == '~';
		case OUTBOX_PLAIN_HEADER:
			return byte > 0x20 && byte < 0x7f && byte != '"' && byte != '%';
		case OUTBOX_PLAIN_MEDIA:
			return of_token || (byte != 0 && strchr("!#$&^.+", byte) != NULL);
		case OUTBOX_PLAIN_TEXT:
			return byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
		case OUTBOX_PLAIN_JSON:
			return byte >= 0x20 && byte != '"' && byte != '\\';
	}
	return false;
}

static size_t
run_byte_by_byte(const char *bytes, size_t length, OutboxPlain plain)
{
	size_t at = 0;

	while (at < length && is_plain((unsigned char) bytes[at], plain))
		at++;
	return at;
}

static void
bytes_are_plain_as_the_header_says(void **state)
{
	(void) state;
	for (int plain = 0; plain < CLASSES; plain++)
	{
		for (int byte = 0; byte < 256; byte++)
			assert_int_equal(outbox_plain_is((unsigned char) byte, (OutboxPlain) plain),
							 is_plain((unsigned char) byte, (OutboxPlain) plain));
	}
}

static void
check_every_byte_at(char *bytes, size_t place, OutboxPlain plain)
{
	memset(bytes, 'a', LONGEST);
	for (int byte = 0; byte < 256; byte++)
	{
		bytes[place] = (char) byte;
		assert_int_equal(outbox_plain_run(bytes, LONGEST, plain),
						 run_byte_by_byte(bytes, LONGEST, plain));
	}
}

/* Each byte at each place of a run, which begins at each place of a word. */
static void
a_run_ends_before_what_is_not_plain(void **state)
{
	char room[ROOM];

	(void) state;
	for (int plain = 0; plain < CLASSES; plain++)
	{
		for (size_t start = 0; start < ROOM - LONGEST; start++)
		{
			for (size_t place = 0; place < LONGEST; place++)
				check_every_byte_at(room + start, place, (OutboxPlain) plain);
		}
	}
}

/* What is behind the end does not count, and need not be there. */
static void
a_run_ends_with_the_bytes(void **state)
{
	char room[ROOM];

	(void) state;
	memset(room, 'a', sizeof(room));
	for (int plain = 0; plain < CLASSES; plain++)
	{
		for (size_t length = 0; length <= LONGEST; length++)
			assert_int_equal(outbox_plain_run(room, length, (OutboxPlain) plain), length);
	}
	assert_int_equal(outbox_plain_run(NULL, 0, OUTBOX_PLAIN_JSON), 0);
}

/* Bytes side by side in a word do not hide one another. */
static void
neighbours_do_not_matter(void **state)
{
	char room[ROOM];

	(void) state;
	for (int plain = 0; plain < CLASSES; plain++)
	{
		for (int pair = 0; pair < 256 * 256; pair++)
		{
			memset(room, ' ' + 1, sizeof(room));
			room[3] = (char) (pair / 256);
			room[4] = (char) (pair % 256);
			assert_int_equal(outbox_plain_run(room, LONGEST, (OutboxPlain) plain),
							 run_byte_by_byte(room, LONGEST, (OutboxPlain) plain));
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_are_plain_as_the_header_says),
		cmocka_unit_test(a_run_ends_before_what_is_not_plain),
		cmocka_unit_test(a_run_ends_with_the_bytes),
		cmocka_unit_test(neighbours_do_not_matter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
