/*
 * access.c
 *		outbox.grant_emit and outbox.revoke_emit.
 *
 * They write the GRANT and REVOKE that the caller could write himself, and run
 * them with the caller's rights.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(outbox_grant_emit);
PG_FUNCTION_INFO_V1(outbox_revoke_emit);

static const char *take_role(FunctionCallInfo fcinfo);
static void run(const char *command);

/* (role regrole) */
Datum
outbox_grant_emit(PG_FUNCTION_ARGS)
{
	const char *role = take_role(fcinfo);

	SPI_connect();
	run(psprintf("GRANT USAGE ON SCHEMA outbox TO %s", role));
	run(psprintf(
		"GRANT EXECUTE ON FUNCTION outbox.emit, outbox.emit_bytes, outbox.broadcast, outbox.capture TO %s",
		role));
	SPI_finish();
	PG_RETURN_VOID();
}

/* (role regrole) */
Datum
outbox_revoke_emit(PG_FUNCTION_ARGS)
{
	const char *role = take_role(fcinfo);

	SPI_connect();
	run(psprintf(
		"REVOKE EXECUTE ON FUNCTION outbox.emit, outbox.emit_bytes, outbox.broadcast, outbox.capture FROM %s",
		role));
	run(psprintf("REVOKE USAGE ON SCHEMA outbox FROM %s", role));
	SPI_finish();
	PG_RETURN_VOID();
}

static const char *
take_role(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(0))
		ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("role must not be null"));
	return quote_identifier(GetUserNameFromId(PG_GETARG_OID(0), false));
}

static void
run(const char *command)
{
	int result = SPI_execute(command, false, 0);

	if (result != SPI_OK_UTILITY)
		elog(ERROR, "SPI_execute of \"%s\" failed: %s", command, SPI_result_code_string(result));
}
