/*
 * poller.c
 *		A polling relay in C, as a careful engineer writes one: the baseline of the drain.
 *
 *	poller URL CONNINFO BATCH [INTERVAL]	publishes the rows of the table "polled" until
 *						none is left, prints events per second and seconds of CPU per
 *						100,000; with an interval in ms it goes on looking, until it is killed
 *
 * One connection, prepared statements; a batch is a transaction: SELECT ... FOR UPDATE
 * SKIP LOCKED, published asynchronously with Nats-Msg-Id, all acknowledged, UPDATE,
 * COMMIT.  The commit is asynchronous: what a crash forgets is sent again, and
 * de-duplicated.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include <libpq-fe.h>
#include <nats/nats.h>

#include "measure.h"

#define PATIENCE_MS 20000

typedef struct Poller
{
	PGconn *connection;
	jsCtx *jetstream;
	char *ids; /* of the batch, as an array */
} Poller;

static volatile int refused;

static void
hear_error(jsCtx *jetstream, jsPubAckErr *error, void *closure)
{
	(void) jetstream;
	(void) closure;
	(void) error;
	refused = 1;
}

static PGresult *
expect(Poller *poller, PGresult *result, ExecStatusType status)
{
	if (PQresultStatus(result) != status)
		die("%s", PQerrorMessage(poller->connection));
	return result;
}

static void
run(Poller *poller, const char *sql)
{
	PQclear(expect(poller, PQexec(poller->connection, sql), PGRES_COMMAND_OK));
}

static void
prepare(Poller *poller, const char *name, const char *sql)
{
	PQclear(expect(poller, PQprepare(poller->connection, name, sql, 0, NULL), PGRES_COMMAND_OK));
}

static void
publish_rows(Poller *poller, PGresult *rows)
{
	char *at = poller->ids;

	*at++ = '{';
	for (int i = 0; i < PQntuples(rows); i++)
	{
		const char *id = PQgetvalue(rows, i, 0);
		char message_id[40];
		jsPubOptions options = {.MsgId = message_id};

		snprintf(message_id, sizeof(message_id), "polled-%s", id);
		at += sprintf(at, "%s%s", i > 0 ? "," : "", id);
		if (js_PublishAsync(poller->jetstream, PQgetvalue(rows, i, 1), PQgetvalue(rows, i, 2),
							PQgetlength(rows, i, 2), &options) != NATS_OK)
			die("could not publish");
	}
	strcpy(at, "}");
	if (js_PublishAsyncComplete(poller->jetstream, &(jsPubOptions){.MaxWait = PATIENCE_MS}) !=
			NATS_OK ||
		refused)
		die("not acknowledged");
}

/* Publishes a batch; returns how many. */
static int
take_batch(Poller *poller, const char *batch)
{
	const char *values[] = {batch};
	PGresult *rows;
	int count;

	run(poller, "BEGIN");
	rows = expect(poller, PQexecPrepared(poller->connection, "take", 1, values, NULL, NULL, 0),
				  PGRES_TUPLES_OK);
	count = PQntuples(rows);
	if (count > 0)
	{
		publish_rows(poller, rows);
		values[0] = poller->ids;
		PQclear(expect(poller, PQexecPrepared(poller->connection, "mark", 1, values, NULL, NULL, 0),
					   PGRES_COMMAND_OK));
	}
	PQclear(rows);
	run(poller, "COMMIT");
	return count;
}

int
main(int argc, char **argv)
{
	Poller poller = {0};
	natsConnection *broker = NULL;
	int64_t interval = argc > 4 ? atoll(argv[4]) * 1000000 : 0;
	int64_t total = 0;
	int64_t begin;
	int count;
	double seconds;

	if (argc < 4)
		die("usage: poller URL CONNINFO BATCH [INTERVAL]");
	poller.ids = malloc((size_t) atoi(argv[3]) * 22 + 3);
	poller.connection = PQconnectdb(argv[2]);
	if (PQstatus(poller.connection) != CONNECTION_OK)
		die("%s", PQerrorMessage(poller.connection));
	run(&poller, "SET synchronous_commit = off");
	prepare(&poller, "take",
			"SELECT id, subject, payload FROM polled WHERE NOT published ORDER BY id"
			" LIMIT $1::bigint FOR UPDATE SKIP LOCKED");
	prepare(&poller, "mark", "UPDATE polled SET published = true WHERE id = ANY ($1::bigint[])");
	if (natsConnection_ConnectTo(&broker, argv[1]) != NATS_OK ||
		natsConnection_JetStream(&poller.jetstream, broker,
								 &(jsOptions){.PublishAsync = {.ErrHandler = hear_error}}) !=
			NATS_OK)
		die("could not connect to NATS");
	begin = now_ns();
	while ((count = take_batch(&poller, argv[3])) > 0 || interval > 0)
	{
		total += count;
		if (count == 0)
			sleep_until(now_ns() + interval);
	}
	seconds = (double) (now_ns() - begin) / 1e9;
	printf("%.0f %.4f\n", (double) total / seconds, cpu_used() / (double) total * 100000);
	return 0;
}
