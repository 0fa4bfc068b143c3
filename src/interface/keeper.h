/*
 * keeper.h
 *		The launcher's care for the HTTP endpoint.
 */
#ifndef OUTBOX_INTERFACE_KEEPER_H
#define OUTBOX_INTERFACE_KEEPER_H

/*
 * Starts the endpoint when it is wanted and due; returns the milliseconds until it is
 * due, -1: it is not.  The launcher's, after anything has happened.
 */
extern long outbox_keeper_turn(void);

#endif
