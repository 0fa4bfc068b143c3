/*
 * prometheus.c
 *		The metrics of all databases in the text format of Prometheus.
 *
 * The samples of one name stand together (exposition.h), so all databases are read
 * first.
 */
#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "infrastructure/nats/library.h"
#include "infrastructure/postgres/statistics.h"
#include "interface/exposition.h"
#include "interface/overview.h"
#include "interface/prometheus.h"

#ifndef OUTBOX_VERSION
#define OUTBOX_VERSION "unknown"
#endif

/* From TimestampTz to microseconds since 1970. */
#define UNIX_SHIFT_US ((POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY)

PG_FUNCTION_INFO_V1(outbox_prometheus);

typedef struct Exposition
{
	StringInfo text;
	OutboxOverview *all;
	int count;
	int64 now; /* microseconds since 1970 */
} Exposition;

/* A counter in OutboxTallyCounts. */
typedef struct Counter
{
	const char *name;
	const char *help;
	size_t offset;
} Counter;

#define COUNTER(name, member, help)                     \
	{                                                   \
		name, help, offsetof(OutboxTallyCounts, member) \
	}

static const Counter counters[] = {
	COUNTER("outbox_published_events_total", published,
			"Events settled because the stream holds them."),
	COUNTER("outbox_published_bytes_total", bytes,
			"Bytes of the published events' messages, without those recalled."),
	COUNTER("outbox_acknowledged_events_total", acknowledged,
			"Published events whose own acknowledgement came."),
	COUNTER("outbox_recalled_events_total", recalled,
			"Published events that were found in the stream, and not sent again."),
	COUNTER("outbox_duplicate_answers_total", duplicates,
			"Answers that the broker had the message already."),
	COUNTER("outbox_refused_events_total", refused, "Events that became dead letters."),
	COUNTER("outbox_sent_messages_total", sent, "Messages handed to the broker, also again."),
	COUNTER("outbox_connections_total", connections, "Connections to the broker that opened."),
	COUNTER("outbox_retries_total", retries,
			"Connections, or tries to connect, that ended in trouble."),
	COUNTER("outbox_conflicts_total", conflicts,
			"Times that the stream did not stand where it should."),
	COUNTER("outbox_setbacks_total", setbacks,
			"Times that the stream lacked what it had acknowledged."),
	COUNTER("outbox_checks_total", checks, "Comparisons of the stream with what it should hold."),
	COUNTER("outbox_lost_events_total", lost,
			"Events that the broker lost after it had acknowledged them."),
	COUNTER("outbox_repaired_events_total", repaired, "Lost events sent again and stored."),
	COUNTER("outbox_gone_events_total", gone,
			"Lost events that were no longer retained, so could not be sent again."),
};

static const char *const fates[OUTBOX_FATES] = {
	"sent",           "dropped_offline", "dropped_captured", "dropped_full",
	"dropped_excess", "dropped_late",    "dropped_refused",
};

static void write_server(Exposition *out);
static void write_states(Exposition *out);
static void write_relays(Exposition *out);
static void write_backlog(Exposition *out);
static void write_counters(Exposition *out);
static void write_latency(Exposition *out);
static void write_types(Exposition *out);
static void write_type_family(Exposition *out, const char *name, size_t offset);
static void write_last_published(Exposition *out);
static void append_type(Exposition *out, const char *name, const OutboxOverview *one,
						const OutboxTallyType *type);
static void write_broadcasts(Exposition *out);
static void write_rules(Exposition *out, OutboxStatisticsKind kind);
static void begin(Exposition *out, const char *name, const char *type, const char *help);
static void append_name(Exposition *out, const char *name, const OutboxOverview *one);
static void put(Exposition *out, const char *name, const OutboxOverview *one, int64 value);
static void put_time(Exposition *out, const char *name, const OutboxOverview *one, int64 us);

/* outbox.prometheus() */
Datum
outbox_prometheus(PG_FUNCTION_ARGS)
{
	StringInfoData text;

	initStringInfo(&text);
	outbox_prometheus_write(&text);
	PG_RETURN_TEXT_P(cstring_to_text(pg_any_to_server(text.data, text.len, PG_UTF8)));
}

