/*
 * options.h
 *		How to reach the broker, as plain strings.
 *
 * Whoever fills the struct has read the secrets from their files already, save
 * for the two that the library reads itself (credentials and certificates).
 * NULL and "" both mean "not set".
 */
#ifndef OUTBOX_INFRASTRUCTURE_NATS_OPTIONS_H
#define OUTBOX_INFRASTRUCTURE_NATS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OUTBOX_NATS_STREAM_SIZE 256 /* of a stream's name, with the NUL */

typedef struct OutboxNatsOptions
{
	const char *url; /* one or several, comma separated; never user:password@ */
	const char *name; /* how the connection shows in the server's monitoring */
	const char *user;
	const char *password;
	const char *token;
	const char *nkey_seed_file;
	const char *credentials_file;
	bool tls; /* also on when a tls_ file is set or a URL says tls:// */
	const char *tls_ca_file; /* unset: the system's certificates */
	const char *tls_cert_file; /* client certificate, with tls_key_file */
	const char *tls_key_file;
	const char *stream; /* the stream that keeps the events */
	const char *stream_subject; /* what all subjects look like: "shop.*.*" */
	bool stream_create; /* make the stream when it is missing */
	int64_t create_after; /* but not before the adapter's clock shows this */
	const char *broadcast_subject; /* what the subjects of broadcasts look like */
	int64_t duplicate_window; /* nanoseconds, of a stream made; 0: 10 minutes */
	int connect_timeout; /* milliseconds for all of connect; 0: 5000 */
} OutboxNatsOptions;

/* A copy of all strings in one piece of memory; NULL: out of memory. */
extern OutboxNatsOptions *outbox_nats_options_copy(const OutboxNatsOptions *options);

/* Forgets a copy, secrets first. */
extern void outbox_nats_options_free(OutboxNatsOptions *options);

/* Is TLS asked for by the switch, by a file or by a URL? */
extern bool outbox_nats_options_secure(const OutboxNatsOptions *options);

/*
 * False, with the reason in text, when the options contradict each other or
 * would send credentials in plain text over a network.
 */
extern bool outbox_nats_options_check(const OutboxNatsOptions *options, char *text, size_t size);

#endif
