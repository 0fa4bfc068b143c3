/*
 * plain.c
 *		Which bytes are plain: need no escape, and no closer look.
 *
 * A table has a bit per OutboxPlain for each byte.  Where nearly all of text is plain,
 * eight bytes are looked at in one go: in a word, each in a *lane* of its own, whose
 * highest bit tells of it.
 */
#include "domain/plain.h"

#include <stdint.h>
#include <string.h>

#define LETTER(c) (((c) >= 'a' && (c) <= 'z') || ((c) >= 'A' && (c) <= 'Z'))
#define TOKEN(c) (LETTER(c) || ((c) >= '0' && (c) <= '9') || (c) == '_' || (c) == '-')
#define URI(c) (TOKEN(c) || (c) == '.' || (c) == '~')
#define HEADER(c) ((c) > ' ' && (c) < 0x7f && (c) != '"' && (c) != '%')
#define MARK(c) ((c) == '!' || (c) == '#' || (c) == '$' || (c) == '&' || (c) == '^')
#define MEDIA(c) (TOKEN(c) || MARK(c) || (c) == '.' || (c) == '+')
#define JSON(c) ((c) >= ' ' && (c) != '"' && (c) != '\\')
#define TEXT(c) (JSON(c) && (c) < 0x7f)

#define BITS_OF(c)                                                       \
	(TOKEN(c) << OUTBOX_PLAIN_TOKEN | URI(c) << OUTBOX_PLAIN_URI |       \
	 HEADER(c) << OUTBOX_PLAIN_HEADER | MEDIA(c) << OUTBOX_PLAIN_MEDIA | \
	 TEXT(c) << OUTBOX_PLAIN_TEXT | JSON(c) << OUTBOX_PLAIN_JSON)
#define FOUR(c) BITS_OF(c), BITS_OF((c) + 1), BITS_OF((c) + 2), BITS_OF((c) + 3)
#define SIXTEEN(c) FOUR(c), FOUR((c) + 4), FOUR((c) + 8), FOUR((c) + 12)
#define SIXTY_FOUR(c) SIXTEEN(c), SIXTEEN((c) + 16), SIXTEEN((c) + 32), SIXTEEN((c) + 48)

static const uint8_t bits_of[256] = {SIXTY_FOUR(0), SIXTY_FOUR(64), SIXTY_FOUR(128),
									 SIXTY_FOUR(192)};

#define EACH_LANE(byte) (UINT64_C(0x0101010101010101) * (byte))

bool
outbox_plain_is(unsigned char byte, OutboxPlain plain)
{
	return (bits_of[byte] & 1 << plain) != 0;
}

/* Not 0 if a byte is 0.  (A lane above such a one may lie, which does no harm.) */
static uint64_t
find_zero(uint64_t bytes)
{
	return (bytes - EACH_LANE(0x01)) & ~bytes & EACH_LANE(0x80);
}

/* Not 0 if a byte is a control of ASCII below ' ', '"' or '\'. */
static uint64_t
find_escaped(uint64_t bytes)
{
	return ((bytes - EACH_LANE(' ')) & ~bytes & EACH_LANE(0x80)) |
		   find_zero(bytes ^ EACH_LANE('"')) | find_zero(bytes ^ EACH_LANE('\\'));
}

/* Not 0 if a byte is 0x7f or more. */
static uint64_t
find_beyond(uint64_t bytes)
{
	return ((bytes + EACH_LANE(0x01)) | bytes) & EACH_LANE(0x80);
}

/* How many bytes are plain for sure, eight at a time. */
static size_t
run_of_words(const char *bytes, size_t length, OutboxPlain plain)
{
	uint64_t beyond = plain == OUTBOX_PLAIN_TEXT ? UINT64_MAX : 0;
	size_t at = 0;

	for (; length - at >= sizeof(uint64_t); at += sizeof(uint64_t))
	{
		uint64_t word;

		memcpy(&word, bytes + at, sizeof(word));
		if ((find_escaped(word) | (find_beyond(word) & beyond)) != 0)
			break;
	}
	return at;
}

size_t
outbox_plain_run(const char *bytes, size_t length, OutboxPlain plain)
{
	const unsigned char *each = (const unsigned char *) bytes;
	unsigned int bit = 1U << plain;
	size_t at = 0;

	/* so it costs little to ask behind each byte that is not */
	if (length == 0 || (bits_of[each[0]] & bit) == 0)
		return 0;
	if (plain == OUTBOX_PLAIN_TEXT || plain == OUTBOX_PLAIN_JSON)
		at = run_of_words(bytes, length, plain);
	while (at < length && (bits_of[each[at]] & bit) != 0)
		at++;
	return at;
}
