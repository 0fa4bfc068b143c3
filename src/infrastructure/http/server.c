/*
 * server.c
 *		Listens and answers, by libmicrohttpd.
 *
 * libmicrohttpd's own timeout starts anew with every byte, and it can wait for
 * the slowest, so deadlines and places are clients.c's: whose time is over has his
 * socket shut down, upon which libmicrohttpd closes the connection.
 */
#include "infrastructure/http/server.h"

#include <errno.h>
#include <limits.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "infrastructure/http/clients.h"

#define BACKLOG 64
/* Whoever is cut off is still connected for a moment. */
#define CONNECTIONS_MAX (2 * OUTBOX_HTTP_CLIENTS_MAX)
#define SILENCE_S 5u
#define PLAIN "text/plain; charset=utf-8"
#define POLICY_NOTHING "default-src 'none'; frame-ancestors 'none'"

struct OutboxHttpServer
{
	struct MHD_Daemon *daemon;
	int descriptor;
	OutboxHttpAddress address;
	OutboxHttpHandler handler;
	void *context;
	OutboxHttpClients clients;
	OutboxHttpCounters counters;
	int64_t now;
};

static int listen_at(OutboxHttpAddress *address);
static bool set_up(int listener, const OutboxHttpAddress *address);
static bool start(OutboxHttpServer *server, int listener);
static void on_connection(void *self, struct MHD_Connection *connection, void **state,
						  enum MHD_ConnectionNotificationCode code);
static enum MHD_Result on_request(void *self, struct MHD_Connection *connection, const char *url,
								  const char *method, const char *version, const char *upload,
								  size_t *upload_size, void **state);
static bool is_meant(const OutboxHttpServer *server, struct MHD_Connection *connection);
static enum MHD_Result refuse(struct MHD_Connection *connection, unsigned int status,
							  const char *reason);
static enum MHD_Result reply(struct MHD_Connection *connection, const OutboxHttpAnswer *answer);
static bool dress(struct MHD_Response *response, const OutboxHttpAnswer *answer);
static void cut(OutboxHttpServer *server, int descriptor);

OutboxHttpServer *
outbox_http_server_open(const OutboxHttpAddress *address, OutboxHttpHandler handler, void *context)
{
	OutboxHttpServer *server = calloc(1, sizeof(OutboxHttpServer));
	int listener;
	int reason;

	if (server == NULL)
		return NULL;
	server->address = *address;
	server->handler = handler;
	server->context = context;
	listener = listen_at(&server->address);
	if (listener >= 0 && start(server, listener))
		return server;
	reason = errno;
	if (listener >= 0)
		close(listener);
	free(server);
	errno = reason;
	return NULL;
}

const OutboxHttpAddress *
outbox_http_server_address(const OutboxHttpServer *server)
{
	return &server->address;
}

int
outbox_http_server_descriptor(const OutboxHttpServer *server)
{
	return server->descriptor;
}

long
outbox_http_server_rest(const OutboxHttpServer *server, int64_t now)
{
	int64_t deadline = outbox_http_clients_deadline(&server->clients);
	long rest = -1;
	MHD_UNSIGNED_LONG_LONG limit;

	if (deadline != INT64_MAX)
		rest = deadline <= now ? 0 : (long) ((deadline - now + 999) / 1000);
	if (MHD_get_timeout(server->daemon, &limit) == MHD_YES &&
		(rest < 0 || limit < (unsigned long) rest))
		rest = limit < INT_MAX ? (long) limit : INT_MAX;
	return rest;
}

void
outbox_http_server_run(OutboxHttpServer *server, int64_t now)
{
	int late;

	server->now = now;
	while ((late = outbox_http_clients_expire(&server->clients, now)) != OUTBOX_HTTP_NOBODY)
		cut(server, late);
	(void) MHD_run(server->daemon);
}

void
outbox_http_server_count(const OutboxHttpServer *server, OutboxHttpCounters *counters)
{
	*counters = server->counters;
}

void
outbox_http_server_close(OutboxHttpServer *server)
{
	MHD_stop_daemon(server->daemon);
	free(server);
}

/* A socket that listens there, or -1; the address gets its port. */
static int
listen_at(OutboxHttpAddress *address)
{
	int listener = socket(address->socket.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int reason;

	if (listener < 0)
		return -1;
	if (set_up(listener, address) &&
		getsockname(listener, (struct sockaddr *) &address->socket, &address->length) == 0)
		return listener;
	reason = errno;
	close(listener);
	errno = reason;
	return -1;
}

static bool
set_up(int listener, const OutboxHttpAddress *address)
{
	int on = 1;
	int off = 0;

	/* [::] is every address, also those of IPv4, whatever the system's default. */
	if (address->socket.ss_family == AF_INET6 &&
		setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) != 0)
		return false;
	return setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
		   bind(listener, (const struct sockaddr *) &address->socket, address->length) == 0 &&
		   listen(listener, BACKLOG) == 0;
}

