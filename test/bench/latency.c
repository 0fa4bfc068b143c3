/*
 * latency.c
 *		How long an event takes from its commit to the broker and to a consumer.
 *
 *	latency URL CONNINFO STREAM CONNECTIONS RATE SECONDS
 *
 * Commits one event per transaction, so many a second from so many connections, and
 * prints: transactions per second; 50th and 99th percentile, in ms, of the time from
 * when the client has heard of its commit to JetStream's acknowledgement; the same to
 * a consumer of the stream.
 *
 * The acknowledgement is seen by a second connection that listens to the relay's inbox,
 * so what is counted is when it arrives at a client, not when the relay has read it.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include <libpq-fe.h>
#include <nats/nats.h>

#include "measure.h"

#define DELIVERY "bench_latency"
#define GRACE_NS (5 * NS)
#define LEAST_SHARE 0.999 /* of the events must have been seen */

typedef struct Client
{
	pthread_t thread;
	const char *conninfo;
	int64_t number;
	int64_t clients;
	int64_t rate;
	int64_t begin;
	int64_t end;
	int64_t committed;
} Client;

/* By event, since the first id, and by sequence, since the stream's end. */
static int64_t first_id;
static uint64_t first_sequence;
static int64_t room;
static int64_t *committed_at;
static int64_t *arrived_at;
static int64_t *acked_at;
static int64_t *sequence_of;
static volatile int64_t arrived;

static void
check(natsStatus status, const char *what)
{
	if (status != NATS_OK)
		die("%s: %s", what, natsStatus_GetText(status));
}

static PGconn *
connect_database(const char *conninfo)
{
	PGconn *connection = PQconnectdb(conninfo);

	if (PQstatus(connection) != CONNECTION_OK)
		die("%s", PQerrorMessage(connection));
	return connection;
}

static void
hear_ack(natsConnection *connection, natsSubscription *subscription, natsMsg *message,
		 void *closure)
{
	const char *found = strstr(natsMsg_GetData(message), "\"seq\":");
	int64_t now = now_ns();

	(void) connection;
	(void) subscription;
	(void) closure;
	if (found != NULL)
	{
		uint64_t sequence = strtoull(found + strlen("\"seq\":"), NULL, 10);

		if (sequence >= first_sequence && sequence - first_sequence < (uint64_t) room)
			acked_at[sequence - first_sequence] = now;
	}
	natsMsg_Destroy(message);
}

/* The event's id ends its message id; the sequence is in the reply subject. */
static void
consume(natsConnection *connection, natsSubscription *subscription, natsMsg *message, void *closure)
{
	int64_t now = now_ns();
	const char *id = NULL;
	jsMsgMetaData *meta = NULL;

	(void) connection;
	(void) subscription;
	(void) closure;
	if (natsMsgHeader_Get(message, "ce-id", &id) == NATS_OK &&
		natsMsg_GetMetaData(&meta, message) == NATS_OK)
	{
		const char *digits = id + strlen(id);
		int64_t event;

		while (digits > id && digits[-1] >= '0' && digits[-1] <= '9')
			digits--;
		event = atoll(digits) - first_id;
		if (event >= 0 && event < room)
		{
			arrived_at[event] = now;
			sequence_of[event] = (int64_t) (meta->Sequence.Stream - first_sequence);
			arrived++;
		}
	}
	jsMsgMetaData_Destroy(meta);
	natsMsg_Destroy(message);
}

static void *
run_client(void *argument)
{
	Client *client = argument;
	PGconn *connection = connect_database(client->conninfo);
	PGresult *result =
		PQprepare(connection, "emit",
				  "SELECT outbox.emit('bench', '42', 'made',"
				  " '{\"i\": 123456, \"fill\": \"0000000000000000000000000000000000000000000000"
				  "0000000000000000000000000000000000000000000000000000000000000000000000000000"
				  "00000000000000000000000000000000000000000000000000000000000000000000\"}')",
				  0, NULL);

	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		die("%s", PQerrorMessage(connection));
	PQclear(result);
	for (int64_t i = client->number;; i += client->clients)
	{
		int64_t at = client->begin + i * NS / client->rate;
		int64_t event;

		if (at >= client->end || now_ns() >= client->end)
			break;
		sleep_until(at);
		result = PQexecPrepared(connection, "emit", 0, NULL, NULL, NULL, 0);
		if (PQresultStatus(result) != PGRES_TUPLES_OK)
			die("%s", PQerrorMessage(connection));
		event = atoll(PQgetvalue(result, 0, 0)) - first_id;
		if (event >= 0 && event < room)
			committed_at[event] = now_ns();
		PQclear(result);
		client->committed++;
	}
	PQfinish(connection);
	return NULL;
}

