/*
 * standing.c
 *		What to make of the state that a database's outbox is in.
 */
#include "postgres.h"

#include "interface/standing.h"

typedef struct Advice
{
	const char *state;
	const char *hint;
	OutboxStandingPart amiss;
} Advice;

static const Advice advices[] = {
	{"idle", NULL, OUTBOX_STANDING_NOTHING},
	{"publishing", NULL, OUTBOX_STANDING_NOTHING},
	{"repairing", "Wait: what the broker has lost is sent again first; new events follow.",
	 OUTBOX_STANDING_NOTHING},
	{"paused", "SELECT outbox.resume();", OUTBOX_STANDING_RELAY},
	{"starting", NULL, OUTBOX_STANDING_RELAY},
	{"broker unreachable",
	 "Check that nats-server runs at outbox.nats_url; the relay tries again by itself and nothing "
	 "is lost.",
	 OUTBOX_STANDING_BROKER},
	{"not authorized", "Check the login at the broker, and the user's permissions there.",
	 OUTBOX_STANDING_BROKER},
	{"misconfigured", "Repair what the reason names, at the broker or in the settings.",
	 OUTBOX_STANDING_STREAM},
	{"waiting for a standby",
	 "Look into pg_stat_replication and synchronous_standby_names; nothing is lost.",
	 OUTBOX_STANDING_RELAY},
	{"fenced copy", "Decide by outbox.adopt() in that database.", OUTBOX_STANDING_RELAY},
	{"safe mode", "The server log has the crashes; see outbox.resume() and outbox.set_aside().",
	 OUTBOX_STANDING_RELAY},
	{"failing", "Look for the relay's error in the server log; it is started again by itself.",
	 OUTBOX_STANDING_RELAY},
	{"disabled", "ALTER DATABASE ... SET outbox.enabled = on, then reload the configuration.",
	 OUTBOX_STANDING_RELAY},
	{"excluded", "Name the database in outbox.databases, or clear that setting, and reload.",
	 OUTBOX_STANDING_RELAY},
	{"no free worker slot", "Raise max_worker_processes and restart PostgreSQL.",
	 OUTBOX_STANDING_RELAY},
};

void
outbox_standing_find(OutboxStanding *standing, const OutboxOverview *overview)
{
	bool speaks = overview->info.pid != 0 || overview->info.state == OUTBOX_SLOT_SAFE_MODE;

	memset(standing, 0, sizeof(*standing));
	standing->state = outbox_overview_state(overview);
	standing->amiss = OUTBOX_STANDING_RELAY;
	standing->wanted = overview->info.state != OUTBOX_SLOT_EXCLUDED &&
					   overview->info.state != OUTBOX_SLOT_DISABLED;
	for (int i = 0; i < lengthof(advices); i++)
		if (strcmp(standing->state, advices[i].state) == 0)
		{
			standing->hint = advices[i].hint;
			standing->amiss = advices[i].amiss;
		}
	/* A relay that has gone has left its last words. */
	if (speaks && overview->status.text[0] != '\0')
		standing->reason = overview->status.text;
}
