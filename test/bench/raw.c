/*
 * raw.c
 *		Publishes to JetStream with nothing but libnats, as fast as it goes: the measure of
 *		a relay.
 *
 *	raw URL SUBJECT loop|js SHAPE COUNT WINDOW	prints messages per second, and seconds
 *							of CPU per 100,000
 *	raw URL SUBJECT sync SHAPE COUNT RATE		one after the other, so many a second (0: at
 *							once); prints the 50th and 99th percentile of the time to the
 *							acknowledgement in ms
 *
 * js: js_PublishMsgAsync with an ack handler.  loop: the library in event-loop mode, on
 * one thread, with reply subjects of our own; less CPU and no copies, and the way the
 * relay does it, save that it composes its messages itself.
 *
 * SHAPE: what a message carries beside its payload of 230 bytes.  bare: nothing.  id: a
 * Nats-Msg-Id.  same: all headers of the relay's messages but the sequence that the
 * stream must stand at; fenced: these and the sequence; anonymous: fenced, without the
 * Nats-Msg-Id.
 */
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include <nats/nats.h>

#include "measure.h"

#define PATIENCE_MS 20000

typedef enum Shape
{
	SHAPE_BARE,
	SHAPE_ID,
	SHAPE_SAME,
	SHAPE_FENCED,
	SHAPE_ANONYMOUS
} Shape;

static const char *const shapes[] = {"bare", "id", "same", "fenced", "anonymous"};

typedef struct Raw
{
	natsConnection *connection;
	jsCtx *jetstream;
	const char *subject;
	Shape shape;
	int64_t count;
	int64_t window;
	uint64_t base; /* where the stream stands */
	int64_t run; /* makes ids unique */
	char payload[256];
	int payload_length;
} Raw;

/* Of the library's threads. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int64_t acked;
static int64_t failed;

/* Of event-loop mode. */
static int loop_socket = -1;
static bool loop_writes;

static natsStatus
attach(void **data, void *loop, natsConnection *connection, natsSock socket)
{
	(void) loop;
	(void) connection;
	loop_socket = (int) socket;
	*data = &loop_socket;
	return NATS_OK;
}

static natsStatus
watch_read(void *data, bool add)
{
	(void) data;
	if (!add)
		loop_socket = -1;
	return NATS_OK;
}

static natsStatus
watch_write(void *data, bool add)
{
	(void) data;
	loop_writes = add;
	return NATS_OK;
}

static natsStatus
detach(void *data)
{
	(void) data;
	return NATS_OK;
}

static void
check(natsStatus status, const char *what)
{
	if (status != NATS_OK)
		die("%s: %s", what, natsStatus_GetText(status));
}

static void
open_raw(Raw *raw, const char *url, bool loop)
{
	natsOptions *options = NULL;

	check(natsOptions_Create(&options), "options");
	check(natsOptions_SetURL(options, url), "url");
	if (loop)
	{
		check(natsOptions_SetEventLoop(options, raw, attach, watch_read, watch_write, detach),
			  "event loop");
		check(natsOptions_SetSendAsap(options, true), "options");
		check(natsOptions_SetAllowReconnect(options, false), "options");
	}
	check(natsConnection_Connect(&raw->connection, options), "connect");
	natsOptions_Destroy(options);
}

static natsMsg *
make_message(const Raw *raw, int64_t i, const char *reply)
{
	static const char *const constant[][2] = {
		{"ce-specversion", "1.0"},
		{"ce-source", "/postgres"},
		{"ce-type", "bench.made"},
		{"ce-subject", "123"},
		{"ce-time", "2026-11-11T11:11:11.111111Z"},
		{"ce-datacontenttype", "application/json"},
		{"Outbox-Aggregate-Version", "123456"},
		{"Outbox-Tx", "1234567"},
		{"Outbox-Tx-Index", "5"},
		{"Outbox-Tx-Count", "10"},
	};
	natsMsg *message = NULL;
	char text[80];

	check(natsMsg_Create(&message, raw->subject, reply, raw->payload, raw->payload_length),
		  "message");
	if (raw->shape == SHAPE_BARE)
		return message;
	snprintf(text, sizeof(text), "01234567-89ab-cdef-0123-%012" PRId64 "-%" PRId64, raw->run, i);
	if (raw->shape != SHAPE_ANONYMOUS)
		check(natsMsgHeader_Set(message, "Nats-Msg-Id", text), "header");
	if (raw->shape == SHAPE_ID)
		return message;
	check(natsMsgHeader_Set(message, "ce-id", text), "header");
	for (size_t h = 0; h < sizeof(constant) / sizeof(constant[0]); h++)
		check(natsMsgHeader_Set(message, constant[h][0], constant[h][1]), "header");
	if (raw->shape >= SHAPE_FENCED)
	{
		snprintf(text, sizeof(text), "%" PRIu64, raw->base + (uint64_t) i);
		check(natsMsgHeader_Set(message, "Nats-Expected-Last-Sequence", text), "header");
	}
	return message;
}

/* Waits for the socket, and has the library use it. */
static void
turn_loop(const Raw *raw)
{
	struct pollfd poll_for = {.fd = loop_socket, .events = POLLIN};

	if (loop_socket < 0)
		die("the connection is lost");
	if (loop_writes)
		poll_for.events |= POLLOUT;
	if (poll(&poll_for, 1, PATIENCE_MS) <= 0)
		die("no answer");
	if (poll_for.revents & POLLIN)
		natsConnection_ProcessReadEvent(raw->connection);
	if ((poll_for.revents & POLLOUT) && natsConnection_Buffered(raw->connection) > 0)
		natsConnection_ProcessWriteEvent(raw->connection);
}

