/*
 * relay_storm.c
 *		Drives the relay through random schedules and checks the promises.
 *
 * relay_storm [SCHEDULES [SEED]]: prints the seed and a summary.  When a promise
 * breaks, it prints the schedule's own seed and replays that schedule with all
 * that happened; `relay_storm 1 THAT_SEED` does the same again.
 *
 * A *schedule* is a database, a stream, settings and odds drawn from its seed, and
 * some hundred actions: transactions that begin, emit, roll back, commit and
 * abort; kills of the relay's process, crashes of the database; the broker killed,
 * cut off, full, without leader or rights, its stream set back or made anew or
 * written to by others; dead letters sent again, cured or not, or given up; reloads;
 * and time.  At the end all is mended and the relay must come to rest.
 *
 * A message that a killed process has sent may still arrive after the next process
 * has looked at the stream, but not where much does and the broker loses what it has
 * stored: there the next process may begin at another sequence, and no fence holds off
 * what its predecessor sent.  Where the relay may keep back what it has sent (dead
 * letters, with a fence), no message outlives its connection by more than the ack
 * timeout, which is what the relay counts on (domain/window.h).  No message travels
 * longer than the broker remembers ids.
 *
 * While the relay runs, the world checks what fake_world.h says.  At the end:
 *	- nothing is left behind, in flight, unsettled or not written down;
 *	- every committed event is in the stream, or is one that cannot be published
 *	  and is a dead letter; what the broker lost after storing it is there again, with
 *	  a fence, as long as the store retains it and nobody has purged it.
 * And where it is promised:
 *	- *once*: the stream never holds a second copy, with a fence;
 *	- *regained*: after losses of the stream's end, with a fence and without other
 *	  writers, every event is where it was when it was settled, as far as that was written
 *	  down, and in one process where dead letters are sent again;
 *	- *in order*: within an aggregate the stream's order is commit order, but for dead
 *	  letters behind which nobody had to wait, and unless somebody else writes to the
 *	  relay's own stream (or a killed process did, before it became that): a foreign
 *	  message in the place of a lost one lets later ones pass the fence;
 *	- *contiguous*: a transaction's events follow each other, with a fence, on such a stream.
 *
 * Promises: Once in the stream, Accounted.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "domain/backoff.h"
#include "unit/fake_world.h"
#include "unit/relay_storm_check.h"
#include "unit/relay_storm_draw.h"
#include "unit/relay_storm_losses.h"

static void
begin(void)
{
	int transaction;

	if (world.running_count == 8 || world.store.row_count > FAKE_ROWS - 40)
		return;
	transaction = fake_store_begin(&world.store);
	if (transaction < 0)
		return;
	world.running[world.running_count++] = transaction;
	world_note("begin %d", transaction);
}

static void
emit(int slot)
{
	FakeKind kind = FAKE_PLAIN;
	size_t length = (size_t) world_up_to(300);
	int row;

	if (world_chance(world.plan.poison))
		kind = world.plan.haunted && world_chance(700) ? FAKE_REFUSED
													   : (FakeKind) (1 + world_up_to(2));
	if (kind == FAKE_TOO_LARGE)
		length = (size_t) world.broker.max_payload + 1 + (size_t) world_up_to(100);
	row = fake_store_emit(&world.store, world.running[slot], world_up_to(world.plan.aggregates - 1),
						  kind, length);
	if (row >= 0)
		world_note("emit %d: event %lld of aggregate %d, kind %d", world.running[slot],
				   (long long) world.store.rows[row].id, world.store.rows[row].aggregate,
				   (int) kind);
}

static void
finish(int slot, bool commit)
{
	int transaction = world.running[slot];

	world.running[slot] = world.running[--world.running_count];
	world_note("%s %d", commit ? "commit" : "abort", transaction);
	if (!commit)
		fake_store_abort(&world.store, transaction);
	else
	{
		fake_store_commit(&world.store, transaction, world_chance(700));
		world.woken |= world_chance(900);
	}
}

static void
act_on_database(void)
{
	int slot = world.running_count ? world_up_to(world.running_count - 1) : -1;

	if (slot < 0 || world_chance(200))
		begin();
	else if (world_chance(600))
		for (int i = world_up_to(world_chance(world.plan.haunted ? 400 : 100) ? 20 : 2); i >= 0;
			 i--)
			emit(slot);
	else if (world_chance(150))
		fake_store_roll_back(&world.store, world.running[slot]);
	else
		finish(slot, world_chance(850));
}

/* May what a process has sent arrive after the next one has looked at the stream? */
static bool
may_outlive_process(void)
{
	return !world.plan.losses || !(world.plan.poison || world.plan.haunted);
}

