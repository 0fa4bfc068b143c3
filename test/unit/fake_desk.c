/*
 * fake_desk.c
 *		A relay over the fakes, and a time that the test lets pass.
 */
#include "unit/fake_desk.h"

#include <assert.h>

FakeDesk desk;

void
desk_start(void)
{
	OutboxRelayPorts ports = {&fake_store,  &desk.store,  &desk.routine,
							  &desk.broker, desk.scratch, sizeof(desk.scratch),
							  &fake_queue,  &desk.queue,  NULL};

	outbox_relay_init(&desk.relay, &desk.options, &ports, 1, desk.now);
	desk.step = (OutboxRelayStep){desk.now, true};
}

void
desk_inherit_nothing(void)
{
	desk.relay.window.straggle_until = 0;
	desk.relay.inherited_until = 0;
}

int
desk_set_up(void **state)
{
	(void) state;
	desk.now = SECOND;
	desk.most_in_flight = 0;
	fake_store_init(&desk.store);
	fake_broker_init(&desk.broker, 1);
	fake_queue_init(&desk.queue);
	fake_broker_advance(&desk.broker, desk.now);
	desk.routine = fake_broker;
	outbox_template_parse(&desk.subject_template, OUTBOX_TEMPLATE_DEFAULT);
	outbox_template_parse(&desk.broadcast_template, "live.{aggregate}.{aggregate_id}.{action}");
	desk.options = (OutboxRelayOptions){
		.retry_initial = 10 * MS,
		.retry_max = 10 * SECOND,
		.ack_timeout = 5 * SECOND,
		.poll_interval = SECOND,
		.persist_interval = 200 * MS,
		.max_in_flight = 100,
		.max_in_flight_bytes = 1 << 20,
		.batch_size = 50,
		.fenced = true,
		.envelope = {.mode = OUTBOX_ENVELOPE_PLAIN,
					 .template = &desk.subject_template,
					 .database = "shop",
					 .uuid = "6f1c1fbc-0d0f-4c58-9f3e-3c1b0d5a7e11"},
		.broadcast_template = &desk.broadcast_template,
	};
	desk_start();
	desk_inherit_nothing();
	return 0;
}

void
desk_settle_in(void)
{
	desk_run(SECOND);
	desk.relay.fence.alone = false;
}

void
desk_step(bool woken)
{
	desk.step = outbox_relay_step(&desk.relay, desk.now, woken);
	outbox_relay_report(&desk.relay, &desk.report);
	if (desk.report.in_flight > desk.most_in_flight)
		desk.most_in_flight = desk.report.in_flight;
}

void
desk_run(int64_t duration)
{
	int64_t end = desk.now + duration;

	for (int steps = 0; steps < 100000; steps++)
	{
		int64_t due = fake_broker_due(&desk.broker);

		due = desk.step.busy ? desk.now : desk.step.wake_at < due ? desk.step.wake_at : due;
		if (due > end)
			break;
		desk.now = due > desk.now ? due : desk.now;
		fake_broker_advance(&desk.broker, desk.now);
		if (desk.step.busy || desk.now >= desk.step.wake_at || fake_broker_has_news(&desk.broker))
			desk_step(false);
	}
	desk.now = end;
	fake_broker_advance(&desk.broker, desk.now);
	outbox_relay_report(&desk.relay, &desk.report);
}

void
desk_commit(int first, int events, FakeKind kind, size_t payload)
{
	int transaction = fake_store_begin(&desk.store);

	for (int i = 0; i < events; i++)
	{
		int row =
			fake_store_emit(&desk.store, transaction, (first + i) % FAKE_AGGREGATES, kind, payload);

		assert(row >= 0);
		(void) row;
	}
	fake_store_commit(&desk.store, transaction, true);
}

void
desk_commit_and_wake(int first, int events, FakeKind kind, size_t payload)
{
	desk_commit(first, events, kind, payload);
	desk_step(true);
}

bool
desk_stream_is(const int64_t *events, int count)
{
	if (desk.broker.stream.count != count)
		return false;
	for (int i = 0; i < count; i++)
		if (desk.broker.stream.messages[i].event != events[i])
			return false;
	return true;
}
