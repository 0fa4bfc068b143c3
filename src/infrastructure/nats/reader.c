/*
 * reader.c
 *		The grammar of JSON, read without a tree.
 */
#include "infrastructure/nats/reader.h"

#include <string.h>

#define MAX_DEPTH 16

static void
skip_blanks(OutboxNatsReader *reader)
{
	while (reader->at < reader->end && memchr(" \t\r\n", *reader->at, 4) != NULL)
		reader->at++;
}

/* Takes the character if it comes next, after blanks. */
static bool
take(OutboxNatsReader *reader, char character)
{
	skip_blanks(reader);
	if (reader->at >= reader->end || *reader->at != character)
		return false;
	reader->at++;
	return true;
}

bool
outbox_nats_reader_take_word(OutboxNatsReader *reader, const char *word)
{
	size_t length = strlen(word);

	skip_blanks(reader);
	if ((size_t) (reader->end - reader->at) < length || memcmp(reader->at, word, length) != 0)
		return false;
	reader->at += length;
	return true;
}

static int
hex_digit(char character)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	const char *found = character != '\0' ? strchr(digits, character) : NULL;

	return found ? (int) (found - digits) % 16 : -1;
}

/* The four digits of \uXXXX. */
static bool
read_code_point(OutboxNatsReader *reader, char *character)
{
	int code = 0;

	for (int i = 0; i < 4; i++)
	{
		int digit = reader->at < reader->end ? hex_digit(*reader->at) : -1;

		if (digit < 0)
			return false;
		code = code * 16 + digit;
		reader->at++;
	}
	*character = code < 0x20 ? ' ' : code < 0x7f ? (char) code : '?';
	return true;
}

/* What follows a backslash. */
static bool
read_escape(OutboxNatsReader *reader, char *character)
{
	if (reader->at >= reader->end)
		return false;
	*character = *reader->at++;
	if (*character == 'u')
		return read_code_point(reader, character);
	if (strchr("bfnrt", *character) != NULL)
		*character = ' ';
	return true;
}

/* Reads a string into text, cut to size; text may be NULL. */
bool
outbox_nats_reader_string(OutboxNatsReader *reader, char *text, size_t size)
{
	size_t used = 0;

	if (!take(reader, '"'))
		return false;
	while (reader->at < reader->end && *reader->at != '"')
	{
		char character = *reader->at++;

		if ((unsigned char) character < 0x20)
			return false;
		if (character == '\\' && !read_escape(reader, &character))
			return false;
		if (text != NULL && used + 1 < size)
			text[used++] = character;
	}
	if (text != NULL)
		text[used] = '\0';
	return take(reader, '"');
}

static bool
is_digit(const OutboxNatsReader *reader)
{
	return reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9';
}

/* Reads a whole number without sign; false also when it does not fit. */
bool
outbox_nats_reader_number(OutboxNatsReader *reader, uint64_t max, uint64_t *number)
{
	uint64_t sum = 0;

	skip_blanks(reader);
	if (!is_digit(reader))
		return false;
	for (; is_digit(reader); reader->at++)
	{
		uint64_t digit = (uint64_t) (*reader->at - '0');

		if (sum > (max - digit) / 10)
			return false;
		sum = sum * 10 + digit;
	}
	*number = sum;
	return true;
}

bool
outbox_nats_reader_signed(OutboxNatsReader *reader, int64_t *number)
{
	bool negative = take(reader, '-');
	uint64_t value;

	if (!outbox_nats_reader_number(reader, INT64_MAX, &value))
		return false;
	*number = negative ? -(int64_t) value : (int64_t) value;
	return true;
}

bool
outbox_nats_reader_int(OutboxNatsReader *reader, int *number)
{
	uint64_t value;

	if (!outbox_nats_reader_number(reader, INT32_MAX, &value))
		return false;
	*number = (int) value;
	return true;
}

static bool
skip_digits(OutboxNatsReader *reader)
{
	if (!is_digit(reader))
		return false;
	while (is_digit(reader))
		reader->at++;
	return true;
}

/* A number of any kind: sign, fraction and exponent too. */
static bool
skip_number(OutboxNatsReader *reader)
{
	(void) take(reader, '-');
	if (!skip_digits(reader))
		return false;
	if (reader->at < reader->end && *reader->at == '.')
	{
		reader->at++;
		if (!skip_digits(reader))
			return false;
	}
	if (reader->at < reader->end && (*reader->at == 'e' || *reader->at == 'E'))
	{
		reader->at++;
		if (reader->at < reader->end && (*reader->at == '+' || *reader->at == '-'))
			reader->at++;
		return skip_digits(reader);
	}
	return true;
}

static bool
skip_member(OutboxNatsReader *reader, const char *name)
{
	(void) name;
	return outbox_nats_reader_skip(reader);
}

bool
outbox_nats_reader_array(OutboxNatsReader *reader, OutboxNatsElement element)
{
	bool legal = false;

	if (!take(reader, '[') || ++reader->depth > MAX_DEPTH)
		return false;
	if (take(reader, ']'))
		legal = true;
	else
	{
		do
			legal = element(reader);
		while (legal && take(reader, ','));
		legal = legal && take(reader, ']');
	}
	reader->depth--;
	return legal;
}

bool
outbox_nats_reader_skip(OutboxNatsReader *reader)
{
	skip_blanks(reader);
	if (reader->at >= reader->end)
		return false;
	switch (*reader->at)
	{
		case '"':
			return outbox_nats_reader_string(reader, NULL, 0);
		case '{':
			return outbox_nats_reader_object(reader, skip_member);
		case '[':
			return outbox_nats_reader_array(reader, outbox_nats_reader_skip);
		case 't':
			return outbox_nats_reader_take_word(reader, "true");
		case 'f':
			return outbox_nats_reader_take_word(reader, "false");
		case 'n':
			return outbox_nats_reader_take_word(reader, "null");
		default:
			return skip_number(reader);
	}
}

bool
outbox_nats_reader_object(OutboxNatsReader *reader, OutboxNatsMember member)
{
	char name[32];
	bool legal = false;

	if (!take(reader, '{') || ++reader->depth > MAX_DEPTH)
		return false;
	if (take(reader, '}'))
		legal = true;
	else
	{
		do
			legal = outbox_nats_reader_string(reader, name, sizeof(name)) && take(reader, ':') &&
					member(reader, name);
		while (legal && take(reader, ','));
		legal = legal && take(reader, '}');
	}
	reader->depth--;
	return legal;
}

bool
outbox_nats_reader_text(OutboxNatsReader *reader, const char **text, size_t *length)
{
	if (!take(reader, '"'))
		return false;
	*text = reader->at;
	while (reader->at < reader->end && *reader->at != '"' && *reader->at != '\\')
		reader->at++;
	*length = (size_t) (reader->at - *text);
	return take(reader, '"');
}

bool
outbox_nats_reader_document(const char *bytes, size_t length, OutboxNatsMember member,
							void *context)
{
	OutboxNatsReader reader = {.at = bytes, .end = bytes + length, .context = context};

	if (length == 0 || !outbox_nats_reader_object(&reader, member))
		return false;
	skip_blanks(&reader);
	return reader.at == reader.end;
}
