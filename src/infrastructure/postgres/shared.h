/*
 * shared.h
 *		What the processes share: one slot per database that has, or may have, a
 *		relay.
 *
 * Terms: a *slot* belongs to a database from the time the launcher first sees
 * it; its *state* says what the launcher knows about the database's relay.
 *
 * Locking: the launcher alone gives slots to databases and takes them back, so
 * slots are found without a lock; a stale answer costs at most a needless or a
 * late wake-up, which polling makes good.  State and report are copied in and
 * out under the slot's spinlock.  Limits are atomics, since every emit reads
 * them.
 */
#ifndef OUTBOX_INFRASTRUCTURE_POSTGRES_SHARED_H
#define OUTBOX_INFRASTRUCTURE_POSTGRES_SHARED_H

#include <stdbool.h>
#include <stdint.h>

#define OUTBOX_NO_SLOT (-1)
#define OUTBOX_TEXT_SIZE 256

typedef enum OutboxSlotState
{
	OUTBOX_SLOT_FREE, /* belongs to no database */
	OUTBOX_SLOT_UNKNOWN, /* nobody has looked whether the extension is there */
	OUTBOX_SLOT_ABSENT, /* the database does not have the extension */
	OUTBOX_SLOT_EXCLUDED, /* outbox.databases leaves the database out */
	OUTBOX_SLOT_DISABLED, /* outbox.enabled is off in the database */
	OUTBOX_SLOT_NO_WORKER, /* max_worker_processes is exhausted */
	OUTBOX_SLOT_RUNNING, /* the relay has been started */
	OUTBOX_SLOT_FAILED, /* the relay ended by an error; it starts again */
	OUTBOX_SLOT_SAFE_MODE /* relays have crashed; none is started */
} OutboxSlotState;

typedef struct OutboxSlotInfo
{
	uint32_t database;
	OutboxSlotState state;
	int pid; /* of the relay, 0: none */
	int failures; /* ends by an error in a row */
	int64_t since; /* of the state, TimestampTz */
	int64_t start_after; /* not before, TimestampTz */
	int holds; /* commands that keep the relay away */
	bool announced; /* the relay shall look again, from the beginning */
	bool pardoned; /* somebody ends safe mode */
	int64_t set_aside; /* when pardoned: without this event; 0: with all */
} OutboxSlotInfo;

/* What outbox.verify has found. */
typedef struct OutboxVerificationResult
{
	uint64_t number; /* outbox_shared_ask_verification; 0: none */
	uint64_t checked;
	uint64_t missing;
	uint64_t repaired;
	uint64_t gone;
} OutboxVerificationResult;

/* What a relay tells of itself; times are TimestampTz, 0: never. */
typedef struct OutboxRelayStatus
{
	int phase; /* OutboxPhase */
	int cause; /* OutboxVerdict of what went wrong last */
	int code; /* the broker's code */
	bool fenced_copy; /* the outbox is a copy, or another server is it, too */
	bool troubled; /* something went wrong since the last success */
	bool withheld; /* the synchronous standbys lack what is to be published */
	char text[OUTBOX_TEXT_SIZE];
	int64_t suspect; /* in safe mode: what it was at (domain/suspicion.h) */
	char stream[OUTBOX_TEXT_SIZE];
	int64_t since; /* phase and cause are as they are */
	int64_t next_retry_at;
	int64_t last_ack_at;
	uint32_t attempt;
	uint32_t in_flight;
	uint64_t published;
	uint64_t duplicates;
	uint64_t refused;
	uint64_t retries;
	uint64_t conflicts;
	uint64_t bytes;
	uint64_t last_sequence;
	int64_t max_payload;
	int64_t max_message_size;
	uint64_t checks;
	uint64_t lost;
	uint64_t repaired;
	uint64_t gone;
	uint64_t waiting; /* lost events that are still to be sent again */
	OutboxVerificationResult verification; /* the last one that is over */
} OutboxRelayStatus;

/* Asks for shared memory; from _PG_init while libraries are preloaded. */
extern void outbox_shared_request(void);

/* Was the library preloaded, so that there are slots? */
extern bool outbox_shared_available(void);

/* Number of slots; and how many there will be, before there is shared memory. */
extern int outbox_shared_count(void);
extern int outbox_shared_slots(void);

