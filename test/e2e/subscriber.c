/*
 * subscriber.c
 *		Reads a stream of NATS JetStream and shows what arrives.
 *
 *	subscriber URL STREAM [options]
 *
 *	--subject FILTER	only these subjects, e.g. 'shop.order.*'
 *	--new				only what is stored from now on; default: from the start
 *	--count N			ends after N events
 *	--idle SECONDS		ends when nothing has come for so long
 *	--wait SECONDS		waits so long for the broker and the stream (30)
 *	--ledger FILE		a line for every event, tab separated, for programs; "-":
 *						standard output, instead of the lines for people
 *	--quiet				no lines for people
 *
 * The line for people: age of the event since it was emitted, subject,
 * aggregate, version, payload.  The ledger's line: stream sequence, message id,
 * subject, event type, aggregate id, version, transaction, index and count
 * within it, payload's CRC-32 and length, time of the event and of its arrival
 * (microseconds since 1970).
 *
 * Every message of the stream is seen once and in order: the consumer's own
 * sequence shows a loss on the way, and then, as after silence, a new consumer
 * starts behind the last message seen.  This also outlives a restart of the
 * broker.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include <nats/nats.h>

/* After so long a silence the consumer is made anew. */
#define SILENCE_MS 2000
#define MICROSECONDS INT64_C(1000000)

typedef struct Subscriber
{
	/* asked for */
	const char *url;
	const char *stream;
	const char *subject;
	bool only_new;
	bool quiet;
	uint64_t count;
	double idle;
	double wait;
	FILE *ledger;

	/* now */
	natsConnection *connection;
	jsCtx *jetstream;
	natsSubscription *subscription;
	uint64_t next; /* stream sequence to begin with */
	uint64_t consumed; /* the consumer's sequence of the last message */
	uint64_t seen;
} Subscriber;

/* Where a message stands, as its reply subject tells. */
typedef struct Place
{
	uint64_t stream;
	uint64_t consumer;
} Place;

static volatile sig_atomic_t stopping = 0;

static void
stop(int number)
{
	(void) number;
	stopping = 1;
}

static int64_t
now(void)
{
	struct timespec at;

	clock_gettime(CLOCK_REALTIME, &at);
	return at.tv_sec * MICROSECONDS + at.tv_nsec / 1000;
}

static uint32_t
crc32(const unsigned char *bytes, int length)
{
	uint32_t sum = UINT32_MAX;

	for (int i = 0; i < length; i++)
	{
		sum ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			sum = (sum >> 1) ^ ((sum & 1) ? UINT32_C(0xEDB88320) : 0);
	}
	return ~sum;
}

static const char *
header(natsMsg *message, const char *key)
{
	const char *value = NULL;

	return natsMsgHeader_Get(message, key, &value) == NATS_OK && value != NULL ? value : "";
}

/* The header of the CloudEvents mode, or else that of the plain one. */
static const char *
header_of_either(natsMsg *message, const char *key, const char *plain)
{
	const char *value = header(message, key);

	return value[0] != '\0' ? value : header(message, plain);
}

/* Microseconds since 1970 of "2026-01-31T12:00:00.123456Z"; 0: unreadable. */
static int64_t
read_time(const char *text)
{
	struct tm at = {0};
	double seconds;

	if (sscanf(text, "%d-%d-%dT%d:%d:%lf", &at.tm_year, &at.tm_mon, &at.tm_mday, &at.tm_hour,
			   &at.tm_min, &seconds) != 6)
		return 0;
	at.tm_year -= 1900;
	at.tm_mon -= 1;
	return timegm(&at) * MICROSECONDS + (int64_t) (seconds * MICROSECONDS + 0.5);
}

/* $JS.ACK.stream.consumer.delivered.SEQUENCE.SEQUENCE...; newer ones name domain and account first */
static bool
read_place(const char *reply, Place *place)
{
	const char *token[13] = {reply};
	int tokens = 1;

	for (const char *at = reply; *at != '\0' && tokens < 13; at++)
	{
		if (*at == '.')
			token[tokens++] = at + 1;
	}
	if (tokens < 9)
		return false;
	place->stream = strtoull(token[tokens >= 11 ? 7 : 5], NULL, 10);
	place->consumer = strtoull(token[tokens >= 11 ? 8 : 6], NULL, 10);
	return place->stream > 0;
}

