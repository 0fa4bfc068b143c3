/*
 * fake_air.h
 *		What a fake broker does with broadcasts: whoever listens hears them at once.
 */
#ifndef OUTBOX_TEST_FAKE_AIR_H
#define OUTBOX_TEST_FAKE_AIR_H

#include "application/ports.h"
#include "domain/subject.h"

typedef struct FakeAir
{
	bool captured; /* in the facts: the stream would store them */
	bool crowded;
	bool denied;
	uint64_t heard;
	char subject[OUTBOX_SUBJECT_SIZE]; /* of the last one */
	char id[OUTBOX_MESSAGE_ID_SIZE]; /* its ce-id, or "" */
} FakeAir;

/* The broadcast of fake_broker; self: FakeBroker. */
extern OutboxBroadcastResult fake_air_broadcast(void *self, const OutboxMessage *message);

#endif
