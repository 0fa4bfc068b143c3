/*
 * lifecycle.c
 *		Defines lifecycles and their transitions, and draws them.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#include "domain/diagram.h"
#include "interface/argument.h"
#include "interface/definer.h"
#include "interface/record.h"
#include "interface/report.h"

PG_FUNCTION_INFO_V1(outbox_lifecycle_define);
PG_FUNCTION_INFO_V1(outbox_lifecycle_undefine);
PG_FUNCTION_INFO_V1(outbox_lifecycle_define_transition);
PG_FUNCTION_INFO_V1(outbox_lifecycle_undefine_transition);
PG_FUNCTION_INFO_V1(outbox_lifecycle_diagram);

static char *spell(const OutboxDefinition *definition, const char *column, const char *state);
static void need_lifecycle(const OutboxDefinition *definition);
static const char *write_array(const OutboxNames *names);

/* (aggregate text, state_column name, initial text[]) */
Datum
outbox_lifecycle_define(PG_FUNCTION_ARGS)
{
	const char *aggregate = outbox_argument_text(fcinfo, 0, "aggregate");
	OutboxDefinition *definition;
	OutboxNames initial;
	Oid types[] = {TEXTOID, NAMEOID, TEXTOID};
	Datum values[] = {PG_GETARG_DATUM(0), PG_GETARG_DATUM(1), 0};
	const char *column;

	outbox_argument_require(fcinfo, 1, "state_column");
	column = NameStr(*PG_GETARG_NAME(1));
	initial = outbox_argument_names(fcinfo, 2, "initial");
	definition = outbox_definer_open(aggregate);
	outbox_definer_need_column(definition->root, column);
	for (int i = 0; i < initial.count; i++)
		initial.names[i] = spell(definition, column, initial.names[i]);
	values[2] = CStringGetTextDatum(write_array(&initial));
	if (outbox_definition_write(
			"INSERT INTO outbox.rule_lifecycle (aggregate, state_column, initial)"
			" VALUES ($1, $2, $3::text[]) ON CONFLICT DO NOTHING",
			3, types, values, NULL) == 0)
		ereport(ERROR, errcode(ERRCODE_DUPLICATE_OBJECT),
				errmsg("aggregate \"%s\" has a lifecycle already", aggregate),
				errhint("Call outbox.undefine_lifecycle first."));
	outbox_definer_apply("define_lifecycle", 3,
						 (const char *[]){aggregate, column, write_array(&initial)});
	PG_RETURN_VOID();
}

/* (aggregate text) */
Datum
outbox_lifecycle_undefine(PG_FUNCTION_ARGS)
{
	const char *aggregate = outbox_argument_text(fcinfo, 0, "aggregate");
	Datum values[] = {PG_GETARG_DATUM(0)};

	need_lifecycle(outbox_definer_open(aggregate));
	(void) outbox_definition_write("DELETE FROM outbox.rule_transition WHERE aggregate = $1", 1,
								   &(Oid){TEXTOID}, values, NULL);
	(void) outbox_definition_write("DELETE FROM outbox.rule_lifecycle WHERE aggregate = $1", 1,
								   &(Oid){TEXTOID}, values, NULL);
	outbox_definer_apply("undefine_lifecycle", 1, (const char *[]){aggregate});
	PG_RETURN_VOID();
}

/* (aggregate text, from_state text, to_state text, action text, guard text) */
Datum
outbox_lifecycle_define_transition(PG_FUNCTION_ARGS)
{
	const char *aggregate = outbox_argument_text(fcinfo, 0, "aggregate");
	const char *from = outbox_argument_text(fcinfo, 1, "from_state");
	const char *to = outbox_argument_text(fcinfo, 2, "to_state");
	const char *action = outbox_argument_optional(fcinfo, 3);
	const char *guard = outbox_argument_optional(fcinfo, 4);
	OutboxDefinition *definition = outbox_definer_open(aggregate);
	Oid types[] = {TEXTOID, INT4OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID};
	Datum values[6] = {PG_GETARG_DATUM(0)};
	char nulls[] = "      ";

	need_lifecycle(definition);
	from = spell(definition, definition->state_column, from);
	to = spell(definition, definition->state_column, to);
	if (strcmp(from, to) == 0)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("a transition leads from one state to another"),
				errdetail("An update that keeps the state is always allowed."),
				errhint("outbox.define_event tells of such updates."));
	if (action != NULL)
		outbox_definer_check_action(action);
	guard = outbox_definer_expression(guard, OUTBOX_EXPRESSION_CONDITION, definition->root);
	values[1] = Int32GetDatum(outbox_definer_next_number(aggregate, "rule_transition"));
	values[2] = CStringGetTextDatum(from);
	values[3] = CStringGetTextDatum(to);
	outbox_definer_set(values, nulls, 4, action);
	outbox_definer_set(values, nulls, 5, guard);
	if (outbox_definition_write(
			"INSERT INTO outbox.rule_transition (aggregate, number, from_state, to_state, action, guard)"
			" VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
			6, types, values, nulls) == 0)
		ereport(
			ERROR, errcode(ERRCODE_DUPLICATE_OBJECT),
			errmsg("the transition of aggregate \"%s\" from \"%s\" to \"%s\" is defined already",
				   aggregate, from, to),
			errhint("Call outbox.undefine_transition first."));
	outbox_definer_apply("define_transition", 5,
						 (const char *[]){aggregate, from, to, action, guard});
	PG_RETURN_VOID();
}

