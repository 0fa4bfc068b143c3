/*
 * transaction.h
 *		A transaction of the worker's own, for tests of what needs no other session.
 *
 * It is rolled back in the end, so a test finds the database as it was.
 */
#ifndef OUTBOX_TEST_CONTRACT_POSTGRES_TRANSACTION_H
#define OUTBOX_TEST_CONTRACT_POSTGRES_TRANSACTION_H

#include <stdbool.h>
#include <stdint.h>

struct ErrorData;

/* Setup and teardown of a test. */
extern int transaction_begin(void **state);
extern int transaction_roll_back(void **state);

/* Runs commands, which have to succeed. */
extern void transaction_run(const char *sql);

/* The first value of a query as text; NULL when it is null or there is none. */
extern char *transaction_ask(const char *sql);

/* The same of a query for an oid. */
extern uint32_t transaction_ask_oid(const char *sql);

/* Does the action; NULL, or the error with which it was undone. */
extern struct ErrorData *transaction_attempt(void (*action)(void *argument), void *argument);

#endif
