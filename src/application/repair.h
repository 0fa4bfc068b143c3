/*
 * repair.h
 *		The part of the relay that compares the stream with the trail.
 *
 * When an epoch begins, before anything is sent, the stream's end is *checked*
 * (domain/repair.h): that costs one look while nothing is lost.  Where the stream
 * is the relay's alone, what is lost is given back to the store, which hands it out
 * again first; predictions (domain/fence.h) then start at the stream's end, so what
 * was lost from there gets its old sequences.
 *
 * A *survey* (domain/survey.h) looks at all that the trail holds, beside the
 * publishing: when the stream has come to have more holes than it had, or when it
 * is asked for.  If it finds losses, a new epoch begins to repair them.
 *
 * On a shared stream nothing is repaired: surveys only count what is missing.
 */
#ifndef OUTBOX_APPLICATION_REPAIR_H
#define OUTBOX_APPLICATION_REPAIR_H

#include "application/relay.h"

/* An epoch begins: checks, then lets the relay publish. */
extern void outbox_repair_start(OutboxRelay *relay, int64_t now);

/* The stream has this message at this sequence. */
extern void outbox_repair_found(OutboxRelay *relay, const OutboxSignal *signal, int64_t now);

/* The epoch is over. */
extern void outbox_repair_stop(OutboxRelay *relay);

/* Is the check under way, so that nothing may be sent? */
extern bool outbox_repair_checks(const OutboxRelay *relay);

/* When a look should have been answered. */
extern int64_t outbox_repair_overdue_at(const OutboxRelay *relay);

/*
 * Has what was lost in the meantime to be dealt with by a new epoch?  True once.
 */
extern bool outbox_repair_wants_epoch(OutboxRelay *relay);

/* Fills in what concerns the comparison. */
extern void outbox_repair_report(const OutboxRelay *relay, OutboxRelayReport *report);

#endif
