/*
 * clients.c
 *		Who is connected, and who has to go.
 */
#include "infrastructure/http/clients.h"

#include <string.h>

static int take_oldest(OutboxHttpClients *clients);
static void remove_place(OutboxHttpClients *clients, int place);

int
outbox_http_clients_admit(OutboxHttpClients *clients, int descriptor, int64_t now)
{
	int evicted = OUTBOX_HTTP_NOBODY;

	if (clients->count == OUTBOX_HTTP_CLIENTS_MAX)
		evicted = take_oldest(clients);
	clients->places[clients->count++] = (OutboxHttpClient){descriptor, now + OUTBOX_HTTP_CLIENT_US};
	return evicted;
}

void
outbox_http_clients_leave(OutboxHttpClients *clients, int descriptor)
{
	for (int i = 0; i < clients->count; i++)
		if (clients->places[i].descriptor == descriptor)
		{
			remove_place(clients, i);
			return;
		}
}

int
outbox_http_clients_expire(OutboxHttpClients *clients, int64_t now)
{
	return outbox_http_clients_deadline(clients) <= now ? take_oldest(clients) : OUTBOX_HTTP_NOBODY;
}

int64_t
outbox_http_clients_deadline(const OutboxHttpClients *clients)
{
	return clients->count > 0 ? clients->places[0].deadline : INT64_MAX;
}

static int
take_oldest(OutboxHttpClients *clients)
{
	int descriptor = clients->places[0].descriptor;

	remove_place(clients, 0);
	return descriptor;
}

static void
remove_place(OutboxHttpClients *clients, int place)
{
	clients->count--;
	memmove(&clients->places[place], &clients->places[place + 1],
			sizeof(clients->places[0]) * (size_t) (clients->count - place));
}
