/*
 * broker.c
 *		The port, in terms of a connector and a link.
 *
 * The broker is *idle*, *connecting* or *open*.  Open, it may be *ending*: the
 * reason for LOST is known, the answers that came before it are reported first.
 * Whatever ends an epoch discards its link, and with it everything that the
 * link could still say; answers go to an inbox of the link's own.
 *
 * Everything here runs on the main thread.  A refused permission is an error on
 * the connection, which the library notes while the main thread reads; no
 * callback on another thread is needed for it.
 */
#include "infrastructure/nats/broker.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "infrastructure/nats/clock.h"
#include "infrastructure/nats/connect.h"
#include "infrastructure/nats/dial.h"
#include "infrastructure/nats/legal.h"
#include "infrastructure/nats/link.h"
#include "infrastructure/nats/puback.h"
#include "infrastructure/nats/stored.h"

#define NOT_FOUND 404 /* no message at that sequence */
#define CROWD ((size_t) 262144) /* bytes not yet sent that keep broadcasts back */

/*
 * nats-server 2.9 crashes when it is asked for a message of a stream that is being made.
 * What an epoch has asked for last, it may still be working on as the next one begins.
 */
#define SETTLE_MS 200

struct OutboxNatsBroker
{
	OutboxNatsOptions *options; /* NULL: not configured */
	OutboxNatsConnector *connector;
	bool connecting;
	char stream[OUTBOX_NATS_STREAM_SIZE]; /* of the current epoch */
	OutboxNatsLink *link; /* NULL: not open */
	uint64_t epoch; /* of links, ours included */
	int asked; /* looks of the link, not answered yet */
	int64_t settled; /* when those of former links are over */
	bool has_outcome; /* of connecting, not yet reported */
	OutboxSignal outcome;
	bool ending;
	OutboxSignal end; /* why it ends */
};

static void
drop(OutboxNatsBroker *self)
{
	outbox_nats_connector_abandon(self->connector);
	if (self->link != NULL)
	{
		outbox_nats_connector_discard(self->connector, self->link);
		self->link = NULL;
		self->epoch++;
	}
	if (self->asked > 0)
		self->settled = outbox_nats_clock_now() + SETTLE_MS;
	self->asked = 0;
	self->connecting = false;
	self->has_outcome = false;
	self->ending = false;
}

static void
fail(OutboxNatsBroker *self, OutboxVerdict verdict, const char *text)
{
	memset(&self->outcome, 0, sizeof(self->outcome));
	self->outcome.kind = OUTBOX_SIGNAL_FAILED;
	self->outcome.verdict = verdict;
	outbox_nats_dial_word(&self->outcome, text, NULL);
	self->has_outcome = true;
	outbox_nats_connector_wake(self->connector);
}

static void
connect_broker(void *broker)
{
	OutboxNatsBroker *self = broker;
	OutboxNatsOptions *options;
	char reason[OUTBOX_REASON_SIZE];

	drop(self);
	if (self->options == NULL)
	{
		fail(self, OUTBOX_VERDICT_MISCONFIGURED, "the connection is not configured");
		return;
	}
	if (!outbox_nats_options_check(self->options, reason, sizeof(reason)))
	{
		fail(self, OUTBOX_VERDICT_MISCONFIGURED, reason);
		return;
	}
	options = outbox_nats_options_copy(self->options);
	if (options == NULL)
	{
		fail(self, OUTBOX_VERDICT_TRANSIENT, "out of memory");
		return;
	}
	options->create_after = self->settled;
	snprintf(self->stream, sizeof(self->stream), "%s", options->stream);
	memset(&self->outcome, 0, sizeof(self->outcome));
	self->connecting = outbox_nats_connector_start(self->connector, options, &self->outcome);
	self->has_outcome = !self->connecting;
	if (self->has_outcome)
		outbox_nats_connector_wake(self->connector);
}

static void
disconnect_broker(void *broker)
{
	drop(broker);
}

/* The epoch ends for this reason, the first one told. */
static void
end(OutboxNatsBroker *self, OutboxVerdict verdict, int code, const char *text)
{
	if (self->ending)
		return;
	self->ending = true;
	memset(&self->end, 0, sizeof(self->end));
	self->end.kind = OUTBOX_SIGNAL_LOST;
	self->end.verdict = verdict;
	self->end.code = code;
	outbox_nats_dial_word(&self->end, text, NULL);
	outbox_nats_connector_wake(self->connector);
}

static OutboxSendResult
publish_message(void *broker, const OutboxMessage *message)
{
	OutboxNatsBroker *self = broker;
	natsStatus status;

	if (!outbox_nats_legal_message(message))
		return OUTBOX_SEND_ILLEGAL;
	if (self->link == NULL || self->ending)
		return OUTBOX_SEND_LOST;
	status = outbox_nats_link_publish(self->link, message);
	if (status == NATS_OK)
		return OUTBOX_SEND_DONE;
	if (status == NATS_MAX_PAYLOAD)
		return OUTBOX_SEND_TOO_LARGE;
	end(self, outbox_nats_verdict_of_status(status), (int) status, natsStatus_GetText(status));
	return OUTBOX_SEND_LOST;
}

