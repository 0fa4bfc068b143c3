/*
 * subject_differential.c
 *		What passes our validator, is it stored by a real server exactly as it is?
 *
 *		subject_differential URL COUNT SEED
 *
 * A *draft* is a random event, legal or not.  Each goes through emit's check; what
 * passes is sealed and published into a stream whose subjects are the patterns of
 * random templates, then read back.  Subject, headers and body must be those of
 * the envelope, in order; a refusal, a lost connection or a draft that passes the
 * check and is not sealed is a difference.  The same seed gives the same drafts.
 * The server at URL is one of its own: nothing else may capture these subjects.
 */
#define _GNU_SOURCE /* memmem */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <nats/nats.h>

#include "domain/envelope.h"
#include "domain/subject.h"
#include "draft.h"

#define ROUTES 24
#define BATCH 2000
#define MAX_MESSAGE_SIZE 20000
#define FAULTS (OUTBOX_FAULT_SCRATCH_TOO_SMALL + 1)
#define UUID "6f1c0e6e-0000-4000-8000-000000000001"
#define TIMEOUT 20000

/* A template and a database, and so a pattern of the stream. */
typedef struct Route
{
	OutboxTemplate template;
	char database[OUTBOX_DATABASE_MAX + 1];
	char pattern[OUTBOX_SUBJECT_SIZE];
} Route;

/* A message that was published: the envelope and the memory it points into. */
typedef struct Sent
{
	OutboxEnvelope envelope;
	char *scratch;
	char *payload;
} Sent;

static Route routes[ROUTES];
static int route_count;
static Draft draft;
static Sent sent[BATCH];
static long refused_by_us[FAULTS];
static long differences;
static volatile bool lost;

static natsConnection *connection;
static jsCtx *jetstream;
static char get_subject[128];
static uint64_t sequence;

static void
fail(const char *what, natsStatus status)
{
	fprintf(stderr, "%s: %s\n", what, natsStatus_GetText(status));
	nats_PrintLastErrorStack(stderr);
	exit(2);
}

static void
differ(const char *what, const char *subject, const char *detail)
{
	if (differences++ < 20)
		fprintf(stderr, "different: %s: subject \"%s\": %s\n", what, subject, detail);
}

/* Could a subject match both patterns? */
static bool
overlap(const char *a, const char *b)
{
	for (;;)
	{
		size_t a_length = strcspn(a, ".");
		size_t b_length = strcspn(b, ".");
		bool star = (a_length == 1 && *a == '*') || (b_length == 1 && *b == '*');

		if (!star && (a_length != b_length || memcmp(a, b, a_length) != 0))
			return false;
		a += a_length;
		b += b_length;
		if (*a != *b)
			return false;
		if (*a == '\0')
			return true;
		a++;
		b++;
	}
}

/* Finds templates and databases whose patterns do not overlap. */
static void
make_routes(void)
{
	for (int tries = 0; route_count < ROUTES && tries < 100000; tries++)
	{
		Route *route = &routes[route_count];
		char text[OUTBOX_TEMPLATE_MAX + 1];
		OutboxFault fault;
		bool taken = false;

		make_template(text, sizeof(text));
		if (below(2) == 0)
			make_text(route->database, 1 + below(12), sizeof(route->database));
		else
			make_token(route->database, 1 + below(20));
		fault = outbox_template_parse(&route->template, text);
		if (fault == OUTBOX_FAULT_NONE)
			fault = outbox_template_pattern(&route->template, route->database, route->pattern,
											sizeof(route->pattern));
		refused_by_us[fault] += fault != OUTBOX_FAULT_NONE;
		for (int i = 0; i < route_count; i++)
			taken |= fault == OUTBOX_FAULT_NONE && overlap(route->pattern, routes[i].pattern);
		route_count += fault == OUTBOX_FAULT_NONE && !taken;
	}
}

static void
on_lost(natsConnection *nc, void *closure)
{
	(void) nc;
	(void) closure;
	lost = true;
}

static void
on_error(natsConnection *nc, natsSubscription *sub, natsStatus status, void *closure)
{
	(void) nc;
	(void) sub;
	(void) closure;
	fprintf(stderr, "different: asynchronous error: %s\n", natsStatus_GetText(status));
	lost = true;
}

static void
on_refusal(jsCtx *js, jsPubAckErr *refusal, void *closure)
{
	(void) js;
	(void) closure;
	__atomic_fetch_add(&differences, 1, __ATOMIC_SEQ_CST);
	fprintf(stderr, "different: refused: subject \"%s\": %s\n", natsMsg_GetSubject(refusal->Msg),
			refusal->ErrText);
}