/* Where ids and sequences begin. */
static void
find_beginning(const char *conninfo)
{
	PGconn *connection = connect_database(conninfo);
	PGresult *result = PQexec(connection, "SELECT last_value + 1 FROM outbox.event_id_seq");

	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		die("%s", PQerrorMessage(connection));
	first_id = atoll(PQgetvalue(result, 0, 0));
	PQclear(result);
	PQfinish(connection);
}

static void
listen_to_stream(const char *url, const char *stream)
{
	natsConnection *ears = NULL;
	natsConnection *consumer = NULL;
	natsSubscription *subscription = NULL;
	jsCtx *jetstream = NULL;
	jsStreamInfo *info = NULL;
	jsSubOptions options;

	check(natsConnection_ConnectTo(&ears, url), "connect");
	check(natsConnection_ConnectTo(&consumer, url), "connect");
	check(natsConnection_JetStream(&jetstream, consumer, NULL), "JetStream");
	check(js_GetStreamInfo(&info, jetstream, stream, NULL, NULL), "stream");
	first_sequence = info->State.LastSeq + 1;
	jsStreamInfo_Destroy(info);
	check(natsConnection_Subscribe(&subscription, ears, "_INBOX.>", hear_ack, NULL), "listen");
	jsSubOptions_Init(&options);
	options.Stream = stream;
	options.ManualAck = true;
	options.Config.DeliverSubject = DELIVERY;
	options.Config.DeliverPolicy = js_DeliverNew;
	options.Config.AckPolicy = js_AckNone;
	check(js_Subscribe(&subscription, jetstream, ">", consume, NULL, NULL, &options, NULL),
		  "consumer");
	check(natsConnection_Flush(ears), "listen");
}

static void
print_results(int64_t committed, double seconds)
{
	int64_t *to_ack = calloc((size_t) room, sizeof(*to_ack));
	int64_t *to_consumer = calloc((size_t) room, sizeof(*to_consumer));
	size_t acks = 0;
	size_t arrivals = 0;

	for (int64_t i = 0; i < room; i++)
	{
		if (committed_at[i] == 0 || arrived_at[i] == 0)
			continue;
		to_consumer[arrivals++] = arrived_at[i] - committed_at[i];
		if (sequence_of[i] >= 0 && sequence_of[i] < room && acked_at[sequence_of[i]] != 0)
			to_ack[acks++] = acked_at[sequence_of[i]] - committed_at[i];
	}
	if ((double) acks < LEAST_SHARE * (double) committed)
		die("only %zu of %" PRId64 " acknowledgements were seen", acks, committed);
	printf("%.1f %.4f %.4f %.4f %.4f\n", (double) committed / seconds,
		   percentile_ms(to_ack, acks, 0.5), percentile_ms(to_ack, acks, 0.99),
		   percentile_ms(to_consumer, arrivals, 0.5), percentile_ms(to_consumer, arrivals, 0.99));
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	int64_t connections = argc == 7 ? atoll(argv[4]) : 0;
	int64_t rate = argc == 7 ? atoll(argv[5]) : 0;
	int64_t seconds = argc == 7 ? atoll(argv[6]) : 0;
	Client *clients;
	int64_t begin;
	int64_t committed = 0;
	double took;

	if (connections <= 0 || rate <= 0 || seconds <= 0)
		die("usage: latency URL CONNINFO STREAM CONNECTIONS RATE SECONDS");
	room = rate * seconds + connections;
	committed_at = calloc((size_t) room, sizeof(*committed_at));
	arrived_at = calloc((size_t) room, sizeof(*arrived_at));
	acked_at = calloc((size_t) room, sizeof(*acked_at));
	sequence_of = calloc((size_t) room, sizeof(*sequence_of));
	find_beginning(argv[2]);
	listen_to_stream(argv[1], argv[3]);
	clients = calloc((size_t) connections, sizeof(*clients));
	begin = now_ns() + NS / 5;
	for (int64_t i = 0; i < connections; i++)
	{
		clients[i] = (Client){.conninfo = argv[2],
							  .number = i,
							  .clients = connections,
							  .rate = rate,
							  .begin = begin,
							  .end = begin + seconds * NS};
		if (pthread_create(&clients[i].thread, NULL, run_client, &clients[i]) != 0)
			die("no thread");
	}
	for (int64_t i = 0; i < connections; i++)
	{
		pthread_join(clients[i].thread, NULL);
		committed += clients[i].committed;
	}
	took = (double) (now_ns() - begin) / 1e9;
	for (int64_t end = now_ns() + GRACE_NS; arrived < committed && now_ns() < end;)
		sleep_until(now_ns() + NS / 100);
	print_results(committed, took);
	_Exit(0);
}