static OutboxBroadcastResult
broadcast_message(void *broker, const OutboxMessage *message)
{
	OutboxNatsBroker *self = broker;
	natsStatus status;

	if (!outbox_nats_legal_message(message))
		return OUTBOX_BROADCAST_UNFIT;
	if (self->link == NULL || self->ending)
		return OUTBOX_BROADCAST_LOST;
	if (outbox_nats_link_muted(self->link))
		return OUTBOX_BROADCAST_DENIED;
	if (outbox_nats_link_buffered(self->link) > CROWD)
		return OUTBOX_BROADCAST_CROWDED;
	status = outbox_nats_link_broadcast(self->link, message);
	if (status == NATS_OK)
		return OUTBOX_BROADCAST_DONE;
	if (status == NATS_MAX_PAYLOAD)
		return OUTBOX_BROADCAST_UNFIT;
	end(self, outbox_nats_verdict_of_status(status), (int) status, natsStatus_GetText(status));
	return OUTBOX_BROADCAST_LOST;
}

static void
look_at(void *broker, uint64_t sequence)
{
	OutboxNatsBroker *self = broker;
	char subject[OUTBOX_NATS_STREAM_SIZE + 40];
	char body[40];
	natsStatus status;

	if (self->link == NULL || self->ending)
		return;
	snprintf(subject, sizeof(subject), "$JS.API.STREAM.MSG.GET.%s", self->stream);
	snprintf(body, sizeof(body), "{\"seq\":%" PRIu64 "}", sequence);
	status = outbox_nats_link_ask(self->link, subject, sequence, body);
	if (status == NATS_OK)
		self->asked++;
	else
		end(self, outbox_nats_verdict_of_status(status), (int) status, natsStatus_GetText(status));
}

static void
word_refusal(OutboxSignal *signal, const OutboxNatsPubAck *refusal, const char *what)
{
	signal->code = refusal->err_code != 0 ? refusal->err_code : refusal->code;
	signal->verdict = outbox_nats_verdict_of_code(signal->code);
	outbox_nats_dial_word(signal, what, refusal->description);
}

/* The answer to a message in the port's words. */
static void
read_answer(const OutboxNatsBroker *self, natsMsg *answer, OutboxSignal *signal)
{
	OutboxNatsPubAck ack;

	signal->kind = OUTBOX_SIGNAL_ANSWER;
	if (!outbox_nats_puback_parse(natsMsg_GetData(answer), (size_t) natsMsg_GetDataLength(answer),
								  &ack))
	{
		signal->verdict = OUTBOX_VERDICT_TRANSIENT;
		outbox_nats_dial_word(signal, "the answer is not an acknowledgement of JetStream", NULL);
	}
	else if (ack.error)
		word_refusal(signal, &ack, "refused by the stream");
	else if (strcmp(ack.stream, self->stream) != 0)
	{
		signal->verdict = OUTBOX_VERDICT_MISCONFIGURED;
		outbox_nats_dial_word(signal, "stored in another stream", ack.stream);
	}
	else
	{
		signal->verdict = ack.duplicate ? OUTBOX_VERDICT_DUPLICATE : OUTBOX_VERDICT_ACKED;
		signal->sequence = ack.sequence;
	}
}

/* The answer to a look; false: it could not be answered, which ends the epoch. */
static bool
read_look(OutboxNatsBroker *self, natsMsg *answer, OutboxSignal *signal)
{
	OutboxNatsStored stored;

	if (!outbox_nats_stored_parse(natsMsg_GetData(answer), (size_t) natsMsg_GetDataLength(answer),
								  &stored))
	{
		end(self, OUTBOX_VERDICT_TRANSIENT, 0, "the answer is not a message of the stream");
		return false;
	}
	if (stored.refusal.error && stored.refusal.code != NOT_FOUND)
	{
		word_refusal(signal, &stored.refusal, "could not read a message of the stream");
		end(self, signal->verdict, signal->code, signal->text);
		return false;
	}
	signal->kind = OUTBOX_SIGNAL_FOUND;
	signal->verdict = OUTBOX_VERDICT_ACKED;
	outbox_nats_dial_word(signal, stored.id, NULL);
	return true;
}

/* What one answer says; false: nothing to report. */
static bool
understand(OutboxNatsBroker *self, natsMsg *answer, const OutboxNatsQuestion *question,
		   OutboxSignal *signal)
{
	memset(signal, 0, sizeof(*signal));
	switch (question->kind)
	{
		case OUTBOX_QUESTION_MESSAGE:
			signal->token = question->number;
			read_answer(self, answer, signal);
			return true;
		case OUTBOX_QUESTION_ASKED:
			self->asked--;
			signal->sequence = question->number;
			return read_look(self, answer, signal);
		default:
			return false;
	}
}

