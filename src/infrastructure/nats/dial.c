/*
 * dial.c
 *		From our options to the library's.
 *
 * The library's reconnecting stays off: while it reconnects, any call waits,
 * and it sends again what it has buffered although what was in flight is lost.
 * One connection is one epoch; the relay decides when there is a next.
 */
#include "infrastructure/nats/dial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "infrastructure/nats/nkey.h"
#include "infrastructure/nats/url.h"

/* Errors are read from the connection; the library's default prints them. */
static void
ignore_error(natsConnection *connection, natsSubscription *subscription, natsStatus status,
			 void *closure)
{
	(void) connection;
	(void) subscription;
	(void) status;
	(void) closure;
}

static natsStatus
set_urls(natsOptions *dialing, const char *list)
{
	int count = outbox_nats_url_count(list);
	char **urls = calloc((size_t) count + 1, sizeof(char *));
	natsStatus status = urls ? NATS_OK : NATS_NO_MEMORY;
	OutboxNatsUrl url;

	for (int i = 0; status == NATS_OK && outbox_nats_url_next(&list, &url); i++)
	{
		urls[i] = strndup(url.text, url.length);
		if (urls[i] == NULL)
			status = NATS_NO_MEMORY;
	}
	if (status == NATS_OK)
		status = natsOptions_SetServers(dialing, (const char **) urls, count);
	for (int i = 0; urls != NULL && urls[i] != NULL; i++)
		free(urls[i]);
	free(urls);
	return status;
}

static natsStatus
set_login(natsOptions *dialing, const OutboxNatsOptions *options, const char **what)
{
	char key[OUTBOX_NKEY_SIZE];

	*what = "could not use the user and password or token";
	if (options->user != NULL)
		return natsOptions_SetUserInfo(dialing, options->user,
									   options->password ? options->password : "");
	if (options->token != NULL)
		return natsOptions_SetToken(dialing, options->token);

	*what = "could not use the credentials file";
	if (options->credentials_file != NULL)
		return natsOptions_SetUserCredentialsFromFiles(dialing, options->credentials_file, NULL);

	*what = "the nkey seed file cannot be read or contains no seed of a user";
	if (options->nkey_seed_file == NULL)
		return NATS_OK;
	if (!outbox_nats_nkey_public_of_file(options->nkey_seed_file, key))
		return NATS_CONNECTION_AUTH_FAILED;
	return natsOptions_SetNKeyFromSeed(dialing, key, options->nkey_seed_file);
}

static natsStatus
set_tls(natsOptions *dialing, const OutboxNatsOptions *options, const char **what)
{
	natsStatus status;

	if (!outbox_nats_options_secure(options))
		return NATS_OK;
	*what = "could not use TLS";
	status = natsOptions_SetSecure(dialing, true);
	if (status == NATS_OK && options->tls_ca_file != NULL)
	{
		*what = "could not use the file of CA certificates";
		status = natsOptions_LoadCATrustedCertificates(dialing, options->tls_ca_file);
	}
	if (status == NATS_OK && options->tls_cert_file != NULL)
	{
		*what = "could not use the client certificate and key";
		status = natsOptions_LoadCertificatesChain(dialing, options->tls_cert_file,
												   options->tls_key_file);
	}
	return status;
}

static natsStatus
set_manners(natsOptions *dialing, const OutboxNatsOptions *options, int timeout)
{
	natsStatus status = natsOptions_SetTimeout(dialing, timeout > 1 ? timeout : 1);

	if (status == NATS_OK)
		status = natsOptions_SetAllowReconnect(dialing, false);
	if (status == NATS_OK)
		status = natsOptions_SetErrorHandler(dialing, ignore_error, NULL);
	if (status == NATS_OK && options->name != NULL)
		status = natsOptions_SetName(dialing, options->name);
	return status;
}

natsOptions *
outbox_nats_dial_prepare(const OutboxNatsOptions *options, int timeout, OutboxSignal *signal)
{
	natsOptions *dialing = NULL;
	const char *what = "could not use the URL";
	natsStatus status = natsOptions_Create(&dialing);

	if (status == NATS_OK)
		status = set_urls(dialing, options->url);
	if (status == NATS_OK)
		status = set_manners(dialing, options, timeout);
	if (status == NATS_OK)
		status = set_tls(dialing, options, &what);
	if (status == NATS_OK)
		status = set_login(dialing, options, &what);
	if (status == NATS_OK)
		return dialing;

	outbox_nats_dial_fail(signal, status, what);
	natsOptions_Destroy(dialing);
	return NULL;
}

void
outbox_nats_dial_word(OutboxSignal *signal, const char *what, const char *why)
{
	snprintf(signal->text, sizeof(signal->text), why && *why ? "%s: %s" : "%s", what, why);
	for (char *c = signal->text; *c != '\0'; c++)
		if ((unsigned char) *c < ' ' || *c == '\177')
			*c = ' ';
}

void
outbox_nats_dial_fail(OutboxSignal *signal, natsStatus status, const char *what)
{
	natsStatus said = NATS_OK;
	const char *why = nats_GetLastError(&said);

	/* the library's last words may be about another call, or begin with a line of its source */
	if (said != status || why == NULL || *why == '\0')
		why = natsStatus_GetText(status);
	else if (*why == '(' && strstr(why, "): ") != NULL)
		why = strstr(why, "): ") + 3;
	signal->kind = OUTBOX_SIGNAL_FAILED;
	signal->verdict = outbox_nats_verdict_of_status(status);
	signal->code = (int) status;
	outbox_nats_dial_word(signal, what, why);
}
