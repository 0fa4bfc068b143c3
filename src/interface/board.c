/*
 * board.c
 *		All outboxes of the server as JSON, from shared memory alone.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/timestamp.h"

#include "interface/board.h"
#include "interface/notation.h"
#include "interface/standing.h"

/* From microseconds since 1970 to TimestampTz. */
#define UNIX_SHIFT_US ((POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY)

typedef struct Counter
{
	const char *name;
	size_t offset; /* in OutboxTallyCounts */
} Counter;

#define COUNTER(member)                              \
	{                                                \
#member, offsetof(OutboxTallyCounts, member) \
	}

static const Counter counters[] = {COUNTER(published), COUNTER(bytes),       COUNTER(acknowledged),
								   COUNTER(recalled),  COUNTER(duplicates),  COUNTER(refused),
								   COUNTER(sent),      COUNTER(connections), COUNTER(retries),
								   COUNTER(conflicts), COUNTER(checks),      COUNTER(lost),
								   COUNTER(repaired),  COUNTER(gone)};

static void write_database(StringInfo json, const OutboxOverview *overview);
static void write_state(StringInfo json, const OutboxOverview *overview);
static void write_gauges(StringInfo json, const OutboxOverview *overview);
static void write_counters(StringInfo json, const OutboxOverview *overview);
static void write_latency(StringInfo json, const OutboxTallyCounts *counts);
static void write_needs(StringInfo json, const OutboxOverview *overview,
						const OutboxStanding *standing);
static void write_need(StringInfo json, const OutboxStanding *standing, const char *name,
					   OutboxStandingPart part);
static void begin(StringInfo json, const OutboxOverview *overview);
static void word(StringInfo json, const char *name, const char *value);
static void moment(StringInfo json, const char *name, int64_t time);
static void count(StringInfo json, const char *name, int64_t value);
static void truth(StringInfo json, const char *name, bool value);

void
outbox_board_write(struct StringInfoData *json)
{
	int all;
	OutboxOverview *overviews = outbox_overview_read(&all);

	appendStringInfoString(json, "{\"now\":");
	outbox_notation_time(json, GetCurrentTimestamp());
	moment(json, "started", PgStartTime);
	word(json, "postgresql", PG_VERSION);
	appendStringInfoString(json, ",\"databases\":[");
	for (int i = 0; i < all; i++)
		write_database(json, &overviews[i]);
	appendStringInfoString(json, "]}\n");
}

bool
outbox_board_write_readiness(struct StringInfoData *json)
{
	int all;
	OutboxOverview *overviews = outbox_overview_read(&all);
	StringInfoData databases;
	bool ready = true;

	initStringInfo(&databases);
	for (int i = 0; i < all; i++)
	{
		OutboxStanding standing;

		outbox_standing_find(&standing, &overviews[i]);
		if (!standing.wanted)
			continue;
		write_needs(&databases, &overviews[i], &standing);
		ready = ready && standing.amiss == OUTBOX_STANDING_NOTHING;
	}
	/* Who answers here runs inside of a PostgreSQL that has finished its recovery. */
	appendStringInfo(json, "{\"ready\":%s,\"postgresql\":\"ok\",\"databases\":[%s]}\n",
					 ready ? "true" : "false", databases.data);
	return ready;
}

static void
write_database(StringInfo json, const OutboxOverview *overview)
{
	begin(json, overview);
	write_state(json, overview);
	write_gauges(json, overview);
	write_counters(json, overview);
	appendStringInfoString(json, ",\"latency\":");
	if (overview->tally.counted)
		write_latency(json, &overview->tally.counts);
	else
		appendStringInfoString(json, "null");
	appendStringInfoChar(json, '}');
}