void
outbox_prometheus_write(struct StringInfoData *text)
{
	Exposition out = {.text = text, .now = GetCurrentTimestamp() + UNIX_SHIFT_US};

	out.all = outbox_overview_read(&out.count);
	write_server(&out);
	write_states(&out);
	write_relays(&out);
	write_backlog(&out);
	write_counters(&out);
	write_latency(&out);
	write_types(&out);
	write_broadcasts(&out);
	write_rules(&out, OUTBOX_STATISTICS_TRANSITION);
	write_rules(&out, OUTBOX_STATISTICS_VIOLATION);
}

static void
write_server(Exposition *out)
{
	const char *name = "outbox_build_info";

	begin(out, name, "gauge", "Versions of cleanoutbox, PostgreSQL and libnats; always 1.");
	appendStringInfo(out->text, "%s{", name);
	outbox_exposition_label(out->text, "version", OUTBOX_VERSION);
	appendStringInfoChar(out->text, ',');
	outbox_exposition_label(out->text, "postgresql",
							GetConfigOption("server_version", false, false));
	appendStringInfoChar(out->text, ',');
	outbox_exposition_label(out->text, "libnats", outbox_library_version());
	appendStringInfoString(out->text, "} 1\n");

	name = "outbox_launcher_up";
	begin(out, name, "gauge",
		  "Whether the launcher runs, which starts the relays; on a standby it does not.");
	appendStringInfo(out->text, "%s %d\n", name, outbox_shared_has_launcher());
}

static void
write_states(Exposition *out)
{
	const char *name = "outbox_relay_state";

	begin(out, name, "gauge",
		  "1 for the state that the database's outbox is in, 0 for all others.");
	for (int i = 0; i < out->count; i++)
	{
		const char *state = outbox_overview_state(&out->all[i]);

		for (int j = 0; outbox_overview_states[j] != NULL; j++)
		{
			append_name(out, name, &out->all[i]);
			appendStringInfoChar(out->text, ',');
			outbox_exposition_label(out->text, "state", outbox_overview_states[j]);
			appendStringInfo(out->text, "} %d\n", outbox_overview_states[j] == state);
		}
	}
}

static void
write_relays(Exposition *out)
{
	begin(out, "outbox_relay_up", "gauge", "Whether the database's relay runs.");
	for (int i = 0; i < out->count; i++)
		put(out, "outbox_relay_up", &out->all[i], out->all[i].info.pid != 0);

	begin(out, "outbox_relay_failures", "gauge", "Ends of the relay by an error, in a row.");
	for (int i = 0; i < out->count; i++)
		put(out, "outbox_relay_failures", &out->all[i], out->all[i].info.failures);

	begin(out, "outbox_in_flight_messages", "gauge", "Messages that wait for their answer.");
	for (int i = 0; i < out->count; i++)
		put(out, "outbox_in_flight_messages", &out->all[i],
			out->all[i].info.pid != 0 ? out->all[i].status.in_flight : 0);

	begin(out, "outbox_to_repair_events", "gauge",
		  "Events that the broker has lost and that are still to be sent again.");
	for (int i = 0; i < out->count; i++)
		put(out, "outbox_to_repair_events", &out->all[i], (int64) out->all[i].status.waiting);

	begin(out, "outbox_stream_last_sequence", "gauge",
		  "The highest sequence that the relay knows of its stream.");
	for (int i = 0; i < out->count; i++)
		if (out->all[i].info.pid != 0)
			put(out, "outbox_stream_last_sequence", &out->all[i],
				(int64) out->all[i].status.last_sequence);

	begin(out, "outbox_last_published_timestamp_seconds", "gauge",
		  "When the relay that runs has published something last, since 1970.");
	for (int i = 0; i < out->count; i++)
		if (out->all[i].info.pid != 0 && out->all[i].status.last_ack_at != 0)
			put_time(out, "outbox_last_published_timestamp_seconds", &out->all[i],
					 out->all[i].status.last_ack_at + UNIX_SHIFT_US);
}

