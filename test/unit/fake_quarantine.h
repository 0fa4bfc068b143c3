/*
 * fake_quarantine.h
 *		Dead letters of the fake store, and what waits behind them.
 */
#ifndef OUTBOX_TEST_FAKE_QUARANTINE_H
#define OUTBOX_TEST_FAKE_QUARANTINE_H

#include "unit/fake_store.h"

/* Keeps the row back if its aggregate is blocked; false: it is not. */
extern bool fake_quarantine_park(FakeStore *store, int row);

/* Makes the row a dead letter, of an interval or of a release. */
extern void fake_quarantine_bury(FakeStore *store, int row);

/* Makes a row a dead letter that was stored, lost, and is refused now. */
extern void fake_quarantine_bury_again(FakeStore *store, int row);

/* Opens a release if there is something to be let go. */
extern bool fake_quarantine_open(FakeStore *store);

/* What was handed out of the release up to this event has left. */
extern void fake_quarantine_settle(FakeStore *store, int64_t upto);

/* Ends the release; the caller saves. */
extern void fake_quarantine_close(FakeStore *store);

/* Was the row handed out by the open release? */
extern bool fake_quarantine_handed_out(const FakeStore *store, int row);

/* A commit that writes the quarantine and, if asked to, the cursor. */
extern void fake_store_save(FakeStore *store, bool with_cursor, bool synchronous);

/* The store's callback. */
extern void fake_store_persist(void *self, bool durable);

#endif