static void
open_stream(const char *url)
{
	const char *subjects[ROUTES];
	char name[64];
	natsOptions *options = NULL;
	jsOptions js;
	jsStreamConfig config;
	natsStatus status = natsOptions_Create(&options);

	jsOptions_Init(&js);
	js.PublishAsync.ErrHandler = on_refusal;
	jsStreamConfig_Init(&config);
	snprintf(name, sizeof(name), "DIFFERENTIAL_%ld", (long) getpid());
	for (int i = 0; i < route_count; i++)
		subjects[i] = routes[i].pattern;
	config.Name = name;
	config.Subjects = subjects;
	config.SubjectsLen = route_count;
	config.MaxMsgSize = MAX_MESSAGE_SIZE;
	snprintf(get_subject, sizeof(get_subject), "$JS.API.STREAM.MSG.GET.%s", name);

	natsOptions_SetURL(options, url);
	natsOptions_SetAllowReconnect(options, false);
	natsOptions_SetDisconnectedCB(options, on_lost, NULL);
	natsOptions_SetErrorHandler(options, on_error, NULL);
	if (status == NATS_OK)
		status = natsConnection_Connect(&connection, options);
	if (status == NATS_OK)
		status = natsConnection_JetStream(&jetstream, connection, &js);
	if (status == NATS_OK)
		status = js_AddStream(NULL, jetstream, &config, NULL, NULL);
	natsOptions_Destroy(options);
	if (status != NATS_OK)
		fail("cannot open a stream", status);
}

static void
publish(const OutboxEnvelope *envelope)
{
	natsMsg *message = NULL;
	natsStatus status = natsMsg_Create(&message, envelope->subject, NULL, envelope->payload,
									   (int) envelope->payload_length);

	for (int i = 0; i < envelope->field_count && status == NATS_OK; i++)
		status = natsMsgHeader_Set(message, envelope->fields[i].key, envelope->fields[i].value);
	if (status == NATS_OK)
		status = js_PublishMsgAsync(jetstream, &message, NULL);
	natsMsg_Destroy(message);
	if (status != NATS_OK)
		differ("cannot publish", envelope->subject, natsStatus_GetText(status));
}

/* Checks and seals a draft; false when it did not pass. */
static bool
seal(Sent *target, const Draft *source)
{
	const Route *route = &routes[below((uint32_t) route_count)];
	OutboxEnvelopeLimits limits = {natsConnection_GetMaxPayload(connection), MAX_MESSAGE_SIZE};
	OutboxEnvelopeOptions options = {(OutboxEnvelopeMode) below(3), &route->template,
									 route->database, UUID};
	OutboxEvent event = source->event;
	OutboxFault fault = outbox_envelope_check(&event, &options, &limits);
	size_t size = outbox_envelope_scratch_size(options.mode, event.payload_length);

	refused_by_us[fault]++;
	if (fault != OUTBOX_FAULT_NONE)
		return false;
	target->payload = malloc(event.payload_length + 1);
	memcpy(target->payload, event.payload, event.payload_length);
	event.payload = target->payload;
	target->scratch = malloc(size);
	fault = outbox_envelope_seal(&target->envelope, &event, &options, target->scratch, size);
	if (fault == OUTBOX_FAULT_NONE)
		return true;
	differ("passed the check and is not sealed", source->aggregate_id, "");
	exit(1);
}

/* Decodes base64 up to the quote that ends it; returns how many bytes. */
static size_t
decode_base64(const char *text, char *bytes)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t length = 0;
	uint32_t group = 0;
	int bits = 0;

	for (; *text != '"' && *text != '='; text++)
	{
		group = group << 6 | (uint32_t) (strchr(digits, *text) - digits);
		bits += 6;
		if (bits >= 8)
		{
			bits -= 8;
			bytes[length++] = (char) (group >> bits & 255);
		}
	}
	return length;
}

/* The value of a string member of the server's answer, behind its quote. */
static const char *
find_member(const char *answer, const char *name)
{
	const char *member = strstr(answer, name);

	return member != NULL ? member + strlen(name) : "\"";
}

/* The stored headers are ours, no byte more or less, in any order. */
static void
compare_headers(const OutboxEnvelope *expected, const char *headers, size_t length)
{
	static char line[OUTBOX_HEADER_LINES_MAX];

	if (length != expected->header_bytes || memcmp(headers, "NATS/1.0\r\n", 10) != 0)
		differ("headers", expected->subject, "other length");
	for (int i = 0; i < expected->field_count; i++)
	{
		int line_length = snprintf(line, sizeof(line), "\r\n%s: %s\r\n", expected->fields[i].key,
								   expected->fields[i].value);

		if (memmem(headers, length, line, (size_t) line_length) == NULL)
			differ("header", expected->fields[i].key, expected->fields[i].value);
	}
}

