/*
 * board.c
 *		All outboxes of the server as JSON, from shared memory alone.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/timestamp.h"

#include "interface/notation.h"
#include "interface/board.h"
#include "interface/standing.h"

static void write_database(StringInfo json, const OutboxStanding *standing);
static void write_counters(StringInfo json, const OutboxRelayStatus *relay);
static void write_needs(StringInfo json, const OutboxStanding *standing);
static void write_need(StringInfo json, const OutboxStanding *standing, const char *name,
					   OutboxStandingPart part);
static const char *reason_of(const OutboxStanding *standing);
static void separate(StringInfo json);

void
outbox_board_write(struct StringInfoData *json)
{
	appendStringInfoString(json, "{\"now\":");
	outbox_notation_time(json, GetCurrentTimestamp());
	appendStringInfoString(json, ",\"started\":");
	outbox_notation_time(json, PgStartTime);
	appendStringInfoString(json, ",\"postgresql\":");
	outbox_notation_text(json, PG_VERSION);
	appendStringInfoString(json, ",\"databases\":[");
	for (int slot = 0; slot < outbox_shared_count(); slot++)
	{
		OutboxStanding standing;

		if (outbox_standing_read(slot, &standing))
			write_database(json, &standing);
	}
	appendStringInfoString(json, "]}\n");
}

bool
outbox_board_write_readiness(struct StringInfoData *json)
{
	StringInfoData databases;
	bool ready = true;

	initStringInfo(&databases);
	for (int slot = 0; slot < outbox_shared_count(); slot++)
	{
		OutboxStanding standing;

		if (!outbox_standing_read(slot, &standing) || !standing.wanted)
			continue;
		write_needs(&databases, &standing);
		ready = ready && standing.amiss == OUTBOX_STANDING_NOTHING;
	}
	/* Who answers here runs inside of a PostgreSQL that has finished its recovery. */
	appendStringInfo(json, "{\"ready\":%s,\"postgresql\":\"ok\",\"databases\":[%s]}\n",
					 ready ? "true" : "false", databases.data);
	pfree(databases.data);
	return ready;
}

static void
write_database(StringInfo json, const OutboxStanding *standing)
{
	const OutboxRelayStatus *relay = &standing->relay;

	separate(json);
	appendStringInfoString(json, "{\"database\":");
	outbox_notation_text(json, standing->database);
	appendStringInfoString(json, ",\"state\":");
	outbox_notation_text(json, standing->state);
	appendStringInfo(json,
					 ",\"wanted\":%s,\"well\":%s,\"since\":", standing->wanted ? "true" : "false",
					 standing->amiss == OUTBOX_STANDING_NOTHING ? "true" : "false");
	outbox_notation_time(json, standing->since);
	appendStringInfoString(json, ",\"reason\":");
	outbox_notation_text(json, reason_of(standing));
	appendStringInfoString(json, ",\"hint\":");
	outbox_notation_text(json, standing->hint);
	appendStringInfoString(json, ",\"stream\":");
	outbox_notation_text(json, relay->stream);
	appendStringInfoString(json, ",\"backlog\":");
	outbox_notation_count(json, standing->backlog);
	appendStringInfoString(json, ",\"oldest\":");
	outbox_notation_time(json, standing->oldest);
	appendStringInfoString(json, ",\"dead_letters\":");
	outbox_notation_count(json, standing->dead_letters);
	appendStringInfoString(json, ",\"blocked_aggregates\":");
	outbox_notation_count(json, standing->blocked_aggregates);
	appendStringInfo(json, ",\"in_flight\":%u,\"last_ack\":", relay->in_flight);
	outbox_notation_time(json, relay->last_ack_at);
	appendStringInfoString(json, ",\"next_retry\":");
	outbox_notation_time(json, relay->next_retry_at);
	write_counters(json, relay);
	appendStringInfoChar(json, '}');
}

/* They begin anew with the relay. */
static void
write_counters(StringInfo json, const OutboxRelayStatus *relay)
{
	const struct
	{
		const char *name;
		uint64_t count;
	} counters[] = {
		{"published", relay->published},
		{"bytes", relay->bytes},
		{"duplicates", relay->duplicates},
		{"retries", relay->retries},
		{"refused", relay->refused},
		{"conflicts", relay->conflicts},
		{"lost", relay->lost},
		{"repaired", relay->repaired},
		{"gone", relay->gone},
		{"to_repair", relay->waiting},
	};

	appendStringInfoString(json, ",\"counters\":{");
	for (int i = 0; i < lengthof(counters); i++)
		appendStringInfo(json, "%s\"%s\":" UINT64_FORMAT, i > 0 ? "," : "", counters[i].name,
						 counters[i].count);
	appendStringInfoChar(json, '}');
}

static void
write_needs(StringInfo json, const OutboxStanding *standing)
{
	separate(json);
	appendStringInfoString(json, "{\"database\":");
	outbox_notation_text(json, standing->database);
	appendStringInfo(json, ",\"ready\":%s",
					 standing->amiss == OUTBOX_STANDING_NOTHING ? "true" : "false");
	write_need(json, standing, "relay", OUTBOX_STANDING_RELAY);
	write_need(json, standing, "broker", OUTBOX_STANDING_BROKER);
	write_need(json, standing, "stream", OUTBOX_STANDING_STREAM);
	appendStringInfoChar(json, '}');
}

/* What comes after the part that is amiss is not known. */
static void
write_need(StringInfo json, const OutboxStanding *standing, const char *name,
		   OutboxStandingPart part)
{
	const char *reason = reason_of(standing);

	appendStringInfo(json, ",\"%s\":", name);
	if (part < standing->amiss)
		appendStringInfoString(json, "\"ok\"");
	else if (part > standing->amiss)
		appendStringInfoString(json, "\"unknown\"");
	else if (reason == NULL)
		outbox_notation_text(json, standing->state);
	else
		outbox_notation_text(json, psprintf("%s: %s", standing->state, reason));
}

static const char *
reason_of(const OutboxStanding *standing)
{
	return standing->relay.text[0] != '\0' ? standing->relay.text : NULL;
}

static void
separate(StringInfo json)
{
	if (json->len > 0 && json->data[json->len - 1] == '}')
		appendStringInfoChar(json, ',');
}
