/*
 * schedule.h
 *		Events that enter the log later, outbox.scheduled.
 *
 * An event is *scheduled* for a time; when that has come it is *due*, and the
 * relay has it *enter* the log: its row is deleted and the event appended, in one
 * transaction.  Its place among the events of its aggregate is the one at which it
 * enters, so it gets an id then; the id that it was scheduled under goes with it as
 * a header.
 *
 * When the next one is due stands in shared memory (shared.h), told by the commit
 * that schedules it.  What nobody has told is found by looking every poll interval:
 * COMMIT PREPARED does not tell, nor does a restart, nor the end of a transaction
 * that has kept a row locked.
 */
#ifndef OUTBOX_INFRASTRUCTURE_POSTGRES_SCHEDULE_H
#define OUTBOX_INFRASTRUCTURE_POSTGRES_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#include "infrastructure/postgres/row.h"

/* The relay's. */
typedef struct OutboxSchedule
{
	int slot; /* of the relay */
	int64_t looked_at; /* TimestampTz, as the times below; 0: never */
	int64_t passed_at; /* all up to this key has entered, or was locked */
	int64_t passed_id;
} OutboxSchedule;

/*
 * Schedules an event in the current transaction and returns the id that it is
 * scheduled under; its commit wakes the relay in time.  As outbox_log_append, it
 * checks nothing.
 */
extern int64_t outbox_schedule_append(const OutboxDraft *draft, int64_t deliver_at);

/*
 * Looks, if that is due, and has a bounded number of events enter the log, in the
 * order of their times.  True when the log should be looked at, too: some have
 * entered, or the poll interval is over, and then one wake-up serves both.  Runs a
 * transaction of its own.  Never waits for a lock on a row.
 */
extern bool outbox_schedule_turn(OutboxSchedule *schedule, int64_t poll_interval);

/* Microseconds until outbox_schedule_turn has something to do. */
extern int64_t outbox_schedule_rest(const OutboxSchedule *schedule, int64_t poll_interval);

#endif