/* (aggregate text, from_state text, to_state text) */
Datum
outbox_lifecycle_undefine_transition(PG_FUNCTION_ARGS)
{
	const char *aggregate = outbox_argument_text(fcinfo, 0, "aggregate");
	const char *from = outbox_argument_text(fcinfo, 1, "from_state");
	const char *to = outbox_argument_text(fcinfo, 2, "to_state");
	OutboxDefinition *definition = outbox_definer_open(aggregate);
	Oid types[] = {TEXTOID, TEXTOID, TEXTOID};
	Datum values[] = {PG_GETARG_DATUM(0), 0, 0};

	need_lifecycle(definition);
	values[1] = CStringGetTextDatum(spell(definition, definition->state_column, from));
	values[2] = CStringGetTextDatum(spell(definition, definition->state_column, to));
	if (outbox_definition_write("DELETE FROM outbox.rule_transition"
								" WHERE aggregate = $1 AND from_state = $2 AND to_state = $3",
								3, types, values, NULL) == 0)
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_OBJECT),
				errmsg("aggregate \"%s\" has no transition from \"%s\" to \"%s\"", aggregate, from,
					   to));
	outbox_definer_apply("undefine_transition", 3, (const char *[]){aggregate, from, to});
	PG_RETURN_VOID();
}

/* (aggregate text) */
Datum
outbox_lifecycle_diagram(PG_FUNCTION_ARGS)
{
	const char *aggregate = outbox_argument_text(fcinfo, 0, "aggregate");
	List *tables = outbox_definition_tables(aggregate);
	OutboxDefinition *definition;
	OutboxText drawn = {0};
	text *result;

	if (tables == NIL)
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_OBJECT),
				errmsg("aggregate \"%s\" is not defined", aggregate));
	definition = outbox_definition_load(aggregate, linitial_oid(tables));
	need_lifecycle(definition);
	outbox_diagram_write(&drawn, &definition->lifecycle, definition->guards);
	result = palloc(VARHDRSZ + drawn.length);
	SET_VARSIZE(result, VARHDRSZ + drawn.length);
	drawn = (OutboxText){.bytes = VARDATA(result), .size = drawn.length};
	outbox_diagram_write(&drawn, &definition->lifecycle, definition->guards);
	PG_RETURN_TEXT_P(result);
}

/* A state as the column's type writes it; errors where the type has no such value. */
static char *
spell(const OutboxDefinition *definition, const char *column, const char *state)
{
	AttrNumber number = get_attnum(definition->root, column);
	Oid type;
	int32 typmod;
	Oid collation;
	Oid input;
	Oid parameter;
	Oid output;
	bool varlena;

	get_atttypetypmodcoll(definition->root, number, &type, &typmod, &collation);
	getTypeInputInfo(type, &input, &parameter);
	getTypeOutputInfo(type, &output, &varlena);
	return OidOutputFunctionCall(output,
								 OidInputFunctionCall(input, pstrdup(state), parameter, typmod));
}

static void
need_lifecycle(const OutboxDefinition *definition)
{
	if (definition->state_column == NULL)
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_OBJECT),
				errmsg("aggregate \"%s\" has no lifecycle", definition->aggregate),
				errhint("Call outbox.define_lifecycle first."));
}

/* An array of text, as text. */
static const char *
write_array(const OutboxNames *names)
{
	Datum *elements = palloc(sizeof(Datum) * names->count);

	for (int i = 0; i < names->count; i++)
		elements[i] = CStringGetTextDatum(names->names[i]);
	return OidOutputFunctionCall(
		F_ARRAY_OUT,
		PointerGetDatum(construct_array(elements, names->count, TEXTOID, -1, false, TYPALIGN_INT)));
}
