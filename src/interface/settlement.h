/*
 * settlement.h
 *		Settles what a transaction has touched, before it commits.
 */
#ifndef OUTBOX_INTERFACE_SETTLEMENT_H
#define OUTBOX_INTERFACE_SETTLEMENT_H

/*
 * Brings all aggregates that this transaction has touched, also by this, into the state
 * in which they may be committed; errors where one cannot be.
 */
extern void outbox_settlement_run(void);

#endif
