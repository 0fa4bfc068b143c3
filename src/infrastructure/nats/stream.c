/*
 * stream.c
 *		The preflight: requests to JetStream over the new link.
 *
 * The link still belongs to the connect thread, which pumps it here as the main
 * thread does later.  A missing right shows as an error of the connection, a
 * server without JetStream as a request that nobody responds to.
 */
#include "infrastructure/nats/stream.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "infrastructure/nats/clock.h"
#include "infrastructure/nats/dial.h"
#include "infrastructure/nats/info.h"

#define DEFAULT_DUPLICATE_WINDOW (INT64_C(600) * 1000 * 1000 * 1000)
#define SUBJECT_SIZE (OUTBOX_NATS_STREAM_SIZE + 40)

typedef struct Look
{
	OutboxNatsLink *link;
	const OutboxNatsOptions *options;
	int64_t deadline;
	OutboxSignal *signal;
	OutboxNatsInfo info;
	bool captures_broadcasts;
} Look;

static bool
fail(Look *look, OutboxVerdict verdict, int code, const char *what, const char *why)
{
	look->signal->kind = OUTBOX_SIGNAL_FAILED;
	look->signal->verdict = verdict;
	look->signal->code = code;
	outbox_nats_dial_word(look->signal, what, why);
	return false;
}

/* Waits for the socket, not longer than the deadline, and pumps. */
static void
pump(Look *look)
{
	int64_t left = look->deadline - outbox_nats_clock_now();
	struct pollfd wait = {.fd = outbox_nats_link_socket(look->link), .events = POLLIN};

	if (outbox_nats_link_wants_write(look->link))
		wait.events |= POLLOUT;
	poll(&wait, 1, left > 0 ? (int) left : 0);
	outbox_nats_link_process(look->link, wait.revents & (POLLIN | POLLHUP | POLLERR),
							 wait.revents & POLLOUT);
}

/* Waits for the answer to the one request; NULL: signal is FAILED. */
static natsMsg *
await(Look *look, const char *what)
{
	natsMsg *answer = NULL;
	OutboxNatsQuestion question;

	for (;;)
	{
		natsStatus status = outbox_nats_link_answer(look->link, &answer, &question);

		if (status == NATS_OK)
			return answer;
		if (status == NATS_NO_RESPONDERS)
		{
			fail(look, OUTBOX_VERDICT_MISCONFIGURED, JSNotEnabledErr,
				 "JetStream is not enabled on this NATS server", NULL);
			return NULL;
		}
		if (!outbox_nats_link_alive(look->link, look->signal))
		{
			look->signal->kind = OUTBOX_SIGNAL_FAILED;
			return NULL;
		}
		if (outbox_nats_clock_now() >= look->deadline)
		{
			fail(look, OUTBOX_VERDICT_TRANSIENT, NATS_TIMEOUT, what, "JetStream did not answer");
			return NULL;
		}
		pump(look);
	}
}

/* Does the stream of this answer take what is broadcast, or some of it? */
static bool
captures_broadcasts(const Look *look, natsMsg *answer)
{
	const char *pattern = look->options->broadcast_subject;
	OutboxNatsInfo info;

	return pattern != NULL &&
		   outbox_nats_info_parse(natsMsg_GetData(answer), (size_t) natsMsg_GetDataLength(answer),
								  pattern, &info) &&
		   info.met;
}

/* Asks JetStream about the stream; false: signal is FAILED. */
static bool
request(Look *look, const char *verb, const char *body, const char *what)
{
	char subject[SUBJECT_SIZE];
	natsMsg *answer;
	bool understood;
	natsStatus status;

	snprintf(subject, sizeof(subject), "$JS.API.STREAM.%s.%s", verb, look->options->stream);
	status = outbox_nats_link_ask(look->link, subject, 0, body);
	if (status != NATS_OK)
		return fail(look, outbox_nats_verdict_of_status(status), (int) status, what,
					natsStatus_GetText(status));
	answer = await(look, what);
	if (answer == NULL)
		return false;
	understood =
		outbox_nats_info_parse(natsMsg_GetData(answer), (size_t) natsMsg_GetDataLength(answer),
							   look->options->stream_subject, &look->info);
	look->captures_broadcasts = captures_broadcasts(look, answer);
	natsMsg_Destroy(answer);
	return understood ||
		   fail(look, OUTBOX_VERDICT_TRANSIENT, 0, what, "the answer is not one of JetStream");
}

