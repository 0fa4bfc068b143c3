/*
 * recall.c
 *		What the stream holds beyond the floor, found by reading it.
 */
#include "domain/recall.h"

#include "domain/event.h"

void
outbox_recall_clear(OutboxRecall *recall)
{
	recall->first = 0;
	recall->count = 0;
	recall->asked = 0;
	recall->heard = 0;
	recall->left = 0;
	recall->hint = 0;
}

void
outbox_recall_begin(OutboxRecall *recall, uint64_t floor, uint64_t last)
{
	outbox_recall_clear(recall);
	if (last <= floor)
		return;
	if (last - floor > OUTBOX_RECALL_MAX)
		floor = last - OUTBOX_RECALL_MAX;
	recall->first = floor + 1;
	recall->count = (int) (last - floor);
	for (int i = 0; i < recall->count; i++)
		recall->events[i] = -1;
}

void
outbox_recall_begin_oldest(OutboxRecall *recall, uint64_t floor, uint64_t last)
{
	if (last > floor && last - floor > OUTBOX_RECALL_MAX)
		last = floor + OUTBOX_RECALL_MAX;
	outbox_recall_begin(recall, floor, last);
}

uint64_t
outbox_recall_end(const OutboxRecall *recall)
{
	return recall->first + (uint64_t) recall->count - 1;
}

bool
outbox_recall_pending(const OutboxRecall *recall)
{
	return recall->heard < recall->count;
}

uint64_t
outbox_recall_ask(OutboxRecall *recall, int most)
{
	if (recall->asked == recall->count || recall->asked - recall->heard >= most)
		return 0;
	return recall->first + (uint64_t) recall->asked++;
}

void
outbox_recall_hear(OutboxRecall *recall, uint64_t sequence, const char *message_id,
				   const char *uuid)
{
	int64_t *event;

	if (sequence < recall->first || sequence - recall->first >= (uint64_t) recall->asked)
		return;
	event = &recall->events[sequence - recall->first];
	if (*event != -1)
		return;
	*event = outbox_event_of_message_id(message_id, uuid);
	recall->heard++;
	if (*event > 0)
		recall->left++;
}

uint64_t
outbox_recall_match(OutboxRecall *recall, int64_t event)
{
	for (int i = 0; i < recall->count && recall->left > 0; i++)
	{
		int index = (recall->hint + i) % recall->count;

		if (recall->events[index] != event)
			continue;
		recall->events[index] = 0;
		recall->left--;
		recall->hint = (index + 1) % recall->count;
		return recall->first + (uint64_t) index;
	}
	return 0;
}
