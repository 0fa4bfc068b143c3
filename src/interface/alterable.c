/*
 * alterable.c
 *		outbox.check_alterable: whether PostgreSQL can alter a domain.
 *
 * ALTER DOMAIN looks for what stores the domain inside another type, and refuses to go
 * on when it finds something.  What counts differs between minor versions, so
 * PostgreSQL's own search is called, in a subtransaction that takes its locks and its
 * error away again.  Around it is done what ALTER DOMAIN does around it: every domain
 * over the domain is looked at as well, and the row types of tables that have it.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_type.h"
#include "commands/tablecmds.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/resowner.h"

PG_FUNCTION_INFO_V1(outbox_alterable_check);

static void search(Oid domain);
static void search_from(const FormData_pg_depend *dependent, const char *name);

/* (domain regtype): text */
Datum
outbox_alterable_check(PG_FUNCTION_ARGS)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	PG_TRY();
	{
		search(PG_GETARG_OID(0));
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();
	RollbackAndReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;

	if (error == NULL)
		PG_RETURN_NULL();
	if (error->sqlerrcode != ERRCODE_FEATURE_NOT_SUPPORTED)
		ReThrowError(error);
	PG_RETURN_TEXT_P(cstring_to_text(error->message));
}

/* Returns if the domain can be altered. */
static void
search(Oid domain)
{
	const char *name = format_type_be(domain);
	Relation depend;
	ScanKeyData key[2];
	SysScanDesc scan;
	HeapTuple dependent;

	check_stack_depth();
	depend = table_open(DependRelationId, AccessShareLock);
	ScanKeyInit(&key[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(TypeRelationId));
	ScanKeyInit(&key[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(domain));
	scan = systable_beginscan(depend, DependReferenceIndexId, true, NULL, 2, key);
	while (HeapTupleIsValid(dependent = systable_getnext(scan)))
		search_from((Form_pg_depend) GETSTRUCT(dependent), name);
	systable_endscan(scan);
	table_close(depend, AccessShareLock);
}

static void
search_from(const FormData_pg_depend *dependent, const char *name)
{
	Oid holder = InvalidOid;

	if (dependent->classid == TypeRelationId)
		holder = dependent->objid;
	else if (dependent->classid == RelationRelationId && dependent->objsubid > 0)
		holder = get_rel_type_id(dependent->objid);
	if (!OidIsValid(holder))
		return;
	if (dependent->classid == TypeRelationId && get_typtype(holder) == TYPTYPE_DOMAIN)
		search(holder);
	else
		find_composite_type_dependencies(holder, NULL, name);
}
