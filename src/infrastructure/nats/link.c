/*
 * link.c
 *		A connection in event-loop mode.
 *
 * Threads.  The library calls the event callbacks with its own lock held, on
 * the thread that entered it: the connect thread while the link is opened and
 * closed, the main thread in between.  The hand-over between the two is
 * synchronised by the connector.  Pings are off, because they would come from
 * the library's timer thread; TCP keep-alive notices a dead peer instead, and
 * the relay's own ack timeout a mute one.
 */
#include "infrastructure/nats/link.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "domain/subject.h"
#include "infrastructure/nats/dial.h"
#include "infrastructure/nats/pattern.h"
#include "infrastructure/nats/tls.h"
#include "infrastructure/nats/wire.h"

#define INBOX_SIZE 100
#define ASK_MARK 'l' /* before the number in a request's reply subject */
#define RUN_DRY_MAX 1000 /* reads; a socket's buffer holds fewer */
#define PLENTY ((size_t) 65536) /* bytes that wait: they are sent before more are added */
#define KEEPALIVE_IDLE 30 /* seconds */
#define KEEPALIVE_INTERVAL 10
#define KEEPALIVE_COUNT 3

struct OutboxNatsLink
{
	OutboxNatsLink *next;
	natsConnection *connection;
	natsConnection *attached; /* the same, told earlier */
	natsSubscription *answers;
	char inbox[INBOX_SIZE];
	size_t inbox_length;
	bool sent; /* a message, so there are: */
	uint64_t first_token;
	uint64_t last_token;
	int socket;
	bool severed;
	bool polled; /* the library still wants the socket read */
	bool wants_write; /* the library has something to write */
	bool headers; /* the server knows them */
	OutboxNatsWire wire;
	OutboxNatsTls tls;
	char broadcasts[OUTBOX_SUBJECT_SIZE]; /* what their subjects look like, or "" */
	bool muted;
};

static natsStatus
attach(void **data, void *loop, natsConnection *connection, natsSock socket)
{
	OutboxNatsLink *link = loop;

	link->attached = connection;
	link->socket = (int) socket;
	link->polled = true;
	*data = link;
	return NATS_OK;
}

static natsStatus
watch_read(void *data, bool add)
{
	OutboxNatsLink *link = data;

	link->polled = add;
	return NATS_OK;
}

static natsStatus
watch_write(void *data, bool add)
{
	OutboxNatsLink *link = data;

	link->wants_write = add;
	if (add)
		outbox_nats_wire_hold(&link->wire);
	else
		outbox_nats_wire_release(&link->wire);
	return NATS_OK;
}

/*
 * The versions differ in who ends what when a connection is closed.  Up to 3.9
 * the library closes the socket; from 3.10 the adapter must say that it has let
 * go of it; from 3.11 that it has let go of the connection, too.
 */
static natsStatus
detach(void *data)
{
	OutboxNatsLink *link = data;

	link->polled = false;
#if NATS_VERSION_NUMBER >= 0x030A00
	natsConnection_ProcessCloseEvent(&(natsSock){link->socket});
#endif
#if NATS_VERSION_NUMBER >= 0x030B00
	natsConnection_ProcessDetachedEvent(link->attached);
#endif
	return NATS_OK;
}

