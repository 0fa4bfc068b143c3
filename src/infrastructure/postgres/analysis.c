/*
 * analysis.c
 *		Analyses a definer's expression over the rows old and new.
 *
 * It is what CREATE TRIGGER does with WHEN: two range table entries for the same table.
 * Core restricts what an expression may be by where it stands and words that so; here it
 * restricts nothing, and all is refused in terms of rows.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_coerce.h"
#include "parser/parse_collate.h"
#include "parser/parse_expr.h"
#include "parser/parse_relation.h"
#include "parser/parser.h"
#include "rewrite/rewriteManip.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#include "infrastructure/postgres/analysis.h"
#include "infrastructure/postgres/place.h"

static Node *take_target(ParseState *state, const char *text);
static List *query_clauses(const SelectStmt *statement);
static void add_rows(ParseState *state, OutboxExpressionKind kind, Oid table);
static Node *explain_row(ParseState *state, ColumnRef *name, Node *found);
static Node *explain_commit(ParseState *state, ColumnRef *name, Node *found);
static bool is_column(ParseState *state, ColumnRef *name);
static void refuse_query_parts(ParseState *state, OutboxExpressionKind kind, Node *expression);
static bool find_subquery(Node *node, void *found);
static void refuse_system_columns(ParseState *state, Node *expression);
static Node *coerce(ParseState *state, OutboxExpressionKind kind, Node *expression);

struct Node *
outbox_analysis_run(const char *text, OutboxExpressionKind kind, uint32_t table)
{
	ParseState *state = make_parsestate(NULL);
	ErrorContextCallback callback;
	Node *expression;

	outbox_place_push(&callback, text);
	state->p_sourcetext = text;
	state->p_ref_hook_state = &table;
	expression = take_target(state, text);
	add_rows(state, kind, table);
	/* No restriction of core's applies to this kind: its words would be about other things. */
	expression = transformExpr(state, expression, EXPR_KIND_OTHER);
	refuse_query_parts(state, kind, expression);
	refuse_system_columns(state, expression);
	expression = coerce(state, kind, expression);
	assign_expr_collations(state, expression);
	outbox_place_pop(&callback);
	free_parsestate(state);
	return expression;
}

/* The only expression of a text that is nothing else. */
static Node *
take_target(ParseState *state, const char *text)
{
	RawStmt *parsed = linitial_node(RawStmt, raw_parser(text, RAW_PARSE_PLPGSQL_EXPR));
	SelectStmt *statement = castNode(SelectStmt, parsed->stmt);
	List *clauses = query_clauses(statement);
	ResTarget *target;

	if (clauses != NIL)
		ereport(ERROR, errcode(ERRCODE_SYNTAX_ERROR),
				errmsg("expression must not have clauses of a query"),
				parser_errposition(state, exprLocation((Node *) clauses)));
	if (statement->targetList == NIL)
		ereport(ERROR, errcode(ERRCODE_SYNTAX_ERROR), errmsg("expression is empty"));
	if (list_length(statement->targetList) > 1)
		ereport(ERROR, errcode(ERRCODE_SYNTAX_ERROR), errmsg("expression must be a single one"),
				parser_errposition(state, exprLocation(lsecond(statement->targetList))));
	target = linitial_node(ResTarget, statement->targetList);
	if (target->name != NULL)
		ereport(ERROR, errcode(ERRCODE_SYNTAX_ERROR), errmsg("expression must not have a name"),
				parser_errposition(state, target->location));
	if (IsA(target->val, ColumnRef) && IsA(linitial(((ColumnRef *) target->val)->fields), A_Star))
		ereport(ERROR, errcode(ERRCODE_SYNTAX_ERROR), errmsg("expression must not be \"*\""),
				errhint("Write new to have the whole row."),
				parser_errposition(state, target->location));
	return target->val;
}

/* All that a statement has besides its targets. */
static List *
query_clauses(const SelectStmt *statement)
{
	Node *const nodes[] = {
		(Node *) statement->distinctClause,
		(Node *) statement->intoClause,
		(Node *) statement->fromClause,
		statement->whereClause,
		(Node *) statement->groupClause,
		statement->havingClause,
		(Node *) statement->windowClause,
		(Node *) statement->valuesLists,
		(Node *) statement->sortClause,
		statement->limitOffset,
		statement->limitCount,
		(Node *) statement->lockingClause,
		(Node *) statement->withClause,
		(Node *) statement->larg,
		(Node *) statement->rarg,
	};
	List *clauses = NIL;

	for (int i = 0; i < lengthof(nodes); i++)
	{
		if (nodes[i] != NULL)
			clauses = lappend(clauses, nodes[i]);
	}
	return clauses;
}

/*
 * Columns are found by their row's name only: with old there, every other name would be
 * ambiguous.  At commit old is there for the count only: the expression does not see it.
 */
