/*
 * catalog.c
 *		Finds the extension's own relations.
 *
 * Those that were found are *known* until PostgreSQL tells that one of them, or a schema,
 * has changed.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_operator.h"
#include "commands/extension.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "infrastructure/postgres/catalog.h"

#define KNOWN_MAX 32

typedef struct Known
{
	NameData name;
	Oid relation;
} Known;

static Known known[KNOWN_MAX];
static int known_count = 0;
static uint64 changes = 0; /* that PostgreSQL has told of */

static Oid recall(const char *name);
static Oid look_up(const char *name);
static void forget(Datum arg, Oid relation);
static void forget_all(Datum arg, int cache, uint32 hash);
static Oid read_oid(int cache, Oid row, AttrNumber attribute);
static void report_missing(const char *name);

uint32_t
outbox_catalog_relation(const char *name)
{
	Oid relation = recall(name);

	return OidIsValid(relation) ? relation : look_up(name);
}

static Oid
recall(const char *name)
{
	for (int i = 0; i < known_count; i++)
		if (strcmp(NameStr(known[i].name), name) == 0)
			return known[i].relation;
	return InvalidOid;
}

static Oid
look_up(const char *name)
{
	uint64 before = outbox_catalog_changes();
	Oid schema;
	Oid relation;

	schema = get_namespace_oid("outbox", true);
	relation = OidIsValid(schema) ? get_relname_relid(name, schema) : InvalidOid;
	if (!OidIsValid(relation))
		report_missing(name);
	if (before == changes && known_count < KNOWN_MAX)
	{
		namestrcpy(&known[known_count].name, name);
		known[known_count++].relation = relation;
	}
	return relation;
}

static void
forget(Datum arg, Oid relation)
{
	changes++;
	for (int i = 0; i < known_count; i++)
		if (!OidIsValid(relation) || known[i].relation == relation)
			known_count = 0;
}

static void
forget_all(Datum arg, int cache, uint32 hash)
{
	changes++;
	known_count = 0;
}

uint32_t
outbox_catalog_lock(const char *name, int mode)
{
	Oid relation = outbox_catalog_relation(name);

	LockRelationOid(relation, mode);
	if (recall(name) != relation && !SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relation)))
		report_missing(name);
	return relation;
}

uint64_t
outbox_catalog_changes(void)
{
	static bool listening = false;

	if (!listening)
	{
		CacheRegisterRelcacheCallback(forget, (Datum) 0);
		CacheRegisterSyscacheCallback(NAMESPACEOID, forget_all, (Datum) 0);
		listening = true;
	}
	return changes;
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

uint32_t
outbox_catalog_table_owner(uint32_t table)
{
	return read_oid(RELOID, table, Anum_pg_class_relowner);
}

uint32_t
outbox_catalog_operator_schema(uint32_t operator)
{
	return read_oid(OPEROID, operator, Anum_pg_operator_oprnamespace);
}

/* An attribute, which is never null, of the row that this system cache has under the OID. */
static Oid
read_oid(int cache, Oid row, AttrNumber attribute)
{
	HeapTuple tuple = SearchSysCache1(cache, ObjectIdGetDatum(row));
	bool isnull;
	Oid value;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for OID %u in cache %d", row, cache);
	value = DatumGetObjectId(SysCacheGetAttr(cache, tuple, attribute, &isnull));
	ReleaseSysCache(tuple);
	return value;
}

static void
report_missing(const char *name)
{
	ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
					errmsg("relation \"outbox.%s\" does not exist", name),
					errhint("Run CREATE EXTENSION cleanoutbox in this database.")));
}
