/*
 * settings.c
 *		Defines the settings, outbox.*.
 *
 * Three kinds.  *Server level* (PGC_SIGHUP; PGC_POSTMASTER where shared memory
 * depends on it): where the broker is and how to log in; one value for all
 * relays, from the configuration file.  *Per database*
 * (PGC_SUSET): a superuser sets them with ALTER DATABASE ... SET; the relay
 * reads them when it starts and when the configuration is reloaded.  *Per
 * session* (PGC_USERSET): anyone's own.  A bad value is refused with the reason,
 * wherever it comes from.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/varlena.h"

#include "application/relay.h"
#include "domain/envelope.h"
#include "domain/subject.h"
#include "domain/template.h"
#include "interface/report.h"
#include "interface/settings.h"
#include "interface/syntax.h"

typedef struct SwitchRow
{
	const char *name;
	const char *summary;
	const char *detail;
	bool *variable;
	bool initial;
	GucContext context;
} SwitchRow;

typedef struct NumberRow
{
	const char *name;
	const char *summary;
	const char *detail;
	int *variable;
	int initial;
	int least;
	int most;
	GucContext context;
	int unit;
} NumberRow;

typedef struct ChoiceRow
{
	const char *name;
	const char *summary;
	const char *detail;
	int *variable;
	int initial;
	const struct config_enum_entry *options;
	GucContext context;
} ChoiceRow;

typedef struct TextRow
{
	const char *name;
	const char *summary;
	const char *detail;
	char **variable;
	const char *initial;
	GucContext context;
	int flags;
	GucStringCheckHook check;
	GucStringAssignHook assign;
} TextRow;

static bool check_broadcast_template(char **value, void **extra, GucSource source);
static bool check_channel(char **value, void **extra, GucSource source);
static bool check_context(char **value, void **extra, GucSource source);
static bool check_databases(char **value, void **extra, GucSource source);
static bool check_listen(char **value, void **extra, GucSource source);
static bool check_path(char **value, void **extra, GucSource source);
static bool check_servers(char **value, void **extra, GucSource source);
static bool check_stream(char **value, void **extra, GucSource source);
static bool check_template(char **value, void **extra, GucSource source);
static bool check_traceparent(char **value, void **extra, GucSource source);
static bool check_tracestate(char **value, void **extra, GucSource source);
static void assign_broadcast_template(const char *value, void *extra);
static void assign_template(const char *value, void *extra);
static bool accept(const char *flaw);

OutboxSettings outbox_settings;

static OutboxTemplate subject_template;
static OutboxTemplate broadcast_template;

static const struct config_enum_entry envelopes[] = {
	{"cloudevents", OUTBOX_ENVELOPE_CLOUDEVENTS, false},
	{"cloudevents-structured", OUTBOX_ENVELOPE_CLOUDEVENTS_STRUCTURED, false},
	{"plain", OUTBOX_ENVELOPE_PLAIN, false},
	{NULL, 0, false}};

static const struct config_enum_entry log_formats[] = {
	{"text", OUTBOX_LOG_TEXT, false}, {"json", OUTBOX_LOG_JSON, false}, {NULL, 0, false}};

static const struct config_enum_entry publish_moments[] = {
	{"local", OUTBOX_PUBLISH_AFTER_LOCAL, false},
	{"standby", OUTBOX_PUBLISH_AFTER_STANDBY, false},
	{NULL, 0, false}};

static const struct config_enum_entry publish_modes[] = {{"fenced", OUTBOX_PUBLISH_FENCED, false},
														 {"shared", OUTBOX_PUBLISH_SHARED, false},
														 {NULL, 0, false}};

static const struct config_enum_entry notifiers[] = {{"commit", OUTBOX_NOTIFIER_COMMIT, false},
													 {"poll", OUTBOX_NOTIFIER_POLL, false},
													 {NULL, 0, false}};

static const struct config_enum_entry refusal_policies[] = {
	{"block", OUTBOX_REFUSAL_BLOCK, false}, {"skip", OUTBOX_REFUSAL_SKIP, false}, {NULL, 0, false}};

static const SwitchRow switches[] = {
	{"outbox.enabled", "Publishes the events of this database.",
	 "When off, events are still recorded and wait.", &outbox_settings.enabled, true, PGC_SUSET},
	{"outbox.nats_tls", "Connects to NATS with TLS.",
	 "A server address with tls:// asks for TLS, too.", &outbox_settings.nats_tls, false,
	 PGC_SIGHUP},
	{"outbox.serialize_aggregates",
	 "Takes a lock per aggregate at emit, held until the transaction ends.",
	 "For writers that hold no row lock of the aggregate while they emit: keeps its events in "
	 "commit order. Each aggregate takes one entry of the server's lock table.",
	 &outbox_settings.serialize_aggregates, false, PGC_USERSET},
	{"outbox.stream_create", "Creates the stream when it is missing.",
	 "An existing stream is never altered.", &outbox_settings.stream_create, true, PGC_SUSET}};

static const NumberRow numbers[] = {
	{"outbox.ack_timeout", "Time to wait for the broker's acknowledgement of a message.",
	 "After it the outcome is unknown: the relay reconnects and looks at the stream.",
	 &outbox_settings.ack_timeout, 5000, 100, 600000, PGC_SUSET, GUC_UNIT_MS},
	{"outbox.batch_size", "Events that the relay reads at a time.", NULL,
	 &outbox_settings.batch_size, 500, 1, OUTBOX_RELAY_BATCH_MAX, PGC_SUSET, 0},
	{"outbox.broadcast_buffer", "Memory for broadcasts of one database on their way to its relay.",
	 "Reserved for each of max_worker_processes; 0: nothing is broadcast.",
	 &outbox_settings.broadcast_buffer, 2048, 0, 524288, PGC_POSTMASTER, GUC_UNIT_KB},
	{"outbox.connect_timeout", "Time to wait for a connection to NATS.", NULL,
	 &outbox_settings.connect_timeout, 5000, 100, 600000, PGC_SIGHUP, GUC_UNIT_MS},
	{"outbox.hold_time", "Least time to keep an event, whatever outbox.retention says.",
	 "A broker may lose what it has acknowledged until it syncs its files, in 2 minutes by default.",
	 &outbox_settings.hold_time, 600, 0, 86400, PGC_SUSET, GUC_UNIT_S | GUC_NOT_IN_SAMPLE},
	{"outbox.max_in_flight", "Messages that may wait for their acknowledgement at a time.", NULL,
	 &outbox_settings.max_in_flight, 1000, 1, OUTBOX_WINDOW_MAX, PGC_SUSET, 0},
	{"outbox.max_in_flight_bytes",
	 "Size of the messages that may wait for their acknowledgement at a time.",
	 "A single message may be larger.", &outbox_settings.max_in_flight_bytes, 4096, 64, 1048576,
	 PGC_SUSET, GUC_UNIT_KB},
	{"outbox.poll_interval", "Time between two looks for new events when nothing wakes the relay.",
	 NULL, &outbox_settings.poll_interval, 1000, 10, 3600000, PGC_SUSET, GUC_UNIT_MS},
	{"outbox.retention", "Time to keep an event after it was emitted and published.",
	 "Events go many at a time, so some stay half as long again.", &outbox_settings.retention, 3600,
	 0, 2000000, PGC_SUSET, GUC_UNIT_S},
	{"outbox.retry_initial", "Pause before the first retry after trouble with the broker.",
	 "It doubles with every further retry, up to outbox.retry_max.", &outbox_settings.retry_initial,
	 100, 1, 600000, PGC_SUSET, GUC_UNIT_MS},
	{"outbox.retry_max", "Longest pause between two retries after trouble with the broker.", NULL,
	 &outbox_settings.retry_max, 10000, 1, 3600000, PGC_SUSET, GUC_UNIT_MS}};

static const ChoiceRow choices[] = {
	{"outbox.envelope", "How an event looks on the wire.",
	 "cloudevents: attributes as headers; cloudevents-structured: one JSON document; plain: "
	 "payload and the outbox's own headers.",
	 &outbox_settings.envelope, OUTBOX_ENVELOPE_CLOUDEVENTS, envelopes, PGC_SUSET},
	{"outbox.log_format", "How relays and launcher write to the server's log.",
	 "text: as other messages; json: each message is one JSON object.", &outbox_settings.log_format,
	 OUTBOX_LOG_TEXT, log_formats, PGC_SIGHUP},
	{"outbox.notifier", "What wakes the relay.",
	 "commit: every commit of a transaction that emitted; poll: outbox.poll_interval alone.",
	 &outbox_settings.notifier, OUTBOX_NOTIFIER_COMMIT, notifiers, PGC_SUSET},
	{"outbox.on_refusal", "What a refused event means for later ones of its aggregate.",
	 "block: they wait until it is sent again or given up; skip: they pass.",
	 &outbox_settings.on_refusal, OUTBOX_REFUSAL_BLOCK, refusal_policies, PGC_SUSET},
	{"outbox.publish_after", "What must have an event before it is published.",
	 "local: this server's disk; standby: the synchronous standbys, too, whatever "
	 "synchronous_commit was.",
	 &outbox_settings.publish_after, OUTBOX_PUBLISH_AFTER_LOCAL, publish_moments, PGC_SUSET},
	{"outbox.publish_mode", "Whether the stream is this relay's alone.",
	 "fenced: it is, and each message names the sequence it must follow; shared: others write "
	 "to it, too, and message ids remove duplicates.",
	 &outbox_settings.publish_mode, OUTBOX_PUBLISH_FENCED, publish_modes, PGC_SUSET}};

static const TextRow texts[] = {
	{"outbox.actor", "Who causes the events of this session.",
	 "Printable ASCII, sent as header Outbox-Actor; empty: not sent.", &outbox_settings.actor, "",
	 PGC_USERSET, 0, check_context, NULL},
	{"outbox.broadcast_template", "Subject that outbox.broadcast sends to.",
	 "Placeholders as in outbox.subject_template; its subjects must not be those of the stream.",
	 &outbox_settings.broadcast_template, "broadcast.{database}.{aggregate}.{action}", PGC_SUSET, 0,
	 check_broadcast_template, assign_broadcast_template},
	{"outbox.causation_id", "Id of the message that causes the events of this session.",
	 "Printable ASCII, sent as header Outbox-Causation-Id; empty: not sent.",
	 &outbox_settings.causation_id, "", PGC_USERSET, 0, check_context, NULL},
	{"outbox.correlation_id", "Id of the conversation that the events of this session belong to.",
	 "Printable ASCII, sent as header Outbox-Correlation-Id; empty: not sent.",
	 &outbox_settings.correlation_id, "", PGC_USERSET, 0, check_context, NULL},
	{"outbox.databases", "Databases whose events may be published.",
	 "Comma-separated list; empty or *: all that have the extension.", &outbox_settings.databases,
	 "", PGC_SIGHUP, GUC_LIST_INPUT, check_databases, NULL},
	{"outbox.http_listen", "Address and port of the HTTP endpoint.",
	 "[ADDRESS:]PORT, an IPv6 address in brackets; 127.0.0.1 without an address; empty: there is "
	 "none.",
	 &outbox_settings.http_listen, "", PGC_SIGHUP, 0, check_listen, NULL},
	{"outbox.nats_credentials_file", "File with the credentials (JWT and seed) for NATS.", NULL,
	 &outbox_settings.nats_credentials_file, "", PGC_SIGHUP, GUC_SUPERUSER_ONLY, check_path, NULL},
	{"outbox.nats_nkey_seed_file", "File with the nkey seed for NATS.", NULL,
	 &outbox_settings.nats_nkey_seed_file, "", PGC_SIGHUP, GUC_SUPERUSER_ONLY, check_path, NULL},
	{"outbox.nats_password_file", "File with the password of outbox.nats_user.", NULL,
	 &outbox_settings.nats_password_file, "", PGC_SIGHUP, GUC_SUPERUSER_ONLY, check_path, NULL},
	{"outbox.nats_tls_ca_file", "File with the certificates that vouch for NATS servers.",
	 "Empty: those of the operating system.", &outbox_settings.nats_tls_ca_file, "", PGC_SIGHUP, 0,
	 check_path, NULL},
	{"outbox.nats_tls_cert_file", "File with the client certificate for NATS.", NULL,
	 &outbox_settings.nats_tls_cert_file, "", PGC_SIGHUP, 0, check_path, NULL},
	{"outbox.nats_tls_key_file", "File with the key of the client certificate for NATS.", NULL,
	 &outbox_settings.nats_tls_key_file, "", PGC_SIGHUP, GUC_SUPERUSER_ONLY, check_path, NULL},
	{"outbox.nats_token_file", "File with the token for NATS.", NULL,
	 &outbox_settings.nats_token_file, "", PGC_SIGHUP, GUC_SUPERUSER_ONLY, check_path, NULL},
	{"outbox.nats_url", "NATS servers.",
	 "Comma-separated list of [nats://|tls://]host[:port], without user or password.",
	 &outbox_settings.nats_url, "nats://127.0.0.1:4222", PGC_SIGHUP, GUC_LIST_INPUT, check_servers,
	 NULL},
	{"outbox.nats_user", "User name for NATS.", "Its password is in outbox.nats_password_file.",
	 &outbox_settings.nats_user, "", PGC_SIGHUP, GUC_SUPERUSER_ONLY, check_context, NULL},
	{"outbox.notify_channel", "Channel on which the relay announces what it has published.",
	 "For LISTEN; empty: it announces nothing.", &outbox_settings.notify_channel, "", PGC_SUSET, 0,
	 check_channel, NULL},
	{"outbox.stream", "Stream that the events are published to.",
	 "{database} stands for the database's name; empty: OUTBOX_{database}.",
	 &outbox_settings.stream, "OUTBOX_{database}", PGC_SUSET, 0, check_stream, NULL},
	{"outbox.subject_template", "Subject that an event is published to.",
	 "Placeholders: {database}, {aggregate}, {aggregate_id}, {action}.",
	 &outbox_settings.subject_template, "{database}.{aggregate}.{action}", PGC_SUSET, 0,
	 check_template, assign_template},
	{"outbox.traceparent", "W3C trace context of the events of this session.",
	 "Sent as header traceparent; empty: not sent.", &outbox_settings.traceparent, "", PGC_USERSET,
	 0, check_traceparent, NULL},
	{"outbox.tracestate", "W3C trace state of the events of this session.",
	 "Sent as header tracestate; empty: not sent.", &outbox_settings.tracestate, "", PGC_USERSET, 0,
	 check_tracestate, NULL}};

void
outbox_settings_define(void)
{
	for (int i = 0; i < lengthof(switches); i++)
	{
		const SwitchRow *row = &switches[i];

		DefineCustomBoolVariable(row->name, row->summary, row->detail, row->variable, row->initial,
								 row->context, 0, NULL, NULL, NULL);
	}
	for (int i = 0; i < lengthof(numbers); i++)
	{
		const NumberRow *row = &numbers[i];
		GucContext context = row->context;

		/* Who loads the library later cannot define such a one, and needs none. */
		if (context == PGC_POSTMASTER && !process_shared_preload_libraries_in_progress)
			context = PGC_SIGHUP;
		DefineCustomIntVariable(row->name, row->summary, row->detail, row->variable, row->initial,
								row->least, row->most, context, row->unit, NULL, NULL, NULL);
	}
	for (int i = 0; i < lengthof(choices); i++)
	{
		const ChoiceRow *row = &choices[i];

		DefineCustomEnumVariable(row->name, row->summary, row->detail, row->variable, row->initial,
								 row->options, row->context, 0, NULL, NULL, NULL);
	}
	for (int i = 0; i < lengthof(texts); i++)
	{
		const TextRow *row = &texts[i];

		DefineCustomStringVariable(row->name, row->summary, row->detail, row->variable,
								   row->initial, row->context, row->flags, row->check, row->assign,
								   NULL);
	}
	MarkGUCPrefixReserved("outbox");
}

