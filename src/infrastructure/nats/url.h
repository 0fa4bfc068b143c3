/*
 * url.h
 *		The list of servers, as configured: "nats://a:4222, tls://b, c:4223".
 */
#ifndef OUTBOX_INFRASTRUCTURE_NATS_URL_H
#define OUTBOX_INFRASTRUCTURE_NATS_URL_H

#include <stdbool.h>
#include <stddef.h>

typedef struct OutboxNatsUrl
{
	const char *text; /* the whole URL; not NUL-terminated, nor is host */
	size_t length;
	const char *host; /* without port and brackets */
	size_t host_length;
	bool tls; /* tls:// */
	bool user; /* names a user or password */
	bool loopback; /* cannot leave this machine */
	bool legal;
} OutboxNatsUrl;

/* Reads the next URL and moves on; false at the end.  Empty ones are skipped. */
extern bool outbox_nats_url_next(const char **list, OutboxNatsUrl *url);

/* How many URLs there are. */
extern int outbox_nats_url_count(const char *list);

#endif
