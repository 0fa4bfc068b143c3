/*
 * json.c
 *		Is this JSON, and how text becomes a JSON string.
 *
 * The check keeps what is open, one bit each for array or object, instead of
 * recursing: the stack it needs does not depend on the input.
 */
#include "domain/json.h"

#include <stdint.h>
#include <string.h>

typedef struct Reader
{
	const char *at;
	const char *end;
	int depth;
	uint8_t objects[OUTBOX_JSON_MAX_DEPTH / 8]; /* bit set: that level is an object */
} Reader;

static bool
peek(const Reader *reader, char c)
{
	return reader->at < reader->end && *reader->at == c;
}

static bool
take(Reader *reader, char c)
{
	if (!peek(reader, c))
		return false;
	reader->at++;
	return true;
}

static void
skip_space(Reader *reader)
{
	while (peek(reader, ' ') || peek(reader, '\n') || peek(reader, '\t') || peek(reader, '\r'))
		reader->at++;
}

static bool
take_word(Reader *reader, const char *word)
{
	size_t length = strlen(word);

	if ((size_t) (reader->end - reader->at) < length || memcmp(reader->at, word, length) != 0)
		return false;
	reader->at += length;
	return true;
}

/* Takes one digit or more. */
static bool
take_digits(Reader *reader)
{
	const char *start = reader->at;

	while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9')
		reader->at++;
	return reader->at > start;
}

static bool
take_number(Reader *reader)
{
	take(reader, '-');
	if (!take(reader, '0') && !take_digits(reader))
		return false;
	if (take(reader, '.') && !take_digits(reader))
		return false;
	if (take(reader, 'e') || take(reader, 'E'))
	{
		if (!take(reader, '+'))
			take(reader, '-');
		return take_digits(reader);
	}
	return true;
}

/* Takes what follows a backslash. */
static bool
take_escape(Reader *reader)
{
	if (reader->at == reader->end)
		return false;
	if (!take(reader, 'u'))
		return memchr("\"\\/bfnrt", *reader->at++, 8) != NULL;
	for (int i = 0; i < 4; i++)
	{
		if (reader->at == reader->end || memchr("0123456789abcdefABCDEF", *reader->at, 22) == NULL)
			return false;
		reader->at++;
	}
	return true;
}

static bool
take_string(Reader *reader)
{
	if (!take(reader, '"'))
		return false;
	for (;;)
	{
		size_t step;

		reader->at +=
			outbox_plain_run(reader->at, (size_t) (reader->end - reader->at), OUTBOX_PLAIN_TEXT);
		if (take(reader, '"'))
			return true;
		if (take(reader, '\\'))
		{
			if (!take_escape(reader))
				return false;
			continue;
		}
		if (reader->at == reader->end || (unsigned char) *reader->at < ' ')
			return false;
		step = outbox_text_utf8_length(reader->at, (size_t) (reader->end - reader->at));
		if (step == 0)
			return false;
		reader->at += step;
	}
}

static bool
in_object(const Reader *reader)
{
	int level = reader->depth - 1;

	return (reader->objects[level / 8] >> level % 8 & 1) != 0;
}

static bool
open_level(Reader *reader, bool object)
{
	int level = reader->depth;
	uint8_t bit = (uint8_t) (1 << level % 8);

	if (level == OUTBOX_JSON_MAX_DEPTH)
		return false;
	if (object)
		reader->objects[level / 8] |= bit;
	else
		reader->objects[level / 8] &= (uint8_t) ~bit;
	reader->depth++;
	return true;
}

/* Takes a member's name and its colon. */
static bool
take_name(Reader *reader)
{
	skip_space(reader);
	if (!take_string(reader))
		return false;
	skip_space(reader);
	return take(reader, ':');
}

/* Takes brackets that open, as many as there are, and the scalar inside, if any. */
static bool
take_value(Reader *reader)
{
	for (;;)
	{
		skip_space(reader);
		if (take(reader, '{'))
		{
			if (!open_level(reader, true))
				return false;
			skip_space(reader);
			if (peek(reader, '}'))
				return true;
			if (!take_name(reader))
				return false;
		}
		else if (take(reader, '['))
		{
			if (!open_level(reader, false))
				return false;
			skip_space(reader);
			if (peek(reader, ']'))
				return true;
		}
		else if (peek(reader, '"'))
			return take_string(reader);
		else
			return take_word(reader, "true") || take_word(reader, "false") ||
				   take_word(reader, "null") || take_number(reader);
	}
}

/* Takes brackets that close.  True if a comma asks for another value. */
static bool
take_end(Reader *reader)
{
	for (skip_space(reader); reader->depth > 0; skip_space(reader))
	{
		if (!take(reader, in_object(reader) ? '}' : ']'))
			return take(reader, ',') && (!in_object(reader) || take_name(reader));
		reader->depth--;
	}
	return false;
}

bool
outbox_json_check(const void *bytes, size_t length)
{
	Reader reader = {.at = bytes};

	if (length == 0)
		return false;
	reader.end = reader.at + length;
	do
	{
		if (!take_value(&reader))
			return false;
	} while (take_end(&reader));
	return reader.depth == 0 && reader.at == reader.end;
}

bool
outbox_json_is_type(const char *content_type)
{
	static const char json[] = "json";
	size_t length = strcspn(content_type, "; ");

	if (length < sizeof(json) || memchr(content_type, '/', length) == NULL)
		return false;
	for (size_t i = 0; i < sizeof(json) - 1; i++)
	{
		char c = content_type[length - (sizeof(json) - 1) + i];

		if (c != json[i] && c != json[i] - 'a' + 'A')
			return false;
	}
	return memchr("/+", content_type[length - sizeof(json)], 2) != NULL;
}

/* A byte that is not plain in a string. */
static void
append_escape(OutboxText *text, unsigned char byte)
{
	static const char hex[] = "0123456789abcdef";

	if (byte < ' ')
	{
		outbox_text_append_string(text, "\\u00");
		outbox_text_append_char(text, hex[byte >> 4]);
		outbox_text_append_char(text, hex[byte & 15]);
		return;
	}
	outbox_text_append_char(text, '\\');
	outbox_text_append_char(text, (char) byte);
}

void
outbox_json_append_string(OutboxText *text, const char *string)
{
	const char *end = string + strlen(string);

	outbox_text_append_char(text, '"');
	for (const char *at = string;; at++)
	{
		size_t run = outbox_plain_run(at, (size_t) (end - at), OUTBOX_PLAIN_JSON);

		outbox_text_append(text, at, run);
		at += run;
		if (at == end)
			break;
		append_escape(text, (unsigned char) *at);
	}
	outbox_text_append_char(text, '"');
}
