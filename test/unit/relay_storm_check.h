/*
 * relay_storm_check.h
 *		What must be true of the world when a schedule is over.
 */
#ifndef OUTBOX_TEST_RELAY_STORM_CHECK_H
#define OUTBOX_TEST_RELAY_STORM_CHECK_H

#include <stdbool.h>

/* Every event that the stream holds is where it was when it was settled. */
extern void storm_check_sequences(void);

/* Is all settled that has committed, and no dead letter left that would pass? */
extern bool storm_all_settled(void);

/* Every event is in the stream, or a dead letter. */
extern void storm_check_presence(void);

/* The tally has counted every published event, and once. */
extern void storm_check_tally(void);

/* Looks at first copies only, where the broker still has them. */
extern void storm_check_order(bool ordered, bool contiguous);

#endif
