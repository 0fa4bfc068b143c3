/*
 * fake_desk.h
 *		A relay over the fakes, and a time that the test lets pass.
 *
 * The desk of a test: it puts things wrong with the fakes, lets time pass, and
 * looks at what the relay reports.
 */
#ifndef OUTBOX_TEST_FAKE_DESK_H
#define OUTBOX_TEST_FAKE_DESK_H

#include "application/relay.h"
#include "unit/fake_broker.h"
#include "unit/fake_queue.h"
#include "unit/fake_store.h"

#define MS INT64_C(1000)
#define SECOND INT64_C(1000000)

typedef struct FakeDesk
{
	FakeStore store;
	FakeBroker broker;
	FakeQueue queue;
	OutboxBrokerRoutine routine; /* fake_broker, as a test changes it */
	OutboxRelay relay;
	OutboxRelayOptions options;
	OutboxRelayStep step;
	OutboxRelayReport report; /* after the last step or run */
	OutboxTemplate subject_template;
	OutboxTemplate broadcast_template;
	int64_t now;
	int most_in_flight;
	char scratch[16384];
} FakeDesk;

extern FakeDesk desk;

/* An empty database, an empty stream, a relay that has not begun. */
extern int desk_set_up(void **state);

/* A new process of the relay, with desk.options. */
extern void desk_start(void);

/* No process before has sent anything that is not answered, and the relay knows. */
extern void desk_inherit_nothing(void);

/* Connects; the epoch is past its first message, which travels alone. */
extern void desk_settle_in(void);

extern void desk_step(bool woken);

/* Lets time pass; the relay is called when it asked to be or the broker speaks. */
extern void desk_run(int64_t duration);

/* Commits one transaction of events of aggregate first, first + 1, ... */
extern void desk_commit(int first, int events, FakeKind kind, size_t payload);
extern void desk_commit_and_wake(int first, int events, FakeKind kind, size_t payload);

/* Does the stream hold exactly these events? */
extern bool desk_stream_is(const int64_t *events, int count);

#endif
