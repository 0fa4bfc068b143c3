/*
 * packet.c
 *		An event as bytes that stand on their own.
 */
#include "domain/packet.h"

#include <string.h>

typedef struct Head
{
	uint64_t length; /* of the packet */
	int64_t emitted_at;
	uint64_t payload_length;
} Head;

/* The event's strings, in the order in which they follow the head. */
#define STRINGS 5

static void
list(const OutboxEvent *event, const char *strings[STRINGS])
{
	strings[0] = event->aggregate;
	strings[1] = event->aggregate_id;
	strings[2] = event->action;
	strings[3] = event->content_type;
	strings[4] = event->headers;
}

size_t
outbox_packet_size(const OutboxEvent *event)
{
	const char *strings[STRINGS];
	size_t size = sizeof(Head) + event->payload_length;

	list(event, strings);
	for (int i = 0; i < STRINGS; i++)
		size += strlen(strings[i]) + 1;
	return (size + OUTBOX_PACKET_UNIT - 1) / OUTBOX_PACKET_UNIT * OUTBOX_PACKET_UNIT;
}

void
outbox_packet_write(const OutboxEvent *event, char *packet)
{
	Head head = {outbox_packet_size(event), event->emitted_at, event->payload_length};
	const char *strings[STRINGS];
	char *at = packet + sizeof(head);

	memcpy(packet, &head, sizeof(head));
	list(event, strings);
	for (int i = 0; i < STRINGS; i++)
	{
		size_t length = strlen(strings[i]) + 1;

		memcpy(at, strings[i], length);
		at += length;
	}
	if (event->payload_length > 0)
		memcpy(at, event->payload, event->payload_length);
	at += event->payload_length;
	memset(at, 0, (size_t) (packet + head.length - at));
}

size_t
outbox_packet_length(const char *packet)
{
	uint64_t length;

	memcpy(&length, packet, sizeof(length));
	return length;
}

static const char *
take(const char **at)
{
	const char *string = *at;

	*at += strlen(string) + 1;
	return string;
}

void
outbox_packet_read(OutboxEvent *event, const char *packet)
{
	const char *at = packet + sizeof(Head);
	Head head;

	memcpy(&head, packet, sizeof(head));
	memset(event, 0, sizeof(*event));
	event->emitted_at = head.emitted_at;
	event->aggregate = take(&at);
	event->aggregate_id = take(&at);
	event->action = take(&at);
	event->content_type = take(&at);
	event->headers = take(&at);
	event->payload = at;
	event->payload_length = head.payload_length;
}
