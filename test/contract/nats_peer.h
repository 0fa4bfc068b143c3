/*
 * nats_peer.h
 *		A server's side of one connection, written for tests: it reads slowly and is
 *		strict about every byte.
 *
 * It greets, answers PING, takes what is published and answers nothing of it, on a
 * thread of its own.  Each message published with headers must have the token that
 * follows the last one's, and a payload that consists of one letter that belongs to
 * the token.  A *fault* is whatever is not so.
 */
#ifndef OUTBOX_TEST_CONTRACT_NATS_PEER_H
#define OUTBOX_TEST_CONTRACT_NATS_PEER_H

#include <stdbool.h>
#include <stddef.h>

typedef struct NatsPeer NatsPeer;

typedef struct NatsPeerManner
{
	const char *certificates; /* the folder of nats_keys_make_certificates; NULL: no TLS */
	bool headers; /* it knows them */
	bool slow; /* reads little at a time, and pauses */
	size_t ping_every; /* bytes; 0: never */
} NatsPeerManner;

/* What has been seen so far. */
typedef struct NatsPeerCounts
{
	long messages; /* with headers */
	long requests; /* without */
	long pings; /* of its own, sent */
	long pongs; /* answers to them */
	char fault[160]; /* "": none */
} NatsPeerCounts;

extern NatsPeer *nats_peer_start(const NatsPeerManner *manner);
extern void nats_peer_stop(NatsPeer *peer);
extern int nats_peer_port(const NatsPeer *peer);
extern NatsPeerCounts nats_peer_counts(NatsPeer *peer);

/* The letter that the payload of a message with this token consists of. */
extern char nats_peer_letter(unsigned long long token);

/* The bytes of the last message that was published, as they came; NUL-terminated. */
extern void nats_peer_last(NatsPeer *peer, char *bytes, size_t size, size_t *length);

#endif
