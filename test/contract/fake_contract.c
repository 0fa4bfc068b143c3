/*
 * fake_contract.c
 *		The fakes that the relay is tested with keep the contracts, too.
 */
#include <stdlib.h>
#include <unistd.h>

#include "contract/broker_contract.h"
#include "contract/queue_contract.h"
#include "contract/store_contract.h"
#include "unit/fake_broker.h"
#include "unit/fake_queue.h"
#include "unit/fake_store.h"

#define MAX_PAYLOAD 65536

/* --- the store --------------------------------------------------------------- */

static void *
open_store(void)
{
	FakeStore *store = malloc(sizeof(FakeStore));

	fake_store_init(store);
	return store;
}

static void *
same(void *bench)
{
	return bench;
}

static int
begin(void *bench)
{
	return fake_store_begin(bench);
}

static int64_t
emit(void *bench, int transaction, int aggregate, size_t payload_length)
{
	FakeStore *store = bench;
	int row = fake_store_emit(store, transaction, aggregate, FAKE_PLAIN, payload_length);

	return row < 0 ? 0 : store->rows[row].id;
}

static void
commit(void *bench, int transaction)
{
	fake_store_commit(bench, transaction, false);
}

static void
abort_one(void *bench, int transaction)
{
	fake_store_abort(bench, transaction);
}

static void
roll_back(void *bench, int transaction)
{
	fake_store_roll_back(bench, transaction);
}

static void
restart(void *bench)
{
	fake_store_restart(bench);
}

static void
crash(void *bench)
{
	fake_store_crash(bench, ((FakeStore *) bench)->flushed);
}

static int
dead_letters(void *bench, int64_t event)
{
	FakeStore *store = bench;
	int row = fake_store_find(store, event);

	return row >= 0 && fake_store_is_dead(store, row);
}

static void
block(void *bench, bool blocking)
{
	((FakeStore *) bench)->blocking = blocking;
}

static void
redrive(void *bench, int64_t event)
{
	fake_store_redrive(bench, fake_store_find(bench, event), false);
}

static void
discard(void *bench, int64_t event)
{
	fake_store_discard(bench, fake_store_find(bench, event), false);
}

static void
remove_event(void *bench, int64_t event)
{
	FakeStore *store = bench;

	store->rows[fake_store_find(store, event)].removed = true;
}

static int
run_store(void)
{
	const StoreBench bench = {
		.name = "fake store",
		.routine = &fake_store,
		.open = open_store,
		.close = free,
		.self = same,
		.begin = begin,
		.emit = emit,
		.commit = commit,
		.abort = abort_one,
		.roll_back = roll_back,
		.restart = restart,
		.crash = crash,
		.block = block,
		.dead_letters = dead_letters,
		.redrive = redrive,
		.discard = discard,
		.remove = remove_event,
	};

	return store_contract_run(&bench);
}

/* --- the broker ---------------------------------------------------------------- */

static void *
open_broker(BrokerStream stream)
{
	FakeBroker *broker = malloc(sizeof(FakeBroker));

	fake_broker_init(broker, 1);
	broker->max_payload = MAX_PAYLOAD;
	broker->trouble.no_stream = stream == BROKER_STREAM_MISSING;
	if (stream == BROKER_STREAM_OF_TWO)
		broker->stream.max_messages = 2;
	if (stream == BROKER_STREAM_OF_SMALL)
		broker->stream.max_message_size = 1000;
	broker->air.captured = stream == BROKER_STREAM_OF_BROADCASTS;
	return broker;
}

/* The fake's time is not ours: a little of ours is enough. */
static void
wait_for(void *bench, int milliseconds)
{
	FakeBroker *broker = bench;

	fake_broker_advance(broker, broker->now + milliseconds * 1000);
	usleep(1000);
}

static void
kill_broker(void *bench)
{
	fake_broker_kill(bench);
}

static void
revive(void *bench)
{
	((FakeBroker *) bench)->trouble.down = false;
}

static uint64_t
stored(void *bench)
{
	return (uint64_t) ((FakeBroker *) bench)->stream.count;
}

static uint64_t
heard(void *bench)
{
	return ((FakeBroker *) bench)->air.heard;
}

static int
run_broker(void)
{
	const BrokerBench bench = {
		.name = "fake broker",
		.routine = &fake_broker,
		.open = open_broker,
		.close = free,
		.self = same,
		.wait = wait_for,
		.kill = kill_broker,
		.revive = revive,
		.stored = stored,
		.heard = heard,
		.max_payload = MAX_PAYLOAD,
	};

	return broker_contract_run(&bench);
}

/* --- the queue ----------------------------------------------------------------- */

static void *
open_queue(void)
{
	static FakeQueue queue;

	fake_queue_init(&queue);
	return &queue;
}

static void
put(void *self, int count, size_t payload_length)
{
	for (int i = 0; i < count; i++)
		fake_queue_put(self, "viewed", payload_length, 1);
}

static uint64_t
count_fate(void *self, OutboxFate fate)
{
	return ((FakeQueue *) self)->fates[fate];
}

static int64_t
now(void)
{
	return 1;
}

static int
run_queue(void)
{
	const QueueBench bench = {
		.name = "fake queue",
		.routine = &fake_queue,
		.open = open_queue,
		.put = put,
		.count = count_fate,
		.now = now,
	};

	return queue_contract_run(&bench);
}

int
main(void)
{
	int failures = run_store();

	failures += run_broker();
	failures += run_queue();
	return failures;
}