static void
kill_process(void)
{
	world_note("kill the relay's process");
	world_bury_relay();
	totals.restarts++;
	fake_store_restart(&world.store);
	fake_broker_widow(&world.broker, may_outlive_process());
	world_start_relay();
}

static void
crash_database(void)
{
	uint64_t beyond = world.store.lsn - world.store.flushed;

	world_note("crash the database");
	world_bury_relay();
	fake_broker_widow(&world.broker, may_outlive_process());
	totals.crashes++;
	fake_store_crash(&world.store, world.store.flushed + world_draw() % (beyond + 1));
	world.running_count = 0;
	memset(world.fates + world.store.row_count, 0,
		   sizeof(Fate) * (size_t) (FAKE_ROWS - world.store.row_count));
	world_start_relay();
}

static void
act_on_broker(void)
{
	FakeTrouble *trouble = &world.broker.trouble;

	if (world_chance(500))
		memset(trouble, 0, sizeof(*trouble));
	else if (world_chance(250))
		fake_broker_cut(&world.broker);
	else if (world_chance(250))
	{
		fake_broker_kill(&world.broker);
		if (!world.plan.past && world_chance(200))
		{
			fake_broker_rename(&world.broker);
			world.renamed = true;
		}
	}
	else if (world_chance(250))
		trouble->no_leader = true;
	else if (world_chance(250))
		trouble->full = true;
	else if (world_chance(500))
		trouble->unauthorized = true;
	else
		trouble->no_stream = true;
	world_note(
		"broker: down %d, no leader %d, full %d, unauthorized %d, no stream %d, connected %d",
		trouble->down, trouble->no_leader, trouble->full, trouble->unauthorized, trouble->no_stream,
		world.broker.connected);
}

static void
reload(void)
{
	bool reconnect = world_chance(300);

	if (world.plan.switches && world_chance(500))
		world.plan.fenced = !world.plan.fenced;
	if (world.plan.skips)
		world.store.blocking = world_chance(500);
	world_note("reload%s%s", world.store.blocking ? "" : ", to skip",
			   reconnect ? " and reconnect" : "");
	storm_draw_options();
	/* What is in flight may be more than the new limits. */
	world.options.max_in_flight = 40;
	world.options.max_in_flight_bytes = 1 << 20;
	outbox_relay_reconfigure(&world.relay, &world.options, reconnect, world.now);
	world.step.wake_at = world.now;
}

/* The connection or the process ends, at a time when messages may be on their way. */
static void
hang_up(void)
{
	world_run_until(world.now + world_up_to(2 * (int) world.broker.odds.latency));
	if (world.plan.restarts && world_chance(400))
	{
		kill_process();
		return;
	}
	world_note("reconnect");
	outbox_relay_reconfigure(&world.relay, &world.options, true, world.now);
	world.step.wake_at = world.now;
}

static void
redrive(int row, bool cured)
{
	FakeRow *event = &world.store.rows[row];

	if (!fake_store_redrive(&world.store, row, world_chance(500)))
		return;
	totals.redriven++;
	if (cured)
	{
		event->kind = FAKE_PLAIN;
		event->payload_length = event->payload_length % 300;
	}
	world_note("redrive event %lld%s", (long long) event->id, cured ? ", cured" : "");
	world.woken |= world_chance(900);
}

