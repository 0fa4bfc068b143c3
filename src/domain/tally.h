/*
 * tally.h
 *		What a relay counts, for as long as nobody resets it.
 *
 * The *tally* of a database outlives the relays that count it.  Its *book* is what is
 * kept between two of them; what an event counts for depends on its *type*, of which
 * there is room for OUTBOX_TALLY_TYPES; all others count as one, the *other* type.
 *
 * A relay that ends without a chance to write down how far it was leaves events that
 * the next one settles again: found in the stream and not sent again, or answered as
 * duplicates.  So the book knows the places in the stream that it counted last, as
 * *ranges* of sequences, and none of these is counted again.  There is room for so many
 * ranges that one ends only where something else stands in between: what is older than
 * all of them is taken for counted.
 *
 * *Latency* is the time from emit to the acknowledgement, and so includes the rest of
 * the event's transaction.
 */
#ifndef OUTBOX_DOMAIN_TALLY_H
#define OUTBOX_DOMAIN_TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "domain/event.h"
#include "domain/window.h"

#define OUTBOX_TALLY_TYPES 500
#define OUTBOX_TALLY_OTHER 0
#define OUTBOX_TALLY_NAME_SIZE 101
#define OUTBOX_TALLY_BUCKETS 24

typedef struct OutboxTallyType
{
	char aggregate[OUTBOX_TALLY_NAME_SIZE]; /* "": the other type */
	char action[OUTBOX_TALLY_NAME_SIZE];
	uint64_t published; /* events settled because they are stored */
	uint64_t bytes; /* of their messages, without those recalled */
	uint64_t refused; /* events settled as dead letters */
	int64_t last_published_at; /* microseconds since 1970; 0: never */
	char unused[16]; /* to a power of two, which is cheap to index */
} OutboxTallyType;

typedef struct OutboxTallyCounts
{
	int64_t since; /* microseconds since 1970 */
	uint64_t published;
	uint64_t bytes;
	uint64_t acknowledged; /* of published: by an answer of the broker */
	uint64_t recalled; /* of published: found stored, not sent again */
	uint64_t duplicates; /* answers that said so */
	uint64_t refused;

	/* Whoever keeps the tally takes these over from the relay's counters. */
	uint64_t sent; /* messages, also again */
	uint64_t connections;
	uint64_t retries;
	uint64_t conflicts;
	uint64_t setbacks;
	uint64_t checks;
	uint64_t lost;
	uint64_t repaired;
	uint64_t gone;

	uint64_t timed; /* events whose latency is known */
	uint64_t latency; /* of them together, microseconds */
	uint64_t latencies[OUTBOX_TALLY_BUCKETS]; /* see outbox_tally_bound */
} OutboxTallyCounts;

#define OUTBOX_TALLY_RANGES 32

typedef struct OutboxTallyRange
{
	uint64_t first;
	uint64_t last;
} OutboxTallyRange;

/* What was counted last, in that order. */
typedef struct OutboxTallyRanges
{
	int64_t created; /* which stream it is about */
	int32_t count;
	bool forgotten; /* there were more */
	OutboxTallyRange ranges[OUTBOX_TALLY_RANGES];
} OutboxTallyRanges;

typedef struct OutboxTallyBook
{
	OutboxTallyCounts counts;
	OutboxTallyRanges ranges;
	int32_t type_count; /* with the other type, which is the first */
	OutboxTallyType types[OUTBOX_TALLY_TYPES + 1];
} OutboxTallyBook;

#define OUTBOX_TALLY_PLACES 1024

typedef struct OutboxTally
{
	OutboxTallyBook book;
	OutboxTallyRanges before; /* the book's when it was resumed */
	int64_t clock; /* what to add to the relay's time to have that since 1970 */
	int change_count; /* types that changed since somebody looked */
	uint16_t changes[OUTBOX_TALLY_TYPES + 1];
	bool changed[OUTBOX_TALLY_TYPES + 1];
	uint16_t places[OUTBOX_TALLY_PLACES]; /* of types, by hash; 0: free */
	uint16_t latest; /* type that was asked for */
	uint16_t followers[OUTBOX_TALLY_TYPES + 1]; /* by type: the one that came after it last */
} OutboxTally;

/* Nothing is counted yet, since now (microseconds since 1970). */
extern void outbox_tally_clear(OutboxTally *tally, int64_t now);

/* The book was read from somewhere: false, and cleared, when it cannot be a book. */
extern bool outbox_tally_resume(OutboxTally *tally, int64_t now);

/* Enters type, and when it was emitted, into the slot that the event has taken. */
extern void outbox_tally_enter(OutboxTally *tally, OutboxSlot *slot, const OutboxEvent *event);

/* The event's type, which is new perhaps. */
extern uint16_t outbox_tally_type(OutboxTally *tally, const OutboxEvent *event);

/* The event of this slot, which is no repeated one, is stored in the stream created then. */
extern void outbox_tally_stored(OutboxTally *tally, const OutboxSlot *slot, int64_t created,
								int64_t now);

/* An event of this type has become a dead letter. */
extern void outbox_tally_refused(OutboxTally *tally, uint16_t type);

/* Takes a type that has changed; -1: none has. */
extern int outbox_tally_take_change(OutboxTally *tally);

/* The microseconds that a latency of this bucket does not exceed; INT64_MAX for the last. */
extern int64_t outbox_tally_bound(int bucket);

#endif
