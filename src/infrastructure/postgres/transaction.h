/*
 * transaction.h
 *		The relay's short transactions.
 */
#ifndef OUTBOX_INFRASTRUCTURE_POSTGRES_TRANSACTION_H
#define OUTBOX_INFRASTRUCTURE_POSTGRES_TRANSACTION_H

/*
 * Begins a transaction with an active snapshot, as the extension's owner in a
 * security-restricted operation: whatever the tables may have come to carry, it
 * runs with the owner's rights and cannot leave that state.
 */
extern void outbox_transaction_begin(void);

/* Takes a new active snapshot. */
extern void outbox_transaction_look_again(void);

extern void outbox_transaction_commit(void);

#endif