/* The database's slot, or OUTBOX_NO_SLOT. */
extern int outbox_shared_find(uint32_t database);

/* Gives a free slot to the database; OUTBOX_NO_SLOT when there is none.  Launcher only. */
extern int outbox_shared_claim(uint32_t database);

/* Takes the slot back.  Launcher only. */
extern void outbox_shared_release(int slot);

extern void outbox_shared_info(int slot, OutboxSlotInfo *info);

/* Sets state and, when it changes, since. */
extern void outbox_shared_set_state(int slot, OutboxSlotState state);

/* Counts an end by an error, or forgets them (failures = 0). */
extern void outbox_shared_set_failures(int slot, int failures, int64_t start_after);

/*
 * Keeps the relay of a database away, or no longer, for a command that needs
 * the database for itself; wakes the launcher.
 */
extern void outbox_shared_hold(int slot, int change);

/* The extension may have come to, or gone from, this database: look again. */
extern void outbox_shared_announce(uint32_t database);

/* The same for all databases. */
extern void outbox_shared_announce_all(void);

/* Ends safe mode, when the launcher looks next; without this event, if not 0. */
extern void outbox_shared_pardon(uint32_t database, int64_t set_aside);

/* Has safe mode been ended since the last time?  Launcher only. */
extern bool outbox_shared_take_pardon(int slot, int64_t *set_aside);

/*
 * The relay ends on purpose, in this state; or, if a change was announced since it
 * looked, in OUTBOX_SLOT_UNKNOWN.
 */
extern void outbox_shared_leave(int slot, OutboxSlotState state);

/* Has a change been announced since the last time?  The relay's. */
extern bool outbox_shared_take_announcement(int slot);

/* The launcher's: register its latch, until the process ends. */
extern void outbox_shared_attach_launcher(void);
extern void outbox_shared_wake_launcher(void);

/* Is there a launcher?  Not where PostgreSQL has no worker slot for it. */
extern bool outbox_shared_has_launcher(void);

/*
 * The relay's: register its process, until it ends.  False, and nothing done, when
 * the slot has a relay already: one whose launcher has been replaced.
 */
extern bool outbox_shared_attach(int slot);

/* Whether commits wake the relay. */
extern void outbox_shared_set_wakeable(int slot, bool wakeable);

/* Wakes the database's relay, if it is wakeable.  Never fails, never waits. */
extern void outbox_shared_wake(uint32_t database);

/* Has the relay turn once, wakeable or not, for what is no reason to look for events. */
extern void outbox_shared_nudge(uint32_t database);

/*
 * Has outbox_shared_wake been called since the last time?  The relay's: its latch
 * is also set by what is no reason to look for events.
 */
extern bool outbox_shared_take_wake(int slot);

extern void outbox_shared_report(int slot, const OutboxRelayStatus *status);
extern void outbox_shared_status(int slot, OutboxRelayStatus *status);

/*
 * Asks the relay to verify the stream, wakes it, and returns the number of this
 * verification.
 */
extern uint64_t outbox_shared_ask_verification(int slot);

/*
 * The verification that was asked for last, and the last one that is over, whichever
 * relay did it; and that this one is over.
 */
extern void outbox_shared_verifications(int slot, uint64_t *asked, uint64_t *over);
extern void outbox_shared_set_verified(int slot, uint64_t number);

/* The broker's limits as the relay last saw them; -1: not known, or none. */
extern void outbox_shared_set_limits(int slot, int64_t max_payload, int64_t max_message_size);
extern void outbox_shared_limits(int64_t *max_payload, int64_t *max_message_size);

/*
 * When the next scheduled event is due, TimestampTz; INT64_MAX: none is known of.
 * Whoever schedules one lowers it, then wakes the relay.  The relay takes it, which
 * leaves none, before it looks.
 */
extern void outbox_shared_lower_due(uint32_t database, int64_t due);
extern int64_t outbox_shared_due(int slot);
extern int64_t outbox_shared_take_due(int slot);

/* The child of the log that takes new events; 0 where there is no slot. */
extern void outbox_shared_set_current_child(int slot, int child);
extern int outbox_shared_current_child(void);

#endif
