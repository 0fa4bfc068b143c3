/*
 * fake_air.c
 *		What a fake broker does with broadcasts: whoever listens hears them at once.
 */
#include "unit/fake_air.h"

#include <stdio.h>
#include <string.h>

#include "unit/fake_broker.h"

OutboxBroadcastResult
fake_air_broadcast(void *self, const OutboxMessage *message)
{
	FakeBroker *broker = self;
	FakeAir *air = &broker->air;

	if (!fake_stream_legal(message) || fake_stream_bytes(message) > broker->max_payload)
		return OUTBOX_BROADCAST_UNFIT;
	if (!broker->connected)
		return OUTBOX_BROADCAST_LOST;
	if (air->denied)
		return OUTBOX_BROADCAST_DENIED;
	if (air->crowded)
		return OUTBOX_BROADCAST_CROWDED;
	air->heard++;
	snprintf(air->subject, sizeof(air->subject), "%s", message->subject);
	air->id[0] = '\0';
	for (int i = 0; i < message->field_count; i++)
		if (strcmp(message->fields[i].key, "ce-id") == 0)
			snprintf(air->id, sizeof(air->id), "%s", message->fields[i].value);
	return OUTBOX_BROADCAST_DONE;
}
