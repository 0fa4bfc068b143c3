/*
 * puback.c
 *		Which members of an answer matter.
 */
#include "infrastructure/nats/puback.h"

#include <string.h>

#include "infrastructure/nats/reader.h"

#define USUAL_DIGITS 18 /* of a sequence; any number of them fits */

static bool
read_error_member(OutboxNatsReader *reader, const char *name)
{
	OutboxNatsPubAck *ack = reader->context;

	if (strcmp(name, "code") == 0)
		return outbox_nats_reader_int(reader, &ack->code);
	if (strcmp(name, "err_code") == 0)
		return outbox_nats_reader_int(reader, &ack->err_code);
	if (strcmp(name, "description") == 0)
		return outbox_nats_reader_string(reader, ack->description, sizeof(ack->description));
	return outbox_nats_reader_skip(reader);
}

static bool
read_member(OutboxNatsReader *reader, const char *name)
{
	OutboxNatsPubAck *ack = reader->context;

	if (strcmp(name, "error") == 0)
	{
		if (outbox_nats_reader_take_word(reader, "null"))
			return true;
		ack->error = true;
		return outbox_nats_reader_object(reader, read_error_member);
	}
	if (strcmp(name, "stream") == 0)
		return outbox_nats_reader_string(reader, ack->stream, sizeof(ack->stream));
	if (strcmp(name, "seq") == 0)
		return outbox_nats_reader_number(reader, UINT64_MAX, &ack->sequence);
	if (strcmp(name, "duplicate") == 0)
	{
		ack->duplicate = outbox_nats_reader_take_word(reader, "true");
		return ack->duplicate || outbox_nats_reader_take_word(reader, "false");
	}
	return outbox_nats_reader_skip(reader);
}

/* Moves on behind the word, if it comes next. */
static bool
pass(const char **at, const char *end, const char *word, size_t length)
{
	if ((size_t) (end - *at) < length || memcmp(*at, word, length) != 0)
		return false;
	*at += length;
	return true;
}

#define PASS(at, end, word) pass(at, end, word, sizeof(word) - 1)

/*
 * What servers write when all is well, byte by byte: {"stream":"S", "seq":7}.  False:
 * it is something else, which the grammar reads.
 */
static bool
read_usual(const char *bytes, size_t length, OutboxNatsPubAck *ack)
{
	const char *at = bytes;
	const char *end = bytes + length;
	const char *name;
	uint64_t sequence = 0;
	int digits = 0;

	if (!PASS(&at, end, "{\"stream\":\""))
		return false;
	name = at;
	while (at < end && *at != '"' && *at != '\\' && (unsigned char) *at >= ' ')
		at++;
	length = (size_t) (at - name);
	if (length >= sizeof(ack->stream) || !PASS(&at, end, "\", \"seq\":"))
		return false;
	for (; at < end && *at >= '0' && *at <= '9' && digits < USUAL_DIGITS; at++, digits++)
		sequence = sequence * 10 + (uint64_t) (*at - '0');
	if (digits == 0 || end - at != 1 || *at != '}')
		return false;
	memcpy(ack->stream, name, length);
	ack->stream[length] = '\0';
	ack->sequence = sequence;
	return true;
}

bool
outbox_nats_puback_parse(const char *bytes, size_t length, OutboxNatsPubAck *ack)
{
	memset(ack, 0, sizeof(*ack));
	if (!read_usual(bytes, length, ack) &&
		!outbox_nats_reader_document(bytes, length, read_member, ack))
		return false;
	return ack->error || (ack->stream[0] != '\0' && ack->sequence > 0);
}
