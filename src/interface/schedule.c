/*
 * schedule.c
 *		outbox.cancel_scheduled.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"

#include "interface/argument.h"
#include "interface/record.h"

PG_FUNCTION_INFO_V1(outbox_schedule_cancel);

/* (event_id bigint) */
Datum
outbox_schedule_cancel(PG_FUNCTION_ARGS)
{
	Oid types[] = {INT8OID};
	Datum values[1];
	bool found;

	outbox_record_require_writable("outbox.cancel_scheduled()");
	outbox_argument_require(fcinfo, 0, "event_id");
	values[0] = PG_GETARG_DATUM(0);
	SPI_connect();
	if (SPI_execute_with_args("DELETE FROM outbox.scheduled WHERE id = $1", 1, types, values, NULL,
							  false, 0) != SPI_OK_DELETE)
		elog(ERROR, "could not take back a scheduled event");
	found = SPI_processed > 0;
	SPI_finish();
	PG_RETURN_BOOL(found);
}
