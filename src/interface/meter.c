/*
 * meter.c
 *		Reads off how a relay and its outbox stand, for the statistics.
 *
 * What the relay counts since it began is added to what was counted before.  What waits
 * is counted in the tables, but not more often than it costs nothing to speak of.
 */
#include "postgres.h"

#include "datatype/timestamp.h"
#include "utils/timestamp.h"

#include "infrastructure/postgres/census.h"
#include "interface/meter.h"

/*
 * Between two looks into the tables: when events have waited for so long; while there
 * are dead letters; and when only somebody who does not tell can have changed anything.
 */
#define CENSUS_BUSY_US INT64CONST(1000000)
#define CENSUS_DEAD_US INT64CONST(10000000)
#define CENSUS_IDLE_US INT64CONST(300000000)

static void add_counters(OutboxMeter *meter, const OutboxRelayGlance *glance);
static void subtract(OutboxTallyCounts *counts, const OutboxRelayGlance *glance);
static int64_t census_due_at(const OutboxMeter *meter);
static void take_census(OutboxMeter *meter, const OutboxRelayGlance *glance, int64_t now);
static void note_oldest(OutboxMeter *meter, const OutboxRelayGlance *glance, int64_t now);

void
outbox_meter_open(OutboxMeter *meter, OutboxTally *tally, const OutboxStore *store,
				  int64_t ids_from, int64_t now)
{
	memset(meter, 0, sizeof(*meter));
	meter->tally = tally;
	meter->store = store;
	meter->ids_from = ids_from;
	meter->counted_at = now - CENSUS_IDLE_US;
	meter->before = tally->book.counts;
	meter->gauges.backlog = -1;
	meter->gauges.dead_letters = -1;
	meter->gauges.blocked = -1;
	meter->gauges.waiting = -1;
}

void
outbox_meter_set_clock(OutboxMeter *meter, int64_t now)
{
	meter->tally->clock =
		GetCurrentTimestamp() + (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY - now;
}

void
outbox_meter_read(OutboxMeter *meter, const OutboxRelay *relay, bool paused, int64_t now)
{
	OutboxTallyCounts *counts = &meter->tally->book.counts;
	static const OutboxRelayCounters nothing;
	OutboxRelayGlance glance = {.counters = &nothing};

	if (relay)
		outbox_relay_glance(relay, &glance);
	glance.idle &= !paused;
	add_counters(meter, &glance);
	meter->gauges.idle = glance.idle;
	if (glance.idle)
		meter->idle_at = now;
	if (census_due_at(meter) <= now || glance.counters->refused != meter->refused)
		take_census(meter, &glance, now);
	else
		meter->owes |= !glance.idle;
	note_oldest(meter, &glance, now);
	meter->gauges.paused = paused;
	if (glance.idle)
		meter->gauges.backlog = 0;
	/* What was shown once must not be forgotten by a crash. */
	outbox_tally_keep();
	outbox_tally_publish(&meter->gauges);
	if (counts->since != meter->before.since)
	{
		/* Somebody has reset them. */
		meter->before = *counts;
		subtract(&meter->before, &glance);
		add_counters(meter, &glance);
		outbox_tally_keep();
	}
}

long
outbox_meter_rest(const OutboxMeter *meter, long most, int64_t now)
{
	int64_t us = census_due_at(meter) - now;

	if (!meter->owes)
		return most;
	return us <= 0 ? 0 : Min((long) ((us + 999) / 1000), most);
}

/* What is not counted event by event. */
static void
add_counters(OutboxMeter *meter, const OutboxRelayGlance *glance)
{
	const OutboxRelayCounters *counters = glance->counters;
	const OutboxTallyCounts *before = &meter->before;
	OutboxTallyCounts *counts = &meter->tally->book.counts;

	counts->sent = before->sent + counters->sent;
	counts->connections = before->connections + counters->epochs;
	counts->retries = before->retries + counters->failures;
	counts->conflicts = before->conflicts + counters->conflicts;
	counts->setbacks = before->setbacks + counters->setbacks;
	counts->checks = before->checks + counters->checks;
	counts->lost = before->lost + counters->lost;
	counts->repaired = before->repaired + counters->repaired;
	counts->gone = before->gone + glance->gone;
}

/* Sums then begin at 0; they may pass below it in between. */
static void
subtract(OutboxTallyCounts *counts, const OutboxRelayGlance *glance)
{
	const OutboxRelayCounters *counters = glance->counters;

	counts->sent -= counters->sent;
	counts->connections -= counters->epochs;
	counts->retries -= counters->failures;
	counts->conflicts -= counters->conflicts;
	counts->setbacks -= counters->setbacks;
	counts->checks -= counters->checks;
	counts->lost -= counters->lost;
	counts->repaired -= counters->repaired;
	counts->gone -= glance->gone;
}

static int64_t
census_due_at(const OutboxMeter *meter)
{
	const OutboxTallyGauges *gauges = &meter->gauges;
	bool dead = gauges->dead_letters > 0 || gauges->blocked > 0 || gauges->waiting > 0;
	int64_t due_at = meter->counted_at + (dead ? CENSUS_DEAD_US : CENSUS_IDLE_US);

	/* Nothing waits: the time that something has waited for does not begin. */
	if (gauges->idle)
		return due_at;
	return Min(due_at, Max(meter->counted_at, meter->idle_at) + CENSUS_BUSY_US);
}

/* Ids of transactions that were rolled back, or are open, count as events that wait. */
static void
take_census(OutboxMeter *meter, const OutboxRelayGlance *glance, int64_t now)
{
	OutboxTallyGauges *gauges = &meter->gauges;
	int64_t settled = Max(outbox_store_highest_id(meter->store), meter->ids_from - 1);
	OutboxCensus census;

	outbox_census_take(&census);
	gauges->backlog = Max(census.last_id - settled, 0);
	gauges->dead_letters = census.dead_letters;
	gauges->blocked = census.blocked;
	gauges->waiting = census.waiting;
	meter->refused = glance->counters->refused;
	meter->counted_at = now;
	meter->owes = false;
}

/* Of an event that was not fetched yet, when it was noticed. */
static void
note_oldest(OutboxMeter *meter, const OutboxRelayGlance *glance, int64_t now)
{
	OutboxTallyGauges *gauges = &meter->gauges;

	if (glance->idle)
		gauges->oldest_at = 0;
	else if (glance->oldest_at != 0)
		gauges->oldest_at = glance->oldest_at;
	else if (gauges->oldest_at == 0 && gauges->backlog > 0)
		gauges->oldest_at = now + meter->tally->clock;
}