static int64_t
take_acks(natsSubscription *answers)
{
	natsMsg *answer = NULL;
	int64_t taken = 0;

	while (natsSubscription_NextMsg(&answer, answers, 0) == NATS_OK)
	{
		if (strstr(natsMsg_GetData(answer), "\"error\"") != NULL)
			die("refused: %s", natsMsg_GetData(answer));
		natsMsg_Destroy(answer);
		taken++;
	}
	return taken;
}

static void
publish_loop(Raw *raw)
{
	natsSubscription *answers = NULL;
	natsInbox *inbox = NULL;
	int64_t sent = 0;
	int64_t answered = 0;
	char reply[120];

	check(natsInbox_Create(&inbox), "inbox");
	snprintf(reply, sizeof(reply), "%s.*", inbox);
	check(natsConnection_SubscribeSync(&answers, raw->connection, reply), "subscribe");
	check(natsSubscription_SetPendingLimits(answers, -1, -1), "subscribe");
	while (answered < raw->count)
	{
		for (; sent < raw->count && sent - answered < raw->window; sent++)
		{
			natsMsg *message;

			snprintf(reply, sizeof(reply), "%s.%" PRId64, inbox, sent);
			message = make_message(raw, sent, reply);
			check(natsConnection_PublishMsg(raw->connection, message), "publish");
			natsMsg_Destroy(message);
		}
		turn_loop(raw);
		answered += take_acks(answers);
	}
}

static void
hear_ack(jsCtx *jetstream, natsMsg *message, jsPubAck *ack, jsPubAckErr *error, void *closure)
{
	(void) jetstream;
	(void) closure;
	(void) ack;
	pthread_mutex_lock(&lock);
	acked++;
	failed += error != NULL;
	pthread_cond_signal(&changed);
	pthread_mutex_unlock(&lock);
	natsMsg_Destroy(message);
}

static void
publish_js(Raw *raw)
{
	for (int64_t i = 0; i < raw->count; i++)
	{
		natsMsg *message = make_message(raw, i, NULL);

		pthread_mutex_lock(&lock);
		while (i - acked >= raw->window)
			pthread_cond_wait(&changed, &lock);
		pthread_mutex_unlock(&lock);
		check(js_PublishMsgAsync(raw->jetstream, &message, NULL), "publish");
	}
	check(js_PublishAsyncComplete(raw->jetstream, &(jsPubOptions){.MaxWait = PATIENCE_MS}),
		  "acknowledgements");
	if (failed > 0)
		die("%" PRId64 " are refused", failed);
}

static void
publish_sync(Raw *raw)
{
	int64_t *times = calloc((size_t) raw->count, sizeof(*times));
	int64_t rate = raw->window;
	int64_t begin = now_ns();

	for (int64_t i = 0; i < raw->count; i++)
	{
		natsMsg *message = make_message(raw, i, NULL);
		int64_t start;

		if (rate > 0)
			sleep_until(begin + i * NS / rate);
		start = now_ns();
		check(js_PublishMsg(NULL, raw->jetstream, message, NULL, NULL), "publish");
		times[i] = now_ns() - start;
		natsMsg_Destroy(message);
	}
	printf("%.4f %.4f\n", percentile_ms(times, (size_t) raw->count, 0.5),
		   percentile_ms(times, (size_t) raw->count, 0.99));
	free(times);
}

/* Where the stream of the subject stands. */
static void
find_base(Raw *raw, const char *url)
{
	natsConnection *connection = NULL;
	jsCtx *jetstream = NULL;
	jsPubAck *ack = NULL;

	check(natsConnection_ConnectTo(&connection, url), "connect");
	check(natsConnection_JetStream(&jetstream, connection, NULL), "JetStream");
	check(js_Publish(&ack, jetstream, raw->subject, "", 0, NULL, NULL), "first message");
	raw->base = ack->Sequence;
	jsPubAck_Destroy(ack);
	jsCtx_Destroy(jetstream);
	natsConnection_Destroy(connection);
}

int
main(int argc, char **argv)
{
	Raw raw = {0};
	bool loop;
	int64_t begin;
	double cpu;
	double seconds;

	if (argc != 7)
		die("usage: raw URL SUBJECT loop|js|sync SHAPE COUNT WINDOW|RATE");
	loop = strcmp(argv[3], "loop") == 0;
	raw.subject = argv[2];
	while (raw.shape < SHAPE_ANONYMOUS && strcmp(argv[4], shapes[raw.shape]) != 0)
		raw.shape++;
	raw.count = atoll(argv[5]);
	raw.window = atoll(argv[6]);
	raw.run = (int64_t) time(NULL) * 1000 + now_ns() % 1000;
	raw.payload_length =
		snprintf(raw.payload, sizeof(raw.payload), "{\"i\": 123456, \"fill\": \"%0200d\"}", 0);
	find_base(&raw, argv[1]);
	open_raw(&raw, argv[1], loop);
	if (!loop)
		check(natsConnection_JetStream(
				  &raw.jetstream, raw.connection,
				  &(jsOptions){.Wait = PATIENCE_MS, .PublishAsync = {.AckHandler = hear_ack}}),
			  "JetStream");
	if (strcmp(argv[3], "sync") == 0)
	{
		publish_sync(&raw);
		return 0;
	}
	begin = now_ns();
	cpu = cpu_used();
	if (loop)
		publish_loop(&raw);
	else
		publish_js(&raw);
	seconds = (double) (now_ns() - begin) / 1e9;
	printf("%.0f %.4f\n", (double) raw.count / seconds,
		   (cpu_used() - cpu) / (double) raw.count * 100000);
	fflush(stdout);
	_Exit(0);
}
