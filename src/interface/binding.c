/*
 * binding.c
 *		The settings, put into the terms of the relay and of the broker.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"

#include "domain/subject.h"
#include "interface/binding.h"
#include "interface/report.h"
#include "interface/secret.h"
#include "interface/settings.h"

#define PERSIST_INTERVAL_US INT64CONST(200000)
#define SECRET_SIZE 4096

typedef struct Secrets
{
	char password[SECRET_SIZE];
	char token[SECRET_SIZE];
} Secrets;

static bool prepare_broadcasts(OutboxBinding *binding);
static bool name_stream(OutboxBinding *binding);
static bool read_secrets(OutboxBinding *binding, Secrets *secrets);
static bool is_set(const char *value);

bool
outbox_binding_prepare(OutboxBinding *binding)
{
	OutboxFault fault = outbox_template_parse(&binding->template, outbox_settings.subject_template);

	if (fault == OUTBOX_FAULT_NONE)
		fault = outbox_template_pattern(&binding->template, binding->database, binding->pattern,
										sizeof(binding->pattern));
	/* Without a pattern of our own no stream is made, but one may be there. */
	if (fault == OUTBOX_FAULT_TEMPLATE_TOO_WIDE && !outbox_settings.stream_create)
	{
		binding->pattern[0] = '\0';
		fault = OUTBOX_FAULT_NONE;
	}
	if (fault != OUTBOX_FAULT_NONE)
	{
		snprintf(binding->reason, sizeof(binding->reason), "outbox.subject_template: %s",
				 outbox_report_explain(fault));
		return false;
	}
	return name_stream(binding) && prepare_broadcasts(binding);
}

void
outbox_binding_relay(const OutboxBinding *binding, OutboxRelayOptions *options)
{
	memset(options, 0, sizeof(*options));
	options->retry_initial = outbox_settings.retry_initial * INT64CONST(1000);
	options->retry_max = outbox_settings.retry_max * INT64CONST(1000);
	options->ack_timeout = outbox_settings.ack_timeout * INT64CONST(1000);
	options->poll_interval = outbox_settings.poll_interval * INT64CONST(1000);
	options->persist_interval = PERSIST_INTERVAL_US;
	options->max_in_flight = Min(outbox_settings.max_in_flight, OUTBOX_WINDOW_MAX);
	options->max_in_flight_bytes = (size_t) outbox_settings.max_in_flight_bytes * 1024;
	options->batch_size = Min(outbox_settings.batch_size, OUTBOX_RELAY_BATCH_MAX);
	options->fenced = outbox_settings.publish_mode == OUTBOX_PUBLISH_FENCED;
	options->envelope.mode = outbox_settings.envelope;
	options->envelope.template = &binding->template;
	options->envelope.database = binding->database;
	options->envelope.uuid = binding->uuid;
	options->explain = outbox_report_explain;
	options->broadcast_template = &binding->broadcast_template;
}

bool
outbox_binding_broker(OutboxBinding *binding, OutboxNatsBroker *broker)
{
	Secrets secrets = {0};
	char token[1024] = "";
	char name[300];
	OutboxNatsOptions options = {
		.url = outbox_settings.nats_url,
		.name = name,
		.user = outbox_settings.nats_user,
		.password = secrets.password,
		.token = secrets.token,
		.nkey_seed_file = outbox_settings.nats_nkey_seed_file,
		.credentials_file = outbox_settings.nats_credentials_file,
		.tls = outbox_settings.nats_tls,
		.tls_ca_file = outbox_settings.nats_tls_ca_file,
		.tls_cert_file = outbox_settings.nats_tls_cert_file,
		.tls_key_file = outbox_settings.nats_tls_key_file,
		.stream = binding->stream,
		.stream_subject = binding->pattern,
		.stream_create = outbox_settings.stream_create,
		.broadcast_subject = binding->broadcast_pattern,
		.connect_timeout = outbox_settings.connect_timeout,
	};
	bool ready;

	/* Encoded, since libnats puts it into JSON as it is. */
	outbox_token_encode(token, sizeof(token), binding->database, strlen(binding->database));
	snprintf(name, sizeof(name), "cleanoutbox %s", token);
	ready = read_secrets(binding, &secrets);
	if (ready && !outbox_nats_broker_configure(broker, &options))
	{
		strlcpy(binding->reason, "out of memory", sizeof(binding->reason));
		ready = false;
	}
	outbox_secret_wipe(&secrets, sizeof(secrets));
	return ready;
}

static bool
prepare_broadcasts(OutboxBinding *binding)
{
	OutboxFault fault =
		outbox_template_parse(&binding->broadcast_template, outbox_settings.broadcast_template);

	if (fault == OUTBOX_FAULT_NONE)
		fault =
			outbox_template_pattern(&binding->broadcast_template, binding->database,
									binding->broadcast_pattern, sizeof(binding->broadcast_pattern));
	if (fault != OUTBOX_FAULT_NONE)
		snprintf(binding->reason, sizeof(binding->reason), "outbox.broadcast_template: %s",
				 outbox_report_explain(fault));
	return fault == OUTBOX_FAULT_NONE;
}

/* outbox.stream, with the database's name made a legal part of it. */
static bool
name_stream(OutboxBinding *binding)
{
	const char *setting =
		is_set(outbox_settings.stream) ? outbox_settings.stream : "OUTBOX_{database}";
	const char *place = strstr(setting, "{database}");
	char token[3 * sizeof(binding->database)]; /* three bytes for one at the most */
	size_t length;

	if (place == NULL)
		length = strlcpy(binding->stream, setting, sizeof(binding->stream));
	else
	{
		outbox_token_encode(token, sizeof(token), binding->database, strlen(binding->database));
		length = snprintf(binding->stream, sizeof(binding->stream), "%.*s%s%s",
						  (int) (place - setting), setting, token, place + strlen("{database}"));
	}
	if (length >= sizeof(binding->stream))
		snprintf(binding->reason, sizeof(binding->reason),
				 "outbox.stream: with the name of the database it is longer than %zu bytes",
				 sizeof(binding->stream) - 1);
	return length < sizeof(binding->stream);
}

static bool
read_secrets(OutboxBinding *binding, Secrets *secrets)
{
	const char *checked[] = {
		outbox_settings.nats_nkey_seed_file,
		outbox_settings.nats_credentials_file,
		outbox_settings.nats_tls_key_file,
	};

	for (int i = 0; i < lengthof(checked); i++)
		if (is_set(checked[i]) &&
			!outbox_secret_check(checked[i], binding->reason, sizeof(binding->reason)))
			return false;
	if (is_set(outbox_settings.nats_password_file) &&
		!outbox_secret_read(outbox_settings.nats_password_file, secrets->password, SECRET_SIZE,
							binding->reason, sizeof(binding->reason)))
		return false;
	return !is_set(outbox_settings.nats_token_file) ||
		   outbox_secret_read(outbox_settings.nats_token_file, secrets->token, SECRET_SIZE,
							  binding->reason, sizeof(binding->reason));
}

static bool
is_set(const char *value)
{
	return value != NULL && value[0] != '\0';
}
