/*
 * database.c
 *		Other sessions of the same server.
 */
#include "postgres.h"

#include <libpq-fe.h>

#include "contract/postgres/database.h"

static PGresult *execute(Database *database, int session, const char *format, va_list arguments);
static void give_up(const char *sql, const char *reason);

void
database_open(Database *database)
{
	memset(database, 0, sizeof(*database));
	database_run(database, 0, "SET client_min_messages = error");
	database_run(database, 0, "DROP EXTENSION IF EXISTS cleanoutbox");
	database_run(database, 0, "CREATE EXTENSION cleanoutbox");
}

void
database_close(Database *database)
{
	for (int i = 0; i < DATABASE_SESSIONS; i++)
	{
		if (database->session[i] && PQtransactionStatus(database->session[i]) != PQTRANS_IDLE)
			database_run(database, i, "ROLLBACK");
		PQfinish(database->session[i]);
	}
	memset(database, 0, sizeof(*database));
}

void
database_run(Database *database, int session, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	PQclear(execute(database, session, format, arguments));
	va_end(arguments);
}

int64_t
database_ask(Database *database, int session, const char *format, ...)
{
	va_list arguments;
	PGresult *result;
	int64_t value;

	va_start(arguments, format);
	result = execute(database, session, format, arguments);
	va_end(arguments);
	if (PQntuples(result) != 1 || PQnfields(result) != 1)
		give_up(format, "not one value");
	value = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
	PQclear(result);
	return value;
}

static PGresult *
execute(Database *database, int session, const char *format, va_list arguments)
{
	char sql[1024];
	PGresult *result;
	ExecStatusType status;

	if (database->session[session] == NULL)
		database->session[session] = PQconnectdb("connect_timeout=10");
	vsnprintf(sql, sizeof(sql), format, arguments);
	result = PQexec(database->session[session], sql);
	status = PQresultStatus(result);
	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
		give_up(sql, PQerrorMessage(database->session[session]));
	return result;
}

static void
give_up(const char *sql, const char *reason)
{
	printf("\nBail out! %s: %s\n", sql, reason);
	fflush(stdout);
	elog(ERROR, "could not run \"%s\": %s", sql, reason);
}
