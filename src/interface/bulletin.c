/*
 * bulletin.c
 *		Tells the world how a relay stands: shared memory, process title, log.
 *
 * The log gets a line when the state changes, not when it lasts.
 */
#include "postgres.h"

#include "pgstat.h"
#include "utils/timestamp.h"

#include "infrastructure/nats/verdict.h"
#include "infrastructure/postgres/quarantine.h"
#include "infrastructure/postgres/sight.h"
#include "infrastructure/postgres/transaction.h"
#include "interface/bulletin.h"
#include "interface/journal.h"
#include "interface/monitor.h"

/* Standbys that lag for less than this are nothing to tell of. */
#define WITHHELD_US INT64CONST(2000000)
#define MESSAGE_SIZE (2 * OUTBOX_TEXT_SIZE)

static OutboxJournalEntry entry_of(const OutboxBulletin *bulletin, const char *change,
								   const char *message);
static void log_start(const OutboxBulletin *bulletin);
static void log_capture(OutboxBulletin *bulletin, bool captures);
static void tell_withheld(const OutboxBulletin *bulletin, OutboxRelayStatus *status, int64_t since);
static void tell_sight(OutboxBulletin *bulletin);
static void tell(OutboxBulletin *bulletin, const OutboxRelayStatus *status);
static void log_change(const OutboxBulletin *bulletin, const OutboxRelayStatus *status);
static void log_refusal(OutboxBulletin *bulletin, const OutboxRelayReport *report);
static void log_repair(OutboxBulletin *bulletin, const OutboxRelayStatus *status);
static void show_activity(const OutboxBulletin *bulletin, const OutboxRelayStatus *status);
static void show_idle(OutboxBulletin *bulletin, bool idle);
static bool same_state(const OutboxRelayStatus *a, const OutboxRelayStatus *b);

void
outbox_bulletin_open(OutboxBulletin *bulletin, int slot, const OutboxBinding *binding,
					 const OutboxStore *store, const OutboxNatsBroker *broker)
{
	memset(bulletin, 0, sizeof(*bulletin));
	bulletin->slot = slot;
	bulletin->binding = binding;
	bulletin->store = store;
	bulletin->broker = broker;
	outbox_sight_begin(slot);
	log_start(bulletin);
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
	strlcpy(status.stream, bulletin->binding->stream, sizeof(status.stream));
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
	log_refusal(bulletin, &report);
	if (!report.comparing)
		log_repair(bulletin, &status);
	tell_sight(bulletin);
	outbox_shared_set_limits(bulletin->slot, status.max_payload, status.max_message_size);
	tell(bulletin, &status);
	show_idle(bulletin, report.idle);
	log_capture(bulletin, report.facts.captures_broadcasts);
	outbox_shared_set_verified(bulletin->slot, status.verification.number);
}

void
outbox_bulletin_misfit(OutboxBulletin *bulletin, OutboxCode code, const char *reason)
{
	OutboxRelayStatus status = {0};

	status.phase = OUTBOX_DELIVERY_OFFLINE;
	status.fenced_copy = code == OUTBOX_CODE_FENCED;
	status.troubled = true;
	status.cause = OUTBOX_VERDICT_MISCONFIGURED;
	status.code = code;
	strlcpy(status.text, reason, sizeof(status.text));
	strlcpy(status.stream, bulletin->binding->stream, sizeof(status.stream));
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
		bulletin->idle = false;
	}
	bulletin->status = *status;
}

/* What all entries of this relay have in common. */
static OutboxJournalEntry
entry_of(const OutboxBulletin *bulletin, const char *change, const char *message)
{
	return (OutboxJournalEntry){
		.change = change,
		.message = message,
		.database = bulletin->binding->database,
		.outbox = bulletin->binding->uuid,
		.stream = bulletin->binding->stream,
	};
}

/* Text has no line for it. */
static void
log_start(const OutboxBulletin *bulletin)
{
	OutboxJournalEntry entry = entry_of(bulletin, "relay_started", "relay is started");

	if (outbox_journal_is_structured())
		outbox_journal_write(&entry, false);
}

static void
log_capture(OutboxBulletin *bulletin, bool captures)
{
	char message[MESSAGE_SIZE];
	OutboxJournalEntry entry = entry_of(bulletin, "broadcasts_captured", message);

	snprintf(message, sizeof(message),
			 "broadcasts are dropped: stream \"%s\" captures their subjects", entry.stream);
	entry.hint = "Change outbox.broadcast_template or the stream's subjects.";
	if (captures && !bulletin->captures_broadcasts)
		outbox_journal_write(&entry, false);
	bulletin->captures_broadcasts = captures;
}

