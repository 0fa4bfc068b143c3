/*
 * deadline.c
 *		The timeout of a function that waits.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#include "interface/argument.h"
#include "interface/deadline.h"

int64_t
outbox_deadline_take(struct FunctionCallInfoBaseData *fcinfo, int argument)
{
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz deadline;

	outbox_argument_require(fcinfo, argument, "timeout");
	deadline = DatumGetTimestampTz(DirectFunctionCall2(
		timestamptz_pl_interval, TimestampTzGetDatum(now), PG_GETARG_DATUM(argument)));
	if (deadline < now)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("timeout must not be negative"));
	return deadline;
}
