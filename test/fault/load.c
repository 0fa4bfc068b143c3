/*
 * load.c
 *		One client of the stress: random transactions until it is told to stop.
 *
 *	load CLIENT SEED	(libpq's environment says where)
 *
 * Each transaction changes a few accounts and emits what it did (stress.sql).  It
 * locks an account before it emits for it, as a well-behaved application does,
 * but takes its transaction id and its locks in no fixed order, so deadlocks and
 * lock timeouts happen and are nothing to worry about.  Servers that vanish are
 * waited for.  Any other error is *unexpected*: it is printed, and the client
 * ends with 1.
 *
 * A *prepared* transaction waits, across crashes too, until its client commits or
 * rolls it back some time later.  Those that are left at the end are not ours.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <libpq-fe.h>

#define SHARED_ACCOUNTS 50
#define FIRST_PRIVATE_ACCOUNT 100
#define MAX_PREPARED 2
#define MAX_PREPARED_MS 500
#define MAX_UNEXPECTED 5

/* So many seconds every second commit is asynchronous, and then as long all. */
#define SEASON_SECONDS 3

typedef struct Prepared
{
	uint64_t number; /* 0: none */
	int64_t due;
} Prepared;

typedef struct Client
{
	int number;
	uint64_t random;
	PGconn *connection; /* NULL: none */
	uint64_t transactions;
	Prepared prepared[MAX_PREPARED];

	/* counted */
	uint64_t committed;
	uint64_t aborted;
	uint64_t prepared_committed;
	uint64_t prepared_aborted;
	uint64_t conflicts; /* deadlocks and lock timeouts */
	uint64_t breaks; /* lost connections */
	uint64_t full; /* no space on a disk */
	uint64_t unexpected;
} Client;

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

static void
pause_ms(int64_t ms)
{
	struct timespec rest = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	nanosleep(&rest, NULL);
}

/* A number from 0 to below. */
static uint64_t
roll(Client *client, uint64_t below)
{
	client->random ^= client->random << 13;
	client->random ^= client->random >> 7;
	client->random ^= client->random << 17;
	return (client->random >> 11) % below;
}

static bool
percent(Client *client, unsigned chance)
{
	return roll(client, 100) < chance;
}

static void
note_failure(Client *client, const char *sql, const PGresult *result)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	if (state == NULL || strncmp(state, "57P", 3) == 0 || strncmp(state, "08", 2) == 0)
		client->breaks += PQstatus(client->connection) == CONNECTION_BAD || state != NULL;
	/* A lock timeout that comes with the lock itself is said to be somebody's request. */
	else if (strcmp(state, "40P01") == 0 || strcmp(state, "55P03") == 0 ||
			 strcmp(state, "57014") == 0)
		client->conflicts++;
	else if (strncmp(state, "53", 2) == 0)
		client->full++;
	else
	{
		client->unexpected++;
		printf("client %d: %.80s: %s", client->number, sql, PQresultErrorMessage(result));
	}
}

