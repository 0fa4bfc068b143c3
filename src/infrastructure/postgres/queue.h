/*
 * queue.h
 *		Broadcasts on their way from committed transactions to the relay, in shared
 *		memory: fills OutboxQueueRoutine.
 *
 * Terms: a *queue* is a ring of bytes of fixed size; a database has one while its
 * relay runs.  A *group* is what one transaction puts there: a head and packets
 * (domain/packet.h).  A database's *tally* counts the fates of its broadcasts, for
 * as long as the server runs.
 *
 * Locking: a group's room is *reserved* under the queue's spinlock, for some
 * instructions; it is filled outside of any lock and then marked as complete.  So
 * nobody waits for somebody who copies, or who is stopped while he does; the relay
 * stops before a group that is not complete.  Room is given back by moving the
 * tail, under the spinlock, too.  Tallies are atomics.
 */
#ifndef OUTBOX_INFRASTRUCTURE_POSTGRES_QUEUE_H
#define OUTBOX_INFRASTRUCTURE_POSTGRES_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "application/ports.h"

/* Asks for shared memory, a queue of size bytes for each possible relay; 0: no queues. */
extern void outbox_queue_request(size_t size);

/* Bytes that all packets of a transaction may have together; 0: no queues. */
extern size_t outbox_queue_room(void);

/*
 * Puts the packets of a committed transaction into this database's queue, as many
 * from the first on as have room, and wakes the relay.  What is not taken is
 * counted.  Never fails, never waits.
 */
extern void outbox_queue_put(const char *packets, size_t length, uint64_t count);

/* So many broadcasts of this database have met this fate.  Never fails. */
extern void outbox_queue_count(OutboxFate fate, uint64_t count);

/* How this database's broadcasts stand. */
typedef struct OutboxQueueReport
{
	OutboxFate admitted; /* what would become of one now */
	size_t waiting; /* bytes in the queue */
	uint64_t fates[OUTBOX_FATES];
} OutboxQueueReport;

/*
 * False: there is no shared memory.  Databases without a slot, as all are on a
 * standby, have one tally together.
 */
extern bool outbox_queue_report(OutboxQueueReport *report);

/* The same of the slot's: its counts, and the bytes in its queue; zeros without shared memory. */
extern void outbox_queue_read(int slot, OutboxQueueReport *report);

/* The slot goes to another database. */
extern void outbox_queue_forget(int slot);

typedef struct OutboxQueue OutboxQueue;

/*
 * The relay's: takes a queue for its database until the process ends.  NULL:
 * there are none.
 */
extern OutboxQueue *outbox_queue_open(void);

extern const OutboxQueueRoutine outbox_postgres_queue; /* self: OutboxQueue */

#endif