static void
write_state(StringInfo json, const OutboxOverview *overview)
{
	const OutboxRelayStatus *relay = &overview->status;
	bool runs = overview->info.pid != 0;
	OutboxStanding standing;

	outbox_standing_find(&standing, overview);
	word(json, "state", standing.state);
	truth(json, "wanted", standing.wanted);
	truth(json, "well", standing.amiss == OUTBOX_STANDING_NOTHING);
	moment(json, "since", runs && relay->since != 0 ? relay->since : overview->info.since);
	word(json, "reason", standing.reason);
	word(json, "hint", standing.hint);
	word(json, "stream", relay->stream);
	count(json, "in_flight", runs ? (int64_t) relay->in_flight : 0);
	count(json, "to_repair", (int64_t) relay->waiting);
	moment(json, "last_ack", relay->last_ack_at);
	moment(json, "next_retry", runs ? relay->next_retry_at : 0);
}

/* As the relay knew them when it looked last; not known while none runs. */
static void
write_gauges(StringInfo json, const OutboxOverview *overview)
{
	const OutboxTallyGauges *gauges = &overview->tally.gauges;
	bool known = overview->tally.counted && overview->info.pid != 0;

	count(json, "backlog", known ? gauges->backlog : -1);
	moment(json, "oldest", known && gauges->oldest_at != 0 ? gauges->oldest_at - UNIX_SHIFT_US : 0);
	count(json, "dead_letters", known ? gauges->dead_letters : -1);
	count(json, "blocked_aggregates", known ? gauges->blocked : -1);
	count(json, "waiting", known ? gauges->waiting : -1);
}

static void
write_counters(StringInfo json, const OutboxOverview *overview)
{
	appendStringInfoString(json, ",\"counters\":{");
	for (int i = 0; i < lengthof(counters); i++)
	{
		uint64_t value;

		memcpy(&value, (const char *) &overview->tally.counts + counters[i].offset, sizeof(value));
		appendStringInfo(json, "%s\"%s\":" UINT64_FORMAT, i > 0 ? "," : "", counters[i].name,
						 value);
	}
	appendStringInfoChar(json, '}');
}

/* Bounds in seconds, of which the last is none, and how many events are in each bucket. */
static void
write_latency(StringInfo json, const OutboxTallyCounts *counts)
{
	appendStringInfoString(json, "{\"bounds\":[");
	for (int i = 0; i < OUTBOX_TALLY_BUCKETS - 1; i++)
		appendStringInfo(json, "%.6f,", (double) outbox_tally_bound(i) / 1000000.0);
	appendStringInfoString(json, "null],\"counts\":[");
	for (int i = 0; i < OUTBOX_TALLY_BUCKETS; i++)
		appendStringInfo(json, "%s" UINT64_FORMAT, i > 0 ? "," : "", counts->latencies[i]);
	appendStringInfoString(json, "]}");
}

static void
write_needs(StringInfo json, const OutboxOverview *overview, const OutboxStanding *standing)
{
	begin(json, overview);
	truth(json, "ready", standing->amiss == OUTBOX_STANDING_NOTHING);
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
	if (part < standing->amiss)
		word(json, name, "ok");
	else if (part > standing->amiss)
		word(json, name, "unknown");
	else if (standing->reason == NULL)
		word(json, name, standing->state);
	else
		word(json, name, psprintf("%s: %s", standing->state, standing->reason));
}

static void
begin(StringInfo json, const OutboxOverview *overview)
{
	if (json->len > 0 && json->data[json->len - 1] == '}')
		appendStringInfoChar(json, ',');
	appendStringInfoString(json, "{\"database\":");
	outbox_notation_text(json, overview->tally.database);
}

static void
word(StringInfo json, const char *name, const char *value)
{
	appendStringInfo(json, ",\"%s\":", name);
	outbox_notation_text(json, value);
}

static void
moment(StringInfo json, const char *name, int64_t time)
{
	appendStringInfo(json, ",\"%s\":", name);
	outbox_notation_time(json, time);
}

static void
count(StringInfo json, const char *name, int64_t value)
{
	appendStringInfo(json, ",\"%s\":", name);
	outbox_notation_count(json, value);
}

static void
truth(StringInfo json, const char *name, bool value)
{
	appendStringInfo(json, ",\"%s\":%s", name, value ? "true" : "false");
}
