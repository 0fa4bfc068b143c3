/*
 * expression.h
 *		The definers' expressions over a table's rows `old` and `new`.
 *
 * A *kind* says what an expression yields and where it is evaluated.  Names are looked up
 * in pg_catalog only, so whatever a user has made is named with its schema, and nobody
 * can put another thing in its place.  What is wrong with an expression is reported with
 * the expression as internal query, and the place in it.
 *
 * The *canonical* text of an expression says all names in full and is independent of the
 * session's settings; it is what is kept.  In an analysed expression `old` is range table
 * entry 1 and `new` is 2.
 *
 * Analysing and compiling are done as the current user, who is the table's owner: it is
 * he who must have the right to execute the functions.  No right on the table is asked
 * for.  To evaluate as the owner, and with a search_path that nobody else can choose, is
 * up to the caller.
 *
 * A function in an expression may well write to the table, whose triggers evaluate the
 * same expression again: to keep one that is being evaluated alive, and its ExprContext
 * to itself, is up to the caller, too.
 */
#ifndef OUTBOX_INFRASTRUCTURE_POSTGRES_EXPRESSION_H
#define OUTBOX_INFRASTRUCTURE_POSTGRES_EXPRESSION_H

#include <stdbool.h>
#include <stdint.h>

struct ExprContext;
struct MemoryContextData;
struct Node;

typedef enum OutboxExpressionKind
{
	OUTBOX_EXPRESSION_CONDITION, /* boolean, over old and new, without subqueries */
	OUTBOX_EXPRESSION_DOCUMENT, /* the same, of any type, turned into json or jsonb */
	OUTBOX_EXPRESSION_COMMIT /* boolean, over new, with subqueries; is not compiled */
} OutboxExpressionKind;

typedef struct OutboxExpression OutboxExpression;

/*
 * Analyses what a definer has written, in the current memory context.  Literals mean
 * what they mean in the session (DateStyle and its like).
 */
extern struct Node *outbox_expression_analyse(const char *text, OutboxExpressionKind kind,
											  uint32_t table);

/* Analyses a canonical text; literals mean what they meant to the definer. */
extern struct Node *outbox_expression_restore(const char *text, OutboxExpressionKind kind,
											  uint32_t table);

/* The canonical text of an analysed expression, with all names as they are now. */
extern char *outbox_expression_deparse(struct Node *expression, uint32_t table);

/* Has the trigger depend on all that the expression names, the table's columns too. */
extern void outbox_expression_depend(struct Node *expression, uint32_t table, uint32_t trigger);

/*
 * Makes a canonical text ready to be evaluated; it lives in memory.  Planning runs
 * immutable functions over constants, so it may fail as evaluating may.
 */
extern OutboxExpression *outbox_expression_compile(const char *text, OutboxExpressionKind kind,
												   uint32_t table,
												   struct MemoryContextData *memory);

/* Has to be called before its memory goes. */
extern void outbox_expression_free(OutboxExpression *expression);

/*
 * Is it what compiling would give now?  A change of the table itself is not noticed
 * here: the caller listens to the relation cache.
 */
extern bool outbox_expression_current(const OutboxExpression *expression);

/* What it yields: BOOLOID of a condition, JSONOID or JSONBOID of a document. */
extern uint32_t outbox_expression_type(const OutboxExpression *expression);

/*
 * Evaluates it over the slots ecxt_innertuple, old, and ecxt_outertuple, new.  Both must
 * be there and have the table's row type; a row that there is not is one of nulls.  The
 * Datum is in the context's memory per tuple.  The context's memory per query must live
 * as long as the expression, which keeps descriptors of rows there.
 */
extern uintptr_t outbox_expression_evaluate(OutboxExpression *expression,
											struct ExprContext *context, bool *isnull);

#endif
