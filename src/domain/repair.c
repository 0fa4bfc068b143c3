/*
 * repair.c
 *		What the stream has lost of that which it had acknowledged.
 */
#include "domain/repair.h"

#include <string.h>

#include "domain/event.h"

static void look_at(OutboxRepair *repair, OutboxTrailEntry entry);
static void search_on(OutboxRepair *repair);

OutboxHolding
outbox_repair_judge(const OutboxStreamShape *shape, const OutboxTrailEntry *entry,
					const char *message_id, const char *uuid)
{
	OutboxHolding holding;

	if (outbox_repair_foresee(shape, entry, &holding))
		return holding;
	if (message_id[0] != '\0')
		return outbox_event_of_message_id(message_id, uuid) == entry->event ? OUTBOX_HOLDING_THERE
																			: OUTBOX_HOLDING_LOST;
	if (shape->sparse || shape->blind || (shape->expires && shape->first == 0))
		return OUTBOX_HOLDING_EXPIRED;
	return OUTBOX_HOLDING_LOST;
}

bool
outbox_repair_foresee(const OutboxStreamShape *shape, const OutboxTrailEntry *entry,
					  OutboxHolding *holding)
{
	*holding = entry->sequence > shape->last ? OUTBOX_HOLDING_LOST : OUTBOX_HOLDING_EXPIRED;
	return entry->sequence > shape->last || entry->sequence < shape->first;
}

void
outbox_repair_begin(OutboxRepair *repair, const OutboxStreamShape *shape, OutboxTrailEntry newest)
{
	OutboxHolding holding;

	memset(repair, 0, sizeof(*repair));
	repair->shape = *shape;
	repair->good = shape->first > 0 ? shape->first - 1 : 0;
	if (newest.sequence == 0)
		return;
	if (!outbox_repair_foresee(shape, &newest, &holding))
		look_at(repair, newest);
	else if (holding == OUTBOX_HOLDING_LOST)
	{
		repair->bad = shape->last + 1;
		search_on(repair);
	}
}

void
outbox_repair_hear(OutboxRepair *repair, OutboxHolding holding)
{
	if (holding != OUTBOX_HOLDING_LOST)
	{
		if (repair->bad == 0)
			repair->step = OUTBOX_REPAIR_REST;
		else
		{
			repair->good = repair->entry.sequence;
			search_on(repair);
		}
		return;
	}
	repair->bad = repair->bad == 0 ? repair->entry.sequence : repair->probe;
	search_on(repair);
}

void
outbox_repair_probed(OutboxRepair *repair, OutboxTrailEntry entry)
{
	if (entry.sequence != 0 && entry.sequence < repair->bad)
		look_at(repair, entry);
	else
	{
		repair->bad = repair->probe;
		search_on(repair);
	}
}

static void
look_at(OutboxRepair *repair, OutboxTrailEntry entry)
{
	repair->step = OUTBOX_REPAIR_LOOK;
	repair->entry = entry;
}

/* Just below the loss first: after a mere loss of the end all before it is there. */
static void
search_on(OutboxRepair *repair)
{
	if (repair->bad <= repair->good + 1)
	{
		repair->step = OUTBOX_REPAIR_REST;
		return;
	}
	if (repair->step == OUTBOX_REPAIR_REST)
		repair->probe = repair->bad - 1;
	else
		repair->probe = repair->good + (repair->bad - repair->good) / 2;
	repair->step = OUTBOX_REPAIR_PROBE;
}
