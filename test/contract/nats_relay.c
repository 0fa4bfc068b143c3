/*
 * nats_relay.c
 *		One thread, one poll loop.
 */
#include "contract/nats_relay.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_PAIRS 16

typedef struct Pair
{
	int client;
	int server;
} Pair;

struct NatsRelay
{
	pthread_t thread;
	int listener;
	int port;
	int server_port;
	atomic_bool stopping;
	atomic_long allowed;
	atomic_long passed;
	Pair pairs[MAX_PAIRS];
	int count;
};

static struct sockaddr_in
local(int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t) port)};

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return address;
}

static void
admit(NatsRelay *relay)
{
	struct sockaddr_in address = local(relay->server_port);
	Pair pair = {.client = accept(relay->listener, NULL, NULL),
				 .server = socket(AF_INET, SOCK_STREAM, 0)};

	if (relay->count < MAX_PAIRS &&
		connect(pair.server, (struct sockaddr *) &address, sizeof(address)) == 0)
		relay->pairs[relay->count++] = pair;
	else
	{
		close(pair.client);
		close(pair.server);
	}
}

static bool
write_all(int fd, const char *bytes, ssize_t length)
{
	while (length > 0)
	{
		ssize_t written = send(fd, bytes, (size_t) length, MSG_NOSIGNAL);

		if (written <= 0)
			return false;
		bytes += written;
		length -= written;
	}
	return true;
}

/* Passes on what has come from one side; false: it has closed. */
static bool
pass(NatsRelay *relay, int from, int to, bool limited)
{
	char bytes[16384];
	long limit = limited ? atomic_load(&relay->allowed) : -1;
	size_t room = limit >= 0 && limit < (long) sizeof(bytes) ? (size_t) limit : sizeof(bytes);
	ssize_t got = recv(from, bytes, room, 0);

	if (got <= 0 || !write_all(to, bytes, got))
		return false;
	if (limited)
		atomic_fetch_add(&relay->passed, got);
	if (limit >= 0)
		atomic_fetch_sub(&relay->allowed, got);
	return true;
}

static void
drop(NatsRelay *relay, int i)
{
	close(relay->pairs[i].client);
	close(relay->pairs[i].server);
	relay->pairs[i] = relay->pairs[--relay->count];
}

static void
serve(NatsRelay *relay)
{
	struct pollfd fds[1 + 2 * MAX_PAIRS] = {{.fd = relay->listener, .events = POLLIN}};
	bool held = atomic_load(&relay->allowed) == 0;
	int count = relay->count;

	for (int i = 0; i < count; i++)
	{
		fds[1 + 2 * i] = (struct pollfd){.fd = relay->pairs[i].client, .events = POLLIN};
		fds[2 + 2 * i] =
			(struct pollfd){.fd = held ? -1 : relay->pairs[i].server, .events = POLLIN};
	}
	if (poll(fds, (nfds_t) (1 + 2 * count), 10) <= 0)
		return;
	for (int i = count - 1; i >= 0; i--)
	{
		Pair pair = relay->pairs[i];
		bool open = fds[1 + 2 * i].revents == 0 || pass(relay, pair.client, pair.server, false);

		if (open && fds[2 + 2 * i].revents != 0)
			open = pass(relay, pair.server, pair.client, true);
		if (!open)
			drop(relay, i);
	}
	if (fds[0].revents != 0)
		admit(relay);
}

static void *
run(void *argument)
{
	NatsRelay *relay = argument;

	while (!atomic_load(&relay->stopping))
		serve(relay);
	return NULL;
}

NatsRelay *
nats_relay_start(int server_port)
{
	NatsRelay *relay = calloc(1, sizeof(*relay));
	struct sockaddr_in address = local(0);
	socklen_t length = sizeof(address);

	relay->server_port = server_port;
	relay->allowed = -1;
	relay->listener = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(relay->listener, (struct sockaddr *) &address, sizeof(address)) != 0 ||
		listen(relay->listener, 16) != 0 ||
		getsockname(relay->listener, (struct sockaddr *) &address, &length) != 0 ||
		pthread_create(&relay->thread, NULL, run, relay) != 0)
	{
		printf("Bail out! no relay\n");
		exit(1);
	}
	relay->port = ntohs(address.sin_port);
	return relay;
}

void
nats_relay_stop(NatsRelay *relay)
{
	atomic_store(&relay->stopping, true);
	pthread_join(relay->thread, NULL);
	while (relay->count > 0)
		drop(relay, 0);
	close(relay->listener);
	free(relay);
}

int
nats_relay_port(const NatsRelay *relay)
{
	return relay->port;
}

void
nats_relay_allow(NatsRelay *relay, long bytes)
{
	atomic_store(&relay->allowed, bytes);
}

long
nats_relay_passed(const NatsRelay *relay)
{
	return atomic_load(&relay->passed);
}
