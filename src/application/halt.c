/*
 * halt.c
 *		The part of the relay that stops: the first failing answer of an epoch.
 */
#include "application/halt.h"

#include <stdio.h>

static void set(OutboxRelay *relay, uint64_t token, const OutboxReason *reason);

void
outbox_halt_at(OutboxRelay *relay, uint64_t token, const OutboxReason *reason)
{
	if (!relay->halt.set || token < relay->halt.token)
		set(relay, token, reason);
}

void
outbox_halt_doubt(OutboxRelay *relay, const OutboxReason *later)
{
	/* What becomes of the later message is unknown. */
	if (relay->halt.verdict == OUTBOX_VERDICT_REFUSED && later->verdict == OUTBOX_VERDICT_TRANSIENT)
		set(relay, relay->halt.token, later);
}

bool
outbox_halt_is_due(const OutboxRelay *relay, int64_t now)
{
	if (!relay->halt.set || relay->window.head_token < relay->halt.token)
		return false;
	return relay->halt.verdict != OUTBOX_VERDICT_REFUSED ||
		   outbox_window_is_quiet(&relay->window, now);
}

void
outbox_halt_resolve(OutboxRelay *relay, int64_t now)
{
	OutboxReason reason = {relay->halt.verdict, relay->halt.code, relay->halt.text};
	const OutboxSlot *head = outbox_window_head(&relay->window);

	if (reason.verdict == OUTBOX_VERDICT_REFUSED)
	{
		if (head && outbox_window_sent_in_quiet(&relay->window, head))
			outbox_settle_refused(relay, head->position, head->type, &reason, now);
	}
	else if (reason.verdict == OUTBOX_VERDICT_CONFLICT)
	{
		relay->counters.conflicts++;
		outbox_fence_conflict(&relay->fence);
	}
}

static void
set(OutboxRelay *relay, uint64_t token, const OutboxReason *reason)
{
	OutboxRelayHalt *halt = &relay->halt;

	halt->set = true;
	halt->token = token;
	halt->verdict = reason->verdict;
	halt->code = reason->code;
	snprintf(halt->text, sizeof(halt->text), "%s", reason->text);
}
