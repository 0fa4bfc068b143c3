/*
 * tls.c
 *		Keeping TLS from blocking.
 *
 * Over TLS the library waits inside its event calls, without a time limit,
 * for the rest of a record to come or for room for the rest of its buffer to go:
 * measured against a stopped server with 3 MB buffered and a small socket
 * buffer, for ever, and a signal that ended the wait broke the connection.  So
 *	- once the handshake is done, the SSL object writes into memory, which always
 *	  has room, and we carry the bytes from there to the socket;
 *	- the library is told to read only after SSL_peek, which does not wait, has
 *	  found a whole record.
 * The longest call measured that way is 3 ms.  The library offers no way to its
 * SSL object; OpenSSL does: it announces every new one to whoever has registered
 * an ex_data index.
 */
#include "infrastructure/nats/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/types.h>

#define RECORD_SIZE ((size_t) 16384)
#define ENOUGH ((size_t) 65536) /* encrypted bytes that wait: no more are made */

/* The SSL object made last on this thread, unless it is gone. */
static __thread SSL *newest;

static pthread_once_t watch_once = PTHREAD_ONCE_INIT;

static void
notice(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl, void *argp)
{
	(void) ptr;
	(void) ad;
	(void) idx;
	(void) argl;
	(void) argp;
	newest = parent;
}

static void
forget(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl, void *argp)
{
	(void) ptr;
	(void) ad;
	(void) idx;
	(void) argl;
	(void) argp;
	if (newest == parent)
		newest = NULL;
}

static void
register_callbacks(void)
{
	SSL_get_ex_new_index(0, NULL, notice, NULL, forget);
}

void
outbox_nats_tls_watch(void)
{
	newest = NULL;
	pthread_once(&watch_once, register_callbacks);
}

bool
outbox_nats_tls_take(OutboxNatsTls *tls, int socket, bool required)
{
	if (newest == NULL)
		return !required;
	if (SSL_get_fd(newest) != socket)
		return false;
	tls->encrypted = BIO_new(BIO_s_mem());
	if (tls->encrypted == NULL)
		return false;
	tls->ssl = newest;
	SSL_set0_wbio(tls->ssl, tls->encrypted);
	return true;
}

bool
outbox_nats_tls_active(const OutboxNatsTls *tls)
{
	return tls->ssl != NULL;
}

size_t
outbox_nats_tls_waiting(const OutboxNatsTls *tls)
{
	if (tls->ssl == NULL)
		return 0;
	return BIO_ctrl_pending(tls->encrypted) + tls->chunk_used - tls->chunk_sent;
}

bool
outbox_nats_tls_record_came(OutboxNatsTls *tls, bool first)
{
	char byte;
	int peeked;

	ERR_clear_error();
	peeked = SSL_peek(tls->ssl, &byte, 1);
	if (peeked > 0)
		return true;
	switch (SSL_get_error(tls->ssl, peeked))
	{
		case SSL_ERROR_WANT_READ:
		case SSL_ERROR_WANT_WRITE:
			return false;
		default:
			/* what came before the end is taken first, by the next call */
			return first;
	}
}

/* Gets the next chunk of encrypted bytes when the last one is sent; false: none. */
static bool
refill(OutboxNatsTls *tls)
{
	int got;

	if (tls->chunk_sent < tls->chunk_used)
		return true;
	got = BIO_read(tls->encrypted, tls->chunk, sizeof(tls->chunk));
	tls->chunk_sent = 0;
	tls->chunk_used = got > 0 ? (size_t) got : 0;
	return tls->chunk_used > 0;
}

void
outbox_nats_tls_send(OutboxNatsTls *tls, int socket)
{
	while (refill(tls))
	{
		ssize_t sent = send(socket, tls->chunk + tls->chunk_sent, tls->chunk_used - tls->chunk_sent,
							MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return; /* full; or broken, which reading finds out */
		tls->chunk_sent += (size_t) sent;
	}
}

size_t
outbox_nats_tls_write(OutboxNatsTls *tls, int socket, const char *bytes, size_t length)
{
	size_t taken = 0;

	while (taken < length)
	{
		size_t part = length - taken < RECORD_SIZE ? length - taken : RECORD_SIZE;

		if (outbox_nats_tls_waiting(tls) >= ENOUGH)
			outbox_nats_tls_send(tls, socket);
		if (outbox_nats_tls_waiting(tls) >= ENOUGH)
			break;
		ERR_clear_error();
		if (SSL_write(tls->ssl, bytes + taken, (int) part) != (int) part)
		{
			/* memory always has room, so there is nothing to wait for */
			shutdown(socket, SHUT_RDWR);
			break;
		}
		taken += part;
	}
	outbox_nats_tls_send(tls, socket);
	return taken;
}
