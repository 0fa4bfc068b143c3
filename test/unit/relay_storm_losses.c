/*
 * relay_storm_losses.c
 *		The broker loses what it has acknowledged.
 */
#include "unit/relay_storm_losses.h"

#include <string.h>

#include "unit/fake_world.h"

void
storm_plan_losses(void)
{
	Plan *plan = &world.plan;

	plan->losses = world_chance(200);
	plan->remakes = plan->losses && world_chance(300);
	plan->holes = plan->losses && world_chance(300);
	plan->purges = plan->losses && world_chance(100);
	plan->removals = plan->losses && world_chance(200);
	plan->verifies = plan->losses && world_chance(300);
	world.lost_in_epoch = 0;
	world.verifying = false;
	world.verified = false;
}

/* Compares what the stream holds with what it has held. */
static void
count_copies(bool on_purpose)
{
	int copies[FAKE_ROWS] = {0};

	for (int i = 0; i < world.broker.stream.count; i++)
	{
		const FakeMessage *message = &world.broker.stream.messages[i];
		int row = message->event && !message->deleted
					  ? fake_store_find(&world.store, message->event)
					  : -1;

		if (row < 0)
			continue;
		copies[row]++;
		world.fates[row].stored_at = message->at;
	}
	for (int i = 0; i < world.store.row_count; i++)
	{
		Fate *fate = &world.fates[i];

		if (fate->stored && copies[i] == 0)
		{
			fate->lost = true;
			fate->purged |= on_purpose;
		}
		totals.losses += (uint64_t) (fate->copies - copies[i]);
		fate->copies = copies[i];
	}
}

/* Not at the beginning: there the server tells that its first message is a later one. */
static void
make_hole(void)
{
	OutboxStreamFacts facts = {0};
	int count = world.broker.stream.count;
	int length = 1 + world_up_to(3);
	int first;

	fake_stream_tell(&world.broker.stream, &facts);
	first = (int) facts.first_sequence;
	first += world_up_to(count > first ? count - first : 0);
	for (int i = first; i < count && i < first + length; i++)
		fake_broker_delete(&world.broker, (uint64_t) i + 1, false);
	world_note("the broker loses messages from %d on, %d", first + 1, length);
}

static void
cut_end(void)
{
	int most = world_chance(200) ? world.broker.stream.count : 12;
	int before = world.broker.stream.count;

	fake_broker_truncate(&world.broker, world_up_to(most));
	for (int i = world_up_to(8); i > 0 && world.plan.intruders && world_chance(700); i--)
		fake_broker_intrude(&world.broker, world_chance(500) ? "" : "of-somebody-else");
	world_note("the broker loses its end, from %d to %d messages", before,
			   world.broker.stream.count);
}

static void
purge(void)
{
	world_note("the stream is purged");
	fake_broker_purge(&world.broker);
	count_copies(true);
}

/* As the ring does: only what is stored. */
static void
remove_settled(void)
{
	for (int i = 0; i < world.store.row_count; i++)
		if (fake_store_committed(&world.store, i) && fake_store_row_settled(&world.store, i) &&
			world_chance(200))
			world.store.rows[i].removed = true;
	world_note("some events are no longer retained");
}

/* The stream is compared, its newest event or all of it. */
static void
look(void)
{
	bool all = world_chance(300);

	world_note(all ? "verify" : "check");
	if (all)
		outbox_relay_verify(&world.relay, world.now);
	else
		outbox_relay_check(&world.relay, world.now);
	world.step.wake_at = world.now;
}

/*
 * Losses are found by comparing how the stream stands with how it stood: where nobody
 * verifies, the next one comes only after the relay has looked.
 */
static bool
may_lose(void)
{
	OutboxRelayReport report;

	if (world.plan.verifies || !world.plan.holes)
		return true;
	outbox_relay_report(&world.relay, &report);
	if (report.comparing || report.waiting > 0 || report.phase != OUTBOX_DELIVERY_STREAMING ||
		world.broker.connection == world.lost_in_epoch)
		return false;
	world.lost_in_epoch = world.broker.connection;
	return true;
}

void
storm_lose(void)
{
	if (world_chance(200))
	{
		look();
		return;
	}
	if (!may_lose())
		return;
	if (world.plan.purges && world_chance(100))
	{
		purge();
		return;
	}
	if (world.plan.removals && world_chance(200))
		remove_settled();
	fake_broker_kill(&world.broker);
	world.broker.trouble.down = false;
	if (world.plan.remakes && world_chance(300))
	{
		world_note("the stream is made anew");
		fake_broker_recreate(&world.broker);
	}
	else if (world.plan.holes && world.broker.stream.count > 0 && world_chance(400))
		make_hole();
	else
		cut_end();
	count_copies(false);
}

void
storm_verify(void)
{
	OutboxRelayReport report;

	if (!world.plan.verifies || world.verified)
		return;
	outbox_relay_report(&world.relay, &report);
	if (report.verification.running)
		return;
	if (world.verifying)
	{
		world.verified = true;
		return;
	}
	world.verifying = true;
	outbox_relay_verify(&world.relay, world.now);
	world.step.wake_at = world.now;
}

bool
storm_is_verified(void)
{
	OutboxRelayReport report;

	outbox_relay_report(&world.relay, &report);
	if (!world.broker.connected || report.phase != OUTBOX_DELIVERY_STREAMING)
		return false;
	return report.waiting == 0 && !report.comparing && (!world.plan.verifies || world.verified);
}
