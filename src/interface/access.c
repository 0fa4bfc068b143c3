/*
 * access.c
 *		outbox.grant_emit, outbox.grant_define and what takes them back.
 *
 * They write the GRANT and REVOKE that the caller could write himself, and run
 * them with the caller's rights.  A right that is taken back leaves USAGE on the
 * schema while the role may still execute something else in it.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "interface/argument.h"

PG_FUNCTION_INFO_V1(outbox_grant_emit);
PG_FUNCTION_INFO_V1(outbox_revoke_emit);
PG_FUNCTION_INFO_V1(outbox_grant_define);
PG_FUNCTION_INFO_V1(outbox_revoke_define);

/* What belongs to a right: functions, and views or NULL. */
typedef struct Right
{
	const char *functions;
	const char *views;
} Right;

static const Right emit = {
	.functions = "outbox.emit, outbox.emit_bytes, outbox.broadcast, outbox.capture",
};

static const Right define = {
	.functions = "outbox.define_aggregate, outbox.undefine_aggregate, outbox.define_entity, "
				 "outbox.undefine_entity, outbox.define_immutable, outbox.undefine_immutable, "
				 "outbox.define_lifecycle, outbox.undefine_lifecycle, outbox.define_transition, "
				 "outbox.undefine_transition, outbox.define_invariant, outbox.undefine_invariant, "
				 "outbox.define_event, outbox.undefine_event, outbox.describe_aggregate, "
				 "outbox.lifecycle_diagram, outbox.define_value_object, "
				 "outbox.undefine_value_object, outbox.read_check, outbox.check_alterable",
	.views = "outbox.aggregate, outbox.lifecycle, outbox.invariant, outbox.value_object",
};

static void give(FunctionCallInfo fcinfo, const Right *right);
static void take_back(FunctionCallInfo fcinfo, const Right *right);
static const char *take_role(FunctionCallInfo fcinfo);
static bool executes(Oid role);
static void run(const char *command);

/* (role regrole) */
Datum
outbox_grant_emit(PG_FUNCTION_ARGS)
{
	give(fcinfo, &emit);
	PG_RETURN_VOID();
}

/* (role regrole) */
Datum
outbox_revoke_emit(PG_FUNCTION_ARGS)
{
	take_back(fcinfo, &emit);
	PG_RETURN_VOID();
}

/* (role regrole) */
Datum
outbox_grant_define(PG_FUNCTION_ARGS)
{
	give(fcinfo, &define);
	PG_RETURN_VOID();
}

/* (role regrole) */
Datum
outbox_revoke_define(PG_FUNCTION_ARGS)
{
	take_back(fcinfo, &define);
	PG_RETURN_VOID();
}

static void
give(FunctionCallInfo fcinfo, const Right *right)
{
	const char *role = take_role(fcinfo);

	SPI_connect();
	run(psprintf("GRANT USAGE ON SCHEMA outbox TO %s", role));
	run(psprintf("GRANT EXECUTE ON FUNCTION %s TO %s", right->functions, role));
	if (right->views != NULL)
		run(psprintf("GRANT SELECT ON %s TO %s", right->views, role));
	SPI_finish();
}

static void
take_back(FunctionCallInfo fcinfo, const Right *right)
{
	const char *role = take_role(fcinfo);

	SPI_connect();
	if (right->views != NULL)
		run(psprintf("REVOKE SELECT ON %s FROM %s", right->views, role));
	run(psprintf("REVOKE EXECUTE ON FUNCTION %s FROM %s", right->functions, role));
	if (!executes(PG_GETARG_OID(0)))
		run(psprintf("REVOKE USAGE ON SCHEMA outbox FROM %s", role));
	SPI_finish();
}

static const char *
take_role(FunctionCallInfo fcinfo)
{
	outbox_argument_require(fcinfo, 0, "role");
	return quote_identifier(GetUserNameFromId(PG_GETARG_OID(0), false));
}

/* Is anything of the schema granted to this role that it may execute? */
static bool
executes(Oid role)
{
	static const char query[] =
		"SELECT FROM pg_catalog.pg_proc p, pg_catalog.pg_namespace n, pg_catalog.aclexplode(p.proacl) a"
		" WHERE n.oid OPERATOR(pg_catalog.=) p.pronamespace"
		"   AND n.nspname OPERATOR(pg_catalog.=) 'outbox'::pg_catalog.name"
		"   AND a.grantee OPERATOR(pg_catalog.=) $1";
	Oid types[] = {OIDOID};
	Datum values[] = {ObjectIdGetDatum(role)};

	if (SPI_execute_with_args(query, 1, types, values, NULL, false, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read what is granted");
	return SPI_processed > 0;
}

static void
run(const char *command)
{
	int result = SPI_execute(command, false, 0);

	if (result != SPI_OK_UTILITY)
		elog(ERROR, "SPI_execute of \"%s\" failed: %s", command, SPI_result_code_string(result));
}