/* Without a flag for threads it makes none. */
static bool
start(OutboxHttpServer *server, int listener)
{
	const union MHD_DaemonInfo *info;

	server->daemon = MHD_start_daemon(
		MHD_USE_EPOLL, 0, NULL, NULL, on_request, server, MHD_OPTION_LISTEN_SOCKET, listener,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned int) CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
		SILENCE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t) OUTBOX_HTTP_REQUEST_BYTES,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, server, MHD_OPTION_STRICT_FOR_CLIENT, 1,
		MHD_OPTION_END);
	if (server->daemon == NULL)
	{
		errno = ENOMEM;
		return false;
	}
	info = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	server->descriptor = info->epoll_fd;
	return true;
}

static void
on_connection(void *self, struct MHD_Connection *connection, void **state,
			  enum MHD_ConnectionNotificationCode code)
{
	OutboxHttpServer *server = self;
	int descriptor =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;

	(void) state;
	if (code == MHD_CONNECTION_NOTIFY_CLOSED)
		outbox_http_clients_leave(&server->clients, descriptor);
	else
		cut(server, outbox_http_clients_admit(&server->clients, descriptor, server->now));
}

/*
 * Called once when the head of the request is there, once for each piece of a body,
 * and once when all is there.  Nobody has to send a body, so none is read.
 */
static enum MHD_Result
on_request(void *self, struct MHD_Connection *connection, const char *url, const char *method,
		   const char *version, const char *upload, size_t *upload_size, void **state)
{
	static char seen;
	OutboxHttpServer *server = self;
	OutboxHttpAnswer answer = {0};

	(void) version;
	(void) upload;
	if (*state == NULL)
	{
		*state = &seen;
		if (strcmp(method, MHD_HTTP_METHOD_GET) == 0 || strcmp(method, MHD_HTTP_METHOD_HEAD) == 0)
			return MHD_YES;
		server->counters.refused++;
		return refuse(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD\n");
	}
	if (*upload_size != 0)
	{
		server->counters.refused++;
		return MHD_NO;
	}
	if (!is_meant(server, connection))
	{
		server->counters.refused++;
		return refuse(connection, MHD_HTTP_MISDIRECTED_REQUEST, "only localhost and addresses\n");
	}
	server->handler(server->context, url, &answer);
	server->counters.answered++;
	return reply(connection, &answer);
}

static bool
is_meant(const OutboxHttpServer *server, struct MHD_Connection *connection)
{
	const char *host = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Host");

	return host == NULL || outbox_http_address_answers_to(&server->address, host);
}

static enum MHD_Result
refuse(struct MHD_Connection *connection, unsigned int status, const char *reason)
{
	const OutboxHttpAnswer answer = {status, PLAIN, POLICY_NOTHING, reason, strlen(reason)};

	return reply(connection, &answer);
}

static enum MHD_Result
reply(struct MHD_Connection *connection, const OutboxHttpAnswer *answer)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(
		answer->length, (void *) (uintptr_t) answer->body, MHD_RESPMEM_MUST_COPY);
	enum MHD_Result result = MHD_NO;

	if (response == NULL)
		return MHD_NO;
	if (dress(response, answer))
		result = MHD_queue_response(connection, answer->status, response);
	MHD_destroy_response(response);
	return result;
}

static bool
dress(struct MHD_Response *response, const OutboxHttpAnswer *answer)
{
	const char *const headers[][2] = {
		{MHD_HTTP_HEADER_CONTENT_TYPE, answer->content_type},
		{"Content-Security-Policy", answer->policy},
		{"X-Content-Type-Options", "nosniff"},
		{"Cross-Origin-Resource-Policy", "same-origin"},
		{"Referrer-Policy", "no-referrer"},
		{MHD_HTTP_HEADER_CACHE_CONTROL, "no-store"},
		{MHD_HTTP_HEADER_CONNECTION, "close"},
	};
	bool dressed = true;

	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
		dressed =
			dressed && MHD_add_response_header(response, headers[i][0], headers[i][1]) == MHD_YES;
	if (answer->status == MHD_HTTP_METHOD_NOT_ALLOWED)
		dressed = dressed &&
				  MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW,
										  MHD_HTTP_METHOD_GET ", " MHD_HTTP_METHOD_HEAD) == MHD_YES;
	return dressed;
}

static void
cut(OutboxHttpServer *server, int descriptor)
{
	if (descriptor == OUTBOX_HTTP_NOBODY)
		return;
	(void) shutdown(descriptor, SHUT_RDWR);
	server->counters.cut++;
}