static bool
refused(Look *look, const char *what)
{
	const OutboxNatsPubAck *refusal = &look->info.refusal;
	int code = refusal->err_code != 0 ? refusal->err_code : refusal->code;

	if (code == JSNotEnabledForAccountErr || code == JSNotEnabledErr)
		return fail(look, OUTBOX_VERDICT_MISCONFIGURED, code,
					"JetStream is not enabled for this account", NULL);
	return fail(look, outbox_nats_verdict_of_code(code), code, what, refusal->description);
}

/* Until the stream may be made, or the time is over. */
static void
settle(const Look *look)
{
	int64_t rest;

	while ((rest = look->options->create_after - outbox_nats_clock_now()) > 0 &&
		   outbox_nats_clock_now() < look->deadline)
	{
		const struct timespec pause = {0, (rest < 10 ? rest : 10) * 1000 * 1000};

		nanosleep(&pause, NULL);
	}
}

static bool
create(Look *look)
{
	static const char what[] = "could not create the stream";
	const OutboxNatsOptions *options = look->options;
	char body[1024];
	int length;

	length = snprintf(body, sizeof(body),
					  "{\"name\":\"%s\",\"subjects\":[\"%s\"],\"retention\":\"limits\","
					  "\"max_consumers\":-1,\"max_msgs\":-1,\"max_bytes\":-1,\"max_age\":0,"
					  "\"max_msg_size\":-1,\"discard\":\"old\",\"storage\":\"file\","
					  "\"num_replicas\":1,\"duplicate_window\":%" PRId64 "}",
					  options->stream, options->stream_subject,
					  options->duplicate_window > 0 ? options->duplicate_window
													: DEFAULT_DUPLICATE_WINDOW);
	if (length < 0 || (size_t) length >= sizeof(body))
		return fail(look, OUTBOX_VERDICT_MISCONFIGURED, 0, what, "its name or subject is too long");
	settle(look);
	if (!request(look, "CREATE", body, what))
		return false;
	return !look->info.refusal.error || refused(look, what);
}

static bool
find(Look *look)
{
	static const char what[] = "could not look at the stream";
	char reason[OUTBOX_REASON_SIZE];

	if (!request(look, "INFO", "", what))
		return false;
	if (!look->info.refusal.error)
		return true;
	if (look->info.refusal.err_code != JSStreamNotFoundErr)
		return refused(look, what);
	if (look->options->stream_create)
		return create(look);
	snprintf(reason, sizeof(reason), "stream \"%.128s\" does not exist", look->options->stream);
	return fail(look, OUTBOX_VERDICT_MISCONFIGURED, JSStreamNotFoundErr, reason, NULL);
}

bool
outbox_nats_stream_look(OutboxNatsLink *link, const OutboxNatsOptions *options, int64_t deadline,
						OutboxSignal *signal, OutboxSight *sight)
{
	Look look = {.link = link, .options = options, .deadline = deadline, .signal = signal};
	const OutboxNatsInfo *info = &look.info;
	char reason[OUTBOX_REASON_SIZE];
	int flaw;

	if (!find(&look))
		return false;
	outbox_nats_info_show(info, outbox_nats_link_max_payload(link), sight);
	flaw = outbox_nats_info_judge(info, options->stream_subject, reason, sizeof(reason));
	if (flaw != OUTBOX_CODE_NONE)
		return fail(&look, OUTBOX_VERDICT_MISCONFIGURED, flaw, reason, NULL);

	signal->kind = OUTBOX_SIGNAL_OPENED;
	outbox_nats_dial_word(signal, reason, NULL);
	signal->facts.first_sequence = info->first_sequence;
	signal->facts.last_sequence = info->last_sequence;
	signal->facts.deleted = info->deleted;
	signal->facts.expires = outbox_nats_info_expires(info);
	signal->facts.sparse = outbox_nats_info_sparse(info);
	signal->facts.created = info->created;
	signal->facts.max_payload = outbox_nats_link_max_payload(link);
	signal->facts.max_message_size = info->max_message_size > 0 ? info->max_message_size : -1;
	signal->facts.duplicate_window = info->duplicate_window;
	signal->facts.captures_broadcasts = look.captures_broadcasts;
	return true;
}
