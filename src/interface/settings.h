/*
 * settings.h
 *		The settings, outbox.*, as the rest of the interface reads them.
 */
#ifndef OUTBOX_INTERFACE_SETTINGS_H
#define OUTBOX_INTERFACE_SETTINGS_H

#include <stdbool.h>

typedef struct OutboxSettings
{
	/* server level: changed by reload */
	char *nats_url; /* list, comma separated */
	char *nats_credentials_file;
	char *nats_nkey_seed_file;
	char *nats_user;
	char *nats_password_file;
	char *nats_token_file;
	bool nats_tls;
	char *nats_tls_ca_file;
	char *nats_tls_cert_file;
	char *nats_tls_key_file;
	int connect_timeout; /* ms */
	int log_format; /* OutboxLogFormat */
	char *databases; /* list, comma separated; '' or '*': all */
	char *http_listen; /* '': nowhere */

	/* server level: fixed when the server starts */
	int broadcast_buffer; /* kB */

	/* per database */
	bool enabled;
	char *stream; /* '' or with {database}: OUTBOX_{database} */
	bool stream_create;
	char *subject_template;
	char *broadcast_template;
	int envelope; /* OutboxEnvelopeMode */
	int publish_mode; /* OutboxPublishMode */
	int publish_after; /* OutboxPublishAfter */
	int notifier; /* OutboxNotifier */
	int on_refusal; /* OutboxRefusalPolicy */
	char *notify_channel; /* '': off */
	int poll_interval; /* ms */
	int batch_size; /* events */
	int max_in_flight; /* messages */
	int max_in_flight_bytes; /* kB */
	int ack_timeout; /* ms */
	int retention; /* s */
	int hold_time; /* s */
	int retry_initial; /* ms */
	int retry_max; /* ms */
	bool serialize_aggregates;

	/* per session, captured at emit */
	char *traceparent;
	char *tracestate;
	char *correlation_id;
	char *causation_id;
	char *actor;
} OutboxSettings;

typedef enum OutboxLogFormat
{
	OUTBOX_LOG_TEXT,
	OUTBOX_LOG_JSON
} OutboxLogFormat;

typedef enum OutboxPublishMode
{
	OUTBOX_PUBLISH_FENCED, /* the stream is ours alone */
	OUTBOX_PUBLISH_SHARED /* others write to the stream, too */
} OutboxPublishMode;

typedef enum OutboxPublishAfter
{
	OUTBOX_PUBLISH_AFTER_LOCAL, /* durable here */
	OUTBOX_PUBLISH_AFTER_STANDBY /* and on the synchronous standbys */
} OutboxPublishAfter;

typedef enum OutboxNotifier
{
	OUTBOX_NOTIFIER_COMMIT,
	OUTBOX_NOTIFIER_POLL
} OutboxNotifier;

typedef enum OutboxRefusalPolicy
{
	OUTBOX_REFUSAL_BLOCK, /* later events of the aggregate wait */
	OUTBOX_REFUSAL_SKIP
} OutboxRefusalPolicy;

extern OutboxSettings outbox_settings;

/* outbox.subject_template and outbox.broadcast_template, parsed. */
extern const struct OutboxTemplate *outbox_settings_template(void);
extern const struct OutboxTemplate *outbox_settings_broadcast_template(void);

/* Defines all settings; from _PG_init only. */
extern void outbox_settings_define(void);

#endif
