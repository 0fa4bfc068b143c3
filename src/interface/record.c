/*
 * record.c
 *		Records an event in the current transaction.
 *
 * Everything that the broker could refuse later is refused here, where somebody
 * can still do something about it.
 *
 * Locking: with outbox.serialize_aggregates the transaction holds an advisory
 * lock per aggregate id from before the event has its number until it ends; so
 * its events are numbered in the order of the commits.  The lock is a hash in a
 * class of its own, which applications' advisory locks cannot meet.
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/dbcommands.h"
#include "common/hashfn.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/timestamp.h"

#include "domain/envelope.h"
#include "infrastructure/postgres/broadcast.h"
#include "infrastructure/postgres/log.h"
#include "infrastructure/postgres/schedule.h"
#include "infrastructure/postgres/shared.h"
#include "infrastructure/postgres/wakeup.h"
#include "interface/record.h"
#include "interface/report.h"
#include "interface/settings.h"

#define ASSUMED_MAX_PAYLOAD (1024 * 1024) /* NATS's default */
#define LOCK_CLASS 0x6f62

static void prepare(OutboxEvent *event, OutboxHeaderLines *lines, OutboxDraft *draft);
static void add_context(OutboxHeaderLines *lines, const OutboxEvent *event);
static void add_setting(OutboxHeaderLines *lines, const OutboxEvent *event, const char *key,
						const char *value);
static void check(const OutboxEvent *event, bool broadcast);
static const char *name_database(void);
static void lock_aggregate(const OutboxEvent *event);
static void write_draft(const OutboxEvent *event, OutboxDraft *draft);
static const char *decode(const char *value);

void
outbox_record_require_writable(const char *command)
{
	PreventCommandDuringRecovery(command);
	PreventCommandIfReadOnly(command);
	PreventCommandIfParallelMode(command);
}

int64_t
outbox_record_event(OutboxEvent *event, OutboxHeaderLines *lines)
{
	OutboxDraft draft;
	int64 id;

	prepare(event, lines, &draft);
	if (outbox_settings.serialize_aggregates)
		lock_aggregate(event);
	id = outbox_log_append(&draft);
	outbox_wakeup_mark();
	return id;
}

int64_t
outbox_record_scheduled(OutboxEvent *event, OutboxHeaderLines *lines, int64_t deliver_at)
{
	OutboxDraft draft;

	prepare(event, lines, &draft);
	return outbox_schedule_append(&draft, deliver_at);
}

void
outbox_record_broadcast(OutboxEvent *event, OutboxHeaderLines *lines)
{
	add_context(lines, event);
	event->headers = lines->text;
	check(event, true);
	event->emitted_at =
		GetCurrentTimestamp() + (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;
	outbox_broadcast_keep(event);
}

const char *
outbox_record_encode(const char *value, size_t length)
{
	if (GetDatabaseEncoding() == PG_UTF8)
		return value;
	return pg_server_to_any(value, length, PG_UTF8);
}

/* Completes the event and makes sure that it may be emitted. */
static void
prepare(OutboxEvent *event, OutboxHeaderLines *lines, OutboxDraft *draft)
{
	add_context(lines, event);
	event->headers = lines->text;
	check(event, false);
	write_draft(event, draft);
}

static void
add_context(OutboxHeaderLines *lines, const OutboxEvent *event)
{
	const struct
	{
		const char *key;
		const char *value;
	} context[] = {
		{OUTBOX_HEADER_TRACEPARENT, outbox_settings.traceparent},
		{OUTBOX_HEADER_TRACESTATE, outbox_settings.tracestate},
		{OUTBOX_HEADER_CORRELATION_ID, outbox_settings.correlation_id},
		{OUTBOX_HEADER_CAUSATION_ID, outbox_settings.causation_id},
		{OUTBOX_HEADER_ACTOR, outbox_settings.actor},
	};

	for (int i = 0; i < lengthof(context); i++)
		if (context[i].value[0] != '\0')
			add_setting(lines, event, context[i].key, context[i].value);
}

/* The caller's header of the same name wins. */
static void
add_setting(OutboxHeaderLines *lines, const OutboxEvent *event, const char *key, const char *value)
{
	size_t found;
	OutboxFault fault;

	if (lines->count > 0 && outbox_header_find(lines->text, key, strlen(key), &found) != NULL)
		return;
	fault = outbox_header_append(lines, key, strlen(key), value, strlen(value));
	if (fault != OUTBOX_FAULT_NONE)
		outbox_report_fault(
			fault,
			&(OutboxReportFacts){.event = event, .header = key, .header_length = strlen(key)});
}

/* The stream's limits are none of a broadcast's. */
static void
check(const OutboxEvent *event, bool broadcast)
{
	OutboxEnvelopeOptions options = {.mode = outbox_settings.envelope,
									 .template = broadcast ? outbox_settings_broadcast_template()
														   : outbox_settings_template(),
									 .database = name_database(),
									 .broadcast = broadcast};
	OutboxEnvelopeLimits limits;
	OutboxReportFacts facts = {.event = event};
	OutboxFault fault;

	outbox_shared_limits(&limits.max_payload, &limits.max_message_size);
	if (broadcast)
		limits.max_message_size = -1;
	facts.limit_assumed = limits.max_payload <= 0;
	if (facts.limit_assumed)
		limits.max_payload = ASSUMED_MAX_PAYLOAD;
	fault = outbox_envelope_check(event, &options, &limits);
	if (fault == OUTBOX_FAULT_NONE)
		return;

	facts.limit = limits.max_payload;
	if (fault == OUTBOX_FAULT_OVER_MAX_MESSAGE_SIZE)
	{
		facts.limit = limits.max_message_size;
		facts.limit_assumed = false;
	}
	outbox_report_fault(fault, &facts);
}

/* A database that somebody is connected to cannot be renamed: looked up once. */
static const char *
name_database(void)
{
	static char name[4 * NAMEDATALEN];

	if (name[0] == '\0')
	{
		char *raw = get_database_name(MyDatabaseId);

		strlcpy(name, outbox_record_encode(raw, strlen(raw)), sizeof(name));
	}
	return name;
}

static void
lock_aggregate(const OutboxEvent *event)
{
	uint64 hash =
		hash_bytes_extended((const unsigned char *) event->aggregate, strlen(event->aggregate), 0);
	LOCKTAG tag;

	hash = hash_bytes_extended((const unsigned char *) event->aggregate_id,
							   strlen(event->aggregate_id), hash);
	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, (uint32) (hash >> 32), (uint32) hash, LOCK_CLASS);
	(void) LockAcquire(&tag, ExclusiveLock, false, false);
}

static void
write_draft(const OutboxEvent *event, OutboxDraft *draft)
{
	*draft = (OutboxDraft){.aggregate = event->aggregate,
						   .aggregate_id = decode(event->aggregate_id),
						   .action = event->action,
						   .has_version = event->has_version,
						   .version = event->version,
						   .content_type = decode(event->content_type),
						   .headers = decode(event->headers),
						   .payload = event->payload,
						   .payload_length = event->payload_length};
}

/* UTF-8 as text of the database. */
static const char *
decode(const char *value)
{
	if (GetDatabaseEncoding() == PG_UTF8)
		return value;
	return pg_any_to_server(value, strlen(value), PG_UTF8);
}
