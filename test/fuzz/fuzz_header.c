/*
 * fuzz_header.c
 *		What is appended is read back, accepted lines hold no byte that could become
 *		protocol, and checking agrees with appending.
 */
#include "domain/header.h"

#include <strings.h>

#include "property.h"

static char memory[OUTBOX_HEADER_LINES_MAX + 1];

static void
check_legal(const OutboxHeaderLine *line)
{
	PROPERTY(line->key_length >= 1 && line->key_length <= OUTBOX_HEADER_KEY_MAX);
	for (size_t i = 0; i < line->key_length; i++)
		PROPERTY(line->key[i] == '-' || (line->key[i] >= '0' && line->key[i] <= '9') ||
				 ((line->key[i] | 32) >= 'a' && (line->key[i] | 32) <= 'z'));
	PROPERTY(line->key_length < 5 || strncasecmp(line->key, "Nats-", 5) != 0);
	PROPERTY(line->key_length < 3 || strncasecmp(line->key, "ce-", 3) != 0);
	PROPERTY(line->value_length >= 1);
	PROPERTY(line->value[0] != ' ' && line->value[line->value_length - 1] != ' ');
	for (size_t i = 0; i < line->value_length; i++)
		PROPERTY((unsigned char) line->value[i] >= ' ' && line->value[i] != 0x7f);
}

/* Any text: checked, and if accepted, taken apart and put together again. */
static void
check_text(const char *text)
{
	OutboxHeaderLines lines;
	OutboxHeaderLine line;
	const char *at = text;
	OutboxFault fault = outbox_header_check_lines(text);
	OutboxFault appended = OUTBOX_FAULT_NONE;

	outbox_header_begin(&lines, memory, sizeof(memory));
	while (appended == OUTBOX_FAULT_NONE && outbox_header_next(&at, &line))
	{
		appended =
			outbox_header_append(&lines, line.key, line.key_length, line.value, line.value_length);
		if (fault == OUTBOX_FAULT_NONE)
			check_legal(&line);
	}
	if (fault == OUTBOX_FAULT_NONE)
	{
		PROPERTY(appended == OUTBOX_FAULT_NONE);
		PROPERTY(strcmp(memory, text) == 0);
	}
	else
		PROPERTY(appended != OUTBOX_FAULT_NONE || fault == OUTBOX_FAULT_HEADERS_MALFORMED);
}

/* Two headers of any bytes: what append takes is found again. */
static void
check_pairs(const char *bytes, size_t size)
{
	OutboxHeaderLines lines;
	size_t part = size / 4;

	outbox_header_begin(&lines, memory, sizeof(memory));
	for (int i = 0; i < 2; i++)
	{
		const char *key = bytes + 2 * (size_t) i * part;
		const char *value = key + part;
		const char *found;
		size_t length;

		if (outbox_header_append(&lines, key, part, value, part) != OUTBOX_FAULT_NONE)
			continue;
		found = outbox_header_find(memory, key, part, &length);
		PROPERTY(found != NULL && length == part && memcmp(found, value, part) == 0);
	}
	PROPERTY(strlen(memory) == lines.length);
	PROPERTY(outbox_header_check_lines(memory) == OUTBOX_FAULT_NONE);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = terminated(data, size);

	check_text(text);
	check_pairs(text, size);
	free(text);
	return 0;
}
