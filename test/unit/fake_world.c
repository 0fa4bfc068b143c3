/*
 * fake_world.c
 *		A relay between a fake database and a fake broker, in a time of its own.
 */
#include "unit/fake_world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

World world;
Totals totals;

static void note_step(void);
static bool may_be_passed(void);
static void check_turn(int row);
static void heard_of_publish(void *context, int64_t event, size_t bytes);
static void heard_of_store(void *context, int64_t event, uint64_t sequence);
static void heard_of_settle(void *context, int row);
static void heard_of_save(void *context);
static void copy_book(OutboxTallyBook *to, const OutboxTallyBook *from);
static void check_accounts(void);
static void check_fates(void);
static void check_floor(void);
static void check_limits(void);
static void step_relay(void);

static OutboxTemplate broadcast_template;

uint64_t
world_draw(void)
{
	world.random ^= world.random << 13;
	world.random ^= world.random >> 7;
	world.random ^= world.random << 17;
	return world.random;
}

int
world_up_to(int most)
{
	return (int) (world_draw() % ((uint64_t) most + 1));
}

bool
world_chance(int per_mille)
{
	return (int) (world_draw() % 1000) < per_mille;
}

void
world_fail(const char *format, ...)
{
	va_list arguments;

	printf("# broken at %lld us: ", (long long) world.now);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	printf("\n");
	longjmp(world.broken, 1);
}

void
world_note(const char *format, ...)
{
	va_list arguments;

	if (!world.trace)
		return;
	printf("%9lld ", (long long) world.now);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	printf("\n");
}

static void
note_step(void)
{
	OutboxRelayReport report;
	static const char *const phases[] = {"offline", "connecting", "streaming"};

	if (!world.trace)
		return;
	outbox_relay_report(&world.relay, &report);
	world_note(
		"  relay %s, in flight %d, settled (%lld,%lld), floor %llu, next %llu, wake %lld%s%s%s%s",
		phases[report.phase], report.in_flight, (long long) world.store.cursor.position.last,
		(long long) world.store.cursor.position.id, (unsigned long long) world.relay.fence.floor,
		(unsigned long long) world.relay.fence.next, (long long) world.step.wake_at,
		world.step.busy ? " busy" : "", report.idle ? " idle" : "",
		report.troubled ? ", trouble: " : "", report.text);
}

/* It has not been given up, and no dead letter before it holds its aggregate. */
static void
check_turn(int row)
{
	const FakeRow *event = &world.store.rows[row];

	if (fake_store_standing(&world.store, row) == FAKE_GIVEN_UP)
		world_fail("event %lld was given up and is published", (long long) event->id);
	for (int i = 0; i < world.store.row_count; i++)
		if (world.store.rows[i].aggregate == event->aggregate &&
			world.store.rows[i].id < event->id &&
			fake_store_standing(&world.store, i) == FAKE_DEAD &&
			world.store.cursor.quarantine.blocks[i])
			world_fail("event %lld is published and not kept back behind event %lld",
					   (long long) event->id, (long long) world.store.rows[i].id);
}

static void
heard_of_publish(void *context, int64_t event, size_t bytes)
{
	int row = fake_store_find(&world.store, event);

	(void) context;
	(void) bytes;
	if (row < 0)
		world_fail("event %lld was published and has not committed", (long long) event);
	if (!fake_store_durable_row(&world.store, row))
		world_fail("event %lld was published before it was durable", (long long) event);
	check_turn(row);
	if (world.store.rows[row].kind > FAKE_REFUSED)
		world_fail("event %lld cannot be sealed and was published", (long long) event);
	world_note("  publish event %lld expecting %llu", (long long) event,
			   (unsigned long long) world.broker.pipe[world.broker.pipe_count - 1].expected_last);
}

/*
 * A foreign message in the place of a refused one lets later ones pass the fence,
 * which then are kept back though they are stored.
 */
static bool
may_be_passed(void)
{
	const Plan *plan = &world.plan;

	return plan->intruders && plan->poison && (plan->fenced || plan->switches);
}

bool
world_promises_once(void)
{
	const Plan *plan = &world.plan;

	return plan->fenced && !plan->switches && !may_be_passed();
}