static void
discard(int row)
{
	if (!fake_store_discard(&world.store, row, world_chance(500)))
		return;
	totals.discarded++;
	world_note("discard event %lld", (long long) world.store.rows[row].id);
	world.woken |= world_chance(900);
}

/* Somebody looks after some dead letters. */
static void
act_on_dead_letters(int per_mille, int cured)
{
	for (int i = 0; i < world.store.row_count; i++)
	{
		if (fake_store_standing(&world.store, i) != FAKE_DEAD || !world_chance(per_mille))
			continue;
		if (world.store.rows[i].kind != FAKE_PLAIN && world_chance(200))
			discard(i);
		else
			redrive(i, world_chance(cured));
	}
}

static void
act(void)
{
	const Plan *plan = &world.plan;

	if (world_chance(550))
		act_on_database();
	else if (plan->outages && world_chance(120))
		act_on_broker();
	else if (plan->intruders && world_chance(60))
		fake_broker_intrude(&world.broker, "");
	else if (plan->poison && world_chance(60))
		act_on_dead_letters(300, 600);
	else if (plan->restarts && world_chance(40))
		kill_process();
	else if (plan->crashes && world_chance(40))
		crash_database();
	else if (plan->losses && world_chance(30))
		storm_lose();
	else if (plan->haunted && world_chance(150))
		hang_up();
	else if (world_chance(15))
		reload();
	else if (world_chance(30))
		world.store.withholding = !world.store.withholding;
	else if (world_chance(20))
		world_run_until(world.now + (world_up_to(2000)) * MS);
	else
		world_run_until(world.now + world_up_to(world_chance(300) ? 20000 : 500));
}

/* Everything works again; the relay must come to rest. */
static void
mend(void)
{
	int64_t deadline = world.now + 600 * SECOND;

	world_note("all is mended");
	world.broker.odds = (FakeOdds){.latency = 5 * MS};
	memset(&world.broker.trouble, 0, sizeof(world.broker.trouble));
	world.store.withholding = false;
	while (world.running_count > 0)
		finish(0, world_chance(700));
	while (!(world.relay.idle && storm_all_settled() && !world.relay.dirty && storm_is_verified()))
	{
		if (world.now > deadline)
			world_fail("the relay is stuck");
		act_on_dead_letters(700, 800);
		storm_verify();
		world_run_until(world.now + 50 * MS);
	}
}

static void
check_end(void)
{
	const Plan *plan = &world.plan;
	bool foreign = plan->intruders || (plan->switches && world.broker.stream.strays > 0);
	bool ordered = (!(plan->fenced || plan->switches) || !foreign) && !plan->holes;
	bool contiguous = plan->fenced && !plan->intruders && !plan->holes && !plan->switches;
	bool regained = contiguous && plan->losses && !plan->remakes && !plan->removals &&
					!plan->past && !plan->purges && (!plan->poison || world.lives == 1);
	bool counted =
		plan->fenced && !plan->switches && !plan->losses && !plan->past && !world.renamed;

	world_bury_relay();
	storm_check_presence();
	storm_check_order(ordered, contiguous);
	if (regained)
		storm_check_sequences();
	if (counted)
		storm_check_tally();
	fake_store_restart(&world.store);
	if (!storm_all_settled())
		world_fail("not all that is settled was written down");
	totals.once += world_promises_once();
	totals.contiguous += contiguous;
	totals.counted += counted;
	totals.regained += regained;
}

/*
 * The stream holds, and has settled, messages with ids that will be given out
 * again; within its window it takes the new events for duplicates of them.
 */
static void
remember_past(void)
{
	char id[OUTBOX_MESSAGE_ID_SIZE];
	int count = 1 + world_up_to(9);

	for (int i = 1; i <= count; i++)
	{
		snprintf(id, sizeof(id), "%s-%d", UUID, i);
		fake_broker_intrude(&world.broker, id);
	}
	world.broker.stream.duplicate_window = (1 + world_up_to(1000)) * MS;
	fake_store_settled_before(&world.store, (uint64_t) count, world.broker.stream.created);
}

