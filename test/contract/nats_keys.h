/*
 * nats_keys.h
 *		Nkeys, signed tokens and certificates for tests.
 *
 * Written apart from the product's own code, so that a mistake there shows.
 */
#ifndef OUTBOX_TEST_CONTRACT_NATS_KEYS_H
#define OUTBOX_TEST_CONTRACT_NATS_KEYS_H

#include <stddef.h>

typedef struct NatsKey
{
	unsigned char secret[32];
	unsigned char open[32];
	char seed[64]; /* "SU..." */
	char name[64]; /* the public key, "U..." */
} NatsKey;

/* kind: 'O' operator, 'A' account, 'U' user. */
extern void nats_keys_make(NatsKey *key, char kind);

/* A token about the subject key with these claims ({"type": ...}), signed by issuer. */
extern void nats_keys_sign(char *token, size_t size, const NatsKey *issuer, const NatsKey *subject,
						   const char *claims);

extern void nats_keys_write_file(const char *path, const char *text);
extern void nats_keys_write_credentials(const char *path, const char *token, const NatsKey *user);

/*
 * In the folder: ca.pem; server.pem, server.key for 127.0.0.1 and localhost;
 * client.pem, client.key; other.pem, a CA that has signed nothing; stranger.pem,
 * stranger.key, a server of another name.
 */
extern void nats_keys_make_certificates(const char *folder);

#endif