static void
add_rows(ParseState *state, OutboxExpressionKind kind, Oid table)
{
	static const char *const names[] = {"old", "new"};
	Relation relation = table_open(table, AccessShareLock);

	for (int i = 0; i < lengthof(names); i++)
	{
		ParseNamespaceItem *item = addRangeTableEntryForRelation(
			state, relation, AccessShareLock, makeAlias(names[i], NIL), false, false);

		Assert(item->p_rtindex == i + OUTBOX_OLD_ROW);
		if (kind != OUTBOX_EXPRESSION_COMMIT || item->p_rtindex == OUTBOX_NEW_ROW)
			addNSItemToQuery(state, item, false, true, false);
	}
	state->p_post_columnref_hook = kind == OUTBOX_EXPRESSION_COMMIT ? explain_commit : explain_row;
	table_close(relation, NoLock);
}

/* Says of a name that is not found what core cannot know of it. */
static Node *
explain_row(ParseState *state, ColumnRef *name, Node *found)
{
	const char *column = strVal(linitial(name->fields));

	if (found == NULL && is_column(state, name))
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_COLUMN),
				errmsg("column \"%s\" is not qualified", column),
				errhint("Write %s or %s.", quote_qualified_identifier("old", column),
						quote_qualified_identifier("new", column)),
				parser_errposition(state, name->location));
	return NULL;
}

static Node *
explain_commit(ParseState *state, ColumnRef *name, Node *found)
{
	const char *first = strVal(linitial(name->fields));

	if (found == NULL && strcmp(first, "old") == 0)
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_TABLE),
				errmsg("there is no row \"old\" at commit"),
				errhint("Use new, which is the row as it is then."),
				parser_errposition(state, name->location));
	if (found == NULL && is_column(state, name))
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_COLUMN),
				errmsg("column \"%s\" is not qualified", first),
				errhint("Write %s.", quote_qualified_identifier("new", first)),
				parser_errposition(state, name->location));
	return NULL;
}

static bool
is_column(ParseState *state, ColumnRef *name)
{
	Oid *table = state->p_ref_hook_state;

	return list_length(name->fields) == 1 &&
		   get_attnum(*table, strVal(linitial(name->fields))) != InvalidAttrNumber;
}

static void
refuse_query_parts(ParseState *state, OutboxExpressionKind kind, Node *expression)
{
	Node *subquery = NULL;

	if (kind != OUTBOX_EXPRESSION_COMMIT && find_subquery(expression, &subquery))
		ereport(ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("subqueries are not allowed in an expression over a single row"),
				parser_errposition(state, ((SubLink *) subquery)->location));
	if (contain_aggs_of_level(expression, 0))
		ereport(ERROR, errcode(ERRCODE_GROUPING_ERROR),
				errmsg("aggregate functions are not allowed in an expression over a single row"),
				parser_errposition(state, locate_agg_of_level(expression, 0)));
	if (contain_windowfuncs(expression))
		ereport(ERROR, errcode(ERRCODE_WINDOWING_ERROR),
				errmsg("window functions are not allowed in an expression over a single row"),
				parser_errposition(state, locate_windowfunc(expression)));
	if (expression_returns_set(expression))
		ereport(
			ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			errmsg("set-returning functions are not allowed in an expression over a single row"),
			parser_errposition(state, exprLocation(state->p_last_srf)));
}

static bool
find_subquery(Node *node, void *found)
{
	if (node == NULL)
		return false;
	if (IsA(node, SubLink))
	{
		*(Node **) found = node;
		return true;
	}
	return expression_tree_walker(node, find_subquery, found);
}

/* Where a row is kept, and since when, is not known when it is evaluated. */
static void
refuse_system_columns(ParseState *state, Node *expression)
{
	ListCell *cell;

	foreach(cell, pull_vars_of_level(expression, 0))
	{
		Var *var = lfirst(cell);

		if (IsA(var, Var) && var->varattno < 0 && var->varattno != TableOidAttributeNumber)
			ereport(ERROR, errcode(ERRCODE_INVALID_COLUMN_REFERENCE),
					errmsg("system columns of old and new, except tableoid, are not allowed"),
					parser_errposition(state, var->location));
	}
}

static Node *
coerce(ParseState *state, OutboxExpressionKind kind, Node *expression)
{
	Oid type = exprType(expression);
	Node *coerced;

	if (kind != OUTBOX_EXPRESSION_DOCUMENT)
	{
		coerced = coerce_to_target_type(state, expression, type, BOOLOID, -1, COERCION_ASSIGNMENT,
										COERCE_IMPLICIT_CAST, -1);
		if (coerced == NULL)
			ereport(
				ERROR, errcode(ERRCODE_DATATYPE_MISMATCH),
				errmsg("expression must be of type boolean, not of type %s", format_type_be(type)),
				parser_errposition(state, exprLocation(expression)));
		return coerced;
	}
	if (getBaseType(type) == JSONOID || getBaseType(type) == JSONBOID)
		return expression;
	if (type == UNKNOWNOID)
		expression = coerce_to_specific_type(state, expression, TEXTOID, "to_jsonb");
	return (Node *) makeFuncExpr(F_TO_JSONB, JSONBOID, list_make1(expression), InvalidOid,
								 InvalidOid, COERCE_EXPLICIT_CALL);
}
