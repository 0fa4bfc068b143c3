/*
 * stored.c
 *		Finding the message id in headers that come as base64.
 *
 * The headers are decoded byte by byte and looked at line by line; a line that
 * is longer than the buffer is no id of ours.
 */
#include "infrastructure/nats/stored.h"

#include <string.h>

#include "infrastructure/nats/reader.h"

static const char id_key[] = "Nats-Msg-Id:";

#define KEY_LENGTH (sizeof(id_key) - 1)

typedef struct Line
{
	char text[300];
	size_t length;
	bool cut;
} Line;

/* Takes the id if the finished line is that header. */
static void
finish_line(Line *line, OutboxNatsStored *stored)
{
	const char *value = line->text + KEY_LENGTH;
	size_t length;

	while (line->length > 0 && line->text[line->length - 1] == '\r')
		line->length--;
	line->text[line->length] = '\0';
	if (!line->cut && strncmp(line->text, id_key, KEY_LENGTH) == 0)
	{
		value += strspn(value, " ");
		length = strlen(value);
		if (length < sizeof(stored->id))
			memcpy(stored->id, value, length + 1);
	}
	line->length = 0;
	line->cut = false;
}

static void
take_byte(Line *line, char byte, OutboxNatsStored *stored)
{
	if (byte == '\n')
		finish_line(line, stored);
	else if (line->length + 1 < sizeof(line->text))
		line->text[line->length++] = byte;
	else
		line->cut = true;
}

static bool
decode_headers(const char *text, size_t length, OutboxNatsStored *stored)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	Line line = {.length = 0};
	uint32_t bits = 0;
	int count = 0;

	for (size_t i = 0; i < length && text[i] != '='; i++)
	{
		const char *digit = memchr(alphabet, text[i], 64);

		if (digit == NULL)
			return false;
		bits = (bits << 6) | (uint32_t) (digit - alphabet);
		count += 6;
		if (count >= 8)
		{
			count -= 8;
			take_byte(&line, (char) (bits >> count), stored);
		}
	}
	finish_line(&line, stored);
	return true;
}

static bool
read_message_member(OutboxNatsReader *reader, const char *name)
{
	const char *text;
	size_t length;

	if (strcmp(name, "hdrs") != 0)
		return outbox_nats_reader_skip(reader);
	return outbox_nats_reader_text(reader, &text, &length) &&
		   decode_headers(text, length, reader->context);
}

static bool
read_member(OutboxNatsReader *reader, const char *name)
{
	OutboxNatsStored *stored = reader->context;

	if (strcmp(name, "message") != 0)
		return outbox_nats_reader_skip(reader);
	stored->message = true;
	return outbox_nats_reader_object(reader, read_message_member);
}

bool
outbox_nats_stored_parse(const char *bytes, size_t length, OutboxNatsStored *stored)
{
	memset(stored, 0, sizeof(*stored));
	if (outbox_nats_puback_parse(bytes, length, &stored->refusal))
		return stored->refusal.error;
	return outbox_nats_reader_document(bytes, length, read_member, stored) && stored->message;
}