static void
set_up(uint64_t seed)
{
	world.random = outbox_backoff_mix(seed) | 1;
	world.now = 0;
	world.woken = false;
	world.running_count = 0;
	world.lives = 0;
	world.sent_before = 0;
	world.renamed = false;
	world_clear_tally();
	world.steps_now = 0;
	memset(world.fates, 0, sizeof(world.fates));
	storm_draw_plan();
	fake_store_init(&world.store);
	world.store.blocking = !world.plan.skips;
	fake_broker_init(&world.broker, world_draw());
	world_listen();
	world.broker.tell_max_payload = world_chance(700);
	world.broker.stream.duplicate_window =
		world_chance(500) ? 120 * SECOND : (1 + world_up_to(3000)) * MS;
	if (world.plan.past)
		remember_past();
	storm_draw_options();
	storm_draw_odds();
	for (int i = world_chance(200) ? world_up_to(5) : 0; world.plan.intruders && i > 0; i--)
		fake_broker_intrude(&world.broker, "");
	world_note("%s, window %lld ms, intruders %d, losses %d",
			   world.plan.fenced ? "fenced" : "shared",
			   (long long) (world.broker.stream.duplicate_window / MS), world.plan.intruders,
			   world.plan.losses);
	world_start_relay();
}

/* True: all promises held. */
static bool
play(uint64_t seed, bool trace)
{
	world.trace = trace;
	if (setjmp(world.broken) != 0)
		return false;
	set_up(seed);
	for (int i = 0; i < world.plan.actions; i++)
		act();
	mend();
	check_end();
	return true;
}

int
main(int argc, char **argv)
{
	uint64_t schedules = argc > 1 ? strtoull(argv[1], NULL, 10) : 200000;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : (uint64_t) time(NULL);
	const OutboxRelayCounters *sum = &totals.counters;

	printf("# seed %llu\n", (unsigned long long) seed);
	for (uint64_t i = 0; i < schedules; i++)
	{
		uint64_t own = i == 0 ? seed : outbox_backoff_mix(seed + i);

		if (play(own, false))
			continue;
		printf("# schedule %llu broke, its seed is %llu; what happened:\n", (unsigned long long) i,
			   (unsigned long long) own);
		play(own, true);
		return 1;
	}
	printf(
		"# %llu schedules held: %llu events, %llu sent, %llu published (%llu duplicates,"
		" %llu recalled), %llu refused, %llu epochs, %llu failures, %llu conflicts,"
		" %llu setbacks, %llu restarts, %llu crashes, %llu redriven, %llu discarded, %llu waited,"
		" %llu steps; once checked in %llu, contiguous in %llu; %llu messages lost, %llu events found lost,"
		" %llu repaired, %llu checks, old sequences checked in %llu, tallies in %llu\n",
		(unsigned long long) schedules, (unsigned long long) totals.events,
		(unsigned long long) sum->sent, (unsigned long long) sum->published,
		(unsigned long long) sum->duplicates, (unsigned long long) sum->recalled,
		(unsigned long long) sum->refused, (unsigned long long) sum->epochs,
		(unsigned long long) sum->failures, (unsigned long long) sum->conflicts,
		(unsigned long long) sum->setbacks, (unsigned long long) totals.restarts,
		(unsigned long long) totals.crashes, (unsigned long long) totals.redriven,
		(unsigned long long) totals.discarded, (unsigned long long) totals.waited,
		(unsigned long long) totals.steps, (unsigned long long) totals.once,
		(unsigned long long) totals.contiguous, (unsigned long long) totals.losses,
		(unsigned long long) sum->lost, (unsigned long long) sum->repaired,
		(unsigned long long) sum->checks, (unsigned long long) totals.regained,
		(unsigned long long) totals.counted);
	return 0;
}
