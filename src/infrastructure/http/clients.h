/*
 * clients.h
 *		Who is connected, and who has to go.
 *
 * A *client* is one connection, which asks once.  It has a *deadline* by which it
 * has asked and has read the answer, however busily it trickles; and there are so
 * many *places*: when all are taken, the client that has had its place longest
 * gives way to the new one.  So slow clients cost little and keep nobody out.
 *
 * Times are microseconds of a clock that never goes back.
 */
#ifndef OUTBOX_INFRASTRUCTURE_HTTP_CLIENTS_H
#define OUTBOX_INFRASTRUCTURE_HTTP_CLIENTS_H

#include <stdint.h>

#define OUTBOX_HTTP_CLIENTS_MAX 32
#define OUTBOX_HTTP_CLIENT_US INT64_C(10000000)

#define OUTBOX_HTTP_NOBODY (-1)

typedef struct OutboxHttpClient
{
	int descriptor;
	int64_t deadline;
} OutboxHttpClient;

/* The longest connected first. */
typedef struct OutboxHttpClients
{
	int count;
	OutboxHttpClient places[OUTBOX_HTTP_CLIENTS_MAX];
} OutboxHttpClients;

/* A client has come; returns the descriptor of the one that gives way, or nobody's. */
extern int outbox_http_clients_admit(OutboxHttpClients *clients, int descriptor, int64_t now);

/* A client has gone. */
extern void outbox_http_clients_leave(OutboxHttpClients *clients, int descriptor);

/* Takes the place of a client whose deadline is over; its descriptor, or nobody's. */
extern int outbox_http_clients_expire(OutboxHttpClients *clients, int64_t now);

/* The next deadline; INT64_MAX: nobody is connected. */
extern int64_t outbox_http_clients_deadline(const OutboxHttpClients *clients);

#endif
