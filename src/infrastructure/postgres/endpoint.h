/*
 * endpoint.h
 *		How the HTTP endpoint stands, in shared memory: for the launcher, which starts
 *		it, and for whoever looks.
 *
 * Locking: copied in and out under a spinlock.
 */
#ifndef OUTBOX_INFRASTRUCTURE_POSTGRES_ENDPOINT_H
#define OUTBOX_INFRASTRUCTURE_POSTGRES_ENDPOINT_H

#include <stdbool.h>
#include <stdint.h>

#define OUTBOX_ENDPOINT_TEXT_SIZE 256

typedef enum OutboxEndpointState
{
	OUTBOX_ENDPOINT_OFF, /* outbox.http_listen is empty */
	OUTBOX_ENDPOINT_STARTING, /* its process has been started */
	OUTBOX_ENDPOINT_LISTENING,
	OUTBOX_ENDPOINT_UNABLE, /* it cannot listen there, and tries again */
	OUTBOX_ENDPOINT_FAILED, /* it ended by an error; it starts again */
	OUTBOX_ENDPOINT_NO_WORKER, /* max_worker_processes is exhausted */
	OUTBOX_ENDPOINT_DOWN /* it has crashed, and is not started */
} OutboxEndpointState;

typedef struct OutboxEndpointInfo
{
	OutboxEndpointState state;
	int pid; /* 0: none */
	int failures; /* ends by an error in a row */
	int64_t since; /* of the state, TimestampTz */
	int64_t start_after; /* not before, TimestampTz */
	char address[OUTBOX_ENDPOINT_TEXT_SIZE]; /* where it listens; "": nowhere */
	char reason[OUTBOX_ENDPOINT_TEXT_SIZE];
	uint64_t answered;
	uint64_t refused;
	uint64_t cut;
} OutboxEndpointInfo;

/* Asks for shared memory; from _PG_init while libraries are preloaded. */
extern void outbox_endpoint_request(void);

/* All zeros where the library was not preloaded. */
extern void outbox_endpoint_info(OutboxEndpointInfo *info);

/* The launcher's and the endpoint's: the state, and why; sets since when it changes. */
extern void outbox_endpoint_set_state(OutboxEndpointState state, const char *reason);
extern void outbox_endpoint_set_failures(int failures, int64_t start_after);

/*
 * The endpoint's: registers its process until it ends, and wakes the launcher then.
 * False, and nothing done, when there is one.
 */
extern bool outbox_endpoint_attach(void);

/* The endpoint's: where it listens, and what it has done. */
extern void outbox_endpoint_set_address(const char *address);
extern void outbox_endpoint_count(uint64_t answered, uint64_t refused, uint64_t cut);

#endif
