/*
 * invariant.c
 *		Defines invariants.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "infrastructure/postgres/catalog.h"
#include "infrastructure/postgres/persona.h"
#include "interface/argument.h"
#include "interface/definer.h"

PG_FUNCTION_INFO_V1(outbox_invariant_define);
PG_FUNCTION_INFO_V1(outbox_invariant_undefine);

static bool take_check_at(FunctionCallInfo fcinfo, int argument);
static void check_rows(const OutboxDefinition *definition, const char *name, const char *expression,
					   bool at_commit);

/* (aggregate text, name text, expression text, message text, check_at text) */
Datum
outbox_invariant_define(PG_FUNCTION_ARGS)
{
	const char *aggregate = outbox_argument_text(fcinfo, 0, "aggregate");
	const char *name = outbox_argument_text(fcinfo, 1, "name");
	const char *expression = outbox_argument_text(fcinfo, 2, "expression");
	const char *message = outbox_argument_optional(fcinfo, 3);
	bool at_commit = take_check_at(fcinfo, 4);
	OutboxDefinition *definition = outbox_definer_open(aggregate);
	Oid types[] = {TEXTOID, INT4OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID};
	Datum values[6] = {PG_GETARG_DATUM(0)};
	char nulls[] = "      ";

	if (name[0] == '\0' || strlen(name) >= NAMEDATALEN)
		ereport(ERROR, errcode(ERRCODE_INVALID_NAME), errmsg("name of invariant is not legal"),
				errdetail("It has 1 to %d bytes.", NAMEDATALEN - 1));
	expression = outbox_definer_expression(
		expression, at_commit ? OUTBOX_EXPRESSION_COMMIT : OUTBOX_EXPRESSION_CONDITION,
		definition->root);
	values[1] = Int32GetDatum(outbox_definer_next_number(aggregate, "rule_invariant"));
	outbox_definer_set(values, nulls, 2, name);
	outbox_definer_set(values, nulls, 3, expression);
	outbox_definer_set(values, nulls, 4, message);
	outbox_definer_set(values, nulls, 5, at_commit ? "commit" : "row");
	if (outbox_definition_write(
			"INSERT INTO outbox.rule_invariant (aggregate, number, name, expression, message, check_at)"
			" VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
			6, types, values, nulls) == 0)
		ereport(ERROR, errcode(ERRCODE_DUPLICATE_OBJECT),
				errmsg("invariant \"%s\" of aggregate \"%s\" is defined already", name, aggregate),
				errhint("Call outbox.undefine_invariant first."));
	outbox_definer_apply(
		"define_invariant", 5,
		(const char *[]){aggregate, name, expression, message, at_commit ? "commit" : NULL});
	check_rows(definition, name, expression, at_commit);
	PG_RETURN_VOID();
}

/* (aggregate text, name text) */
Datum
outbox_invariant_undefine(PG_FUNCTION_ARGS)
{
	const char *aggregate = outbox_argument_text(fcinfo, 0, "aggregate");
	const char *name = outbox_argument_text(fcinfo, 1, "name");
	Oid types[] = {TEXTOID, TEXTOID};
	Datum values[] = {PG_GETARG_DATUM(0), PG_GETARG_DATUM(1)};

	(void) outbox_definer_open(aggregate);
	if (outbox_definition_write(
			"DELETE FROM outbox.rule_invariant WHERE aggregate = $1 AND name = $2", 2, types,
			values, NULL) == 0)
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_OBJECT),
				errmsg("aggregate \"%s\" has no invariant \"%s\"", aggregate, name));
	outbox_definer_apply("undefine_invariant", 2, (const char *[]){aggregate, name});
	PG_RETURN_VOID();
}

static bool
take_check_at(FunctionCallInfo fcinfo, int argument)
{
	const char *check_at = outbox_argument_text(fcinfo, argument, "check_at");

	if (strcmp(check_at, "commit") == 0)
		return true;
	if (strcmp(check_at, "row") != 0)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("check_at \"%s\" is not legal", check_at),
				errhint("An invariant is judged with each row, or at commit."));
	return false;
}

/* Those that exist, as if they were inserted now; nobody else can write. */
static void
check_rows(const OutboxDefinition *definition, const char *name, const char *expression,
		   bool at_commit)
{
	const char *table = outbox_definer_table_name(definition->root);
	OutboxPersona persona;
	char *broken;

	outbox_persona_assume(&persona, outbox_catalog_table_owner(definition->root),
						  OUTBOX_PERSONA_RULE, true);
	PushActiveSnapshot(GetLatestSnapshot());
	SPI_connect();
	if (SPI_execute(psprintf("SELECT new.%s FROM %s AS new%s WHERE NOT (%s\n) LIMIT 1",
							 quote_identifier(definition->id.names[0]), table,
							 at_commit ? "" : psprintf(" LEFT JOIN %s AS old ON false", table),
							 expression),
					true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not look for rows that break an invariant");
	broken =
		SPI_processed > 0 ? SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1) : NULL;
	if (broken != NULL)
		ereport(ERROR, errcode(ERRCODE_CHECK_VIOLATION),
				errmsg("invariant \"%s\" is violated by rows of table \"%s\"", name,
					   get_rel_name(definition->root)),
				errdetail("One of them is that of %s \"%s\".", definition->aggregate, broken),
				errhint("Correct the rows first."),
				err_generic_string(PG_DIAG_CONSTRAINT_NAME, name));
	SPI_finish();
	PopActiveSnapshot();
	outbox_persona_drop(&persona);
}
