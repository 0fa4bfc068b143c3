/*
 * fake_trail.h
 *		The trail of the fake store, and what it hands out again.
 */
#ifndef OUTBOX_TEST_FAKE_TRAIL_H
#define OUTBOX_TEST_FAKE_TRAIL_H

#include "unit/fake_store.h"

/* The store's callbacks. */
extern void fake_trail_note(void *self, OutboxTrailEntry entry);
extern void fake_trail_held(void *self, OutboxHeld *held);
extern int fake_trail_read(void *self, uint64_t after, OutboxTrailEntry *entries, int max);
extern void fake_trail_lose(void *self, uint64_t first, uint64_t last);
extern void fake_trail_checked(void *self, const OutboxChecked *checked);

extern void fake_trail_copy(FakeTrail *to, const FakeTrail *from);

/* Hands out again what is lost; false: nothing is. */
extern bool fake_trail_fetch(FakeStore *store, OutboxEvent *events, int max_events, int *count);

/* What was handed out again up to here is settled, or refused. */
extern void fake_trail_settle(FakeStore *store, OutboxPosition upto);

extern void fake_trail_rewind(FakeStore *store);

/* Fills in the event of a row, but for its position. */
extern void fake_store_describe(FakeStore *store, int row, OutboxEvent *event);

#endif
