/*
 * sift.c
 *		The part of the relay that learns from the stream whose it is.
 */
#include "application/sift.h"

#include <stdio.h>

static void take_slice(OutboxRelay *relay, bool last);
static void halt_for(OutboxRelay *relay, int64_t stranger);

bool
outbox_sift_begin(OutboxRelay *relay)
{
	const OutboxFence *fence = &relay->fence;

	relay->sifting = relay->broker->look != NULL && relay->store->sifting(relay->store_self);
	if (!relay->sifting)
		return false;
	outbox_recall_begin_oldest(&relay->recall, fence->floor, fence->last);
	if (!outbox_recall_pending(&relay->recall))
		take_slice(relay, true);
	return true;
}

void
outbox_sift_heard(OutboxRelay *relay)
{
	const OutboxRecall *recall = &relay->recall;
	int64_t stranger;

	if (relay->sifting)
	{
		take_slice(relay, outbox_recall_end(recall) >= relay->fence.last);
		return;
	}
	stranger = relay->store->stranger(relay->store_self, recall->events, recall->count);
	if (stranger != 0)
		halt_for(relay, stranger);
}

/* What this slice of the stream holds is not pending any more. */
static void
take_slice(OutboxRelay *relay, bool last)
{
	OutboxRecall *recall = &relay->recall;
	OutboxFence *fence = &relay->fence;

	outbox_fence_sifted(fence, last ? fence->last : outbox_recall_end(recall));
	relay->store->sift(relay->store_self, recall->events, recall->count, fence->floor,
					   fence->created, last);
	relay->sifting = !last;
	if (last)
		outbox_recall_clear(recall);
	else
		outbox_recall_begin_oldest(recall, fence->floor, fence->last);
}

static void
halt_for(OutboxRelay *relay, int64_t stranger)
{
	OutboxRelayHalt *halt = &relay->halt;

	relay->stranger = stranger;
	halt->set = true;
	halt->token = relay->window.head_token;
	halt->verdict = OUTBOX_VERDICT_MISCONFIGURED;
	halt->code = 0;
	snprintf(halt->text, sizeof(halt->text),
			 "the stream holds event %lld of this outbox, which this database has never had",
			 (long long) stranger);
}