static void
write_ledger(FILE *ledger, natsMsg *message, uint64_t sequence, int64_t arrived)
{
	const char *version = header(message, "Outbox-Aggregate-Version");
	int length = natsMsg_GetDataLength(message);

	fprintf(ledger,
			"%" PRIu64 "\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%08" PRIx32 "\t%d\t%" PRId64 "\t%" PRId64
			"\n",
			sequence, header_of_either(message, "ce-id", "Nats-Msg-Id"),
			natsMsg_GetSubject(message), header_of_either(message, "ce-type", "Outbox-Type"),
			header_of_either(message, "ce-subject", "Outbox-Aggregate-Id"),
			version[0] != '\0' ? version : "-", header(message, "Outbox-Tx"),
			header(message, "Outbox-Tx-Index"), header(message, "Outbox-Tx-Count"),
			crc32((const unsigned char *) natsMsg_GetData(message), length), length,
			read_time(header_of_either(message, "ce-time", "Outbox-Time")), arrived);
}

/* On one line, without control characters, cut to the width. */
static void
print_payload(const char *payload, int length, int width)
{
	for (int i = 0; i < length && i < width; i++)
		putchar((unsigned char) payload[i] < ' ' ? ' ' : payload[i]);
	if (length > width)
		fputs("...", stdout);
}

static void
print_event(natsMsg *message, int64_t arrived)
{
	int64_t emitted = read_time(header_of_either(message, "ce-time", "Outbox-Time"));
	const char *version = header(message, "Outbox-Aggregate-Version");

	printf("%9.1f ms  %-32s %-14s %s%-6s ", emitted ? (arrived - emitted) / 1000.0 : 0.0,
		   natsMsg_GetSubject(message),
		   header_of_either(message, "ce-subject", "Outbox-Aggregate-Id"),
		   version[0] != '\0' ? "v" : " ", version);
	print_payload(natsMsg_GetData(message), natsMsg_GetDataLength(message), 72);
	putchar('\n');
}

static natsStatus
open_connection(Subscriber *self)
{
	natsOptions *options = NULL;
	natsStatus status = natsOptions_Create(&options);

	if (status == NATS_OK)
		status = natsOptions_SetURL(options, self->url);
	if (status == NATS_OK)
		status = natsOptions_SetMaxReconnect(options, -1);
	if (status == NATS_OK)
		status = natsOptions_SetReconnectWait(options, 50);
	if (status == NATS_OK)
		status = natsOptions_SetTimeout(options, 1000);
	if (status == NATS_OK)
		status = natsConnection_Connect(&self->connection, options);
	if (status == NATS_OK)
		status = natsConnection_JetStream(&self->jetstream, self->connection, NULL);
	natsOptions_Destroy(options);
	return status;
}

/* Where "new" begins: behind the last message that the stream holds now. */
static natsStatus
find_end(Subscriber *self)
{
	jsStreamInfo *info = NULL;
	natsStatus status = js_GetStreamInfo(&info, self->jetstream, self->stream, NULL, NULL);

	if (status == NATS_OK)
		self->next = info->State.LastSeq + 1;
	jsStreamInfo_Destroy(info);
	return status;
}

/* A new consumer that begins at self->next. */
static natsStatus
subscribe(Subscriber *self)
{
	jsConsumerConfig config;
	jsConsumerInfo *info = NULL;
	natsInbox *inbox = NULL;
	natsStatus status = natsInbox_Create(&inbox);

	natsSubscription_Destroy(self->subscription);
	self->subscription = NULL;
	self->consumed = 0;
	jsConsumerConfig_Init(&config);
	config.DeliverSubject = inbox;
	config.DeliverPolicy = js_DeliverByStartSequence;
	config.OptStartSeq = self->next;
	config.AckPolicy = js_AckNone;
	config.FilterSubject = self->subject;
	if (status == NATS_OK)
		status = natsConnection_SubscribeSync(&self->subscription, self->connection, inbox);
	if (status == NATS_OK)
		status = natsSubscription_SetPendingLimits(self->subscription, -1, -1);
	if (status == NATS_OK)
		status = js_AddConsumer(&info, self->jetstream, self->stream, &config, NULL, NULL);
	jsConsumerInfo_Destroy(info);
	natsInbox_Destroy(inbox);
	return status;
}

