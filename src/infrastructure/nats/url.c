/*
 * url.c
 *		Taking the list of servers apart.
 */
#include "infrastructure/nats/url.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static bool
is(const OutboxNatsUrl *url, const char *host)
{
	return url->host_length == strlen(host) && strncasecmp(url->host, host, url->host_length) == 0;
}

/* 127.0.0.0/8 as digits: a name that merely begins with 127 goes through DNS. */
static bool
is_loopback_address(const OutboxNatsUrl *url)
{
	if (url->host_length < 7 || strncmp(url->host, "127.", 4) != 0)
		return false;
	for (size_t i = 0; i < url->host_length; i++)
		if (!isdigit((unsigned char) url->host[i]) && url->host[i] != '.')
			return false;
	return true;
}

/* Finds the host in "host:port" or "[v6]:port". */
static void
find_host(OutboxNatsUrl *url, const char *at, const char *end)
{
	const char *stop;

	if (at < end && *at == '[')
	{
		url->host = at + 1;
		stop = memchr(url->host, ']', end - url->host);
		url->legal = url->legal && stop != NULL;
	}
	else
	{
		url->host = at;
		stop = memchr(at, ':', end - at);
	}
	url->host_length = (stop ? stop : end) - url->host;
	url->legal = url->legal && url->host_length > 0;
	url->loopback = is(url, "localhost") || is(url, "::1") || is_loopback_address(url);
}

static void
parse(OutboxNatsUrl *url)
{
	const char *at = url->text;
	const char *end = at + url->length;
	const char *scheme = strstr(at, "://");

	url->tls = false;
	url->legal = true;
	if (scheme != NULL && scheme < end)
	{
		size_t length = scheme - at;

		url->tls = length == 3 && strncasecmp(at, "tls", 3) == 0;
		url->legal = url->tls || (length == 4 && strncasecmp(at, "nats", 4) == 0);
		at = scheme + 3;
	}
	for (const char *c = at; c < end; c++)
		if (!isgraph((unsigned char) *c) || *c == '/')
			url->legal = false;
	url->user = memchr(at, '@', end - at) != NULL;
	find_host(url, at, end);
}

bool
outbox_nats_url_next(const char **list, OutboxNatsUrl *url)
{
	const char *at = *list;
	const char *end;

	if (at == NULL)
		return false;
	at += strspn(at, ", \t\r\n");
	end = at + strcspn(at, ",");
	*list = end;
	while (end > at && isspace((unsigned char) end[-1]))
		end--;
	if (end == at)
		return false;
	url->text = at;
	url->length = end - at;
	parse(url);
	return true;
}

int
outbox_nats_url_count(const char *list)
{
	OutboxNatsUrl url;
	int count = 0;

	while (outbox_nats_url_next(&list, &url))
		count++;
	return count;
}
