/*
 * database.h
 *		Other sessions of the same server, as the store's contract needs them.
 *
 * A *session* holds at most one transaction.  Where to connect stands in libpq's
 * environment.  Whatever fails ends the process with the reason: the suite cannot
 * go on.
 */
#ifndef OUTBOX_TEST_CONTRACT_POSTGRES_DATABASE_H
#define OUTBOX_TEST_CONTRACT_POSTGRES_DATABASE_H

#include <stdbool.h>
#include <stdint.h>

#define DATABASE_SESSIONS 32

typedef struct Database
{
	struct pg_conn *session[DATABASE_SESSIONS];
} Database;

/* The extension, new: no event, and a cursor that stands at the start. */
extern void database_open(Database *database);

/* Rolls back what is open, and disconnects. */
extern void database_close(Database *database);

/* Runs a command in a session; connects it first if need be. */
extern void database_run(Database *database, int session, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Runs a query in a session and returns its only value as a number. */
extern int64_t database_ask(Database *database, int session, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
