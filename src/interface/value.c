/*
 * value.c
 *		outbox.define_value_object and outbox.undefine_value_object.
 *
 * A value object is a domain with a rule that calls outbox.conforms, by which it is
 * known (conforms.c).  The statements are run with the caller's rights, and names in
 * the expression are resolved by his search_path, as in CREATE DOMAIN: PostgreSQL keeps
 * the result as a tree.  An expression goes into a statement only after it was parsed
 * by itself, and with a line break behind it: nothing in it can end the rule.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "nodes/makefuncs.h"
#include "parser/parse_coerce.h"
#include "parser/parse_expr.h"
#include "parser/parse_node.h"
#include "parser/parse_type.h"
#include "parser/parser.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

#include "interface/argument.h"
#include "interface/conforms.h"

PG_FUNCTION_INFO_V1(outbox_value_define);
PG_FUNCTION_INFO_V1(outbox_value_undefine);

static void run(const char *command);
static void refuse_existing(Oid schema, const char *name);
static void judge(const char *expression, Oid base);
static Node *parse(const char *expression);
static bool is_star(Node *node);
static Node *find_value(ParseState *state, ColumnRef *reference);
static void point_into(void *expression);

/* (name text, base regtype, check_expression text, message text) */
Datum
outbox_value_define(PG_FUNCTION_ARGS)
{
	const char *expression;
	List *names;
	Oid schema;
	Oid base;
	char *name;

	outbox_argument_require(fcinfo, 0, "name");
	outbox_argument_require(fcinfo, 1, "base");
	outbox_argument_require(fcinfo, 2, "check_expression");
	names = textToQualifiedNameList(PG_GETARG_TEXT_PP(0));
	base = PG_GETARG_OID(1);
	expression = text_to_cstring(PG_GETARG_TEXT_PP(2));
	schema = QualifiedNameGetCreationNamespace(names, &name);
	refuse_existing(schema, name);
	judge(expression, base);
	SPI_connect();
	run(psprintf(
		"CREATE DOMAIN %s AS %s CONSTRAINT %s CHECK (outbox.conforms((%s\n), %s, %s))",
		NameListToQuotedString(names),
		format_type_extended(base, -1, FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY),
		quote_identifier(makeObjectName(name, NULL, "check")), expression,
		PG_ARGISNULL(3) ? "NULL" : quote_literal_cstr(text_to_cstring(PG_GETARG_TEXT_PP(3))),
		quote_literal_cstr(quote_qualified_identifier(get_namespace_name(schema), name))));
	SPI_finish();
	PG_RETURN_VOID();
}

/* (name text) */
Datum
outbox_value_undefine(PG_FUNCTION_ARGS)
{
	List *names;
	Oid type;

	outbox_argument_require(fcinfo, 0, "name");
	names = textToQualifiedNameList(PG_GETARG_TEXT_PP(0));
	type = LookupTypeNameOid(NULL, makeTypeNameFromNameList(names), true);
	if (!outbox_conforms_governs(type))
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_OBJECT),
				errmsg("value object \"%s\" does not exist", NameListToString(names)),
				OidIsValid(type) ? errdetail("Type %s was not made by outbox.define_value_object.",
											 format_type_be(type))
								 : 0);
	SPI_connect();
	run(psprintf("DROP DOMAIN %s", format_type_be_qualified(type)));
	SPI_finish();
	PG_RETURN_VOID();
}

static void
run(const char *command)
{
	int result = SPI_execute(command, false, 0);

	if (result != SPI_OK_UTILITY)
		elog(ERROR, "SPI_execute of \"%s\" failed: %s", command, SPI_result_code_string(result));
}

/* Types of other kinds are refused by PostgreSQL. */
static void
refuse_existing(Oid schema, const char *name)
{
	Oid type = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum(name),
							   ObjectIdGetDatum(schema));

	if (outbox_conforms_governs(type))
		ereport(
			ERROR, errcode(ERRCODE_DUPLICATE_OBJECT),
			errmsg("value object \"%s\" already exists", name),
			errhint("Call outbox.undefine_value_object first, or change it with ALTER DOMAIN."));
}

/*
 * Raises the error of an expression that cannot be a rule over values of this type.
 * CREATE DOMAIN would as well, but not say where.
 */
static void
judge(const char *expression, Oid base)
{
	ErrorContextCallback context = {
		.callback = point_into, .arg = (void *) expression, .previous = error_context_stack};
	ParseState *state = make_parsestate(NULL);
	CoerceToDomainValue *value = makeNode(CoerceToDomainValue);
	Node *node;

	if (!SearchSysCacheExists1(TYPEOID, ObjectIdGetDatum(base)))
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_OBJECT),
				errmsg("type with OID %u does not exist", base));
	value->typeId = base;
	value->typeMod = -1;
	value->collation = get_typcollation(base);
	state->p_sourcetext = expression;
	state->p_pre_columnref_hook = find_value;
	state->p_ref_hook_state = value;

	error_context_stack = &context;
	node = transformExpr(state, parse(expression), EXPR_KIND_DOMAIN_CHECK);
	(void) coerce_to_boolean(state, node, "CHECK");
	error_context_stack = context.previous;
	free_parsestate(state);
}

/*
 * The parser takes what may stand between SELECT and the end of a query; an
 * expression and nothing else is a query with one nameless column and nothing else.
 */
static Node *
parse(const char *expression)
{
	RawStmt *raw = linitial_node(RawStmt, raw_parser(expression, RAW_PARSE_PLPGSQL_EXPR));
	SelectStmt *query = castNode(SelectStmt, raw->stmt);
	SelectStmt *plain = makeNode(SelectStmt);
	ResTarget *target =
		query->targetList == NIL ? NULL : linitial_node(ResTarget, query->targetList);

	if (target != NULL && target->name == NULL && !is_star(target->val))
		plain->targetList = list_make1(target);
	if (target == NULL || !equal(query, plain))
		ereport(
			ERROR, errcode(ERRCODE_SYNTAX_ERROR), errmsg("check_expression is not one expression"),
			errdetail(
				"It is what stands in CHECK (...) of CREATE DOMAIN: an expression over VALUE."));
	return target->val;
}

/* Does it stand for many columns?  That is for the list of columns, not for analysis. */
static bool
is_star(Node *node)
{
	return IsA(node, ColumnRef) && IsA(llast(((ColumnRef *) node)->fields), A_Star);
}

/* VALUE is the value, as in CREATE DOMAIN. */
static Node *
find_value(ParseState *state, ColumnRef *reference)
{
	Node *field = linitial(reference->fields);
	CoerceToDomainValue *value;

	if (list_length(reference->fields) != 1 || !IsA(field, String) ||
		strcmp(strVal(field), "value") != 0)
		return NULL;
	value = copyObject((CoerceToDomainValue *) state->p_ref_hook_state);
	value->location = reference->location;
	return (Node *) value;
}

/* Errors point into the expression, not into the statement that holds it. */
static void
point_into(void *expression)
{
	int position = geterrposition();

	if (position > 0)
	{
		errposition(0);
		internalerrposition(position);
		internalerrquery(expression);
	}
	errcontext("check_expression of a value object");
}