static void
heard_of_store(void *context, int64_t event, uint64_t sequence)
{
	int row = fake_store_find(&world.store, event);
	Fate *fate;

	(void) context;
	if (row < 0)
		world_fail("event %lld is stored and has not committed", (long long) event);
	fate = &world.fates[row];
	world_note("  stored event %lld at %llu%s", (long long) event, (unsigned long long) sequence,
			   fate->copies ? ", again" : "");
	if (world.store.rows[row].kind != FAKE_PLAIN)
		world_fail("event %lld must not be stored", (long long) event);
	if (fate->copies && world.broker.now - fate->stored_at < world.broker.stream.duplicate_window)
		world_fail("event %lld is stored twice within the duplicate window", (long long) event);
	if (fate->copies && world_promises_once())
		world_fail("event %lld is stored twice", (long long) event);
	fate->copies++;
	fate->stored = true;
	fate->stored_sequence = sequence;
	fate->stored_at = world.broker.now;
}

static void
heard_of_settle(void *context, int row)
{
	const FakeRow *settled = &world.store.rows[row];

	(void) context;
	world_note("  settled event %lld", (long long) settled->id);
	if (world.fates[row].sequence == 0)
		world.fates[row].sequence = world.fates[row].stored_sequence;
	if (settled->kind == FAKE_PLAIN && !world.fates[row].stored)
		world_fail("event %lld is settled and was never stored", (long long) settled->id);
	if (settled->kind != FAKE_PLAIN && !fake_store_is_dead(&world.store, row))
		world_fail("event %lld is settled and no dead letter", (long long) settled->id);
	world.fates[row].refused |= settled->kind != FAKE_PLAIN;
	world.fates[row].passed |=
		settled->kind != FAKE_PLAIN && !world.store.cursor.quarantine.blocks[row];
}

/* What is behind the cursor is in the book; sometimes there is more. */
static void
heard_of_save(void *context)
{
	(void) context;
	copy_book(&world.kept, &world.tally.book);
}

static void
copy_book(OutboxTallyBook *to, const OutboxTallyBook *from)
{
	memcpy(to, from,
		   offsetof(OutboxTallyBook, types) + sizeof(OutboxTallyType) * (size_t) from->type_count);
}

void
world_clear_tally(void)
{
	memset(&world.tally.book.ranges, 0, sizeof(world.tally.book.ranges));
	outbox_tally_clear(&world.tally, 0);
	copy_book(&world.kept, &world.tally.book);
}

static void
check_accounts(void)
{
	const OutboxRelayCounters *counters = &world.relay.counters;

	if (counters->published + counters->refused != world.store.settled_events)
		world_fail("%llu published and %llu refused, but %llu settled",
				   (unsigned long long) counters->published, (unsigned long long) counters->refused,
				   (unsigned long long) world.store.settled_events);
	if (counters->sent != world.broker.published - world.sent_before)
		world_fail("%llu counted as sent, %llu handed over", (unsigned long long) counters->sent,
				   (unsigned long long) (world.broker.published - world.sent_before));
	if (counters->duplicates + counters->recalled > counters->published)
		world_fail("more duplicates than published events");
}

static void
check_fates(void)
{
	uint64_t met = 0;

	for (int i = 0; i < OUTBOX_FATES; i++)
		met += world.queue.fates[i];
	if (met + (uint64_t) world.queue.count != (uint64_t) world.queue.numbers)
		world_fail("%d broadcasts, %llu fates", world.queue.numbers, (unsigned long long) met);
}

/* Adds this life's counts to the totals. */
void
world_bury_relay(void)
{
	const OutboxRelayCounters *counters = &world.relay.counters;
	OutboxRelayCounters *sum = &totals.counters;

	check_accounts();
	check_fates();
	sum->sent += counters->sent;
	sum->published += counters->published;
	sum->duplicates += counters->duplicates;
	sum->recalled += counters->recalled;
	sum->refused += counters->refused;
	sum->epochs += counters->epochs;
	sum->failures += counters->failures;
	sum->conflicts += counters->conflicts;
	sum->setbacks += counters->setbacks;
	sum->checks += counters->checks;
	sum->lost += counters->lost;
	sum->repaired += counters->repaired;
	world.sent_before = world.broker.published;
}

