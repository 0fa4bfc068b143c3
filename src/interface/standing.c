/*
 * standing.c
 *		How the outbox of a database stands, as far as shared memory tells.
 *
 * The states are those of outbox.status, without what only the database itself
 * knows.
 */
#include "postgres.h"

#include "domain/delivery.h"
#include "domain/verdict.h"
#include "interface/standing.h"

typedef struct State
{
	const char *name;
	const char *hint;
	OutboxStandingPart amiss;
} State;

static const State idle = {"idle", NULL, OUTBOX_STANDING_NOTHING};
static const State publishing = {"publishing", NULL, OUTBOX_STANDING_NOTHING};
static const State starting = {"starting", NULL, OUTBOX_STANDING_RELAY};
static const State connecting = {"starting", NULL, OUTBOX_STANDING_BROKER};
static const State excluded = {"excluded", "Name the database in outbox.databases.",
							   OUTBOX_STANDING_RELAY};
static const State disabled = {
	"disabled", "ALTER DATABASE ... SET outbox.enabled = on, then reload the configuration.",
	OUTBOX_STANDING_RELAY};
static const State no_worker = {"no free worker slot",
								"Raise max_worker_processes and restart PostgreSQL.",
								OUTBOX_STANDING_RELAY};
static const State failing = {"failing", "Look for the relay's error in the server log.",
							  OUTBOX_STANDING_RELAY};
static const State safe_mode = {
	"safe mode", "The server log has the crashes; see outbox.resume() and outbox.set_aside().",
	OUTBOX_STANDING_RELAY};
static const State paused = {"paused", "SELECT outbox.resume();", OUTBOX_STANDING_RELAY};
static const State fenced = {"fenced copy", "See outbox.adopt() in the database.",
							 OUTBOX_STANDING_RELAY};
static const State unauthorized = {"not authorized",
								   "Check the login at the broker and the user's permissions.",
								   OUTBOX_STANDING_BROKER};
static const State unreachable = {"broker unreachable",
								  "Check that nats-server runs at outbox.nats_url.",
								  OUTBOX_STANDING_BROKER};
static const State misconfigured = {
	"misconfigured", "Repair what the reason names, at the broker or in the settings.",
	OUTBOX_STANDING_STREAM};
static const State withheld = {"waiting for a standby",
							   "Look into pg_stat_replication and synchronous_standby_names.",
							   OUTBOX_STANDING_RELAY};
static const State repairing = {"repairing", "Wait: what the broker has lost is sent again first.",
								OUTBOX_STANDING_NOTHING};

static const State *of_worker(const OutboxSlotInfo *info);
static const State *of_relay(const OutboxRelayStatus *status);
static const State *of_trouble(const OutboxRelayStatus *status);

bool
outbox_standing_read(int slot, OutboxStanding *standing)
{
	OutboxSlotInfo info;
	const State *state;

	outbox_shared_info(slot, &info);
	if (!OidIsValid(info.database) || info.state == OUTBOX_SLOT_FREE ||
		info.state == OUTBOX_SLOT_UNKNOWN || info.state == OUTBOX_SLOT_ABSENT)
		return false;
	memset(standing, 0, sizeof(*standing));
	outbox_names_read(slot, standing->database);
	/* In safe mode the launcher speaks for it. */
	if (info.pid != 0 || info.state == OUTBOX_SLOT_SAFE_MODE)
		outbox_shared_status(slot, &standing->relay);
	standing->since = info.since;
	standing->wanted = info.state != OUTBOX_SLOT_EXCLUDED && info.state != OUTBOX_SLOT_DISABLED;
	state = of_worker(&info);
	if (state == NULL)
	{
		state = of_relay(&standing->relay);
		if (standing->relay.since != 0)
			standing->since = standing->relay.since;
	}
	standing->state = state->name;
	standing->hint = state->hint;
	standing->amiss = state->amiss;
	standing->backlog = OUTBOX_STANDING_UNKNOWN;
	standing->dead_letters = OUTBOX_STANDING_UNKNOWN;
	standing->blocked_aggregates = OUTBOX_STANDING_UNKNOWN;
	return true;
}

/* NULL: the relay runs and speaks for itself. */
static const State *
of_worker(const OutboxSlotInfo *info)
{
	switch (info->state)
	{
		case OUTBOX_SLOT_EXCLUDED:
			return &excluded;
		case OUTBOX_SLOT_DISABLED:
			return &disabled;
		case OUTBOX_SLOT_NO_WORKER:
			return &no_worker;
		case OUTBOX_SLOT_FAILED:
			return &failing;
		case OUTBOX_SLOT_SAFE_MODE:
			return &safe_mode;
		default:
			return info->pid == 0 ? &starting : NULL;
	}
}

static const State *
of_relay(const OutboxRelayStatus *status)
{
	if (status->fenced_copy)
		return &fenced;
	if (status->troubled)
		return of_trouble(status);
	if (status->withheld)
		return &withheld;
	if (status->phase != OUTBOX_DELIVERY_STREAMING)
		return &connecting;
	if (status->waiting > 0)
		return &repairing;
	return status->in_flight > 0 ? &publishing : &idle;
}

static const State *
of_trouble(const OutboxRelayStatus *status)
{
	if (status->cause == OUTBOX_VERDICT_UNAUTHORIZED)
		return &unauthorized;
	if (strcmp(status->text, "publishing is paused") == 0)
		return &paused;
	if (status->cause == OUTBOX_VERDICT_MISCONFIGURED)
		return &misconfigured;
	return status->phase != OUTBOX_DELIVERY_STREAMING ? &unreachable : &publishing;
}
