/*
 * header.c
 *		Which headers a caller may set, and how the log keeps them.
 */
#include "domain/header.h"

#include <string.h>

#include "domain/text.h"

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char) (c - 'A' + 'a') : c;
}

static bool
same_key(const char *a, size_t a_length, const char *b, size_t b_length)
{
	if (a_length != b_length)
		return false;
	for (size_t i = 0; i < a_length; i++)
	{
		if (lower(a[i]) != lower(b[i]))
			return false;
	}
	return true;
}

static bool
begins_with(const char *key, size_t length, const char *prefix)
{
	size_t prefix_length = strlen(prefix);

	return length >= prefix_length && same_key(key, prefix_length, prefix, prefix_length);
}

static bool
ends_with(const char *key, size_t length, const char *suffix)
{
	size_t suffix_length = strlen(suffix);

	return length >= suffix_length &&
		   same_key(key + length - suffix_length, suffix_length, suffix, suffix_length);
}

static bool
is_key(const char *key, size_t length, const char *name)
{
	return same_key(key, length, name, strlen(name));
}

static OutboxFault
check_key(const char *key, size_t length)
{
	if (length == 0)
		return OUTBOX_FAULT_HEADER_KEY_EMPTY;
	for (size_t i = 0; i < length; i++)
	{
		if (key[i] == '_' || !outbox_plain_is((unsigned char) key[i], OUTBOX_PLAIN_TOKEN))
			return OUTBOX_FAULT_HEADER_KEY_ILLEGAL_CHARACTER;
	}
	if (length > OUTBOX_HEADER_KEY_MAX)
		return OUTBOX_FAULT_HEADER_KEY_TOO_LONG;
	if (begins_with(key, length, "Nats-") || ends_with(key, length, "Nats-Msg-Id") ||
		is_key(key, length, "Status") || is_key(key, length, "Description"))
		return OUTBOX_FAULT_HEADER_KEY_OF_BROKER;
	if (begins_with(key, length, "ce-") || begins_with(key, length, "Outbox-") ||
		is_key(key, length, "Content-Type"))
		return OUTBOX_FAULT_HEADER_KEY_OF_ENVELOPE;
	return OUTBOX_FAULT_NONE;
}

static OutboxFault
check_value(const char *value, size_t length)
{
	if (length == 0)
		return OUTBOX_FAULT_HEADER_VALUE_EMPTY;
	switch (outbox_text_find_flaw(value, length))
	{
		case OUTBOX_TEXT_NOT_UTF8:
			return OUTBOX_FAULT_HEADER_VALUE_NOT_UTF8;
		case OUTBOX_TEXT_CONTROL_CHARACTER:
			return OUTBOX_FAULT_HEADER_VALUE_CONTROL_CHARACTER;
		case OUTBOX_TEXT_CLEAN:
			break;
	}
	if (value[0] == ' ' || value[length - 1] == ' ')
		return OUTBOX_FAULT_HEADER_VALUE_OUTER_BLANK;
	return OUTBOX_FAULT_NONE;
}

OutboxFault
outbox_header_check(const char *key, size_t key_length, const char *value, size_t value_length)
{
	OutboxFault fault = check_key(key, key_length);

	return fault != OUTBOX_FAULT_NONE ? fault : check_value(value, value_length);
}

static bool
is_context(const OutboxHeaderLine *line)
{
	return is_key(line->key, line->key_length, OUTBOX_HEADER_CORRELATION_ID) ||
		   is_key(line->key, line->key_length, OUTBOX_HEADER_CAUSATION_ID) ||
		   is_key(line->key, line->key_length, OUTBOX_HEADER_ACTOR);
}

static bool
is_mark(const OutboxHeaderLine *line)
{
	return is_key(line->key, line->key_length, OUTBOX_HEADER_SCHEDULED_ID) ||
		   is_key(line->key, line->key_length, OUTBOX_HEADER_REPLAY) ||
		   is_key(line->key, line->key_length, OUTBOX_HEADER_ERASED);
}

