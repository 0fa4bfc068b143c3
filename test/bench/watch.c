/*
 * watch.c
 *		How fast relays publish, as their database tells.
 *
 *	watch COUNT CONNINFO...	waits until the relay of each database has published so many
 *						events, beginning now; prints events per second, all together, since
 *						the first of them was under way
 *
 * "ready" is printed when it has begun to look.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include <libpq-fe.h>

#include "measure.h"

#define LOOK_NS INT64_C(2000000)
#define PATIENCE_NS (INT64_C(900) * NS)

typedef struct Watched
{
	PGconn *connection;
	int64_t first; /* where it stood in the beginning */
	int64_t now;
} Watched;

/* Where the stream's last event of this relay stands, -1: it does not tell. */
static int64_t
look(PGconn *connection, const char *query)
{
	PGresult *result = PQexec(connection, query);
	int64_t sequence = -1;

	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		die("%s", PQerrorMessage(connection));
	if (PQntuples(result) == 1 && !PQgetisnull(result, 0, 0))
		sequence = atoll(PQgetvalue(result, 0, 0));
	PQclear(result);
	return sequence;
}

int
main(int argc, char **argv)
{
	int64_t target = argc > 2 ? atoll(argv[1]) : 0;
	int databases = argc - 2;
	Watched *watched = calloc((size_t) databases, sizeof(*watched));
	int64_t begin = now_ns();
	int64_t since = 0;
	int64_t before = 0; /* published until then */
	int64_t published = 0;
	bool all = false;

	if (target == 0)
		die("usage: watch COUNT CONNINFO...");
	for (int i = 0; i < databases; i++)
	{
		watched[i].connection = PQconnectdb(argv[i + 2]);
		if (PQstatus(watched[i].connection) != CONNECTION_OK)
			die("%s", PQerrorMessage(watched[i].connection));
		watched[i].first = look(watched[i].connection, "SELECT stream_sequence FROM outbox.cursor");
		watched[i].now = watched[i].first;
	}
	puts("ready");
	fflush(stdout);
	while (!all)
	{
		sleep_until(now_ns() + LOOK_NS);
		published = 0;
		all = true;
		for (int i = 0; i < databases; i++)
		{
			int64_t at = look(watched[i].connection, "SELECT last_sequence FROM outbox.stat_relay");

			if (at > watched[i].now)
				watched[i].now = at;
			published += watched[i].now - watched[i].first;
			all = all && watched[i].now - watched[i].first >= target;
		}
		if (since == 0 && published > 0)
		{
			since = now_ns();
			before = published;
		}
		if (now_ns() - begin > PATIENCE_NS)
			die("not drained in time");
	}
	printf("%.1f\n", (double) (published - before) / ((double) (now_ns() - since) / 1e9));
	return 0;
}
