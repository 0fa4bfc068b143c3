/*
 * address.h
 *		Where to listen: ADDRESS:PORT.
 *
 * An address is a number or "localhost", an IPv6 one stands in brackets; names are
 * not looked up.  Without an address it is 127.0.0.1.  Port 0 is any free one.
 */
#ifndef OUTBOX_INFRASTRUCTURE_HTTP_ADDRESS_H
#define OUTBOX_INFRASTRUCTURE_HTTP_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#define OUTBOX_HTTP_ADDRESS_SIZE 64

typedef struct OutboxHttpAddress
{
	struct sockaddr_storage socket;
	socklen_t length;
} OutboxHttpAddress;

/* NULL when the text is legal, otherwise a sentence that says what is wrong with it. */
extern const char *outbox_http_address_parse(const char *text, OutboxHttpAddress *address);

/*
 * May a request name this host?  At a loopback address only such a one, as a number
 * or as localhost: a name that somebody has made to stand for 127.0.0.1 would let a
 * foreign page read what a browser here may read.
 */
extern bool outbox_http_address_answers_to(const OutboxHttpAddress *address, const char *host);

/* The address in the form that is parsed, always with its port. */
extern void outbox_http_address_format(const OutboxHttpAddress *address, char *text, size_t size);

#endif
