/*
 * broker.h
 *		NATS JetStream as the relay's broker.
 *
 * All functions belong to one thread, the worker's main thread, and return at
 * once: whatever may wait for the network happens on a thread of the adapter's
 * own.  What the caller must do is to wait for three things together:
 *
 *	- the socket, readable, and writable when outbox_nats_broker_wants_write;
 *	- the wakeup descriptor, readable: the connect thread has an outcome, the time
 *	  for one is over, or next() has something that no socket announces;
 *	- after either, outbox_nats_broker_process, then the port's next() until it
 *	  says false.
 *
 * Before it waits, it calls outbox_nats_broker_flush: what was published goes out
 * then, or when there has become much of it.
 *
 * The routine's `self` is the OutboxNatsBroker.
 */
#ifndef OUTBOX_INFRASTRUCTURE_NATS_BROKER_H
#define OUTBOX_INFRASTRUCTURE_NATS_BROKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "application/ports.h"
#include "application/sight.h"
#include "infrastructure/nats/options.h"

typedef struct OutboxNatsBroker OutboxNatsBroker;

extern const OutboxBrokerRoutine outbox_nats_broker;

/* NULL: out of memory or descriptors. */
extern OutboxNatsBroker *outbox_nats_broker_create(void);

/*
 * Drops everything and waits for the adapter's threads, for as long as a
 * connect may take.  A process that ends must not call it: it ends with _exit.
 */
extern void outbox_nats_broker_destroy(OutboxNatsBroker *self);

/*
 * Taken at the next connect; the strings are copied.  False: out of memory,
 * the options before stay.
 */
extern bool outbox_nats_broker_configure(OutboxNatsBroker *self, const OutboxNatsOptions *options);

/* The socket to wait for, -1: none. */
extern int outbox_nats_broker_socket(const OutboxNatsBroker *self);

/*
 * Changes whenever the socket does.  A new socket may carry the old one's
 * number, so it is this that tells when to build the wait set again.
 */
extern uint64_t outbox_nats_broker_epoch(const OutboxNatsBroker *self);

/* Is there something to send as soon as the socket has room? */
extern bool outbox_nats_broker_wants_write(const OutboxNatsBroker *self);

/* The descriptor of the connect thread's news; one for the broker's life. */
extern int outbox_nats_broker_wakeup_fd(const OutboxNatsBroker *self);

/*
 * Reads, writes and takes over from the connect thread, as far as that needs no
 * waiting.  Saying readable or writable too often costs only time.
 */
extern void outbox_nats_broker_process(OutboxNatsBroker *self, bool readable, bool writable);

/* Writes what was published, without waiting; to be called before each wait. */
extern void outbox_nats_broker_flush(OutboxNatsBroker *self);

/* Bytes handed over by publish and not yet taken by the kernel. */
extern size_t outbox_nats_broker_buffered(const OutboxNatsBroker *self);

/* The stream as it was seen at the last try to connect. */
extern const OutboxSight *outbox_nats_broker_sight(const OutboxNatsBroker *self);

/* The version of the library. */
extern const char *outbox_nats_broker_library(void);

/*
 * Is a connect thread stuck beyond its deadline?  It cannot be ended and may
 * burn a processor for ever, so the process has to end; the broker goes on
 * working until it does.
 */
extern bool outbox_nats_broker_overdue(const OutboxNatsBroker *self);

#endif
