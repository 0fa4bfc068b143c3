/*
 * options.c
 *		Copying and checking what was configured.
 */
#include "infrastructure/nats/options.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "infrastructure/nats/url.h"

#define DEFAULT_CONNECT_TIMEOUT 5000

/* A copy and, right behind it, its strings. */
typedef struct Copy
{
	OutboxNatsOptions options;
	size_t size; /* of everything */
} Copy;

/* Where the strings of the struct are. */
static const size_t string_fields[] = {
	offsetof(OutboxNatsOptions, url),
	offsetof(OutboxNatsOptions, name),
	offsetof(OutboxNatsOptions, user),
	offsetof(OutboxNatsOptions, password),
	offsetof(OutboxNatsOptions, token),
	offsetof(OutboxNatsOptions, nkey_seed_file),
	offsetof(OutboxNatsOptions, credentials_file),
	offsetof(OutboxNatsOptions, tls_ca_file),
	offsetof(OutboxNatsOptions, tls_cert_file),
	offsetof(OutboxNatsOptions, tls_key_file),
	offsetof(OutboxNatsOptions, stream),
	offsetof(OutboxNatsOptions, stream_subject),
	offsetof(OutboxNatsOptions, broadcast_subject),
};

#define STRING_FIELDS (sizeof(string_fields) / sizeof(string_fields[0]))

static const char **
field(OutboxNatsOptions *options, size_t i)
{
	return (const char **) (void *) ((char *) options + string_fields[i]);
}

static bool
given(const char *string)
{
	return string != NULL && string[0] != '\0';
}

OutboxNatsOptions *
outbox_nats_options_copy(const OutboxNatsOptions *options)
{
	OutboxNatsOptions source = *options;
	size_t size = sizeof(Copy);
	Copy *copy;
	char *at;

	for (size_t i = 0; i < STRING_FIELDS; i++)
		if (given(*field(&source, i)))
			size += strlen(*field(&source, i)) + 1;

	copy = malloc(size);
	if (copy == NULL)
		return NULL;
	copy->options = source;
	copy->size = size;
	if (copy->options.connect_timeout <= 0)
		copy->options.connect_timeout = DEFAULT_CONNECT_TIMEOUT;

	at = (char *) (copy + 1);
	for (size_t i = 0; i < STRING_FIELDS; i++)
	{
		const char **string = field(&copy->options, i);

		if (given(*string))
		{
			size_t length = strlen(*string) + 1;

			*string = memcpy(at, *string, length);
			at += length;
		}
		else
			*string = NULL;
	}
	return &copy->options;
}

void
outbox_nats_options_free(OutboxNatsOptions *options)
{
	Copy *copy = (Copy *) options;

	if (copy == NULL)
		return;
	OPENSSL_cleanse(copy, copy->size);
	free(copy);
}

bool
outbox_nats_options_secure(const OutboxNatsOptions *options)
{
	const char *list = options->url;
	OutboxNatsUrl url;

	if (options->tls || given(options->tls_ca_file) || given(options->tls_cert_file))
		return true;
	while (outbox_nats_url_next(&list, &url))
		if (url.tls)
			return true;
	return false;
}

/* Says what is wrong and returns false. */
static bool
refuse(char *text, size_t size, const char *reason)
{
	snprintf(text, size, "%s", reason);
	return false;
}

static bool
check_login(const OutboxNatsOptions *options, char *text, size_t size)
{
	int kinds = given(options->user) + given(options->token) + given(options->nkey_seed_file) +
				given(options->credentials_file);

	if (kinds > 1)
		return refuse(text, size, "only one of user, token, nkey and credentials file can be used");
	if (given(options->password) && !given(options->user))
		return refuse(text, size, "a password is set without a user");
	if (given(options->tls_cert_file) != given(options->tls_key_file))
		return refuse(text, size, "a client certificate and its key must be set together");
	return true;
}

/*
 * An nkey only signs what the server asks; everything else would let a listener
 * log in.
 */
static bool
sends_secret(const OutboxNatsOptions *options)
{
	return given(options->user) || given(options->token) || given(options->credentials_file);
}

static bool
check_urls(const OutboxNatsOptions *options, char *text, size_t size)
{
	bool exposed = sends_secret(options) && !outbox_nats_options_secure(options);
	const char *list = options->url;
	OutboxNatsUrl url;
	int count = 0;

	for (; outbox_nats_url_next(&list, &url); count++)
	{
		if (url.user)
			return refuse(text, size, "a URL must not contain a user or password");
		if (!url.legal)
			return refuse(text, size, "a URL must look like nats://host:port or tls://host:port");
		if (exposed && !url.loopback)
		{
			snprintf(text, size,
					 "credentials would be sent in plain text to host \"%.*s\"; use TLS",
					 (int) (url.host_length < 100 ? url.host_length : 100), url.host);
			return false;
		}
	}
	return count > 0 || refuse(text, size, "no URL of a NATS server is set");
}

/* Only visible ASCII, none of these, and nothing that JSON would escape? */
static bool
plain(const char *string, const char *illegal)
{
	for (; *string != '\0'; string++)
		if (*string <= ' ' || *string >= '\177' || *string == '"' || *string == '\\' ||
			strchr(illegal, *string) != NULL)
			return false;
	return true;
}

static bool
check_stream(const OutboxNatsOptions *options, char *text, size_t size)
{
	if (!given(options->stream) || !given(options->stream_subject))
		return refuse(text, size, "no stream is set");
	if (strlen(options->stream) >= OUTBOX_NATS_STREAM_SIZE)
		return refuse(text, size, "the stream's name is longer than 255 bytes");
	if (!plain(options->stream, ".*>/"))
		return refuse(text, size,
					  "the stream's name contains a blank, a dot, a slash, \"*\" or \">\"");
	if (!plain(options->stream_subject, ""))
		return refuse(text, size, "the stream's subject contains a blank or a quote");
	return true;
}

bool
outbox_nats_options_check(const OutboxNatsOptions *options, char *text, size_t size)
{
	return check_login(options, text, size) && check_urls(options, text, size) &&
		   check_stream(options, text, size);
}