/* As outbox_header_check, but the keys of the context and of marks are legal, too. */
static OutboxFault
check_line(const OutboxHeaderLine *line)
{
	OutboxFault fault = check_key(line->key, line->key_length);

	if (fault == OUTBOX_FAULT_HEADER_KEY_OF_ENVELOPE && (is_context(line) || is_mark(line)))
		fault = OUTBOX_FAULT_NONE;
	if (fault == OUTBOX_FAULT_NONE && is_mark(line) && line->value_length > OUTBOX_HEADER_MARK_MAX)
		fault = OUTBOX_FAULT_HEADERS_TOO_LARGE;
	return fault != OUTBOX_FAULT_NONE ? fault : check_value(line->value, line->value_length);
}

/* May a line of so many bytes follow so many lines, and bytes, that are not marks? */
static OutboxFault
check_limits(size_t bytes, int count, size_t length)
{
	if (count >= OUTBOX_HEADER_COUNT_MAX)
		return OUTBOX_FAULT_HEADERS_TOO_MANY;
	if (bytes > OUTBOX_HEADER_LINES_MAX - length)
		return OUTBOX_FAULT_HEADERS_TOO_LARGE;
	return OUTBOX_FAULT_NONE;
}

void
outbox_header_begin(OutboxHeaderLines *lines, char *text, size_t size)
{
	*lines = (OutboxHeaderLines){.text = text, .size = size};
	text[0] = '\0';
}

OutboxFault
outbox_header_append(OutboxHeaderLines *lines, const char *key, size_t key_length,
					 const char *value, size_t value_length)
{
	OutboxHeaderLine line = {key, key_length, value, value_length};
	OutboxText text = {lines->text, lines->size, lines->length};
	OutboxFault fault = check_line(&line);
	size_t bytes = key_length + value_length + 3;
	size_t ignored;

	if (fault != OUTBOX_FAULT_NONE)
		return fault;
	if (outbox_header_find(lines->text, key, key_length, &ignored) != NULL)
		return OUTBOX_FAULT_HEADER_DUPLICATE;
	if (!is_mark(&line))
		fault = check_limits(bytes, lines->count, lines->length - lines->marks);
	if (fault != OUTBOX_FAULT_NONE)
		return fault;
	if (bytes >= lines->size - lines->length)
		return OUTBOX_FAULT_SCRATCH_TOO_SMALL;
	outbox_text_append(&text, key, key_length);
	outbox_text_append_string(&text, ": ");
	outbox_text_append(&text, value, value_length);
	outbox_text_append_char(&text, '\n');
	lines->text[text.length] = '\0';
	lines->length = text.length;
	if (is_mark(&line))
		lines->marks += bytes;
	else
		lines->count++;
	return OUTBOX_FAULT_NONE;
}

bool
outbox_header_next(const char **at, OutboxHeaderLine *line)
{
	size_t length = strcspn(*at, "\n");
	const char *colon = memchr(*at, ':', length);

	if ((*at)[length] != '\n' || colon == NULL || colon[1] != ' ')
		return false;
	line->key = *at;
	line->key_length = (size_t) (colon - *at);
	line->value = colon + 2;
	line->value_length = length - line->key_length - 2;
	*at += length + 1;
	return true;
}

const char *
outbox_header_find(const char *lines, const char *key, size_t key_length, size_t *length)
{
	OutboxHeaderLine line;

	while (outbox_header_next(&lines, &line))
	{
		if (same_key(line.key, line.key_length, key, key_length))
		{
			*length = line.value_length;
			return line.value;
		}
	}
	return NULL;
}

OutboxFault
outbox_header_check_lines(const char *lines)
{
	const char *at = lines;
	OutboxHeaderLine line;
	int count = 0;
	size_t length = 0;

	while (outbox_header_next(&at, &line))
	{
		size_t bytes = line.key_length + line.value_length + 3;
		OutboxFault fault = check_line(&line);
		size_t ignored;

		if (fault == OUTBOX_FAULT_NONE && !is_mark(&line))
		{
			fault = check_limits(bytes, count++, length);
			length += bytes;
		}
		if (fault != OUTBOX_FAULT_NONE)
			return fault;
		if (outbox_header_find(lines, line.key, line.key_length, &ignored) != line.value)
			return OUTBOX_FAULT_HEADER_DUPLICATE;
	}
	return *at == '\0' ? OUTBOX_FAULT_NONE : OUTBOX_FAULT_HEADERS_MALFORMED;
}