void
world_start_relay(void)
{
	OutboxRelayPorts ports = {
		.store = &fake_store,
		.store_self = &world.store,
		.broker = &fake_broker,
		.broker_self = &world.broker,
		.scratch = world.scratch,
		.scratch_size = sizeof(world.scratch),
		.queue = &fake_queue,
		.queue_self = &world.queue,
		.tally = &world.tally,
	};

	fake_queue_init(&world.queue);
	outbox_template_parse(&broadcast_template, "live.{aggregate}.{action}");
	world.options.broadcast_template = &broadcast_template;

	copy_book(&world.tally.book, &world.kept);
	if (!outbox_tally_resume(&world.tally, world.now))
		world_fail("the tally's book cannot be read");
	outbox_relay_init(&world.relay, &world.options, &ports, world_draw(), world.now);
	world.step = (OutboxRelayStep){world.now, true};
	/* What it has forgotten it may send in another order. */
	for (int i = 0; i < world.store.row_count; i++)
		if (fake_store_committed(&world.store, i) && !fake_store_row_settled(&world.store, i))
			world.fates[i].sequence = 0;
	world.checked_floor = world.relay.fence.floor;
	world.checked_created = world.relay.fence.created;
	world.lives++;
}

/* What the floor has risen over is settled. */
static void
check_floor(void)
{
	const OutboxFence *fence = &world.relay.fence;

	if (world.plan.losses || may_be_passed() || fence->created != world.broker.stream.created)
		return;
	if (fence->created != world.checked_created || fence->floor < world.checked_floor)
		world.checked_floor = 0;
	world.checked_created = fence->created;
	for (; world.checked_floor < fence->floor; world.checked_floor++)
	{
		const FakeMessage *message = &world.broker.stream.messages[world.checked_floor];
		int row = message->event ? fake_store_find(&world.store, message->event) : -1;

		if (row >= 0 && !fake_store_row_settled(&world.store, row))
			world_fail("the floor is %llu, and event %lld at %llu is not settled",
					   (unsigned long long) fence->floor, (long long) message->event,
					   (unsigned long long) message->sequence);
	}
}

static void
check_limits(void)
{
	OutboxRelayReport report;

	outbox_relay_report(&world.relay, &report);
	if (report.in_flight > world.options.max_in_flight && !world.plan.switches)
		world_fail("%d messages in flight", report.in_flight);
	if (report.in_flight > 1 && report.in_flight_bytes > world.options.max_in_flight_bytes &&
		!world.plan.switches)
		world_fail("%zu bytes in flight", report.in_flight_bytes);
	if (world.store.settled_events - world.store.kept_events >=
		(uint64_t) (world.options.durable_after + 40))
		world_fail("a crash would forget %llu settled events",
				   (unsigned long long) (world.store.settled_events - world.store.kept_events));
	if (report.phase != OUTBOX_DELIVERY_STREAMING && report.in_flight > 0)
		world_fail("messages in flight without a connection");
}

static void
step_relay(void)
{
	bool woken = world.woken;

	world.woken = false;
	for (int i = world_up_to(3); i > 0; i--)
		fake_queue_put(&world.queue, "viewed", 10, world.now);
	world.step = outbox_relay_step(&world.relay, world.now, woken);
	totals.steps++;
	if (totals.steps % 11 == 0)
		copy_book(&world.kept, &world.tally.book);
	note_step();
	check_floor();
	check_limits();
	if (++world.steps_now > 3000)
		world_fail("the relay spins");
}

/* Lets the relay and the broker go on until this moment. */
void
world_run_until(int64_t end)
{
	for (;;)
	{
		int64_t due = fake_broker_due(&world.broker);

		if (world.step.wake_at < due)
			due = world.step.wake_at;
		if (world.step.busy || world.woken || due < world.now)
			due = world.now;
		if (due > end)
			break;
		if (due > world.now)
			world.steps_now = 0;
		world.now = due;
		fake_broker_advance(&world.broker, due);
		if (world.step.busy || world.woken || world.now >= world.step.wake_at ||
			fake_broker_has_news(&world.broker))
			step_relay();
	}
	world.steps_now = 0;
	world.now = end;
	fake_broker_advance(&world.broker, end);
}

void
world_attend(int64_t at_hand)
{
	if (at_hand > 0 && world.relay.window.count > 0)
		world_fail("event %lld at hand, and others in flight", (long long) at_hand);
}

void
world_listen(void)
{
	world.store.on_settle = heard_of_settle;
	world.store.on_save = heard_of_save;
	world.broker.on_publish = heard_of_publish;
	world.broker.stream.on_store = heard_of_store;
}
