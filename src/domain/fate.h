/*
 * fate.h
 *		What becomes of a broadcast.
 *
 * A *broadcast* is an event that is worth hearing now or never: it is sent when
 * its transaction has committed, once, and kept nowhere.  Whatever is in the way
 * decides its *fate*, which is counted and not mended.
 */
#ifndef OUTBOX_DOMAIN_FATE_H
#define OUTBOX_DOMAIN_FATE_H

typedef enum OutboxFate
{
	OUTBOX_FATE_SENT, /* handed to the broker's connection */
	OUTBOX_FATE_OFFLINE, /* no relay was connected to the broker */
	OUTBOX_FATE_CAPTURED, /* the relay's stream would have stored it */
	OUTBOX_FATE_FULL, /* the queue had no room */
	OUTBOX_FATE_EXCESS, /* its transaction had broadcast too much */
	OUTBOX_FATE_LATE, /* it waited for too long */
	OUTBOX_FATE_REFUSED /* not legal, too large, or not permitted */
} OutboxFate;

#define OUTBOX_FATES (OUTBOX_FATE_REFUSED + 1)

#endif
