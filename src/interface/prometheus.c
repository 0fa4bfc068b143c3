/*
 * prometheus.c
 *		The metrics of all databases, in the text format of Prometheus.
 */
#include "postgres.h"

#include "lib/stringinfo.h"

#include "interface/prometheus.h"
#include "interface/standing.h"

typedef struct Metric
{
	const char *name;
	const char *help;
	size_t offset; /* of the counter, in OutboxRelayStatus */
} Metric;

static const Metric counters[] = {
	{"outbox_published_total", "Events that the broker has acknowledged.",
	 offsetof(OutboxRelayStatus, published)},
	{"outbox_published_bytes_total", "Bytes of their payloads.",
	 offsetof(OutboxRelayStatus, bytes)},
	{"outbox_duplicates_total", "Events sent again that the broker knew already.",
	 offsetof(OutboxRelayStatus, duplicates)},
	{"outbox_retries_total", "Connections begun anew.", offsetof(OutboxRelayStatus, retries)},
	{"outbox_refused_total", "Events that the broker has refused.",
	 offsetof(OutboxRelayStatus, refused)}};

static void write_states(StringInfo text);
static void write_counter(StringInfo text, const Metric *metric);
static void write_label(StringInfo text, const char *value);

void
outbox_prometheus_write(struct StringInfoData *text)
{
	write_states(text);
	for (int i = 0; i < lengthof(counters); i++)
		write_counter(text, &counters[i]);
}

static void
write_states(StringInfo text)
{
	appendStringInfoString(text,
						   "# HELP outbox_relay_state 1 for the state that the outbox is in.\n"
						   "# TYPE outbox_relay_state gauge\n");
	for (int slot = 0; slot < outbox_shared_count(); slot++)
	{
		OutboxStanding standing;

		if (!outbox_standing_read(slot, &standing))
			continue;
		appendStringInfoString(text, "outbox_relay_state{database=");
		write_label(text, standing.database);
		appendStringInfoString(text, ",state=");
		write_label(text, standing.state);
		appendStringInfoString(text, "} 1\n");
	}
}

static void
write_counter(StringInfo text, const Metric *metric)
{
	appendStringInfo(text, "# HELP %s %s\n# TYPE %s counter\n", metric->name, metric->help,
					 metric->name);
	for (int slot = 0; slot < outbox_shared_count(); slot++)
	{
		OutboxStanding standing;
		uint64_t count;

		if (!outbox_standing_read(slot, &standing))
			continue;
		memcpy(&count, (const char *) &standing.relay + metric->offset, sizeof(count));
		appendStringInfo(text, "%s{database=", metric->name);
		write_label(text, standing.database);
		appendStringInfo(text, "} " UINT64_FORMAT "\n", count);
	}
}

static void
write_label(StringInfo text, const char *value)
{
	appendStringInfoChar(text, '"');
	for (; *value != '\0'; value++)
	{
		if (*value == '"' || *value == '\\')
			appendStringInfoChar(text, '\\');
		if (*value == '\n')
			appendStringInfoString(text, "\\n");
		else
			appendStringInfoChar(text, *value);
	}
	appendStringInfoChar(text, '"');
}
