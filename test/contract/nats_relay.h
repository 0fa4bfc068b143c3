/*
 * nats_relay.h
 *		A relay of bytes between client and server that can stop in mid-stream.
 *
 * It listens on a port of 127.0.0.1 and passes on what comes, both ways, on a
 * thread of its own.
 */
#ifndef OUTBOX_TEST_CONTRACT_NATS_RELAY_H
#define OUTBOX_TEST_CONTRACT_NATS_RELAY_H

typedef struct NatsRelay NatsRelay;

extern NatsRelay *nats_relay_start(int server_port);
extern void nats_relay_stop(NatsRelay *relay);
extern int nats_relay_port(const NatsRelay *relay);

/* From now on only so many bytes more pass from server to client; -1: all. */
extern void nats_relay_allow(NatsRelay *relay, long bytes);

/* Bytes passed from server to client so far. */
extern long nats_relay_passed(const NatsRelay *relay);

#endif