/* As the relay knew it when it looked last: within a second, or ten while only dead letters are left. */
static void
write_backlog(Exposition *out)
{
	static const Counter gauges[] = {
		{"outbox_backlog_events",
		 "Committed events that are not published: exactly 0 when idle, else estimated once a "
		 "second from ids, of which those of rolled back and open transactions count as well.",
		 offsetof(OutboxTallyGauges, backlog)},
		{"outbox_dead_letters",
		 "Dead letters that are not given up; counted exactly, every 10 seconds while there are any.",
		 offsetof(OutboxTallyGauges, dead_letters)},
		{"outbox_blocked_aggregates",
		 "Aggregates whose events wait behind a dead letter; counted exactly, every 10 seconds at "
		 "least.",
		 offsetof(OutboxTallyGauges, blocked)},
		{"outbox_waiting_events",
		 "Events that wait behind a dead letter; counted exactly, every 10 seconds while there are any.",
		 offsetof(OutboxTallyGauges, waiting)},
	};
	const char *name = "outbox_oldest_pending_seconds";

	for (int j = 0; j < lengthof(gauges); j++)
	{
		begin(out, gauges[j].name, "gauge", gauges[j].help);
		for (int i = 0; i < out->count; i++)
		{
			const OutboxOverview *one = &out->all[i];
			int64 value = *(int64 *) ((char *) &one->tally.gauges + gauges[j].offset);

			if (one->tally.counted && one->info.pid != 0 && value >= 0)
				put(out, gauges[j].name, one, value);
		}
	}
	begin(out, name, "gauge",
		  "Age of the oldest event that is not published, 0 when idle; of one that the relay could "
		  "not fetch yet, the time since it noticed.");
	for (int i = 0; i < out->count; i++)
	{
		const OutboxOverview *one = &out->all[i];
		int64 since = one->tally.gauges.oldest_at;

		if (one->tally.counted && one->info.pid != 0)
			put_time(out, name, one, since == 0 ? 0 : Max(out->now - since, 0));
	}
}

static void
write_counters(Exposition *out)
{
	const char *name = "outbox_stats_reset_timestamp_seconds";

	for (int j = 0; j < lengthof(counters); j++)
	{
		begin(out, counters[j].name, "counter", counters[j].help);
		for (int i = 0; i < out->count; i++)
			if (out->all[i].tally.counted)
				put(out, counters[j].name, &out->all[i],
					*(int64 *) ((char *) &out->all[i].tally.counts + counters[j].offset));
	}
	begin(out, name, "gauge", "Since when the relay's counters count, since 1970.");
	for (int i = 0; i < out->count; i++)
		if (out->all[i].tally.counted)
			put_time(out, name, &out->all[i], out->all[i].tally.counts.since);
}

static void
write_latency(Exposition *out)
{
	const char *name = "outbox_latency_seconds";

	begin(
		out, name, "histogram",
		"Time from emit to the broker's acknowledgement, with the rest of the event's transaction.");
	for (int i = 0; i < out->count; i++)
	{
		const OutboxOverview *one = &out->all[i];
		const OutboxTallyCounts *counts = &one->tally.counts;
		uint64 sum = 0;

		for (int j = 0; one->tally.counted && j < OUTBOX_TALLY_BUCKETS; j++)
		{
			append_name(out, "outbox_latency_seconds_bucket", one);
			appendStringInfoString(out->text, ",le=\"");
			if (outbox_tally_bound(j) == PG_INT64_MAX)
				appendStringInfoString(out->text, "+Inf");
			else
				outbox_exposition_seconds(out->text, outbox_tally_bound(j));
			sum += counts->latencies[j];
			appendStringInfo(out->text, "\"} " UINT64_FORMAT "\n", sum);
		}
		if (!one->tally.counted)
			continue;
		put_time(out, "outbox_latency_seconds_sum", one, (int64) counts->latency);
		put(out, "outbox_latency_seconds_count", one, (int64) sum);
	}
}

static void
write_types(Exposition *out)
{
	begin(out, "outbox_event_type_published_events_total", "counter",
		  "Published events by type; those without names are of types beyond the first 500.");
	write_type_family(out, "outbox_event_type_published_events_total",
					  offsetof(OutboxTallyType, published));
	begin(out, "outbox_event_type_published_bytes_total", "counter",
		  "Bytes of the published events' messages by type, without those recalled.");
	write_type_family(out, "outbox_event_type_published_bytes_total",
					  offsetof(OutboxTallyType, bytes));
	begin(out, "outbox_event_type_refused_events_total", "counter",
		  "Events that became dead letters, by type.");
	write_type_family(out, "outbox_event_type_refused_events_total",
					  offsetof(OutboxTallyType, refused));
	write_last_published(out);
}