/* Compares with the bytes in the stream: clients that parse may misread them. */
static void
compare(const OutboxEnvelope *expected, const char *answer)
{
	static char bytes[2 * MAX_MESSAGE_SIZE];
	const char *subject = find_member(answer, "\"subject\":\"");
	size_t length = strlen(expected->subject);

	if (strncmp(subject, expected->subject, length) != 0 || subject[length] != '"')
		differ("subject", expected->subject, answer);
	length = decode_base64(find_member(answer, "\"hdrs\":\""), bytes);
	compare_headers(expected, bytes, length);
	length = decode_base64(find_member(answer, "\"data\":\""), bytes);
	if (length != expected->payload_length ||
		(length > 0 && memcmp(bytes, expected->payload, length) != 0))
		differ("body", expected->subject, "other bytes");
}

/* Waits for all acknowledgements, then reads the batch back. */
static void
verify(int count)
{
	jsPubOptions wait;

	jsPubOptions_Init(&wait);
	wait.MaxWait = TIMEOUT;
	if (js_PublishAsyncComplete(jetstream, &wait) != NATS_OK)
		differ("acknowledgements are missing", "", "");
	for (int i = 0; i < count; i++)
	{
		natsMsg *answer = NULL;
		char wanted[64];
		natsStatus status;

		snprintf(wanted, sizeof(wanted), "{\"seq\":%llu}", (unsigned long long) ++sequence);
		status = natsConnection_RequestString(&answer, connection, get_subject, wanted, TIMEOUT);
		if (status != NATS_OK)
		{
			differ("not stored", sent[i].envelope.subject, natsStatus_GetText(status));
			exit(1);
		}
		compare(&sent[i].envelope, natsMsg_GetData(answer));
		natsMsg_Destroy(answer);
		free(sent[i].scratch);
		free(sent[i].payload);
	}
	if (lost)
	{
		differ("the connection was lost", "", "");
		exit(1);
	}
}

/* The bytes of headers that we reckon are those that the client library sends. */
static void
measure(void)
{
	static char payload[1 << 23];
	int64_t max_payload = natsConnection_GetMaxPayload(connection);
	static const OutboxEnvelopeMode modes[] = {OUTBOX_ENVELOPE_CLOUDEVENTS, OUTBOX_ENVELOPE_PLAIN};

	for (int i = 0; i < 2; i++)
	{
		OutboxEnvelopeOptions options = {modes[i], &routes[0].template, routes[0].database, UUID};
		OutboxEvent event = {.aggregate = "a",
							 .aggregate_id = "\xc3\xa9",
							 .action = "b",
							 .content_type = "text/plain",
							 .headers = "key: value\n",
							 .payload = payload};
		static char scratch[32768];
		OutboxEnvelope envelope;
		natsStatus status = NATS_OK;

		if (outbox_envelope_seal(&envelope, &event, &options, scratch, sizeof(scratch)) !=
				OUTBOX_FAULT_NONE ||
			max_payload > (int64_t) sizeof(payload))
			fail("cannot measure", NATS_ERR);
		for (int over = 0; over < 2; over++)
		{
			natsMsg *message = NULL;
			size_t length = (size_t) max_payload - envelope.header_bytes + (size_t) over;

			natsMsg_Create(&message, "measured", NULL, payload, (int) length);
			for (int f = 0; f < envelope.field_count; f++)
				natsMsgHeader_Set(message, envelope.fields[f].key, envelope.fields[f].value);
			status = natsConnection_PublishMsg(connection, message);
			natsMsg_Destroy(message);
			if (status != (over ? NATS_MAX_PAYLOAD : NATS_OK))
				differ("size of headers", envelope.subject, natsStatus_GetText(status));
		}
	}
	if (natsConnection_FlushTimeout(connection, TIMEOUT) != NATS_OK || lost)
		differ("a message of just max_payload", "measured", "refused");
}

int
main(int argc, char **argv)
{
	long count;
	long published = 0;
	long refused = 0;
	int batch = 0;
	int reasons = 0;

	if (argc != 4)
	{
		fprintf(stderr, "usage: %s URL COUNT SEED\n", argv[0]);
		return 2;
	}
	count = strtol(argv[2], NULL, 10);
	random_state = strtoull(argv[3], NULL, 10) * 2 + 1;
	for (int i = 0; i < 20; i++)
		below(2);
	make_routes();
	open_stream(argv[1]);
	measure();
	for (long i = 1; i <= count; i++)
	{
		make_draft(&draft, i);
		if (seal(&sent[batch], &draft))
		{
			publish(&sent[batch].envelope);
			published++;
			batch++;
		}
		else
			refused++;
		if (batch == BATCH || (i == count && batch > 0))
		{
			verify(batch);
			batch = 0;
		}
	}
	for (int i = OUTBOX_FAULT_NONE + 1; i < FAULTS; i++)
		reasons += refused_by_us[i] > 0;
	printf(
		"subject differential: %ld drafts, %ld refused by us for %d reasons, %ld stored through %d patterns, "
		"%ld different (seed %s)\n",
		count, refused, reasons, published, route_count, differences, argv[3]);
	jsCtx_Destroy(jetstream);
	natsConnection_Destroy(connection);
	nats_Close();
	return differences == 0 && published > 0 && refused > 0 ? 0 : 1;
}
