/*
 * databases.c
 *		The databases that may have a relay.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "pgstat.h"
#include "utils/snapmgr.h"

#include "infrastructure/postgres/compat.h"
#include "infrastructure/postgres/databases.h"

StaticAssertDecl(OUTBOX_NAME_SIZE >= NAMEDATALEN, "a database's name has no room");

static bool may_have_relay(const FormData_pg_database *row);

int
outbox_databases_list(OutboxDatabase **databases)
{
	MemoryContext caller = CurrentMemoryContext;
	int count = 0;
	int room = 16;
	Relation catalog;
	TableScanDesc scan;
	HeapTuple tuple;

	*databases = palloc(room * sizeof(OutboxDatabase));
	StartTransactionCommand();
	(void) GetTransactionSnapshot();
	catalog = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(catalog, 0, NULL);
	while (HeapTupleIsValid(tuple = heap_getnext(scan, ForwardScanDirection)))
	{
		Form_pg_database row = (Form_pg_database) GETSTRUCT(tuple);
		OutboxDatabase *database;

		if (!may_have_relay(row))
			continue;
		if (count == room)
			*databases = repalloc(*databases, (room *= 2) * sizeof(OutboxDatabase));
		database = &(*databases)[count++];
		database->oid = row->oid;
		database->slot = -1;
		strlcpy(database->name, NameStr(row->datname), sizeof(database->name));
	}
	table_endscan(scan);
	table_close(catalog, AccessShareLock);
	CommitTransactionCommand();
	pgstat_report_stat(true);
	MemoryContextSwitchTo(caller);
	return count;
}

static bool
may_have_relay(const FormData_pg_database *row)
{
	return row->datallowconn && !row->datistemplate && row->datconnlimit != OUTBOX_INVALID_DATABASE;
}