/* Takes the next answer that says something; false: none now. */
static bool
take_answer(OutboxNatsBroker *self, OutboxSignal *signal)
{
	for (;;)
	{
		natsMsg *answer = NULL;
		OutboxNatsQuestion question;
		natsStatus status = outbox_nats_link_answer(self->link, &answer, &question);
		bool understood;

		if (status == NATS_NO_RESPONDERS)
		{
			end(self, OUTBOX_VERDICT_MISCONFIGURED, (int) status,
				"no stream answers: none captures the subject of a message");
			continue;
		}
		if (status != NATS_OK)
			return false;
		understood = understand(self, answer, &question, signal);
		natsMsg_Destroy(answer);
		if (understood)
			return true;
	}
}

static bool
next_signal(void *broker, OutboxSignal *signal)
{
	OutboxNatsBroker *self = broker;

	if (self->has_outcome)
	{
		*signal = self->outcome;
		self->has_outcome = false;
		return true;
	}
	if (self->link == NULL)
		return false;
	if (take_answer(self, signal))
		return true;
	if (!self->ending)
		return false;
	*signal = self->end;
	drop(self);
	return true;
}

const OutboxBrokerRoutine outbox_nats_broker = {
	.connect = connect_broker,
	.disconnect = disconnect_broker,
	.publish = publish_message,
	.look = look_at,
	.broadcast = broadcast_message,
	.next = next_signal,
};

OutboxNatsBroker *
outbox_nats_broker_create(void)
{
	OutboxNatsBroker *self = calloc(1, sizeof(*self));

	if (self == NULL)
		return NULL;
	self->connector = outbox_nats_connector_create();
	if (self->connector == NULL)
	{
		free(self);
		return NULL;
	}
	return self;
}

void
outbox_nats_broker_destroy(OutboxNatsBroker *self)
{
	drop(self);
	outbox_nats_connector_destroy(self->connector);
	outbox_nats_options_free(self->options);
	free(self);
}

bool
outbox_nats_broker_configure(OutboxNatsBroker *self, const OutboxNatsOptions *options)
{
	OutboxNatsOptions *copy = outbox_nats_options_copy(options);

	if (copy == NULL)
		return false;
	outbox_nats_options_free(self->options);
	self->options = copy;
	return true;
}

int
outbox_nats_broker_socket(const OutboxNatsBroker *self)
{
	return self->link != NULL ? outbox_nats_link_socket(self->link) : -1;
}

uint64_t
outbox_nats_broker_epoch(const OutboxNatsBroker *self)
{
	return self->epoch;
}

bool
outbox_nats_broker_wants_write(const OutboxNatsBroker *self)
{
	return self->link != NULL && outbox_nats_link_wants_write(self->link);
}

int
outbox_nats_broker_wakeup_fd(const OutboxNatsBroker *self)
{
	return outbox_nats_connector_fd(self->connector);
}

size_t
outbox_nats_broker_buffered(const OutboxNatsBroker *self)
{
	return self->link != NULL ? outbox_nats_link_buffered(self->link) : 0;
}

const OutboxSight *
outbox_nats_broker_sight(const OutboxNatsBroker *self)
{
	return outbox_nats_connector_sight(self->connector);
}

const char *
outbox_nats_broker_library(void)
{
	return nats_GetVersion();
}

bool
outbox_nats_broker_overdue(const OutboxNatsBroker *self)
{
	return outbox_nats_connector_overdue(self->connector);
}

/* Takes the outcome of connecting over from the connect thread. */
static void
take_outcome(OutboxNatsBroker *self)
{
	OutboxNatsLink *link;

	if (!outbox_nats_connector_take(self->connector, &self->outcome, &link) || !self->connecting)
		return;
	self->connecting = false;
	self->has_outcome = true;
	self->link = link;
	if (link != NULL)
		self->epoch++;
}

/* Has the link told that it is over? */
static void
notice_end(OutboxNatsBroker *self)
{
	OutboxSignal lost;

	memset(&lost, 0, sizeof(lost));
	if (outbox_nats_link_alive(self->link, &lost))
		return;
	end(self, lost.verdict, lost.code, lost.text);
	if (outbox_nats_link_socket(self->link) < 0)
		self->epoch++; /* the library may have closed it already */
}

void
outbox_nats_broker_process(OutboxNatsBroker *self, bool readable, bool writable)
{
	take_outcome(self);
	if (self->link == NULL || self->ending)
		return;
	outbox_nats_link_process(self->link, readable, writable);
	notice_end(self);
}

void
outbox_nats_broker_flush(OutboxNatsBroker *self)
{
	if (self->link == NULL || self->ending)
		return;
	if (outbox_nats_link_wants_write(self->link))
		outbox_nats_link_flush(self->link);
	if (outbox_nats_link_socket(self->link) < 0)
		notice_end(self);
}
