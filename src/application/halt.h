/*
 * halt.h
 *		The part of the relay that stops: the first failing answer of an epoch.
 *
 * A failing answer *halts* the epoch: nothing more is sent, and what is said of
 * later messages is not believed.  When all before it is settled, the halt is
 * *due*, and the epoch ends.  The outcome of all that was in flight is then unknown:
 * it is fetched again and sent again, in order.
 *
 * A refusal changes that order, for what the store keeps back is left out.  So it
 * is *accepted* only when nothing that was ever sent can be stored any more: the
 * later messages of its epoch are judged, too, and it was itself sent when nothing
 * of an earlier connection straggled (domain/window.h).  Otherwise the epoch ends
 * without it, at the latest when an answer is overdue; the event is sent again, and
 * refused again.
 */
#ifndef OUTBOX_APPLICATION_HALT_H
#define OUTBOX_APPLICATION_HALT_H

#include "application/relay.h"
#include "application/settle.h"

/* Nothing from this message on counts, unless a halt is set before it. */
extern void outbox_halt_at(OutboxRelay *relay, uint64_t token, const OutboxReason *reason);

/* That was said of a message behind the halt: a refusal may not be accepted then. */
extern void outbox_halt_doubt(OutboxRelay *relay, const OutboxReason *later);

/* Is it time to end the epoch? */
extern bool outbox_halt_is_due(const OutboxRelay *relay, int64_t now);

/* Does what the halt asks for: sets an event aside, or notes a conflict. */
extern void outbox_halt_resolve(OutboxRelay *relay, int64_t now);

#endif
