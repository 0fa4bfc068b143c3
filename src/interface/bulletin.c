/*
 * bulletin.c
 *		Tells the world how a relay stands: shared memory, process title, log.
 *
 * The log gets a line when the state changes, not when it lasts.
 */
#include "postgres.h"

#include "pgstat.h"
#include "utils/timestamp.h"

#include "infrastructure/postgres/sight.h"
#include "interface/bulletin.h"

/* Standbys that lag for less than this are nothing to tell of. */
#define WITHHELD_US INT64CONST(2000000)

static void log_capture(OutboxBulletin *bulletin, bool captures);
static void tell_withheld(const OutboxBulletin *bulletin, OutboxRelayStatus *status, int64_t since);
static void tell_sight(OutboxBulletin *bulletin);
static void tell(OutboxBulletin *bulletin, const OutboxRelayStatus *status);
static void log_change(const OutboxBulletin *bulletin, const OutboxRelayStatus *status);
static void log_repair(OutboxBulletin *bulletin, const OutboxRelayStatus *status);
static void show_activity(const OutboxBulletin *bulletin, const OutboxRelayStatus *status);
static bool same_state(const OutboxRelayStatus *a, const OutboxRelayStatus *b);

void
outbox_bulletin_open(OutboxBulletin *bulletin, int slot, const char *stream,
					 const OutboxStore *store, const OutboxNatsBroker *broker)
{
	memset(bulletin, 0, sizeof(*bulletin));
	bulletin->slot = slot;
	bulletin->stream = stream;
	bulletin->store = store;
	bulletin->broker = broker;
	outbox_sight_begin(slot);
	bulletin->status.phase = -1;
}

void
outbox_bulletin_relay(OutboxBulletin *bulletin, const OutboxRelay *relay, uint64_t verification,
					  int64_t now)
{
	OutboxRelayReport report;
	OutboxRelayStatus status = {0};
	TimestampTz wall = GetCurrentTimestamp();

	outbox_relay_report(relay, &report);
	status.phase = report.phase;
	status.troubled = report.troubled;
	status.cause = report.verdict;
	status.code = report.code;
	if (report.troubled)
		strlcpy(status.text, report.text, sizeof(status.text));
	strlcpy(status.stream, bulletin->stream, sizeof(status.stream));
	status.since = wall - (now - report.since);
	status.next_retry_at = report.next_retry_at ? wall + (report.next_retry_at - now) : 0;
	status.attempt = report.attempt;
	status.in_flight = report.in_flight;
	status.published = report.counters.published;
	status.duplicates = report.counters.duplicates;
	status.refused = report.counters.refused;
	status.retries = report.counters.failures;
	status.conflicts = report.counters.conflicts;
	status.bytes = report.counters.published_bytes;
	status.last_sequence = report.last_sequence;
	status.last_ack_at =
		status.published == bulletin->status.published ? bulletin->status.last_ack_at : wall;
	status.max_payload = report.facts.max_payload > 0 ? report.facts.max_payload : -1;
	status.max_message_size =
		report.facts.max_message_size > 0 ? report.facts.max_message_size : -1;
	if (!report.troubled && report.withheld_since != 0 &&
		now - report.withheld_since >= WITHHELD_US)
		tell_withheld(bulletin, &status, wall - (now - report.withheld_since));
	status.checks = report.counters.checks;
	status.lost = report.counters.lost;
	status.repaired = report.counters.repaired;
	status.gone = report.gone;
	status.waiting = report.waiting;
	status.verification = bulletin->status.verification;
	if (report.verification.begun && !report.verification.running)
		status.verification = (OutboxVerificationResult){
			verification, report.verification.checked, report.verification.missing,
			report.verification.repaired, report.verification.gone};
	if (!report.comparing)
		log_repair(bulletin, &status);
	tell_sight(bulletin);
	outbox_shared_set_limits(bulletin->slot, status.max_payload, status.max_message_size);
	tell(bulletin, &status);
	log_capture(bulletin, report.facts.captures_broadcasts);
	outbox_shared_set_verified(bulletin->slot, status.verification.number);
}

void
outbox_bulletin_misfit(OutboxBulletin *bulletin, bool fenced_copy, const char *reason)
{
	OutboxRelayStatus status = {0};

	status.phase = OUTBOX_DELIVERY_OFFLINE;
	status.fenced_copy = fenced_copy;
	status.troubled = true;
	status.cause = OUTBOX_VERDICT_MISCONFIGURED;
	status.code = OUTBOX_CODE_SETTINGS;
	strlcpy(status.text, reason, sizeof(status.text));
	strlcpy(status.stream, bulletin->stream, sizeof(status.stream));
	status.since =
		same_state(&status, &bulletin->status) ? bulletin->status.since : GetCurrentTimestamp();
	status.max_payload = -1;
	status.max_message_size = -1;
	tell(bulletin, &status);
}

