/*
 * expression.c
 *		The settings of expressions, their canonical text, and their evaluation.
 *
 * An expression is evaluated as the WHEN of CREATE TRIGGER is: old is the inner tuple,
 * new the outer one.  No SPI and no executor state: the plan cache plans it and notices
 * when a function that it uses is replaced, and it is initialised once.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/pg_class.h"
#include "catalog/pg_trigger.h"
#include "executor/executor.h"
#include "nodes/nodeFuncs.h"
#include "rewrite/rewriteHandler.h"
#include "rewrite/rewriteManip.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"

#include "infrastructure/postgres/analysis.h"
#include "infrastructure/postgres/compat.h"
#include "infrastructure/postgres/expression.h"
#include "infrastructure/postgres/place.h"

struct OutboxExpression
{
	CachedExpression *planned;
	ExprState *state;
	Oid type;
	char *text;
};

/* Settings under which a canonical text means the same in every session. */
static const char *const canonical_settings[][2] = {
	{"standard_conforming_strings", "on"},
	{"DateStyle", "ISO, YMD"},
	{"IntervalStyle", "postgres"},
	{"extra_float_digits", "1"},
	{"array_nulls", "on"},
	{"xmloption", "content"},
	{"lc_monetary", "C"},
	{"quote_all_identifiers", "off"},
};

static int pin_search_path(void);
static int pin_settings(void);
static void pin(const char *name, const char *value);
static bool raise_old(Node *node, void *unused);
static RangeTblEntry *make_entry(Oid table);
static Node *bind_rows(Node *expression, Oid table);
static void initialise(OutboxExpression *compiled, MemoryContext memory);

struct Node *
outbox_expression_analyse(const char *text, OutboxExpressionKind kind, uint32_t table)
{
	int level = pin_search_path();
	Node *expression = outbox_analysis_run(text, kind, table);

	AtEOXact_GUC(true, level);
	return expression;
}

struct Node *
outbox_expression_restore(const char *text, OutboxExpressionKind kind, uint32_t table)
{
	int level = pin_settings();
	Node *expression = outbox_analysis_run(text, kind, table);

	AtEOXact_GUC(true, level);
	return expression;
}

/*
 * The deparser knows one nameless table, or the levels of a query: new is taken for the
 * row of the query and old for that of a query around it.
 */
char *
outbox_expression_deparse(struct Node *expression, uint32_t table)
{
	List *levels =
		list_concat(deparse_context_for("new", table), deparse_context_for("old", table));
	Node *copy = copyObject(expression);
	int level = pin_settings();
	char *text;

	(void) raise_old(copy, NULL);
	ChangeVarNodes(copy, OUTBOX_NEW_ROW, 1, 0);
	text = deparse_expression(copy, levels, true, false);
	AtEOXact_GUC(true, level);
	return text;
}

void
outbox_expression_depend(struct Node *expression, uint32_t table, uint32_t trigger)
{
	ObjectAddress depender;

	ObjectAddressSet(depender, TriggerRelationId, trigger);
	recordDependencyOnExpr(&depender, expression, list_make2(make_entry(table), make_entry(table)),
						   DEPENDENCY_NORMAL);
}

OutboxExpression *
outbox_expression_compile(const char *text, OutboxExpressionKind kind, uint32_t table,
						  struct MemoryContextData *memory)
{
	OutboxExpression *compiled = MemoryContextAllocZero(memory, sizeof(*compiled));
	ErrorContextCallback callback;
	Node *expression;
	int level;

	if (kind == OUTBOX_EXPRESSION_COMMIT)
		elog(ERROR, "cannot compile an expression that is evaluated at commit");
	level = pin_search_path();
	expression = outbox_expression_restore(text, kind, table);
	compiled->text = MemoryContextStrdup(memory, text);
	compiled->type = getBaseType(exprType(expression));
	outbox_place_push(&callback, compiled->text);
	compiled->planned = GetCachedExpression(bind_rows(expression, table));
	initialise(compiled, memory);
	outbox_place_pop(&callback);
	AtEOXact_GUC(true, level);
	return compiled;
}

void
outbox_expression_free(OutboxExpression *expression)
{
	FreeCachedExpression(expression->planned);
	expression->planned = NULL;
}

bool
outbox_expression_current(const OutboxExpression *expression)
{
	return expression->planned->is_valid;
}

uint32_t
outbox_expression_type(const OutboxExpression *expression)
{
	return expression->type;
}

uintptr_t
outbox_expression_evaluate(OutboxExpression *expression, struct ExprContext *context, bool *isnull)
{
	ErrorContextCallback callback;
	Datum value;

	outbox_place_push(&callback, expression->text);
	value = ExecEvalExprSwitchContext(expression->state, context, isnull);
	outbox_place_pop(&callback);
	return value;
}

/* Until AtEOXact_GUC of what is returned; an error undoes it, too. */
static int
pin_search_path(void)
{
	int level = NewGUCNestLevel();

	/* Left out, pg_temp would be the first. */
	pin("search_path", "pg_catalog, pg_temp");
	return level;
}

static int
pin_settings(void)
{
	int level = pin_search_path();

	for (int i = 0; i < lengthof(canonical_settings); i++)
		pin(canonical_settings[i][0], canonical_settings[i][1]);
	return level;
}

static void
pin(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
							 false);
}

/* Only an expression without subqueries has old in it. */
static bool
raise_old(Node *node, void *unused)
{
	if (node == NULL)
		return false;
	if (IsA(node, Var) && ((Var *) node)->varno == OUTBOX_OLD_ROW)
		((Var *) node)->varlevelsup = 1;
	return expression_tree_walker(node, raise_old, unused);
}

static RangeTblEntry *
make_entry(Oid table)
{
	RangeTblEntry *entry = makeNode(RangeTblEntry);

	entry->rtekind = RTE_RELATION;
	entry->relid = table;
	entry->relkind = get_rel_relkind(table);
	entry->rellockmode = AccessShareLock;
	return entry;
}

/* Has an analysed expression take its rows from the slots. */
static Node *
bind_rows(Node *expression, Oid table)
{
	Relation relation = table_open(table, AccessShareLock);

	expression = outbox_compat_expand_generated(expression, relation, OUTBOX_OLD_ROW);
	expression = outbox_compat_expand_generated(expression, relation, OUTBOX_NEW_ROW);
	table_close(relation, NoLock);
	ChangeVarNodes(expression, OUTBOX_OLD_ROW, INNER_VAR, 0);
	ChangeVarNodes(expression, OUTBOX_NEW_ROW, OUTER_VAR, 0);
	return expression;
}

/* The right to execute its functions is asked for here. */
static void
initialise(OutboxExpression *compiled, MemoryContext memory)
{
	MemoryContext caller = MemoryContextSwitchTo(memory);

	PG_TRY();
	{
		compiled->state = ExecInitExpr((Expr *) compiled->planned->expr, NULL);
	}
	PG_CATCH();
	{
		FreeCachedExpression(compiled->planned);
		PG_RE_THROW();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
}
