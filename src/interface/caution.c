/*
 * caution.c
 *		How a relay runs after one before it has ended uncleanly.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "interface/caution.h"
#include "interface/journal.h"

/* More than were settled and not yet written down, or in flight. */
#define CAREFUL_EVENTS 10000
/* A relay that ran this long is above suspicion. */
#define STEADY_US INT64CONST(600000000)

static void follow(OutboxCaution *caution, const OutboxRelayReport *report);
static bool is_through(const OutboxRelayReport *report);

void
outbox_caution_begin(OutboxCaution *caution, const char *database, int64_t now)
{
	OutboxJournalEntry entry = {
		.change = "relay_careful",
		.message = "relay is careful, since the one before it has ended uncleanly",
		.detail = "It publishes one event at a time for a while.",
		.database = database,
	};

	outbox_mark_begin(MyDatabaseId, &caution->mark);
	caution->suspected = outbox_suspicion_is_careful(&caution->mark.suspicion);
	caution->careful = caution->suspected;
	caution->begun_at = now;
	if (caution->careful)
		outbox_journal_write(&entry, false);
}

void
outbox_caution_apply(const OutboxCaution *caution, OutboxRelayOptions *options)
{
	options->attend = caution->careful ? outbox_mark_attend : NULL;
	options->set_aside = caution->careful ? caution->mark.set_aside : 0;
}

bool
outbox_caution_ends(OutboxCaution *caution, const OutboxRelay *relay, int64_t now)
{
	OutboxRelayReport report;

	if (!caution->suspected)
		return false;
	if (caution->careful)
	{
		outbox_relay_report(relay, &report);
		follow(caution, &report);
		if (is_through(&report))
		{
			caution->careful = false;
			outbox_mark_relax();
			return true;
		}
	}
	if (!caution->careful && now - caution->begun_at >= STEADY_US)
	{
		caution->suspected = false;
		outbox_mark_clear();
	}
	return false;
}

/* What was set aside may be sent again before all else is through. */
static void
follow(OutboxCaution *caution, const OutboxRelayReport *report)
{
	if (caution->mark.set_aside == report->set_aside)
		return;
	caution->mark.set_aside = report->set_aside;
	outbox_mark_set_aside(report->set_aside);
}

static bool
is_through(const OutboxRelayReport *report)
{
	return report->idle || report->counters.published + report->counters.refused >= CAREFUL_EVENTS;
}
