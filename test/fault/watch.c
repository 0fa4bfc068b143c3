/*
 * watch.c
 *		Watches the relay of a database while things happen to it.
 *
 *	watch		(libpq's environment says where)
 *
 * Ten times a second it looks how much memory of its own the relay has and for how
 * long it has held one snapshot, and at the end, when it is told to stop, prints
 * the worst of both.  Servers that vanish are waited for.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <libpq-fe.h>

#define PERIOD_MS 100

typedef struct Watch
{
	PGconn *connection; /* NULL: none */
	uint64_t samples; /* that found a relay */
	int64_t memory_kb;
	int64_t snapshot_ms;
	char snapshot[64]; /* the relay's process and what it holds */
	int64_t since;
} Watch;

static const char *const question =
	"SELECT pid, pid || ' ' || backend_xmin FROM pg_stat_activity"
	" WHERE backend_type = 'cleanoutbox relay' AND datname = current_database()";

static volatile sig_atomic_t stopping = 0;

static void
stop(int number)
{
	(void) number;
	stopping = 1;
}

static int64_t
now_ms(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return at.tv_sec * INT64_C(1000) + at.tv_nsec / 1000000;
}

/* Memory that the process shares with nobody and no file, in kB; 0: no such process. */
static int64_t
memory_of(const char *pid)
{
	char path[64];
	char line[128];
	int64_t memory = 0;
	FILE *in;

	snprintf(path, sizeof(path), "/proc/%s/status", pid);
	in = fopen(path, "r");
	if (in == NULL)
		return 0;
	while (fgets(line, sizeof(line), in) != NULL)
	{
		if (strncmp(line, "RssAnon:", 8) == 0)
			memory = strtoll(line + 8, NULL, 10);
	}
	fclose(in);
	return memory;
}

/* An age ends when the relay holds no snapshot or another one. */
static void
note_snapshot(Watch *watch, const char *snapshot)
{
	if (strcmp(snapshot, watch->snapshot) != 0)
	{
		snprintf(watch->snapshot, sizeof(watch->snapshot), "%s", snapshot);
		watch->since = now_ms();
	}
	else if (snapshot[0] != '\0' && now_ms() - watch->since > watch->snapshot_ms)
		watch->snapshot_ms = now_ms() - watch->since;
}

static void
look(Watch *watch)
{
	PGresult *result = PQexec(watch->connection, question);

	if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1)
	{
		int64_t memory = memory_of(PQgetvalue(result, 0, 0));

		watch->samples++;
		if (memory > watch->memory_kb)
			watch->memory_kb = memory;
		note_snapshot(watch, PQgetvalue(result, 0, 1));
	}
	else
		watch->snapshot[0] = '\0';
	PQclear(result);
}

static void
connect_again(Watch *watch)
{
	PQfinish(watch->connection);
	watch->connection = PQconnectdb("connect_timeout=3 application_name=watch");
	watch->snapshot[0] = '\0';
}

int
main(void)
{
	Watch watch = {0};
	struct timespec rest = {.tv_nsec = PERIOD_MS * 1000000L};

	signal(SIGTERM, stop);
	signal(SIGPIPE, SIG_IGN);
	while (!stopping)
	{
		if (watch.connection != NULL && PQstatus(watch.connection) == CONNECTION_OK)
			look(&watch);
		else
			connect_again(&watch);
		nanosleep(&rest, NULL);
	}
	PQfinish(watch.connection);
	printf("samples %" PRIu64 "\nmemory_kb %" PRId64 "\nsnapshot_ms %" PRId64 "\n", watch.samples,
		   watch.memory_kb, watch.snapshot_ms);
	return 0;
}
