/*
 * suspicion.c
 *		What the ends of a relay say about the events that it handles.
 */
#include "domain/suspicion.h"

static void count_vanishing(OutboxSuspicion *suspicion, int64_t at_hand);

void
outbox_suspicion_judge(OutboxSuspicion *suspicion, OutboxEnd end, int64_t at_hand)
{
	if (end == OUTBOX_END_CLEAN)
		return;
	if (end == OUTBOX_END_VANISHED)
		count_vanishing(suspicion, at_hand);
	else if (suspicion->ends < OUTBOX_UNCLEAN_ENDS_MAX)
		suspicion->ends++;
	if (at_hand != OUTBOX_AT_HAND_NOTHING)
		suspicion->suspect = at_hand;
}

bool
outbox_suspicion_is_careful(const OutboxSuspicion *suspicion)
{
	return suspicion->ends > 0;
}

bool
outbox_suspicion_is_grave(const OutboxSuspicion *suspicion)
{
	return suspicion->ends >= OUTBOX_UNCLEAN_ENDS_MAX;
}

void
outbox_suspicion_pardon(OutboxSuspicion *suspicion)
{
	if (suspicion->ends >= OUTBOX_UNCLEAN_ENDS_MAX)
		suspicion->ends = OUTBOX_UNCLEAN_ENDS_MAX - 1;
}

static void
count_vanishing(OutboxSuspicion *suspicion, int64_t at_hand)
{
	bool known = suspicion->suspect != OUTBOX_AT_HAND_NOTHING;

	if (suspicion->ends == 0)
		suspicion->ends = 1;
	else if (at_hand == OUTBOX_AT_HAND_NOTHING)
		return;
	else if (known && at_hand != suspicion->suspect)
		suspicion->ends = 1; /* it has passed the suspect */
	else if (suspicion->ends < OUTBOX_UNCLEAN_ENDS_MAX)
		suspicion->ends++;
}