static void
keep_alive(int socket)
{
	const int on = 1;
	const int idle = KEEPALIVE_IDLE;
	const int interval = KEEPALIVE_INTERVAL;
	const int count = KEEPALIVE_COUNT;

	setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(socket, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	setsockopt(socket, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
	setsockopt(socket, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
}

static natsStatus
dial(OutboxNatsLink *link, natsOptions *dialing)
{
	natsStatus status;

	outbox_nats_tls_watch();
	status = natsOptions_SetEventLoop(dialing, link, attach, watch_read, watch_write, detach);
	if (status == NATS_OK)
		status = natsOptions_SetSendAsap(dialing, true);
	if (status == NATS_OK)
		status = natsOptions_SetPingInterval(dialing, 0);
	if (status == NATS_OK)
		status = natsConnection_Connect(&link->connection, dialing);
	return status;
}

/* Listens on an inbox of its own, "<inbox>.<token>". */
static natsStatus
listen_to_answers(OutboxNatsLink *link)
{
	natsInbox *inbox = NULL;
	char pattern[INBOX_SIZE + 2];
	natsStatus status = natsInbox_Create(&inbox);

	if (status != NATS_OK)
		return status;
	link->inbox_length = (size_t) snprintf(link->inbox, sizeof(link->inbox), "%s", inbox);
	natsInbox_Destroy(inbox);
	if (link->inbox_length >= sizeof(link->inbox))
		return NATS_INSUFFICIENT_BUFFER;
	snprintf(pattern, sizeof(pattern), "%s.*", link->inbox);
	status = natsConnection_SubscribeSync(&link->answers, link->connection, pattern);
	if (status == NATS_OK)
		status = natsSubscription_SetPendingLimits(link->answers, -1, -1);
	return status;
}

/* Connects, listens and arranges for TLS; false: signal is FAILED. */
static bool
establish(OutboxNatsLink *link, natsOptions *dialing, bool secure, OutboxSignal *signal)
{
	natsStatus status = dial(link, dialing);

	if (status == NATS_OK)
		status = listen_to_answers(link);
	if (status != NATS_OK)
	{
		outbox_nats_dial_fail(signal, status, "could not connect");
		return false;
	}
	if (!outbox_nats_tls_take(&link->tls, link->socket, secure))
	{
		outbox_nats_dial_fail(signal, NATS_SSL_ERROR,
							  "the NATS library does not use the OpenSSL library of this process");
		return false;
	}
	link->headers = natsConnection_HasHeaderSupport(link->connection) == NATS_OK;
	keep_alive(link->socket);
	return true;
}

OutboxNatsLink *
outbox_nats_link_open(const OutboxNatsOptions *options, int timeout, OutboxSignal *signal)
{
	natsOptions *dialing = outbox_nats_dial_prepare(options, timeout, signal);
	OutboxNatsLink *link = NULL;

	if (dialing == NULL)
		return NULL;
	link = calloc(1, sizeof(*link));
	if (link == NULL)
		outbox_nats_dial_fail(signal, NATS_NO_MEMORY, "could not connect");
	else
	{
		link->socket = -1;
		if (options->broadcast_subject != NULL)
			snprintf(link->broadcasts, sizeof(link->broadcasts), "%s", options->broadcast_subject);
		if (!establish(link, dialing, outbox_nats_options_secure(options), signal))
		{
			outbox_nats_link_close(link);
			link = NULL;
		}
	}
	natsOptions_Destroy(dialing);
	return link;
}

void
outbox_nats_link_sever(OutboxNatsLink *link)
{
	link->severed = true;
	outbox_nats_wire_clear(&link->wire);
	if (link->polled)
		shutdown(link->socket, SHUT_RDWR);
}

/*
 * Lets the library find out by reading that the connection is over.  Closed by
 * its user, it would wait half a second for an answer that nobody reads.
 */
static void
run_dry(OutboxNatsLink *link)
{
	outbox_nats_link_sever(link);
	for (int i = 0; i < RUN_DRY_MAX && link->polled; i++)
		natsConnection_ProcessReadEvent(link->connection);
}

void
outbox_nats_link_close(OutboxNatsLink *link)
{
	if (link->connection != NULL)
		run_dry(link);
	natsSubscription_Destroy(link->answers);
	natsConnection_Destroy(link->connection);
	outbox_nats_wire_clear(&link->wire);
	free(link);
}

OutboxNatsLink **
outbox_nats_link_next(OutboxNatsLink *link)
{
	return &link->next;
}

static bool
usable(const OutboxNatsLink *link)
{
	return link->polled && !link->severed;
}

int
outbox_nats_link_socket(const OutboxNatsLink *link)
{
	return usable(link) ? link->socket : -1;
}

int64_t
outbox_nats_link_max_payload(const OutboxNatsLink *link)
{
	return natsConnection_GetMaxPayload(link->connection);
}

bool
outbox_nats_link_wants_write(const OutboxNatsLink *link)
{
	return usable(link) && (link->wants_write || outbox_nats_wire_waiting(&link->wire) > 0 ||
							outbox_nats_tls_waiting(&link->tls) > 0);
}

size_t
outbox_nats_link_buffered(const OutboxNatsLink *link)
{
	int plain;

	if (!usable(link))
		return 0;
	plain = natsConnection_Buffered(link->connection);
	return (plain > 0 ? (size_t) plain : 0) + outbox_nats_wire_waiting(&link->wire) +
		   outbox_nats_tls_waiting(&link->tls);
}

static void
read_encrypted(OutboxNatsLink *link)
{
	bool first = true;

	while (usable(link) && outbox_nats_tls_record_came(&link->tls, first))
	{
		natsConnection_ProcessReadEvent(link->connection);
		first = false;
	}
}

/* Has the library something that it could write?  A write of nothing ends the connection. */
static bool
library_waits(const OutboxNatsLink *link)
{
	return usable(link) && link->wants_write && natsConnection_Buffered(link->connection) > 0;
}

void
outbox_nats_link_flush(OutboxNatsLink *link)
{
	while (usable(link))
	{
		if (library_waits(link))
			outbox_nats_wire_hold(&link->wire);
		if (!outbox_nats_wire_send(&link->wire, &link->tls, link->socket) || !link->wire.held)
			break;
		if (library_waits(link))
			natsConnection_ProcessWriteEvent(link->connection);
		if (library_waits(link))
			break; /* in the middle of its own */
		outbox_nats_wire_release(&link->wire);
	}
	if (usable(link) && outbox_nats_tls_active(&link->tls))
		outbox_nats_tls_send(&link->tls, link->socket);
}

void
outbox_nats_link_process(OutboxNatsLink *link, bool readable, bool writable)
{
	if (readable && usable(link))
	{
		if (outbox_nats_tls_active(&link->tls))
			read_encrypted(link);
		else
			natsConnection_ProcessReadEvent(link->connection);
	}
	if (writable)
		outbox_nats_link_flush(link);
}

/* Is this a refused permission for a broadcast?  It names the subject in quotes. */
static bool
concerns_broadcast(const OutboxNatsLink *link, natsStatus status, const char *text)
{
	static const char words[] = "Permissions Violation for Publish to \"";
	char subject[OUTBOX_SUBJECT_SIZE];
	const char *found;
	size_t length;

	if (status != NATS_NOT_PERMITTED || text == NULL || link->broadcasts[0] == '\0')
		return false;
	found = strstr(text, words);
	if (found == NULL)
		return false;
	found += strlen(words);
	length = strcspn(found, "\"");
	if (length >= sizeof(subject))
		return false;
	memcpy(subject, found, length);
	subject[length] = '\0';
	return outbox_nats_pattern_covers(link->broadcasts, subject);
}

bool
outbox_nats_link_alive(OutboxNatsLink *link, OutboxSignal *signal)
{
	const char *text = NULL;
	natsStatus status = natsConnection_GetLastError(link->connection, &text);

	if (concerns_broadcast(link, status, text))
	{
		link->muted = true;
		status = NATS_OK;
		text = NULL;
	}
	if (status == NATS_OK && usable(link))
		return true;
	signal->kind = OUTBOX_SIGNAL_LOST;
	signal->verdict = outbox_nats_verdict_of_status(status);
	signal->code = (int) status;
	outbox_nats_dial_word(signal,
						  status == NATS_NOT_PERMITTED ? "not permitted" : "connection lost", text);
	return false;
}

bool
outbox_nats_link_muted(const OutboxNatsLink *link)
{
	return link->muted;
}

/* Adds a message to the wire; inbox is where to answer, or NULL. */
static natsStatus
send_message(OutboxNatsLink *link, const OutboxMessage *message, const char *inbox)
{
	int64_t limit = outbox_nats_link_max_payload(link);
	natsStatus status;

	if (!usable(link))
		return NATS_CONNECTION_CLOSED;
	if (!link->headers && (message->field_count > 0 || message->expected_last != OUTBOX_UNFENCED))
		return NATS_NO_SERVER_SUPPORT;
	if (limit <= 0 || limit > INT32_MAX)
		limit = INT32_MAX;
	status = outbox_nats_wire_add(&link->wire, message, inbox, (size_t) limit);
	if (status == NATS_OK && !link->wire.full && outbox_nats_wire_waiting(&link->wire) >= PLENTY)
		outbox_nats_link_flush(link);
	return status;
}

natsStatus
outbox_nats_link_publish(OutboxNatsLink *link, const OutboxMessage *message)
{
	natsStatus status = send_message(link, message, link->inbox);

	if (status == NATS_OK)
	{
		if (!link->sent)
			link->first_token = message->token;
		link->last_token = message->token;
		link->sent = true;
	}
	return status;
}

natsStatus
outbox_nats_link_broadcast(OutboxNatsLink *link, const OutboxMessage *message)
{
	OutboxMessage unfenced = *message;

	unfenced.expected_last = OUTBOX_UNFENCED;
	return send_message(link, &unfenced, NULL);
}

natsStatus
outbox_nats_link_ask(OutboxNatsLink *link, const char *subject, uint64_t number, const char *body)
{
	char reply[INBOX_SIZE + 24];

	if (!usable(link))
		return NATS_CONNECTION_CLOSED;
	snprintf(reply, sizeof(reply), "%s.%c%" PRIu64, link->inbox, ASK_MARK, number);
	return natsConnection_PublishRequest(link->connection, subject, reply, body,
										 (int) strlen(body));
}

/* Finds out from the end of an answer's subject what it answers. */
static void
recognize(const OutboxNatsLink *link, const char *subject, OutboxNatsQuestion *question)
{
	const char *digits = subject + link->inbox_length + 1;
	bool asked;
	char *end;

	question->kind = OUTBOX_QUESTION_UNKNOWN;
	if (strlen(subject) < link->inbox_length + 2)
		return;
	asked = *digits == ASK_MARK;
	digits += asked ? 1 : 0;
	if (*digits < '0' || *digits > '9')
		return;
	errno = 0;
	question->number = strtoull(digits, &end, 10);
	if (*end != '\0' || errno != 0)
		return;
	if (asked)
		question->kind = OUTBOX_QUESTION_ASKED;
	else if (link->sent && question->number >= link->first_token &&
			 question->number <= link->last_token)
		question->kind = OUTBOX_QUESTION_MESSAGE;
}

natsStatus
outbox_nats_link_answer(OutboxNatsLink *link, natsMsg **answer, OutboxNatsQuestion *question)
{
	natsStatus status = natsSubscription_NextMsg(answer, link->answers, 0);

	if (status == NATS_OK)
		recognize(link, natsMsg_GetSubject(*answer), question);
	return status;
}