static natsStatus
begin(Subscriber *self)
{
	natsStatus status = NATS_OK;

	if (self->connection == NULL)
		status = open_connection(self);
	if (status == NATS_OK && self->next == 0 && self->only_new)
		status = find_end(self);
	if (self->next == 0)
		self->next = 1;
	return status == NATS_OK ? subscribe(self) : status;
}

/* False: something before this message was lost on the way. */
static bool
take(Subscriber *self, natsMsg *message)
{
	int64_t arrived = now();
	Place place;

	if (!read_place(natsMsg_GetReply(message) ? natsMsg_GetReply(message) : "", &place))
		return true;
	if (place.consumer != self->consumed + 1)
		return false;
	self->consumed = place.consumer;
	if (place.stream < self->next)
		return true;
	self->next = place.stream + 1;
	self->seen++;
	if (self->ledger != NULL)
	{
		write_ledger(self->ledger, message, place.stream, arrived);
		fflush(self->ledger);
	}
	if (!self->quiet)
	{
		print_event(message, arrived);
		fflush(stdout);
	}
	return true;
}

/* Connects and subscribes, again and again until the time to wait is over. */
static bool
settle(Subscriber *self)
{
	int64_t deadline = now() + (int64_t) (self->wait * MICROSECONDS);
	natsStatus status;

	while ((status = begin(self)) != NATS_OK && !stopping)
	{
		if (now() > deadline)
		{
			fprintf(stderr, "subscriber: no stream \"%s\" at %s: %s\n", self->stream, self->url,
					natsStatus_GetText(status));
			return false;
		}
		nats_Sleep(50);
	}
	return true;
}

static bool
is_done(const Subscriber *self, int64_t last)
{
	return stopping || (self->count > 0 && self->seen >= self->count) ||
		   (self->idle > 0 && now() - last > (int64_t) (self->idle * MICROSECONDS));
}

static bool
run(Subscriber *self)
{
	int64_t last = now();
	int64_t made = last;

	if (!settle(self))
		return false;
	while (!is_done(self, last))
	{
		natsMsg *message = NULL;
		natsStatus status = natsSubscription_NextMsg(&message, self->subscription, 100);
		bool whole = true;

		if (status == NATS_OK)
		{
			whole = take(self, message);
			made = last = now();
			natsMsg_Destroy(message);
		}
		if (!whole || now() - made > SILENCE_MS * 1000)
		{
			if (!settle(self))
				return false;
			made = now();
		}
	}
	return true;
}

static void
usage(void)
{
	fputs("usage: subscriber URL STREAM [--subject FILTER] [--new] [--count N] [--idle SECONDS]\n"
		  "                  [--wait SECONDS] [--ledger FILE|-] [--quiet]\n",
		  stderr);
	exit(2);
}

static FILE *
open_ledger(const char *name)
{
	FILE *file = strcmp(name, "-") == 0 ? stdout : fopen(name, "w");

	if (file == NULL)
	{
		perror(name);
		exit(2);
	}
	return file;
}

static void
read_options(Subscriber *self, int count, char **words)
{
	if (count < 3)
		usage();
	self->url = words[1];
	self->stream = words[2];
	self->wait = 30;
	for (int i = 3; i < count; i++)
	{
		if (strcmp(words[i], "--new") == 0)
			self->only_new = true;
		else if (strcmp(words[i], "--quiet") == 0)
			self->quiet = true;
		else if (i + 1 == count)
			usage();
		else if (strcmp(words[i], "--subject") == 0)
			self->subject = words[++i];
		else if (strcmp(words[i], "--count") == 0)
			self->count = strtoull(words[++i], NULL, 10);
		else if (strcmp(words[i], "--idle") == 0)
			self->idle = strtod(words[++i], NULL);
		else if (strcmp(words[i], "--wait") == 0)
			self->wait = strtod(words[++i], NULL);
		else if (strcmp(words[i], "--ledger") == 0)
			self->ledger = open_ledger(words[++i]);
		else
			usage();
	}
	if (self->ledger == stdout)
		self->quiet = true;
}

int
main(int count, char **words)
{
	Subscriber self = {0};
	bool good;

	read_options(&self, count, words);
	signal(SIGINT, stop);
	signal(SIGTERM, stop);
	good = run(&self);
	natsSubscription_Destroy(self.subscription);
	jsCtx_Destroy(self.jetstream);
	natsConnection_Destroy(self.connection);
	nats_Close();
	if (self.ledger != NULL && fclose(self.ledger) != 0)
		good = false;
	return good ? 0 : 1;
}
