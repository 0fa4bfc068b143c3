/*
 * tls.h
 *		The TLS of one link, made so that it never waits.
 *
 * Valid for as long as the library has the connection open.  Inside the adapter
 * only.
 */
#ifndef OUTBOX_INFRASTRUCTURE_NATS_TLS_H
#define OUTBOX_INFRASTRUCTURE_NATS_TLS_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct OutboxNatsTls
{
	SSL *ssl; /* the library's; NULL: plain text */
	BIO *encrypted; /* what the SSL object has written; the SSL object's */
	size_t chunk_sent;
	size_t chunk_used;
	char chunk[65536]; /* on its way from encrypted to the socket */
} OutboxNatsTls;

/* Before connecting, on the thread that does. */
extern void outbox_nats_tls_watch(void);

/*
 * After connecting, on the same thread: takes over what the SSL object writes, if
 * there is one.  There may be one although TLS is not required: the library
 * obeys a server that wants it.  False: required and not found, so that it could
 * not be kept from waiting.
 */
extern bool outbox_nats_tls_take(OutboxNatsTls *tls, int socket, bool required);

extern bool outbox_nats_tls_active(const OutboxNatsTls *tls);

/* Encrypted bytes that the kernel has not taken yet. */
extern size_t outbox_nats_tls_waiting(const OutboxNatsTls *tls);

/*
 * Is there a whole record to read?  Or, at the first question since the socket
 * was readable, an end or error to be found out about?
 */
extern bool outbox_nats_tls_record_came(OutboxNatsTls *tls, bool first);

/*
 * Encrypts bytes and carries them to the socket; returns how many it has taken.
 * Fewer than length: the socket takes no more now, or the connection is broken,
 * which reading finds out.
 */
extern size_t outbox_nats_tls_write(OutboxNatsTls *tls, int socket, const char *bytes,
									size_t length);

/* Carries encrypted bytes to the socket for as long as it takes them. */
extern void outbox_nats_tls_send(OutboxNatsTls *tls, int socket);

#endif
