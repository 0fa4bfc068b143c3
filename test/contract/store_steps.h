/*
 * store_steps.h
 *		The steps that the tests of the store's contract are made of.
 */
#ifndef OUTBOX_TEST_CONTRACT_STORE_STEPS_H
#define OUTBOX_TEST_CONTRACT_STORE_STEPS_H

#include "contract/store_contract.h"

#define MOST 64 /* events that a test fetches at once */
#define CREATED 12345

typedef struct StoreTest
{
	void *bench;
	OutboxEvent events[MOST]; /* of the last fetch */
	int count;
} StoreTest;

extern const StoreBench *store_bench;

extern StoreTest store_begin(void);
extern void store_finish(StoreTest *test);

/* Into test->events; returns how many. */
extern int store_fetch(StoreTest *test);
extern int store_fetch_some(StoreTest *test, int most, size_t bytes);

/* Fetches exactly these, with ascending positions. */
extern void store_expect_events(StoreTest *test, const int64_t *ids, int count);

/* Settles all of the last fetch. */
extern void store_settle_all(StoreTest *test, uint64_t sequence);
extern void store_settle(StoreTest *test, OutboxPosition upto, uint64_t sequence);
extern void store_rewind(StoreTest *test);
extern void store_persist(StoreTest *test);

/* Refuses this event of the last fetch, the oldest that is not settled, and rewinds. */
extern void store_refuse(StoreTest *test, int event);

/* One event of this aggregate, committed. */
extern int64_t store_commit_event(StoreTest *test, int aggregate);

/* The parts of the suite about refused events, and about what was found in the
 * stream; each returns the number of failures. */
extern int store_refusals_run(void);
extern int store_found_run(void);

/* The part about large backlogs; the same. */
extern int store_backlog_run(void);
/* The part about the trail. */
extern int store_trail_run(void);

extern int64_t store_emit(StoreTest *test, int transaction, int aggregate);

/* One transaction of so many events; returns the first one's id. */
extern int64_t store_commit_events(StoreTest *test, int events);

#endif