static void
tell_withheld(const OutboxBulletin *bulletin, OutboxRelayStatus *status, int64_t since)
{
	status->withheld = true;
	status->since = since;
	outbox_store_explain_withheld(bulletin->store, status->text, sizeof(status->text));
}

/* The stream as it was seen when the relay connected last, or tried to. */
static void
tell_sight(OutboxBulletin *bulletin)
{
	const OutboxSight *sight = outbox_nats_broker_sight(bulletin->broker);

	if (memcmp(sight, &bulletin->sight, sizeof(*sight)) == 0)
		return;
	bulletin->sight = *sight;
	outbox_sight_set_stream(bulletin->slot, sight);
}

static void
tell(OutboxBulletin *bulletin, const OutboxRelayStatus *status)
{
	outbox_shared_report(bulletin->slot, status);
	if (!same_state(status, &bulletin->status))
	{
		log_change(bulletin, status);
		show_activity(bulletin, status);
	}
	bulletin->status = *status;
}

static void
log_capture(OutboxBulletin *bulletin, bool captures)
{
	if (captures && !bulletin->captures_broadcasts)
		ereport(LOG, (errmsg("broadcasts are dropped: stream \"%s\" captures their subjects",
							 bulletin->stream),
					  errhint("Change outbox.broadcast_template or the stream's subjects.")));
	bulletin->captures_broadcasts = captures;
}

static void
log_change(const OutboxBulletin *bulletin, const OutboxRelayStatus *status)
{
	const OutboxRelayStatus *before = &bulletin->status;

	if (status->troubled && (!before->troubled || strcmp(status->text, before->text) != 0))
		ereport(LOG, (errmsg("relay cannot publish: %s", status->text)));
	else if (!status->troubled && before->troubled)
		ereport(LOG, (errmsg("relay publishes again to stream \"%s\"", status->stream)));
	else if (status->withheld && !before->withheld)
		ereport(LOG, (errmsg("relay waits for synchronous standbys: %s", status->text)));
	else if (!status->withheld && before->withheld)
		ereport(LOG, (errmsg("relay waits for synchronous standbys no longer")));
	else if (!status->troubled && status->phase == OUTBOX_DELIVERY_STREAMING &&
			 before->phase != status->phase && before->checks == 0)
		ereport(LOG, (errmsg("relay is connected to stream \"%s\"", status->stream)));
}

/* A repair begins, or is over. */
static void
log_repair(OutboxBulletin *bulletin, const OutboxRelayStatus *status)
{
	if (status->lost != bulletin->lost)
		ereport(LOG,
				(errmsg("stream \"%s\" has lost " UINT64_FORMAT " events that it had acknowledged",
						status->stream, status->lost - bulletin->lost),
				 errdetail("They are sent again, as far as they are retained.")));
	bulletin->lost = status->lost;
	if (status->waiting > 0 ||
		(status->repaired == bulletin->repaired && status->gone == bulletin->gone))
		return;
	ereport(LOG, (errmsg("stream \"%s\" is repaired: " UINT64_FORMAT
						 " events were sent again, " UINT64_FORMAT " were no longer retained",
						 status->stream, status->repaired - bulletin->repaired,
						 status->gone - bulletin->gone)));
	bulletin->repaired = status->repaired;
	bulletin->gone = status->gone;
}

static void
show_activity(const OutboxBulletin *bulletin, const OutboxRelayStatus *status)
{
	char activity[2 * OUTBOX_TEXT_SIZE];

	if (status->troubled)
		snprintf(activity, sizeof(activity), "cannot publish: %s", status->text);
	else if (status->withheld)
		snprintf(activity, sizeof(activity), "waiting for a standby");
	else if (status->waiting > 0)
		snprintf(activity, sizeof(activity), "repairing stream %s", status->stream);
	else if (status->phase == OUTBOX_DELIVERY_STREAMING)
		snprintf(activity, sizeof(activity), "publishing to stream %s", status->stream);
	else
		snprintf(activity, sizeof(activity), "connecting");
	pgstat_report_activity(STATE_RUNNING, activity);
}

static bool
same_state(const OutboxRelayStatus *a, const OutboxRelayStatus *b)
{
	return a->phase == b->phase && a->troubled == b->troubled && a->withheld == b->withheld &&
		   (a->waiting == 0) == (b->waiting == 0) && a->cause == b->cause && a->code == b->code &&
		   (a->withheld || strcmp(a->text, b->text) == 0);
}
