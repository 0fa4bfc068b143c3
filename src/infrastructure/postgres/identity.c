/*
 * identity.c
 *		Which outbox this is, and whether this server and database are its own.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "executor/spi.h"
#include "miscadmin.h"

#include "infrastructure/postgres/identity.h"

void
outbox_identity_load(OutboxIdentity *identity)
{
	HeapTuple row;
	TupleDesc description;
	bool isnull;
	uint64 server;
	Oid database;

	SPI_connect();
	if (SPI_execute("SELECT uuid, system_identifier, database_oid FROM outbox.identity", true, 1) !=
			SPI_OK_SELECT ||
		SPI_processed != 1)
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
						errmsg("the row of \"outbox.identity\" is missing"),
						errhint("Drop and create the extension.")));
	row = SPI_tuptable->vals[0];
	description = SPI_tuptable->tupdesc;
	strlcpy(identity->uuid, SPI_getvalue(row, description, 1), OUTBOX_UUID_SIZE);
	server = (uint64) DatumGetInt64(SPI_getbinval(row, description, 2, &isnull));
	database = DatumGetObjectId(SPI_getbinval(row, description, 3, &isnull));
	identity->native = server == GetSystemIdentifier() && database == MyDatabaseId;
	SPI_finish();
}
