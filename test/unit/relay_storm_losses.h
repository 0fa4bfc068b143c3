/*
 * relay_storm_losses.h
 *		The broker loses what it has acknowledged.
 */
#ifndef OUTBOX_TEST_RELAY_STORM_LOSSES_H
#define OUTBOX_TEST_RELAY_STORM_LOSSES_H

#include <stdbool.h>

/* Draws what the plan says of losses. */
extern void storm_plan_losses(void);

/* Something is lost, purged, or no longer retained. */
extern void storm_lose(void);

/* Somebody has the stream verified when all is mended, where the plan says so. */
extern void storm_verify(void);

/* Has it been, and is nothing left to be repaired? */
extern bool storm_is_verified(void);

#endif
