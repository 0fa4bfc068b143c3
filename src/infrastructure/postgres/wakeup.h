/*
 * wakeup.h
 *		Wakes relays and the launcher when the current transaction ends.
 */
#ifndef OUTBOX_INFRASTRUCTURE_POSTGRES_WAKEUP_H
#define OUTBOX_INFRASTRUCTURE_POSTGRES_WAKEUP_H

#include <stdint.h>

/* This transaction has emitted: its commit shall wake the relay. */
extern void outbox_wakeup_mark(void);

/*
 * This transaction has scheduled an event that is due then (TimestampTz): its commit
 * shall make the relay wake in time.
 */
extern void outbox_wakeup_schedule(int64_t at);

/*
 * The commit of this transaction shall make the launcher look at a database;
 * InvalidOid is ignored.  A prepared transaction tells nobody.
 */
extern void outbox_wakeup_announce(uint32_t database);

/* The same for this database; such a transaction cannot be prepared. */
extern void outbox_wakeup_announce_here(void);

/*
 * The commit of this transaction shall also end safe mode here; without this
 * event, if not 0.
 */
extern void outbox_wakeup_pardon_here(int64_t set_aside);

/*
 * Keeps the relay of a database away until this transaction ends, for a command
 * that needs the database for itself.  Waits until the relay has gone, at most
 * some seconds.
 */
extern void outbox_wakeup_hold(uint32_t database);

/* Installs the transaction callback; once, when the library is loaded. */
extern void outbox_wakeup_install(void);

#endif
