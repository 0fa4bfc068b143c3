/*
 * catalog.c
 *		Finds the extension's own relations.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_extension.h"
#include "commands/extension.h"
#include "storage/lmgr.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "infrastructure/postgres/catalog.h"

static void report_missing(const char *name);

uint32_t
outbox_catalog_relation(const char *name)
{
	Oid schema = get_namespace_oid("outbox", true);
	Oid relation = OidIsValid(schema) ? get_relname_relid(name, schema) : InvalidOid;

	if (!OidIsValid(relation))
		report_missing(name);
	return relation;
}

uint32_t
outbox_catalog_lock(const char *name, int mode)
{
	Oid relation = outbox_catalog_relation(name);

	LockRelationOid(relation, mode);
	if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relation)))
		report_missing(name);
	return relation;
}

bool
outbox_catalog_has_rows(const char *name)
{
	Relation relation = table_open(outbox_catalog_relation(name), AccessShareLock);
	TupleTableSlot *slot = table_slot_create(relation, NULL);
	TableScanDesc scan = table_beginscan(relation, GetActiveSnapshot(), 0, NULL);
	bool found = table_scan_getnextslot(scan, ForwardScanDirection, slot);

	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	table_close(relation, AccessShareLock);
	return found;
}

uint32_t
outbox_catalog_extension(void)
{
	return get_extension_oid("cleanoutbox", true);
}

uint32_t
outbox_catalog_owner(void)
{
	Relation catalog = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;
	Oid owner = InvalidOid;

	ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ,
				CStringGetDatum("cleanoutbox"));
	scan = systable_beginscan(catalog, ExtensionNameIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		owner = ((Form_pg_extension) GETSTRUCT(tuple))->extowner;
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return owner;
}

static void
report_missing(const char *name)
{
	ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
					errmsg("relation \"outbox.%s\" does not exist", name),
					errhint("Run CREATE EXTENSION cleanoutbox in this database.")));
}
