/*
 * repair.h
 *		What the stream has lost of that which it had acknowledged.
 *
 * An acknowledgement is not durable: a broker that loses its power, is restored
 * from a backup or has a damaged file comes back without messages that the trail
 * (trail.h) says are stored.  When an epoch begins, before anything new is sent, the
 * newest entry is looked at.
 *
 *	- It is there: nothing is lost from the stream's end.  One look.
 *	- The stream ends before it, or another message stands in its place (somebody
 *	  wrote after the loss, and sequences were given out again): entries are
 *	  *searched*, halving, for where the loss begins.
 *
 * Everything that the trail holds beyond the stream's end is then lost.  What it
 * holds between the beginning of the loss and the stream's end is looked at entry
 * by entry (survey.h), so that nothing is sent again that is there.
 *
 * A server with a damaged file may hold messages that it cannot read, and know their
 * ids: sent again, they are duplicates, and looked for when the next epoch begins, they
 * are missing again.  So as long as it is known to be *blind*, what it does not find below
 * its end is left to a survey, and only what another message has replaced is lost.
 *
 * Not every message that is missing is lost.  What stood before the stream's first
 * sequence has expired or was purged.  Where the stream drops messages one by one
 * (it is *sparse*), nobody can tell; and where it drops old ones and does not say
 * up to where (some servers forget to), neither.  But one that is replaced by
 * another, or lies beyond the end, is lost anywhere.
 */
#ifndef OUTBOX_DOMAIN_REPAIR_H
#define OUTBOX_DOMAIN_REPAIR_H

#include <stdbool.h>
#include <stdint.h>

#include "domain/trail.h"

/* What the stream holds, as it tells when an epoch begins. */
typedef struct OutboxStreamShape
{
	uint64_t first; /* sequence of its first message; 0: it does not say */
	uint64_t last;
	bool expires; /* it drops its oldest messages by itself */
	bool sparse; /* it drops messages anywhere */
	bool blind; /* it cannot read all that it holds */
} OutboxStreamShape;

/* How an entry stands in the stream. */
typedef enum OutboxHolding
{
	OUTBOX_HOLDING_THERE,
	OUTBOX_HOLDING_EXPIRED, /* not there, which is not a loss */
	OUTBOX_HOLDING_LOST
} OutboxHolding;

/*
 * How an entry stands, of which a look has found this message id ("": none);
 * uuid is of our outbox.
 */
extern OutboxHolding outbox_repair_judge(const OutboxStreamShape *shape,
										 const OutboxTrailEntry *entry, const char *message_id,
										 const char *uuid);

/* Can that be told without a look?  Then *holding is set. */
extern bool outbox_repair_foresee(const OutboxStreamShape *shape, const OutboxTrailEntry *entry,
								  OutboxHolding *holding);

/* What to do next. */
typedef enum OutboxRepairStep
{
	OUTBOX_REPAIR_REST, /* nothing: it is over */
	OUTBOX_REPAIR_LOOK, /* look at repair->entry in the stream */
	OUTBOX_REPAIR_PROBE /* find the first entry at or beyond repair->probe */
} OutboxRepairStep;

typedef struct OutboxRepair
{
	OutboxStreamShape shape;
	OutboxRepairStep step;
	OutboxTrailEntry entry;
	uint64_t probe;
	uint64_t good; /* nothing is lost up to here, as far as was seen */
	uint64_t bad; /* what is held from here on is lost, unless it is found; 0: nothing */
} OutboxRepair;

/* An epoch begins; newest is the trail's newest entry. */
extern void outbox_repair_begin(OutboxRepair *repair, const OutboxStreamShape *shape,
								OutboxTrailEntry newest);

/* That is how repair->entry stands. */
extern void outbox_repair_hear(OutboxRepair *repair, OutboxHolding holding);

/* That is the first entry at or beyond repair->probe; sequence 0: there is none. */
extern void outbox_repair_probed(OutboxRepair *repair, OutboxTrailEntry entry);

#endif
