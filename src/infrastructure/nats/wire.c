/*
 * wire.c
 *		Composes messages, and carries them to the socket.
 *
 * A message is one of
 *
 *		PUB subject [reply] bytes\r\n payload\r\n
 *		HPUB subject [reply] header-bytes bytes\r\n NATS/1.0\r\n Key: value\r\n ... \r\n payload\r\n
 *
 * They stand behind one another in one piece of memory, which grows while the
 * socket takes nothing and is given back when it has grown much and is empty.
 */
#include "infrastructure/nats/wire.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>

#define KEPT_SIZE ((size_t) 256 * 1024) /* that stays when it is empty */
#define COMMAND_SIZE 96 /* of the first line, beside its subjects: words, blanks, numbers */
#define EXPECTED "Nats-Expected-Last-Sequence: "
#define VERSION "NATS/1.0\r\n"
#define DIGITS 20 /* of a number */

static char *
put(char *at, const char *bytes, size_t length)
{
	memcpy(at, bytes, length);
	return at + length;
}

#define PUT_LITERAL(at, text) put(at, text, sizeof(text) - 1)

static char *
put_number(char *at, uint64_t number)
{
	char digits[DIGITS];
	size_t count = 0;

	do
		digits[DIGITS - ++count] = (char) ('0' + number % 10);
	while ((number /= 10) > 0);
	return put(at, digits + DIGITS - count, count);
}

static size_t
count_digits(uint64_t number)
{
	size_t count = 1;

	while ((number /= 10) > 0)
		count++;
	return count;
}

static bool
has_headers(const OutboxMessage *message)
{
	return message->field_count > 0 || message->expected_last != OUTBOX_UNFENCED;
}

/* Bytes of the headers with their first line and the empty one. */
static size_t
weigh_headers(const OutboxMessage *message)
{
	size_t sum = sizeof(VERSION) - 1 + 2;

	if (!has_headers(message))
		return 0;
	for (int i = 0; i < message->field_count; i++)
		sum += strlen(message->fields[i].key) + strlen(message->fields[i].value) + 4;
	if (message->expected_last != OUTBOX_UNFENCED)
		sum += sizeof(EXPECTED) - 1 + count_digits(message->expected_last) + 2;
	return sum;
}

static char *
put_headers(char *at, const OutboxMessage *message)
{
	at = PUT_LITERAL(at, VERSION);
	for (int i = 0; i < message->field_count; i++)
	{
		at = stpcpy(at, message->fields[i].key);
		at = PUT_LITERAL(at, ": ");
		at = stpcpy(at, message->fields[i].value);
		at = PUT_LITERAL(at, "\r\n");
	}
	if (message->expected_last != OUTBOX_UNFENCED)
	{
		at = PUT_LITERAL(at, EXPECTED);
		at = put_number(at, message->expected_last);
		at = PUT_LITERAL(at, "\r\n");
	}
	return PUT_LITERAL(at, "\r\n");
}

/* The first line. */
static char *
put_command(char *at, const OutboxMessage *message, const char *inbox, size_t headers)
{
	at = headers > 0 ? PUT_LITERAL(at, "HPUB ") : PUT_LITERAL(at, "PUB ");
	at = stpcpy(at, message->subject);
	*at++ = ' ';
	if (inbox != NULL)
	{
		at = stpcpy(at, inbox);
		*at++ = '.';
		at = put_number(at, message->token);
		*at++ = ' ';
	}
	if (headers > 0)
	{
		at = put_number(at, headers);
		*at++ = ' ';
	}
	at = put_number(at, headers + message->payload_length);
	return PUT_LITERAL(at, "\r\n");
}

/* Moves what waits to the beginning. */
static void
close_up(OutboxNatsWire *wire)
{
	memmove(wire->bytes, wire->bytes + wire->sent, wire->used - wire->sent);
	wire->used -= wire->sent;
	wire->end = wire->held ? wire->end - wire->sent : 0;
	wire->sent = 0;
}

/* Has room for so many bytes more; false: out of memory. */
static bool
make_room(OutboxNatsWire *wire, size_t length)
{
	size_t size = wire->size > 0 ? wire->size : KEPT_SIZE;
	char *bytes;

	if (length <= wire->size - wire->used)
		return true;
	/* not for a few bytes, or it would be moved again and again */
	if (wire->sent >= wire->size / 2 && wire->sent > 0)
		close_up(wire);
	while (length > size - wire->used)
		size *= 2;
	if (size == wire->size)
		return true;
	bytes = realloc(wire->bytes, size);
	if (bytes == NULL)
		return false;
	wire->bytes = bytes;
	wire->size = size;
	return true;
}

natsStatus
outbox_nats_wire_add(OutboxNatsWire *wire, const OutboxMessage *message, const char *inbox,
					 size_t limit)
{
	size_t headers = weigh_headers(message);
	size_t subjects = strlen(message->subject) + (inbox != NULL ? strlen(inbox) : 0);
	char *at;

	if (headers > limit || message->payload_length > limit - headers)
		return NATS_MAX_PAYLOAD;
	if (!make_room(wire, COMMAND_SIZE + subjects + headers + message->payload_length))
		return NATS_NO_MEMORY;
	at = put_command(wire->bytes + wire->used, message, inbox, headers);
	if (headers > 0)
		at = put_headers(at, message);
	if (message->payload_length > 0)
		at = put(at, message->payload, message->payload_length);
	at = PUT_LITERAL(at, "\r\n");
	wire->used = (size_t) (at - wire->bytes);
	return NATS_OK;
}

size_t
outbox_nats_wire_waiting(const OutboxNatsWire *wire)
{
	return wire->used - wire->sent;
}

void
outbox_nats_wire_hold(OutboxNatsWire *wire)
{
	if (!wire->held)
		wire->end = wire->used;
	wire->held = true;
}

void
outbox_nats_wire_release(OutboxNatsWire *wire)
{
	wire->held = false;
}

/* So many bytes more are sent. */
static void
note_sent(OutboxNatsWire *wire, size_t length)
{
	wire->sent += length;
	if (wire->sent < wire->used)
		return;
	wire->sent = 0;
	wire->used = 0;
	wire->end = 0;
	if (wire->size <= KEPT_SIZE)
		return;
	free(wire->bytes);
	wire->bytes = NULL;
	wire->size = 0;
}

/* How many of these bytes the kernel, or TLS, takes now. */
static size_t
offer(OutboxNatsTls *tls, int socket, const char *bytes, size_t length)
{
	ssize_t taken;

	if (outbox_nats_tls_active(tls))
		return outbox_nats_tls_write(tls, socket, bytes, length);
	do
		taken = send(socket, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (taken < 0 && errno == EINTR);
	return taken > 0 ? (size_t) taken : 0; /* full; or broken, which reading finds out */
}

bool
outbox_nats_wire_send(OutboxNatsWire *wire, OutboxNatsTls *tls, int socket)
{
	size_t length = (wire->held ? wire->end : wire->used) - wire->sent;

	wire->full = false;
	if (length > 0)
	{
		size_t taken = offer(tls, socket, wire->bytes + wire->sent, length);

		wire->full = taken < length;
		note_sent(wire, taken);
	}
	return !wire->full;
}

void
outbox_nats_wire_clear(OutboxNatsWire *wire)
{
	free(wire->bytes);
	memset(wire, 0, sizeof(*wire));
}
