/*
 * nats_server.h
 *		A nats-server of a test's own, on a free port of 127.0.0.1.
 *
 * It keeps its files in a temporary folder, survives kill and start with them,
 * and ends with the test, however that ends.  Faults of the environment (no
 * nats-server, no port) end the program with a message.
 */
#ifndef OUTBOX_TEST_CONTRACT_NATS_SERVER_H
#define OUTBOX_TEST_CONTRACT_NATS_SERVER_H

#include <stdbool.h>
#include <sys/types.h>

typedef struct NatsServer
{
	pid_t pid; /* 0: not running */
	int port;
	char url[64]; /* nats://127.0.0.1:port */
	char folder[64]; /* temporary; for certificates and keys, too */
	char extra[8192]; /* lines of its configuration */
	bool jetstream;
} NatsServer;

/* Makes the folder and picks the port; does not start. */
extern void nats_server_prepare(NatsServer *server);

/* Starts, or starts again with the same files; returns when it accepts clients. */
extern void nats_server_start(NatsServer *server);

/* SIGKILL, and waits for its end. */
extern void nats_server_kill(NatsServer *server);

/* SIGSTOP and SIGCONT. */
extern void nats_server_pause(NatsServer *server);
extern void nats_server_resume(NatsServer *server);

/* Kills and removes the folder. */
extern void nats_server_remove(NatsServer *server);

/* A port that is free now. */
extern int nats_server_free_port(void);

/* Milliseconds of a clock that only goes forward. */
extern long nats_server_now(void);

#endif
