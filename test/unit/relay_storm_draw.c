/*
 * relay_storm_draw.c
 *		What a schedule is made of, drawn from its seed.
 */
#include "unit/relay_storm_draw.h"

#include <assert.h>

#include "unit/fake_world.h"
#include "unit/relay_storm_losses.h"

static bool may_be_kept_back(void);
static void draw_ghosts(int64_t longest);

void
storm_draw_plan(void)
{
	Plan *plan = &world.plan;

	plan->fenced = world_chance(700);
	plan->intruders = world_chance(plan->fenced ? 80 : 600);
	storm_plan_losses();
	plan->crashes = world_chance(300);
	plan->restarts = world_chance(400);
	plan->outages = world_chance(600);
	plan->switches = world_chance(40);
	plan->past = world_chance(30);
	plan->poison = world_chance(300) ? world_up_to(150) : 0;
	plan->skips = world_chance(150);
	plan->haunted = world_chance(plan->poison ? 500 : 50);
	if (plan->haunted && plan->poison)
		plan->poison += 100;
	plan->aggregates = plan->haunted ? 1 + world_up_to(3) : FAKE_AGGREGATES;
	plan->restarts |= plan->haunted && world_chance(700);
	plan->actions = 30 + world_up_to(250);
}

void
storm_draw_odds(void)
{
	FakeOdds *odds = &world.broker.odds;
	int64_t half = world.broker.stream.duplicate_window / MS / 2;
	int shorter = half > 500 ? 500 : (int) half - (half > 0);

	odds->latency = world_chance(500) ? 200 : world_up_to(30000);
	odds->lateness = world_up_to(shorter) * MS;
	draw_ghosts(2 * shorter * MS);
	if (world_chance(300))
		return;
	odds->lose_message = world_chance(250) ? world_up_to(60) : 0;
	odds->lose_answer = world_chance(250) ? world_up_to(60) : 0;
	if (!world.plan.haunted)
		odds->late_message = world_chance(250) ? world_up_to(60) : 0;
	odds->repeat_answer = world_chance(250) ? world_up_to(300) : 0;
	odds->late_answer = world_chance(250) ? world_up_to(100) : 0;
	odds->lose_look = world_chance(100) ? world_up_to(200) : 0;
	odds->cut_before = world_chance(250) ? world_up_to(40) : 0;
	odds->cut_after = world_chance(250) ? world_up_to(40) : 0;
	odds->stale = world_chance(200) ? world_up_to(1000) : 0;
	odds->reorder = world_chance(300);
}

void
storm_draw_options(void)
{
	static OutboxTemplate subject_template;
	OutboxRelayOptions *options = &world.options;
	OutboxFault fault = outbox_template_parse(&subject_template, OUTBOX_TEMPLATE_DEFAULT);

	assert(fault == OUTBOX_FAULT_NONE);
	(void) fault;

	options->retry_initial = (1 + world_up_to(9)) * MS;
	options->retry_max = options->retry_initial * (1 + world_up_to(20));
	/* Lowered, they would no longer hold for what is on its way, or settled. */
	if (world.lives == 0)
	{
		options->ack_timeout = (20 + world_up_to(200)) * MS;
		options->durable_after = 1 + world_up_to(60);
	}
	options->poll_interval = (50 + world_up_to(400)) * MS;
	options->persist_interval = world_chance(300) ? 0 : world_up_to(100) * MS;
	options->max_in_flight = world_chance(200) ? 1 : 1 + world_up_to(39);
	options->max_in_flight_bytes = world_chance(200) ? (size_t) (1 + world_up_to(6000)) : 1 << 20;
	options->batch_size = 1 + world_up_to(15);
	options->fenced = world.plan.fenced;
	options->attend = world_chance(100) ? world_attend : NULL;
	options->envelope = (OutboxEnvelopeOptions){.mode = OUTBOX_ENVELOPE_PLAIN,
												.template = &subject_template,
												.database = "shop",
												.uuid = UUID};
}

/* May a fenced relay have sent an event that is kept back afterwards? */
static bool
may_be_kept_back(void)
{
	return world.plan.poison && (world.plan.fenced || world.plan.switches);
}

static void
draw_ghosts(int64_t longest)
{
	FakeOdds *odds = &world.broker.odds;

	odds->ghost = world_chance(400) ? world_up_to(1000) : 0;
	odds->life = longest;
	if (may_be_kept_back() && odds->life > world.options.ack_timeout)
		odds->life = world.options.ack_timeout;
	if (!world.plan.haunted)
		return;
	odds->ghost = 1000;
	odds->late_message = 20 + world_up_to(150);
	if (odds->lateness < odds->life)
		odds->lateness = odds->life;
}
