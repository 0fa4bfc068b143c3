/*
 * quarantine.h
 *		Dead letters, and what is kept back behind them.
 *
 * An aggregate is *blocked* from the refusal of one of its events until nothing
 * of it waits any more and no dead letter of it holds it.  An event of a blocked
 * aggregate is *parked*: copied from the log to outbox.waiting, where it stays
 * until it is let go (release.h).
 *
 * The relay alone writes outbox.blocked and outbox.waiting, so it keeps the
 * blocked aggregates in memory, too.  SQL functions only mark dead letters as to
 * be sent again or as given up.
 *
 * Everything here runs inside a transaction of the caller.
 */
#ifndef OUTBOX_INFRASTRUCTURE_POSTGRES_QUARANTINE_H
#define OUTBOX_INFRASTRUCTURE_POSTGRES_QUARANTINE_H

#include <stdbool.h>
#include <stdint.h>

#include "domain/event.h"
#include "infrastructure/postgres/interval.h"

#define OUTBOX_TRACE_SIZE 64

typedef struct OutboxQuarantine OutboxQuarantine;

typedef struct OutboxRefusal
{
	int code; /* the broker's */
	const char *reason;
	bool blocks; /* shall later events of the aggregate wait? */
} OutboxRefusal;

/* Reads what is blocked.  Lives in the current memory context. */
extern OutboxQuarantine *outbox_quarantine_load(void);

/* Is the event's aggregate blocked? */
extern bool outbox_quarantine_blocks(const OutboxQuarantine *quarantine, const OutboxEvent *event);

/* Parks the event of this entry of the log; once, however often it is called. */
extern void outbox_quarantine_park(const OutboxEntry *entry, uint32_t tx_index);

/* Makes the event of this entry of the log a dead letter; quarantine may be NULL if nobody waits. */
extern void outbox_quarantine_bury(OutboxQuarantine *quarantine, const OutboxEntry *entry,
								   uint32_t tx_index, const OutboxRefusal *refusal);

/* Makes an event that was let go, parked or dead before, a dead letter again. */
extern void outbox_quarantine_bury_again(OutboxQuarantine *quarantine, int64_t event,
										 const OutboxRefusal *refusal);

/* The traceparent that the dead letter carries, or "". */
extern void outbox_quarantine_trace(int64_t event, char trace[OUTBOX_TRACE_SIZE]);

/* Forgets the aggregates that nothing blocks any more. */
extern void outbox_quarantine_unblock(OutboxQuarantine *quarantine);

#endif
