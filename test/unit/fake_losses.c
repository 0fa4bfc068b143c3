/*
 * fake_losses.c
 *		A broker in memory: what it loses of that which it has stored, and what
 *		others write.
 */
#include "unit/fake_broker.h"

void
fake_broker_truncate(FakeBroker *broker, int count)
{
	FakeStream *stream = &broker->stream;

	stream->count = count < stream->count ? stream->count - count : 0;
	if (stream->purged > (uint64_t) stream->count)
		stream->purged = (uint64_t) stream->count;
}

void
fake_broker_recreate(FakeBroker *broker)
{
	broker->stream.count = 0;
	broker->stream.purged = 0;
	fake_broker_rename(broker);
}

void
fake_broker_rename(FakeBroker *broker)
{
	broker->stream.created += 1000;
}

void
fake_broker_intrude(FakeBroker *broker, const char *id)
{
	fake_stream_store(&broker->stream, id, 0, broker->now);
}

void
fake_broker_delete(FakeBroker *broker, uint64_t sequence, bool on_purpose)
{
	FakeMessage *message = &broker->stream.messages[sequence - 1];

	message->deleted = true;
	message->remembered = on_purpose;
}

void
fake_broker_purge(FakeBroker *broker)
{
	broker->stream.purged = (uint64_t) broker->stream.count;
	for (int i = 0; i < broker->stream.count; i++)
		fake_broker_delete(broker, (uint64_t) i + 1, true);
}
