/*
 * connect.h
 *		The connector: everything that may wait, on threads of its own.
 *
 * An *attempt* is one thread that closes what is left of former links, opens a
 * link and looks at the stream.  The *current* attempt's outcome is taken by the
 * main thread; one that was *abandoned* cleans up after itself.  A thread cannot
 * be stopped from outside, so there may be several abandoned ones; see
 * outbox_nats_connector_overdue.  Inside the adapter only; all functions belong
 * to the main thread.
 */
#ifndef OUTBOX_INFRASTRUCTURE_NATS_CONNECT_H
#define OUTBOX_INFRASTRUCTURE_NATS_CONNECT_H

#include <stdbool.h>

#include "application/ports.h"
#include "application/sight.h"
#include "infrastructure/nats/link.h"
#include "infrastructure/nats/options.h"

typedef struct OutboxNatsConnector OutboxNatsConnector;

extern OutboxNatsConnector *outbox_nats_connector_create(void);

/* Waits for all attempts, then closes what is left. */
extern void outbox_nats_connector_destroy(OutboxNatsConnector *connector);

/* Readable when there is something to take. */
extern int outbox_nats_connector_fd(const OutboxNatsConnector *connector);

/* Makes the descriptor readable now; not while an attempt runs. */
extern void outbox_nats_connector_wake(OutboxNatsConnector *connector);

/*
 * Begins an attempt with these options, which the connector now owns; the one
 * before is abandoned.  False: no thread could be started, signal is FAILED.
 */
extern bool outbox_nats_connector_start(OutboxNatsConnector *connector, OutboxNatsOptions *options,
										OutboxSignal *signal);

/* Abandons the current attempt, if there is one. */
extern void outbox_nats_connector_abandon(OutboxNatsConnector *connector);

/*
 * Takes the current attempt's outcome: OPENED with a link, or FAILED, also when
 * its time is over.  False: not yet, or there is none.
 */
extern bool outbox_nats_connector_take(OutboxNatsConnector *connector, OutboxSignal *signal,
									   OutboxNatsLink **link);

/* The stream as the last attempt that counted has seen it. */
extern const OutboxSight *outbox_nats_connector_sight(const OutboxNatsConnector *connector);

/* Gives a severed link away, to be closed by the next attempt. */
extern void outbox_nats_connector_discard(OutboxNatsConnector *connector, OutboxNatsLink *link);

/* Is a thread spinning, or stuck for so long that it will not come back? */
extern bool outbox_nats_connector_overdue(OutboxNatsConnector *connector);

#endif
