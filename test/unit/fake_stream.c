/*
 * fake_stream.c
 *		A JetStream stream in memory, as the server judges what reaches it.
 */
#include "unit/fake_stream.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "domain/subject.h"

static FakeAnswer judge(const FakeStream *stream, const FakeTrouble *trouble,
						const FakeArrival *arrival);
static uint64_t find_duplicate(const FakeStream *stream, const FakeArrival *arrival);

void
fake_stream_init(FakeStream *stream)
{
	stream->count = 0;
	stream->purged = 0;
	stream->created = 1000;
	stream->duplicate_window = 120 * INT64_C(1000000);
	stream->max_message_size = -1;
	stream->max_messages = FAKE_STREAM - 1;
	stream->strays = 0;
	stream->on_store = NULL;
	stream->context = NULL;
}

FakeAnswer
fake_stream_take(FakeStream *stream, const FakeTrouble *trouble, const FakeArrival *arrival)
{
	FakeAnswer answer = judge(stream, trouble, arrival);

	if (answer.verdict == OUTBOX_VERDICT_ACKED)
	{
		fake_stream_store(stream, arrival->id, fake_stream_event(arrival->id), arrival->at);
		answer.sequence = (uint64_t) stream->count;
		stream->strays += arrival->late && arrival->expected_last == OUTBOX_UNFENCED;
	}
	return answer;
}

void
fake_stream_store(FakeStream *stream, const char *id, int64_t event, int64_t at)
{
	FakeMessage *message = &stream->messages[stream->count++];

	assert(stream->count < FAKE_STREAM);
	snprintf(message->id, sizeof(message->id), "%s", id);
	message->deleted = false;
	message->remembered = false;
	message->unreadable = false;
	message->event = event;
	message->at = at;
	message->sequence = (uint64_t) stream->count;
	if (stream->on_store && event)
		stream->on_store(stream->context, event, message->sequence);
}

/* Deleted messages at the beginning are not counted, as the server does. */
void
fake_stream_tell(const FakeStream *stream, OutboxStreamFacts *facts)
{
	int first = (int) stream->purged;

	while (first < stream->count && stream->messages[first].deleted)
		first++;
	facts->first_sequence = (uint64_t) first + 1;
	facts->last_sequence = (uint64_t) stream->count;
	facts->created = stream->created;
	for (int i = first; i < stream->count; i++)
		facts->deleted += stream->messages[i].deleted;
	facts->max_message_size = stream->max_message_size;
	facts->duplicate_window = stream->duplicate_window * 1000;
}

int64_t
fake_stream_event(const char *id)
{
	const char *dash = strrchr(id, '-');

	return dash ? strtoll(dash + 1, NULL, 10) : 0;
}

bool
fake_stream_legal(const OutboxMessage *message)
{
	if (outbox_subject_check(message->subject) != OUTBOX_FAULT_NONE)
		return false;
	for (int i = 0; i < message->field_count; i++)
	{
		const char *key = message->fields[i].key;

		if (*key == '\0')
			return false;
		for (; *key; key++)
			if (!isalnum((unsigned char) *key) && *key != '-')
				return false;
		for (const char *value = message->fields[i].value; *value; value++)
			if ((unsigned char) *value < ' ' || *value == 127)
				return false;
	}
	return true;
}

int64_t
fake_stream_bytes(const OutboxMessage *message)
{
	size_t bytes = message->payload_length;

	if (message->field_count > 0)
		bytes += strlen("NATS/1.0\r\n\r\n");
	for (int i = 0; i < message->field_count; i++)
		bytes += strlen(message->fields[i].key) + strlen(message->fields[i].value) + 4;
	return (int64_t) bytes;
}

bool
fake_stream_refuses(const FakeStream *stream, const OutboxMessage *message)
{
	static const char end[] = ".refused";
	size_t length = strlen(message->subject);
	size_t most = sizeof(end) - 1;

	if (length >= most && strcmp(message->subject + length - most, end) == 0)
		return true;
	return stream->max_message_size >= 0 && fake_stream_bytes(message) > stream->max_message_size;
}

static FakeAnswer
judge(const FakeStream *stream, const FakeTrouble *trouble, const FakeArrival *arrival)
{
	uint64_t original = find_duplicate(stream, arrival);

	if (trouble->unauthorized)
		return (FakeAnswer){OUTBOX_VERDICT_UNAUTHORIZED, 0, 0, "no permission"};
	if (trouble->no_stream)
		return (FakeAnswer){OUTBOX_VERDICT_MISCONFIGURED, 0, 0, "no stream"};
	if (trouble->no_leader)
		return (FakeAnswer){OUTBOX_VERDICT_TRANSIENT, 0, 10008, "no leader"};
	if (original != 0)
		return (FakeAnswer){OUTBOX_VERDICT_DUPLICATE, original, 0, ""};
	if (arrival->expected_last != OUTBOX_UNFENCED &&
		arrival->expected_last != (uint64_t) stream->count)
		return (FakeAnswer){OUTBOX_VERDICT_CONFLICT, 0, 10071, "wrong last sequence"};
	if (arrival->refused)
		return (FakeAnswer){OUTBOX_VERDICT_REFUSED, 0, 10054, "message size exceeds"};
	if (trouble->full || stream->count >= stream->max_messages)
		return (FakeAnswer){OUTBOX_VERDICT_MISCONFIGURED, 0, 10077, "stream is full"};
	return (FakeAnswer){OUTBOX_VERDICT_ACKED, 0, 0, ""};
}

static uint64_t
find_duplicate(const FakeStream *stream, const FakeArrival *arrival)
{
	for (int i = stream->count - 1; i >= 0 && arrival->id[0]; i--)
	{
		if (arrival->at - stream->messages[i].at >= stream->duplicate_window)
			break;
		if (stream->messages[i].deleted && !stream->messages[i].remembered)
			continue;
		if (strcmp(stream->messages[i].id, arrival->id) == 0)
			return stream->messages[i].sequence;
	}
	return 0;
}
