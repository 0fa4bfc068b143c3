/*
 * broadcast.h
 *		What a transaction has broadcast and not yet committed.
 */
#ifndef OUTBOX_INFRASTRUCTURE_POSTGRES_BROADCAST_H
#define OUTBOX_INFRASTRUCTURE_POSTGRES_BROADCAST_H

#include "domain/event.h"

/*
 * Keeps the event until this transaction ends: its commit hands it to the relay,
 * a rollback, also to a savepoint, forgets it.  Such a transaction cannot be
 * prepared.  The caller has checked the event.  What is too much for one
 * transaction is dropped and counted, with one warning.
 */
extern void outbox_broadcast_keep(const OutboxEvent *event);

/* Installs the transaction callbacks; once, when the library is loaded. */
extern void outbox_broadcast_install(void);

#endif
