/*
 * conforms.c
 *		outbox.conforms and outbox.read_check: the rule of a value object.
 *
 * It is CHECK (outbox.conforms(expression, message, name)) on a domain, and nothing
 * else is kept of a value object: the call is what it is known by, so that dumps,
 * renames and drops need no care of ours.  The name is the one that it was defined by;
 * with the message it tells, when a value is refused, which rule speaks, whatever the
 * domain is called by then.
 *
 * outbox.conforms runs for whoever writes a value, and reads the catalogs only to
 * refuse one.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "catalog/namespace.h"
#include "fmgr.h"
#include "funcapi.h"
#include "nodes/primnodes.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"

#include "interface/conforms.h"

PG_FUNCTION_INFO_V1(outbox_conforms);
PG_FUNCTION_INFO_V1(outbox_conforms_read_check);

/* The arguments of outbox.conforms. */
typedef struct Rule
{
	Node *expression;
	const char *message; /* NULL: PostgreSQL's own */
	const char *name; /* NULL: somebody else's rule */
} Rule;

static void refuse(FmgrInfo *call, const Rule *rule);
static HeapTuple find_constraint(FmgrInfo *call, const Rule *rule);
static bool says(HeapTuple constraint, const Rule *rule, Node **tree);
static bool read_rule(Node *tree, Rule *rule);
static const char *read_text(Node *argument);

/* (result boolean, message text, name text) */
Datum
outbox_conforms(PG_FUNCTION_ARGS)
{
	if (!PG_ARGISNULL(0) && !PG_GETARG_BOOL(0))
	{
		Rule rule = {0};

		if (PG_ARGISNULL(1))
			PG_RETURN_BOOL(false);
		rule.message = text_to_cstring(PG_GETARG_TEXT_PP(1));
		rule.name = PG_ARGISNULL(2) ? "" : text_to_cstring(PG_GETARG_TEXT_PP(2));
		refuse(fcinfo->flinfo, &rule);
	}
	PG_RETURN_BOOL(true);
}

/* (rule pg_node_tree): check_expression text, message text, defined boolean */
Datum
outbox_conforms_read_check(PG_FUNCTION_ARGS)
{
	Rule rule;
	TupleDesc columns;
	Datum values[3];
	bool nulls[3] = {false};
	bool defined;

	if (get_call_result_type(fcinfo, NULL, &columns) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	defined = read_rule(stringToNode(text_to_cstring(PG_GETARG_TEXT_PP(0))), &rule);
	values[0] = CStringGetTextDatum(deparse_expression(rule.expression, NIL, false, false));
	nulls[1] = rule.message == NULL;
	values[1] = nulls[1] ? (Datum) 0 : CStringGetTextDatum(rule.message);
	values[2] = BoolGetDatum(defined);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(columns), values, nulls)));
}

bool
outbox_conforms_governs(Oid type)
{
	Relation constraints;
	ScanKeyData key[2];
	SysScanDesc scan;
	HeapTuple constraint;
	bool found = false;

	if (!OidIsValid(type))
		return false;
	constraints = table_open(ConstraintRelationId, AccessShareLock);
	ScanKeyInit(&key[0], Anum_pg_constraint_conrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(InvalidOid));
	ScanKeyInit(&key[1], Anum_pg_constraint_contypid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(type));
	scan = systable_beginscan(constraints, ConstraintRelidTypidNameIndexId, true, NULL, 2, key);
	while (!found && HeapTupleIsValid(constraint = systable_getnext(scan)))
	{
		Node *tree;

		found = says(constraint, NULL, &tree);
	}
	systable_endscan(scan);
	table_close(constraints, AccessShareLock);
	return found;
}

/* Raises the rule's message, with the domain as it is called now. */
static void
refuse(FmgrInfo *call, const Rule *rule)
{
	HeapTuple constraint = find_constraint(call, rule);
	Form_pg_constraint form;

	if (!HeapTupleIsValid(constraint))
		ereport(ERROR, errcode(ERRCODE_CHECK_VIOLATION), errmsg_internal("%s", rule->message));
	form = (Form_pg_constraint) GETSTRUCT(constraint);
	ereport(ERROR, errcode(ERRCODE_CHECK_VIOLATION), errmsg_internal("%s", rule->message),
			errdomainconstraint(form->contypid, NameStr(form->conname)));
}

/*
 * The constraint that makes this call of outbox.conforms.  A domain that was renamed
 * and one that got its name later may say the same of different expressions: what is
 * executed tells them apart.
 */
static HeapTuple
find_constraint(FmgrInfo *call, const Rule *rule)
{
	Relation depend = table_open(DependRelationId, AccessShareLock);
	HeapTuple found = NULL;
	HeapTuple dependent;
	ScanKeyData key[2];
	SysScanDesc scan;

	ScanKeyInit(&key[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(ProcedureRelationId));
	ScanKeyInit(&key[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(call->fn_oid));
	scan = systable_beginscan(depend, DependReferenceIndexId, true, NULL, 2, key);
	while (HeapTupleIsValid(dependent = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(dependent);
		HeapTuple constraint;
		Node *tree;

		if (form->classid != ConstraintRelationId)
			continue;
		constraint = SearchSysCacheCopy1(CONSTROID, ObjectIdGetDatum(form->objid));
		if (!HeapTupleIsValid(constraint) || !says(constraint, rule, &tree))
			continue;
		found = constraint;
		if (equal(expression_planner((Expr *) tree), call->fn_expr))
			break;
	}
	systable_endscan(scan);
	table_close(depend, AccessShareLock);
	return found;
}

/* Is this the rule, or, when it is NULL, any rule, of a value object?  tree: all of it. */
static bool
says(HeapTuple constraint, const Rule *rule, Node **tree)
{
	Rule said;
	bool isnull;
	Datum check = SysCacheGetAttr(CONSTROID, constraint, Anum_pg_constraint_conbin, &isnull);

	if (isnull || !OidIsValid(((Form_pg_constraint) GETSTRUCT(constraint))->contypid))
		return false;
	*tree = stringToNode(TextDatumGetCString(check));
	if (!read_rule(*tree, &said))
		return false;
	return rule == NULL || (said.message != NULL && strcmp(said.message, rule->message) == 0 &&
							strcmp(said.name, rule->name) == 0);
}

/* Takes a CHECK apart; of one that is not ours, all is expression, and false returned. */
static bool
read_rule(Node *tree, Rule *rule)
{
	FuncExpr *call = (FuncExpr *) tree;
	char *function;

	rule->expression = tree;
	rule->message = NULL;
	rule->name = NULL;
	if (!IsA(tree, FuncExpr) || list_length(call->args) != 3)
		return false;
	function = get_func_name(call->funcid);
	if (function == NULL || strcmp(function, "conforms") != 0 ||
		get_func_namespace(call->funcid) != get_namespace_oid("outbox", true))
		return false;
	rule->name = read_text(lthird(call->args));
	if (rule->name == NULL)
		return false;
	rule->expression = linitial(call->args);
	rule->message = read_text(lsecond(call->args));
	return true;
}

static const char *
read_text(Node *argument)
{
	Const *constant = (Const *) argument;

	if (!IsA(argument, Const) || constant->constisnull || constant->consttype != TEXTOID)
		return NULL;
	return TextDatumGetCString(constant->constvalue);
}