static bool run(Client *client, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Runs one statement; false when it failed, which has been accounted for. */
static bool
run(Client *client, const char *format, ...)
{
	char sql[256];
	va_list arguments;
	PGresult *result;
	ExecStatusType status;

	va_start(arguments, format);
	vsnprintf(sql, sizeof(sql), format, arguments);
	va_end(arguments);
	result = PQexec(client->connection, sql);
	status = PQresultStatus(result);
	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
		note_failure(client, sql, result);
	PQclear(result);
	return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

/* Until there is a connection, or the client is to stop. */
static bool
connected(Client *client)
{
	while (!stopping)
	{
		if (client->connection && PQstatus(client->connection) == CONNECTION_OK)
			return true;
		PQfinish(client->connection);
		client->connection = PQconnectdb("connect_timeout=3 application_name=stress");
		if (PQstatus(client->connection) == CONNECTION_OK &&
			run(client, "SET lock_timeout = '150ms'; SET deadlock_timeout = '50ms'"))
			return true;
		pause_ms(20);
	}
	return false;
}

static int
any_account(Client *client)
{
	return (int) roll(client, SHARED_ACCOUNTS);
}

/* Mostly small, now and then large. */
static int
any_size(Client *client)
{
	return (int) roll(client, percent(client, 3) ? 20000 : 200);
}

static bool
change(Client *client, int account, int times)
{
	return run(client, "SELECT stress.change(%d, %d) FROM generate_series(1, %d)", account,
			   any_size(client), times);
}

static bool
lock_and_change(Client *client, int account)
{
	return run(client, "SELECT FROM stress.account WHERE number = %d FOR UPDATE", account) &&
		   change(client, account, 1 + (int) roll(client, 3));
}

/* Work under a savepoint, of which only a part stays. */
static bool
work_in_savepoint(Client *client, int account)
{
	if (!run(client, "SAVEPOINT outer_one") || !change(client, account, 1) ||
		!run(client, "SAVEPOINT inner_one") || !lock_and_change(client, any_account(client)))
		return false;
	if (percent(client, 60) && !run(client, "ROLLBACK TO inner_one"))
		return false;
	if (!change(client, account, 1))
		return false;
	if (percent(client, 30))
		return run(client, "ROLLBACK TO outer_one");
	return run(client, "RELEASE outer_one");
}

/* With an account of its own, so that nobody waits for it. */
static bool
work_long(Client *client)
{
	int account = FIRST_PRIVATE_ACCOUNT + client->number;
	int64_t end = now_ms() + 500 + (int64_t) roll(client, 4000);

	if (!lock_and_change(client, account))
		return false;
	while (!stopping && now_ms() < end)
		pause_ms(20);
	return change(client, account, 1);
}

static bool
work(Client *client)
{
	int accounts = 1 + (int) roll(client, 3);
	int account = any_account(client);

	if (percent(client, 10) && !run(client, "INSERT INTO stress.note DEFAULT VALUES"))
		return false;
	if (!lock_and_change(client, account))
		return false;
	for (int i = 1; i < accounts; i++)
	{
		if (!lock_and_change(client, any_account(client)))
			return false;
	}
	if (percent(client, 25) && !work_in_savepoint(client, account))
		return false;
	if (roll(client, 400) == 0)
		return change(client, account, 200 + (int) roll(client, 1500));
	return true;
}

/* Leaves the transaction to be decided later. */
static bool
prepare(Client *client, Prepared *prepared)
{
	prepared->number = client->transactions;
	prepared->due = now_ms() + (int64_t) roll(client, MAX_PREPARED_MS);
	return run(client, "PREPARE TRANSACTION 'stress %d %" PRIu64 "'", client->number,
			   prepared->number);
}

static bool
end(Client *client)
{
	if (percent(client, 10))
	{
		client->aborted++;
		return run(client, "ROLLBACK");
	}
	for (int i = 0; i < MAX_PREPARED && percent(client, 5); i++)
	{
		if (client->prepared[i].number == 0)
			return prepare(client, &client->prepared[i]);
	}
	if (!run(client, "COMMIT"))
		return false;
	client->committed++;
	return true;
}

static bool
asynchronous(Client *client)
{
	return time(NULL) / SEASON_SECONDS % 2 == 0 || percent(client, 50);
}

static void
transact(Client *client)
{
	client->transactions++;
	if (run(client, "BEGIN") &&
		run(client, "SET LOCAL synchronous_commit = %s", asynchronous(client) ? "off" : "on") &&
		(roll(client, 300) == 0 ? work_long(client) : work(client)) && end(client))
		return;
	if (PQtransactionStatus(client->connection) != PQTRANS_IDLE)
		run(client, "ROLLBACK");
}

/* After a crash nobody knows whether it was prepared, or decided already. */
static bool
is_prepared(Client *client, uint64_t number)
{
	char sql[128];
	PGresult *result;
	bool found;

	snprintf(sql, sizeof(sql), "SELECT FROM pg_prepared_xacts WHERE gid = 'stress %d %" PRIu64 "'",
			 client->number, number);
	result = PQexec(client->connection, sql);
	found = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1;
	PQclear(result);
	return found;
}

static void
decide_prepared(Client *client)
{
	for (int i = 0; i < MAX_PREPARED; i++)
	{
		Prepared *prepared = &client->prepared[i];
		bool commit = percent(client, 70);

		if (prepared->number == 0 || now_ms() < prepared->due)
			continue;
		if (is_prepared(client, prepared->number))
		{
			if (!run(client, "%s PREPARED 'stress %d %" PRIu64 "'", commit ? "COMMIT" : "ROLLBACK",
					 client->number, prepared->number))
				continue;
			client->prepared_committed += commit;
			client->prepared_aborted += !commit;
		}
		if (PQstatus(client->connection) == CONNECTION_OK)
			prepared->number = 0;
	}
}

int
main(int count, char **words)
{
	Client client = {0};

	if (count != 3)
	{
		fputs("usage: load CLIENT SEED\n", stderr);
		return 2;
	}
	client.number = atoi(words[1]);
	client.random = strtoull(words[2], NULL, 10) * UINT64_C(0x9E3779B97F4A7C15) + 1;
	signal(SIGTERM, stop);
	signal(SIGPIPE, SIG_IGN);
	while (client.unexpected < MAX_UNEXPECTED && connected(&client))
	{
		transact(&client);
		decide_prepared(&client);
	}
	PQfinish(client.connection);
	printf("committed %" PRIu64 "\naborted %" PRIu64 "\nprepared_committed %" PRIu64
		   "\nprepared_aborted %" PRIu64 "\nconflicts %" PRIu64 "\nbreaks %" PRIu64
		   "\nfull %" PRIu64 "\nunexpected %" PRIu64 "\n",
		   client.committed, client.aborted, client.prepared_committed, client.prepared_aborted,
		   client.conflicts, client.breaks, client.full, client.unexpected);
	return client.unexpected > 0;
}