const struct OutboxTemplate *
outbox_settings_template(void)
{
	return &subject_template;
}

const struct OutboxTemplate *
outbox_settings_broadcast_template(void)
{
	return &broadcast_template;
}

/* What the stream captures is compared by pattern, so there must be one. */
static bool
check_broadcast_template(char **value, void **extra, GucSource source)
{
	char pattern[OUTBOX_SUBJECT_SIZE];
	OutboxTemplate parsed;
	OutboxFault fault = outbox_template_parse(&parsed, *value);

	if (fault == OUTBOX_FAULT_NONE &&
		outbox_template_pattern(&parsed, "x", pattern, sizeof(pattern)) ==
			OUTBOX_FAULT_TEMPLATE_TOO_WIDE)
		return accept("Its first token varies with the event.");
	return accept(outbox_report_explain(fault));
}

static bool
check_channel(char **value, void **extra, GucSource source)
{
	return accept(outbox_syntax_channel(*value));
}

static bool
check_context(char **value, void **extra, GucSource source)
{
	return accept(outbox_syntax_context(*value));
}

static bool
check_databases(char **value, void **extra, GucSource source)
{
	char *copy = pstrdup(*value);
	List *names = NIL;
	bool legal = SplitIdentifierString(copy, ',', &names);

	list_free(names);
	pfree(copy);
	return accept(legal ? NULL
						: "The list is names separated by commas, in double quotes where a name "
						  "holds upper-case letters, commas or blanks.");
}

