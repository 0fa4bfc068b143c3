/*
 * server.h
 *		Listens and answers, by libmicrohttpd.
 *
 * Everything happens inside outbox_http_server_run, on the caller's thread: no
 * thread is made.  The caller waits until the server's descriptor is readable or
 * its time is over, and runs it.  Only GET and HEAD are asked of the handler.  A
 * connection carries one request; clients.h says how many there are and for how
 * long, and a request's head has at most OUTBOX_HTTP_REQUEST_BYTES.
 *
 * The handler must not return by longjmp into anything that runs the server again:
 * an error in it has to end the process.
 */
#ifndef OUTBOX_INFRASTRUCTURE_HTTP_SERVER_H
#define OUTBOX_INFRASTRUCTURE_HTTP_SERVER_H

#include <stddef.h>
#include <stdint.h>

#include "infrastructure/http/address.h"

#define OUTBOX_HTTP_REQUEST_BYTES 16384

typedef struct OutboxHttpServer OutboxHttpServer;

typedef struct OutboxHttpAnswer
{
	unsigned int status;
	const char *content_type;
	const char *policy; /* Content-Security-Policy */
	const char *body; /* copied before the handler is called again */
	size_t length;
} OutboxHttpAnswer;

typedef void (*OutboxHttpHandler)(void *context, const char *path, OutboxHttpAnswer *answer);

typedef struct OutboxHttpCounters
{
	uint64_t answered; /* by the handler */
	uint64_t refused; /* methods and bodies that are not allowed */
	uint64_t cut; /* clients that were too slow, or too many */
} OutboxHttpCounters;

/* NULL when it cannot listen there; errno says why. */
extern OutboxHttpServer *outbox_http_server_open(const OutboxHttpAddress *address,
												 OutboxHttpHandler handler, void *context);

/* Where it listens: with the port that it got. */
extern const OutboxHttpAddress *outbox_http_server_address(const OutboxHttpServer *server);

/* Readable when there is something to do. */
extern int outbox_http_server_descriptor(const OutboxHttpServer *server);

/* Milliseconds until there is something to do anyhow; -1: there is not. */
extern long outbox_http_server_rest(const OutboxHttpServer *server, int64_t now);

extern void outbox_http_server_run(OutboxHttpServer *server, int64_t now);
extern void outbox_http_server_count(const OutboxHttpServer *server, OutboxHttpCounters *counters);

/* Cuts off who is connected, and listens no more. */
extern void outbox_http_server_close(OutboxHttpServer *server);

#endif
