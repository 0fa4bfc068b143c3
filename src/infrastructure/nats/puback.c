/*
 * puback.c
 *		Which members of an answer matter.
 */
#include "infrastructure/nats/puback.h"

#include <string.h>

#include "infrastructure/nats/reader.h"

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

bool
outbox_nats_puback_parse(const char *bytes, size_t length, OutboxNatsPubAck *ack)
{
	memset(ack, 0, sizeof(*ack));
	if (!outbox_nats_reader_document(bytes, length, read_member, ack))
		return false;
	return ack->error || (ack->stream[0] != '\0' && ack->sequence > 0);
}
