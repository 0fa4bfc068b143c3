/*
 * link.h
 *		One connection in the library's event-loop mode: the line that messages
 *		go out and answers come in on.
 *
 * A link is opened and closed on a connect thread, since both may wait; in
 * between it belongs to the main thread, and none of its calls waits.  Inside
 * the adapter only.
 */
#ifndef OUTBOX_INFRASTRUCTURE_NATS_LINK_H
#define OUTBOX_INFRASTRUCTURE_NATS_LINK_H

#include <nats/nats.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "application/ports.h"
#include "infrastructure/nats/options.h"

typedef struct OutboxNatsLink OutboxNatsLink;

/*
 * Connects to one of the servers, trying each for timeout milliseconds.  NULL:
 * signal says why (FAILED).  On a connect thread.
 */
extern OutboxNatsLink *outbox_nats_link_open(const OutboxNatsOptions *options, int timeout,
											 OutboxSignal *signal);

/* Closes and frees; may wait.  On a connect thread, or when the process may wait. */
extern void outbox_nats_link_close(OutboxNatsLink *link);

/* Cuts the connection without closing: nothing goes out or comes in any more. */
extern void outbox_nats_link_sever(OutboxNatsLink *link);

/* Links that nobody uses any more form a list through this. */
extern OutboxNatsLink **outbox_nats_link_next(OutboxNatsLink *link);

extern int outbox_nats_link_socket(const OutboxNatsLink *link);
extern int64_t outbox_nats_link_max_payload(const OutboxNatsLink *link);
extern bool outbox_nats_link_wants_write(const OutboxNatsLink *link);
extern size_t outbox_nats_link_buffered(const OutboxNatsLink *link);

/* Reads and writes what the socket gives and takes without waiting. */
extern void outbox_nats_link_process(OutboxNatsLink *link, bool readable, bool writable);

/* The writing of process, without a wait before. */
extern void outbox_nats_link_flush(OutboxNatsLink *link);

/*
 * False when the connection is gone or has told an error: signal says LOST.  A
 * broadcast that is not permitted is none: it makes the link muted.
 */
extern bool outbox_nats_link_alive(OutboxNatsLink *link, OutboxSignal *signal);

/* Has the server refused a broadcast? */
extern bool outbox_nats_link_muted(const OutboxNatsLink *link);

/*
 * Takes a copy of the message, which goes out with the next flush, or sooner.  Over
 * the server's max_payload: NATS_MAX_PAYLOAD, and nothing is sent.
 */
extern natsStatus outbox_nats_link_publish(OutboxNatsLink *link, const OutboxMessage *message);

/* The same with a message that nobody answers for. */
extern natsStatus outbox_nats_link_broadcast(OutboxNatsLink *link, const OutboxMessage *message);

/*
 * Sends a request of one's own; the number comes back with its answer.
 */
extern natsStatus outbox_nats_link_ask(OutboxNatsLink *link, const char *subject, uint64_t number,
									   const char *body);

/* What an answer answers. */
typedef struct OutboxNatsQuestion
{
	enum
	{
		OUTBOX_QUESTION_UNKNOWN, /* nothing that was asked */
		OUTBOX_QUESTION_MESSAGE, /* a message with this token */
		OUTBOX_QUESTION_ASKED /* a request with this number */
	} kind;
	uint64_t number;
} OutboxNatsQuestion;

/*
 * Takes the next answer.  NATS_OK: answer is set and the caller destroys it.
 * NATS_NO_RESPONDERS: one message, it is not known which, had no stream.
 * Anything else: there is none now.
 */
extern natsStatus outbox_nats_link_answer(OutboxNatsLink *link, natsMsg **answer,
										  OutboxNatsQuestion *question);

#endif