static void
write_type_family(Exposition *out, const char *name, size_t offset)
{
	for (int i = 0; i < out->count; i++)
		for (int j = 0; j < out->all[i].type_count; j++)
		{
			const OutboxTallyType *type = &out->all[i].types[j];

			append_type(out, name, &out->all[i], type);
			appendStringInfo(out->text, UINT64_FORMAT "\n", *(uint64 *) ((char *) type + offset));
		}
}

static void
write_last_published(Exposition *out)
{
	const char *name = "outbox_event_type_last_published_timestamp_seconds";

	begin(out, name, "gauge", "When an event of the type was published last, since 1970.");
	for (int i = 0; i < out->count; i++)
		for (int j = 0; j < out->all[i].type_count; j++)
		{
			const OutboxTallyType *type = &out->all[i].types[j];

			if (type->last_published_at == 0)
				continue;
			append_type(out, name, &out->all[i], type);
			outbox_exposition_seconds(out->text, type->last_published_at);
			appendStringInfoChar(out->text, '\n');
		}
}

static void
append_type(Exposition *out, const char *name, const OutboxOverview *one,
			const OutboxTallyType *type)
{
	append_name(out, name, one);
	appendStringInfoChar(out->text, ',');
	outbox_exposition_label(out->text, "aggregate", type->aggregate);
	appendStringInfoChar(out->text, ',');
	outbox_exposition_label(out->text, "action", type->action);
	appendStringInfoString(out->text, "} ");
}

static void
write_broadcasts(Exposition *out)
{
	const char *name = "outbox_broadcasts_total";

	begin(out, name, "counter",
		  "What became of broadcasts since the server started, as in outbox.stat_broadcast.");
	for (int i = 0; i < out->count; i++)
		for (int fate = 0; fate < OUTBOX_FATES; fate++)
		{
			append_name(out, name, &out->all[i]);
			appendStringInfoChar(out->text, ',');
			outbox_exposition_label(out->text, "fate", fates[fate]);
			appendStringInfo(out->text, "} " UINT64_FORMAT "\n",
							 out->all[i].broadcasts.fates[fate]);
		}
	name = "outbox_broadcast_waiting_bytes";
	begin(out, name, "gauge", "Bytes of the broadcast buffer that are in use.");
	for (int i = 0; i < out->count; i++)
		put(out, name, &out->all[i], (int64) out->all[i].broadcasts.waiting);
}

static void
write_rules(Exposition *out, OutboxStatisticsKind kind)
{
	bool transition = kind == OUTBOX_STATISTICS_TRANSITION;
	const char *name = transition ? "outbox_transitions_total" : "outbox_rule_violations_total";

	begin(out, name, "counter",
		  transition
			  ? "Transitions of aggregates from one state to another since the server started."
			  : "Violations of aggregates' rules since the server started.");
	for (int i = 0; i < out->count; i++)
		for (int j = 0; j < outbox_statistics_limit(); j++)
		{
			OutboxStatisticsEntry entry;

			if (!outbox_statistics_read(out->all[i].slot, j, &entry) || entry.kind != kind)
				continue;
			append_name(out, name, &out->all[i]);
			appendStringInfoChar(out->text, ',');
			outbox_exposition_label(out->text, "aggregate", entry.names[0]);
			appendStringInfoChar(out->text, ',');
			outbox_exposition_label(out->text, transition ? "from" : "rule", entry.names[1]);
			if (transition)
			{
				appendStringInfoChar(out->text, ',');
				outbox_exposition_label(out->text, "to", entry.names[2]);
			}
			appendStringInfo(out->text, "} " UINT64_FORMAT "\n", entry.count);
		}
}

static void
begin(Exposition *out, const char *name, const char *type, const char *help)
{
	outbox_exposition_begin(out->text, name, type, help);
}

/* Appends name{database="...", still open. */
static void
append_name(Exposition *out, const char *name, const OutboxOverview *one)
{
	appendStringInfo(out->text, "%s{", name);
	outbox_exposition_label(out->text, "database", one->tally.database);
}

static void
put(Exposition *out, const char *name, const OutboxOverview *one, int64 value)
{
	append_name(out, name, one);
	appendStringInfo(out->text, "} " INT64_FORMAT "\n", value);
}

static void
put_time(Exposition *out, const char *name, const OutboxOverview *one, int64 us)
{
	append_name(out, name, one);
	appendStringInfoString(out->text, "} ");
	outbox_exposition_seconds(out->text, us);
	appendStringInfoChar(out->text, '\n');
}