static bool
check_listen(char **value, void **extra, GucSource source)
{
	return accept(outbox_syntax_listen(*value));
}

static bool
check_path(char **value, void **extra, GucSource source)
{
	return accept(outbox_syntax_path(*value));
}

static bool
check_servers(char **value, void **extra, GucSource source)
{
	return accept(outbox_syntax_servers(*value));
}

static bool
check_stream(char **value, void **extra, GucSource source)
{
	return accept(outbox_syntax_stream(*value));
}

static bool
check_template(char **value, void **extra, GucSource source)
{
	OutboxTemplate parsed;

	return accept(outbox_report_explain(outbox_template_parse(&parsed, *value)));
}

static bool
check_traceparent(char **value, void **extra, GucSource source)
{
	return accept(outbox_syntax_traceparent(*value));
}

static bool
check_tracestate(char **value, void **extra, GucSource source)
{
	return accept(outbox_syntax_tracestate(*value));
}

static void
assign_template(const char *value, void *extra)
{
	(void) outbox_template_parse(&subject_template, value);
}

static void
assign_broadcast_template(const char *value, void *extra)
{
	(void) outbox_template_parse(&broadcast_template, value);
}

static bool
accept(const char *flaw)
{
	if (flaw != NULL)
		GUC_check_errdetail("%s", flaw);
	return flaw == NULL;
}