static void
log_change(const OutboxBulletin *bulletin, const OutboxRelayStatus *status)
{
	const OutboxRelayStatus *before = &bulletin->status;
	char message[MESSAGE_SIZE];
	OutboxJournalEntry entry = entry_of(bulletin, NULL, message);

	if (status->troubled && (!before->troubled || strcmp(status->text, before->text) != 0))
	{
		entry.change = "relay_cannot_publish";
		snprintf(message, sizeof(message), "relay cannot publish: %s", status->text);
		entry.verdict = outbox_monitor_verdict(status->cause);
		entry.cause = outbox_nats_verdict_cause(status->code);
		entry.code = status->code;
		entry.reason = status->text;
	}
	else if (!status->troubled && before->troubled)
	{
		entry.change = "relay_publishes_again";
		snprintf(message, sizeof(message), "relay publishes again to stream \"%s\"",
				 status->stream);
	}
	else if (status->withheld && !before->withheld)
	{
		entry.change = "relay_waits_for_standby";
		snprintf(message, sizeof(message), "relay waits for synchronous standbys: %s",
				 status->text);
		entry.cause = "waiting_for_standby";
		entry.reason = status->text;
	}
	else if (!status->withheld && before->withheld)
	{
		entry.change = "relay_waits_no_longer";
		snprintf(message, sizeof(message), "relay waits for synchronous standbys no longer");
	}
	else if (!status->troubled && status->phase == OUTBOX_DELIVERY_STREAMING &&
			 before->phase != status->phase && before->checks == 0)
	{
		entry.change = "relay_connected";
		snprintf(message, sizeof(message), "relay is connected to stream \"%s\"", status->stream);
	}
	entry.sequence = status->last_sequence;
	entry.attempt = status->attempt;
	if (entry.change != NULL)
		outbox_journal_write(&entry, false);
}

/* Text has no line for it: outbox.dead_letter has all of it. */
static void
log_refusal(OutboxBulletin *bulletin, const OutboxRelayReport *report)
{
	OutboxJournalEntry entry =
		entry_of(bulletin, "event_refused", "the broker refuses an event: it is a dead letter");
	char trace[OUTBOX_TRACE_SIZE];

	if (report->counters.refused == bulletin->status.refused || !outbox_journal_is_structured())
		return;
	outbox_transaction_begin();
	outbox_quarantine_trace(report->refused_event, trace);
	outbox_transaction_commit();
	entry.verdict = outbox_monitor_verdict(OUTBOX_VERDICT_REFUSED);
	entry.code = report->refused_code;
	entry.reason = report->refused_text;
	entry.event_id = report->refused_event;
	entry.trace = trace;
	entry.sequence = report->last_sequence;
	entry.count = report->counters.refused - bulletin->status.refused;
	outbox_journal_write(&entry, false);
}

/* A repair begins, or is over. */
static void
log_repair(OutboxBulletin *bulletin, const OutboxRelayStatus *status)
{
	char message[MESSAGE_SIZE];
	OutboxJournalEntry entry = entry_of(bulletin, "stream_lost_events", message);

	entry.sequence = status->last_sequence;
	entry.count = status->lost - bulletin->lost;
	entry.detail = "They are sent again, as far as they are retained.";
	snprintf(message, sizeof(message),
			 "stream \"%s\" has lost " UINT64_FORMAT " events that it had acknowledged",
			 status->stream, entry.count);
	if (status->lost != bulletin->lost)
		outbox_journal_write(&entry, false);
	bulletin->lost = status->lost;
	if (status->waiting > 0 ||
		(status->repaired == bulletin->repaired && status->gone == bulletin->gone))
		return;
	entry.change = "stream_repaired";
	entry.detail = NULL;
	entry.count = status->repaired - bulletin->repaired;
	entry.gone = status->gone - bulletin->gone;
	snprintf(message, sizeof(message),
			 "stream \"%s\" is repaired: " UINT64_FORMAT " events were sent again, " UINT64_FORMAT
			 " were no longer retained",
			 status->stream, entry.count, entry.gone);
	outbox_journal_write(&entry, false);
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

/* What was shown last stays there, as the query of an idle session does. */
static void
show_idle(OutboxBulletin *bulletin, bool idle)
{
	if (idle && !bulletin->idle)
		pgstat_report_activity(STATE_IDLE, NULL);
	else if (!idle && bulletin->idle)
		show_activity(bulletin, &bulletin->status);
	bulletin->idle = idle;
}

static bool
same_state(const OutboxRelayStatus *a, const OutboxRelayStatus *b)
{
	return a->phase == b->phase && a->troubled == b->troubled && a->withheld == b->withheld &&
		   (a->waiting == 0) == (b->waiting == 0) && a->cause == b->cause && a->code == b->code &&
		   (a->withheld || strcmp(a->text, b->text) == 0);
}
