/*
 * event.c
 *		Defines the events that changes of rows emit.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"

#include "interface/argument.h"
#include "interface/definer.h"

PG_FUNCTION_INFO_V1(outbox_event_define);
PG_FUNCTION_INFO_V1(outbox_event_undefine);

/* What an event is emitted by. */
typedef struct Occasion
{
	const char *operation;
	Oid source;
} Occasion;

static Occasion take_occasion(const OutboxDefinition *definition, const char *on_operation);
static Oid take_source(const OutboxDefinition *definition, const char *name);
static char *write_occasion(const OutboxDefinition *definition, const Occasion *occasion);

/* (aggregate text, action text, on_operation text, condition text, payload text) */
Datum
outbox_event_define(PG_FUNCTION_ARGS)
{
	const char *aggregate = outbox_argument_text(fcinfo, 0, "aggregate");
	const char *action = outbox_argument_text(fcinfo, 1, "action");
	const char *on_operation = outbox_argument_text(fcinfo, 2, "on_operation");
	const char *condition = outbox_argument_optional(fcinfo, 3);
	const char *payload = outbox_argument_optional(fcinfo, 4);
	OutboxDefinition *definition = outbox_definer_open(aggregate);
	Occasion occasion = take_occasion(definition, on_operation);
	Oid types[] = {TEXTOID, INT4OID, TEXTOID, TEXTOID, OIDOID, TEXTOID, TEXTOID};
	Datum values[7] = {PG_GETARG_DATUM(0)};
	char nulls[] = "       ";

	outbox_definer_check_action(action);
	condition = outbox_definer_expression(condition, OUTBOX_EXPRESSION_CONDITION, occasion.source);
	payload = outbox_definer_expression(payload, OUTBOX_EXPRESSION_DOCUMENT, occasion.source);
	values[1] = Int32GetDatum(outbox_definer_next_number(aggregate, "rule_event"));
	outbox_definer_set(values, nulls, 2, action);
	outbox_definer_set(values, nulls, 3, occasion.operation);
	values[4] = ObjectIdGetDatum(occasion.source);
	outbox_definer_set(values, nulls, 5, condition);
	outbox_definer_set(values, nulls, 6, payload);
	if (outbox_definition_write(
			"INSERT INTO outbox.rule_event"
			" (aggregate, number, action, operation, source, condition, payload)"
			" VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
			7, types, values, nulls) == 0)
		ereport(ERROR, errcode(ERRCODE_DUPLICATE_OBJECT),
				errmsg("event \"%s.%s\" on %s is defined already", aggregate, action,
					   write_occasion(definition, &occasion)),
				errhint("Call outbox.undefine_event first."));
	outbox_definer_apply("define_event", 5,
						 (const char *[]){aggregate, action, write_occasion(definition, &occasion),
										  condition, payload});
	PG_RETURN_VOID();
}

/* (aggregate text, action text, on_operation text) */
Datum
outbox_event_undefine(PG_FUNCTION_ARGS)
{
	const char *aggregate = outbox_argument_text(fcinfo, 0, "aggregate");
	const char *action = outbox_argument_text(fcinfo, 1, "action");
	const char *on_operation = outbox_argument_text(fcinfo, 2, "on_operation");
	OutboxDefinition *definition = outbox_definer_open(aggregate);
	Occasion occasion = take_occasion(definition, on_operation);
	Oid types[] = {TEXTOID, TEXTOID, TEXTOID, OIDOID};
	Datum values[] = {PG_GETARG_DATUM(0), PG_GETARG_DATUM(1),
					  CStringGetTextDatum(occasion.operation), ObjectIdGetDatum(occasion.source)};

	if (outbox_definition_write("DELETE FROM outbox.rule_event WHERE aggregate = $1 AND action = $2"
								" AND operation = $3 AND source = $4",
								4, types, values, NULL) == 0)
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_OBJECT),
				errmsg("event \"%s.%s\" on %s is not defined", aggregate, action,
					   write_occasion(definition, &occasion)));
	outbox_definer_apply(
		"undefine_event", 3,
		(const char *[]){aggregate, action, write_occasion(definition, &occasion)});
	PG_RETURN_VOID();
}

/* "insert", or "insert on TABLE". */
static Occasion
take_occasion(const OutboxDefinition *definition, const char *on_operation)
{
	static const char *const operations[] = {"insert", "update", "delete"};
	static const char on[] = " on ";

	for (int i = 0; i < lengthof(operations); i++)
	{
		const char *rest = on_operation + strlen(operations[i]);

		if (pg_strncasecmp(on_operation, operations[i], strlen(operations[i])) != 0)
			continue;
		if (rest[0] == '\0')
			return (Occasion){operations[i], definition->root};
		if (pg_strncasecmp(rest, on, strlen(on)) == 0)
			return (Occasion){operations[i], take_source(definition, rest + strlen(on))};
	}
	ereport(
		ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
		errmsg("operation \"%s\" is not legal", on_operation),
		errhint("Write insert, update or delete, for an entity followed by \"on\" and its table."));
}

static Oid
take_source(const OutboxDefinition *definition, const char *name)
{
	Oid source = DatumGetObjectId(DirectFunctionCall1(regclassin, CStringGetDatum(name)));
	List *tables = outbox_definition_tables(definition->aggregate);

	if (!list_member_oid(tables, source))
		ereport(
			ERROR, errcode(ERRCODE_UNDEFINED_OBJECT),
			errmsg("table \"%s\" is no entity of aggregate \"%s\"", name, definition->aggregate),
			errhint("Call outbox.define_entity first."));
	return source;
}

static char *
write_occasion(const OutboxDefinition *definition, const Occasion *occasion)
{
	if (occasion->source == definition->root)
		return pstrdup(occasion->operation);
	return psprintf("%s on %s", occasion->operation, outbox_definer_table_name(occasion->source));
}
