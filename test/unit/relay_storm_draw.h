/*
 * relay_storm_draw.h
 *		What a schedule is made of, drawn from its seed.
 */
#ifndef OUTBOX_TEST_RELAY_STORM_DRAW_H
#define OUTBOX_TEST_RELAY_STORM_DRAW_H

/* Into world.plan; into world.options, also anew; into world.broker.odds, last. */
extern void storm_draw_plan(void);
extern void storm_draw_options(void);
extern void storm_draw_odds(void);

#endif
