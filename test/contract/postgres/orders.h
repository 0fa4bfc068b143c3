/*
 * orders.h
 *		The table of the suites of expressions, shop.orders, and what is around it.
 */
#ifndef OUTBOX_TEST_CONTRACT_POSTGRES_ORDERS_H
#define OUTBOX_TEST_CONTRACT_POSTGRES_ORDERS_H

#include <stdint.h>

#include "infrastructure/postgres/expression.h"

struct TupleTableSlot;

extern uint32_t orders;

/* Setup of a test: a transaction that has made the table. */
extern int orders_begin(void **state);

/* The canonical text of what a definer has written. */
extern char *orders_canonical(OutboxExpressionKind kind, const char *text);

/* A row of the table, from JSON; one of nulls without. */
extern struct TupleTableSlot *orders_row(const char *json);

/* What an expression, in canonical text, gives for the two rows, as text. */
extern char *orders_evaluate(OutboxExpressionKind kind, const char *text,
							 struct TupleTableSlot *old_row, struct TupleTableSlot *new_row);

#endif
