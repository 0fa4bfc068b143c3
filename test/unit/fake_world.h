/*
 * fake_world.h
 *		A relay between a fake database and a fake broker, in a time of its own.
 *
 * The relay is called only when it asked to be, when the broker has news, or when
 * a commit wakes it, so whatever it forgets to ask for shows as being stuck.
 * While it runs, the world checks:
 *	- what is published has committed, and no crash can undo it;
 *	- what is settled was stored or is a dead letter, and counted once;
 *	- nothing is published behind a dead letter that holds its aggregate, and no
 *	  dead letter that was given up;
 *	- at or below the floor nothing is stored that is not settled, as long as the
 *	  broker keeps what it has stored;
 *	- limits of what a crash would forget, and of what is in flight, which is nothing
 *	  when a careful relay takes an event in hand; no spinning;
 *	- every broadcast, of which there are some at any time, has met one fate;
 *	- no second copy within the duplicate window, or at all where the plan promises
 *	  it (world_promises_once).
 * A broken promise is printed and leaves by longjmp to world.broken.
 */
#ifndef OUTBOX_TEST_FAKE_WORLD_H
#define OUTBOX_TEST_FAKE_WORLD_H

#include <setjmp.h>

#include "application/relay.h"
#include "unit/fake_broker.h"
#include "unit/fake_queue.h"
#include "unit/fake_store.h"

#define MS INT64_C(1000)
#define SECOND INT64_C(1000000)
#define UUID "6f1c1fbc-0d0f-4c58-9f3e-3c1b0d5a7e11"

/* What a schedule is made of. */
typedef struct Plan
{
	bool fenced;
	bool intruders; /* somebody else writes to the stream */
	bool losses; /* the broker loses what it has stored */
	bool remakes; /* and the whole stream */
	bool holes; /* and messages in its middle */
	bool purges; /* somebody removes all messages, on purpose */
	bool verifies; /* in the end the stream is verified */
	bool removals; /* settled events are no longer retained */
	bool crashes; /* of the database */
	bool restarts; /* of the relay's process */
	bool outages; /* of the broker */
	bool switches; /* of the publish mode */
	bool past; /* ids were given out before, to other events */
	bool skips; /* nobody waits behind some dead letters */
	bool haunted; /* much of what is dropped arrives after all */
	int poison; /* events that cannot be published, per 1000 */
	int aggregates;
	int actions;
} Plan;

/* What has happened to a row. */
typedef struct Fate
{
	int copies; /* that the stream holds */
	bool stored; /* ever */
	int64_t stored_at; /* the last copy */
	uint64_t stored_sequence; /* the last copy's */
	uint64_t sequence; /* where it was stored when it was settled first; 0: not yet */
	bool lost; /* by the broker, after it was stored, once */
	bool purged; /* on purpose */
	bool refused; /* ever */
	bool passed; /* refused, and later events of its aggregate did not wait */
} Fate;

typedef struct Totals
{
	uint64_t events;
	uint64_t steps;
	uint64_t restarts;
	uint64_t crashes;
	uint64_t redriven;
	uint64_t discarded;
	uint64_t waited; /* events that were kept back */
	uint64_t once; /* schedules in which once was checked */
	uint64_t contiguous;
	uint64_t counted; /* schedules in which the tally was checked */
	uint64_t regained; /* schedules in which old sequences were checked */
	uint64_t losses; /* messages */
	OutboxRelayCounters counters;
} Totals;

typedef struct World
{
	Plan plan;
	FakeStore store;
	FakeBroker broker;
	FakeQueue queue;
	OutboxRelay relay;
	OutboxRelayOptions options;
	OutboxRelayStep step;
	uint64_t random;
	int64_t now;
	bool woken;
	bool trace;
	Fate fates[FAKE_ROWS];
	int running[8]; /* transactions */
	int running_count;
	int lives; /* of the relay's process */
	uint64_t checked_floor;
	int64_t checked_created;
	uint64_t sent_before; /* by earlier lives */
	int steps_now; /* at this very moment */
	uint64_t lost_in_epoch; /* the connection of the last loss */
	bool verifying; /* all is mended, the stream is being verified */
	bool verified;
	jmp_buf broken;
	bool renamed; /* the stream has become another one, with what it held */
	OutboxTally tally;
	OutboxTallyBook kept; /* as it would be found after a crash */
	char scratch[16384];
} World;

extern World world;
extern Totals totals;

/* Chance, from world.random. */
extern uint64_t world_draw(void);
extern int world_up_to(int most);
extern bool world_chance(int per_mille);

/* A promise is broken. */
extern void world_fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* What happens, when world.trace. */
extern void world_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Lets the fakes tell the world. */
extern void world_listen(void);

/* The careful relay tells what is at hand. */
extern void world_attend(int64_t at_hand);

/* Nothing is counted yet. */
extern void world_clear_tally(void);

/* A new process of the relay; and the end of one, whose counts must be right. */
extern void world_start_relay(void);
extern void world_bury_relay(void);

/* Lets the relay and the broker go on until this moment. */
extern void world_run_until(int64_t end);

/* Does the plan promise that no event is ever stored twice? */
extern bool world_promises_once(void);

#endif
