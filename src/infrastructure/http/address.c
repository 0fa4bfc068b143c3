/*
 * address.c
 *		Where to listen: ADDRESS:PORT.
 */
#include "infrastructure/http/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define PORT_DIGITS 5
#define PORT_MAX 65535

static bool strip_port(const char *host, char *name, size_t size);
static bool is_loopback(const OutboxHttpAddress *address);
static const char *split(const char *text, char *host, size_t size, const char **port);
static bool parse_port(const char *text, uint16_t *port);

const char *
outbox_http_address_parse(const char *text, OutboxHttpAddress *address)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *) &address->socket;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *) &address->socket;
	char host[INET6_ADDRSTRLEN];
	const char *port_text;
	uint16_t port;
	const char *flaw = split(text, host, sizeof(host), &port_text);

	if (flaw != NULL)
		return flaw;
	if (!parse_port(port_text, &port))
		return "The port is a number from 0 to 65535; 0 stands for any free one.";
	memset(address, 0, sizeof(*address));
	if (*text == '[')
	{
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(port);
		address->length = sizeof(*v6);
		if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1)
			return NULL;
		return "What stands in brackets is no IPv6 address.";
	}
	v4->sin_family = AF_INET;
	v4->sin_port = htons(port);
	address->length = sizeof(*v4);
	if (host[0] == '\0' || strcmp(host, "localhost") == 0)
		strcpy(host, "127.0.0.1");
	if (inet_pton(AF_INET, host, &v4->sin_addr) == 1)
		return NULL;
	return "The address is a number, as 127.0.0.1 or [::1], or localhost; names are not looked up.";
}

bool
outbox_http_address_answers_to(const OutboxHttpAddress *address, const char *host)
{
	struct in6_addr number;
	char name[INET6_ADDRSTRLEN];

	if (!is_loopback(address))
		return true;
	if (!strip_port(host, name, sizeof(name)))
		return false;
	return strcmp(name, "localhost") == 0 || inet_pton(AF_INET, name, &number) == 1 ||
		   inet_pton(AF_INET6, name, &number) == 1;
}

void
outbox_http_address_format(const OutboxHttpAddress *address, char *text, size_t size)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *) &address->socket;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *) &address->socket;
	char host[INET6_ADDRSTRLEN] = "";

	if (address->socket.ss_family == AF_INET6)
	{
		(void) inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof(host));
		snprintf(text, size, "[%s]:%u", host, (unsigned int) ntohs(v6->sin6_port));
		return;
	}
	(void) inet_ntop(AF_INET, &v4->sin_addr, host, sizeof(host));
	snprintf(text, size, "%s:%u", host, (unsigned int) ntohs(v4->sin_port));
}

/* The host without port and brackets; a port may be there, or not. */
static bool
strip_port(const char *host, char *name, size_t size)
{
	const char *port;
	size_t length = strlen(host);
	bool bracket = length > 2 && host[0] == '[' && host[length - 1] == ']';

	if (!bracket && strchr(host, ':') != NULL)
		return split(host, name, size, &port) == NULL;
	if (bracket)
		length -= 2;
	if (length >= size)
		return false;
	memcpy(name, bracket ? host + 1 : host, length);
	name[length] = '\0';
	return true;
}

static bool
is_loopback(const OutboxHttpAddress *address)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *) &address->socket;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *) &address->socket;

	if (address->socket.ss_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
	return ntohl(v4->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

/* What stands before and behind the last colon, the address without its brackets. */
static const char *
split(const char *text, char *host, size_t size, const char **port)
{
	const char *colon = strrchr(text, ':');
	const char *start = text;
	size_t length;

	*port = colon != NULL ? colon + 1 : text;
	length = colon != NULL ? (size_t) (colon - text) : 0;
	if (*text == '[')
	{
		if (length < 2 || text[length - 1] != ']')
			return "The bracket of an IPv6 address is closed, and a colon and the port follow.";
		start++;
		length -= 2;
	}
	else if (memchr(text, ':', length) != NULL)
		return "An IPv6 address stands in brackets, as in [::1]:9187.";
	if (length >= size)
		return "The form is ADDRESS:PORT, as in 127.0.0.1:9187 or [::1]:9187.";
	memcpy(host, start, length);
	host[length] = '\0';
	return NULL;
}

static bool
parse_port(const char *text, uint16_t *port)
{
	size_t digits = strlen(text);
	unsigned int number = 0;

	if (digits == 0 || digits > PORT_DIGITS || strspn(text, "0123456789") != digits)
		return false;
	for (; *text != '\0'; text++)
		number = number * 10 + (unsigned int) (*text - '0');
	*port = (uint16_t) number;
	return number <= PORT_MAX;
}
