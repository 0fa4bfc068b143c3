/*
 * ddl.c
 *		Has rules follow what is renamed, and go with what is dropped.
 *
 * Commands may nest (CREATE SCHEMA, a function that runs some); what the outermost has
 * noted is enough for all.  One that fails has no end; it is over with its subtransaction.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_enum.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/event_trigger.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "infrastructure/postgres/trial.h"
#include "infrastructure/postgres/catalog.h"
#include "infrastructure/postgres/triggers.h"
#include "interface/ddl.h"
#include "interface/definer.h"
#include "interface/rename.h"

PG_FUNCTION_INFO_V1(outbox_ddl_begins);
PG_FUNCTION_INFO_V1(outbox_ddl_ends);
PG_FUNCTION_INFO_V1(outbox_ddl_drops);

/* These stand for the kind of an expression where it is none. */
/* In the transaction's memory; NIL between commands. */
static List *noted = NIL;
static List *begun = NIL; /* nesting levels of the transaction, one for each command */

static bool is_ours_to_handle(FunctionCallInfo fcinfo);
static bool has_rules(void);
static bool is_noted(FunctionCallInfo fcinfo);
static bool renames(Node *command);
static void complete_restored(Node *command);
static void complete(void *table);
static void look_at_tables(void);
static void look_at(Oid table, const char *trigger, bool calls_us);
static void let_go(Oid table);
static void remove_tables(void);
static void remove_table(Oid table, const char *name);
static void keep_triggers(void);
static bool is_rooted(const char *aggregate);
static void forget(XactEvent event, void *arg);
static void forget_failed(SubXactEvent event, SubTransactionId mine, SubTransactionId parent,
						  void *arg);

/* Tables whose triggers may have become other than they should be; the trigger, if it is about one, and whether it calls us. */
static const char tables_query[] =
	"SELECT coalesce(t.tgrelid, c.objid), t.tgname, EXISTS (SELECT FROM pg_proc p WHERE p.oid = t.tgfoid"
	" AND p.pronamespace = 'outbox'::regnamespace AND p.proname IN ('number', 'guard', 'settle', 'truncated'))"
	" FROM pg_event_trigger_ddl_commands() c"
	" LEFT JOIN pg_trigger t ON c.classid = 'pg_trigger'::regclass AND t.oid = c.objid"
	" WHERE c.classid IN ('pg_class'::regclass, 'pg_trigger'::regclass) AND c.objsubid = 0";

/*
 * Tables of the aggregates that have a table of this name, whose triggers carry no
 * dependency on any column: there is one on the key at least.
 */
static const char incomplete_query[] =
	"WITH t AS (SELECT aggregate, root::oid AS id FROM outbox.rule_aggregate UNION ALL SELECT aggregate, entity FROM outbox.rule_entity)"
	" SELECT t.id FROM t JOIN pg_trigger g ON g.tgrelid = t.id AND g.tgname = '" OUTBOX_TRIGGER_PREFIX
	"truncate'"
	" WHERE NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_trigger'::regclass AND d.objid = g.oid"
	" AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0)"
	" AND aggregate IN (SELECT aggregate FROM t JOIN pg_class c ON c.oid = t.id WHERE c.relname = $1 AND coalesce(c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $2), $2 IS NULL))";

static const char dropped_query[] =
	"SELECT objid, object_identity FROM pg_event_trigger_dropped_objects() WHERE classid = 'pg_class'::regclass AND objsubid = 0";

/* Triggers of ours that were dropped from a table that stays. */
static const char lost_query[] =
	"SELECT c.oid, d.address_names[3] FROM pg_event_trigger_dropped_objects() d"
	" JOIN pg_namespace n ON n.nspname = d.address_names[1]"
	" JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = d.address_names[2]"
	" WHERE d.object_type = 'trigger' AND starts_with(d.address_names[3], '" OUTBOX_TRIGGER_PREFIX
	"')";

void
outbox_ddl_install(void)
{
	RegisterXactCallback(forget, NULL);
	RegisterSubXactCallback(forget_failed, NULL);
}

Datum
outbox_ddl_begins(PG_FUNCTION_ARGS)
{
	Node *command;
	MemoryContext before;

	if (!is_ours_to_handle(fcinfo))
		PG_RETURN_NULL();
	command = ((EventTriggerData *) fcinfo->context)->parsetree;
	before = MemoryContextSwitchTo(TopTransactionContext);
	begun = lappend_int(begun, GetCurrentTransactionNestLevel());
	if (list_length(begun) == 1 && has_rules())
	{
		complete_restored(command);
		noted = renames(command) ? outbox_rename_note() : NIL;
	}
	MemoryContextSwitchTo(before);
	PG_RETURN_NULL();
}

Datum
outbox_ddl_ends(PG_FUNCTION_ARGS)
{
	List *notes = noted;

	if (!is_ours_to_handle(fcinfo))
		PG_RETURN_NULL();
	if (begun != NIL && is_noted(fcinfo) && (begun = list_delete_last(begun)) == NIL)
	{
		noted = NIL;
		outbox_rename_follow(notes);
	}
	if (has_rules())
		look_at_tables();
	PG_RETURN_NULL();
}

Datum
outbox_ddl_drops(PG_FUNCTION_ARGS)
{
	if (!is_ours_to_handle(fcinfo))
		PG_RETURN_NULL();
	if (has_rules())
	{
		keep_triggers();
		remove_tables();
	}
	PG_RETURN_NULL();
}

/* Not what we do ourselves, and not where the extension goes. */
static bool
is_ours_to_handle(FunctionCallInfo fcinfo)
{
	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR, errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
				errmsg("function was not called by an event trigger"),
				errhint("The extension has its event triggers already."));
	return !outbox_triggers_changing() && outbox_catalog_extension() != 0;
}

/* Most databases have none. */
static bool
has_rules(void)
{
	return outbox_catalog_has_rows("rule_aggregate");
}

/* Is it a command that outbox.ddl_begins is called for, too? */
static bool
is_noted(FunctionCallInfo fcinfo)
{
	CommandTag tag = ((EventTriggerData *) fcinfo->context)->tag;

	return tag != CMDTAG_CREATE_TABLE && tag != CMDTAG_CREATE_TRIGGER &&
		   tag != CMDTAG_ALTER_TRIGGER;
}

static bool
renames(Node *command)
{
	return IsA(command, RenameStmt) || IsA(command, AlterObjectSchemaStmt) ||
		   IsA(command, AlterEnumStmt) || IsA(command, AlterExtensionStmt);
}

/*
 * Where a dump's triggers were made before its rules were there, nobody has noted what
 * these need.  They are there as a whole when a table of their aggregate is altered.
 */
static void
complete_restored(Node *command)
{
	RangeVar *name = IsA(command, AlterTableStmt) ? ((AlterTableStmt *) command)->relation : NULL;
	Oid types[] = {NAMEOID, TEXTOID};
	Datum values[2];
	NameData table_name;

	if (name == NULL)
		return;
	namestrcpy(&table_name, name->relname);
	values[0] = NameGetDatum(&table_name);
	values[1] = name->schemaname != NULL ? CStringGetTextDatum(name->schemaname) : (Datum) 0;
	SPI_connect();
	if (SPI_execute_with_args(incomplete_query, 2, types, values,
							  name->schemaname != NULL ? "  " : " n", true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read what triggers depend on");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		Oid table = atooid(SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1));

		(void) outbox_trial(complete, &table, true);
	}
	SPI_finish();
	CommandCounterIncrement();
}

static void
complete(void *table)
{
	Oid oid = *(Oid *) table;
	OutboxDefinition *definition = outbox_definition_load(outbox_definition_find(oid), oid);
	List *heirs = find_all_inheritors(oid, AccessShareLock, NULL);
	ListCell *cell;

	foreach(cell, heirs)
		if (definition != NULL && outbox_triggers_carrier(lfirst_oid(cell)) != 0)
			outbox_triggers_depend(definition, lfirst_oid(cell));
}

static void
look_at_tables(void)
{
	SPI_connect();
	if (SPI_execute(tables_query, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read what a command has changed");
	for (uint64 i = 0; i < SPI_processed; i++)
		look_at(atooid(SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1)),
				SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2),
				strcmp(SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 3), "t") == 0);
	SPI_finish();
}

/*
 * Triggers of ours that somebody makes are those of a dump: its rules are there by now,
 * and all of its triggers will be.
 */
static void
look_at(Oid table, const char *trigger, bool calls_us)
{
	bool restored = trigger != NULL &&
					strncmp(trigger, OUTBOX_TRIGGER_PREFIX, strlen(OUTBOX_TRIGGER_PREFIX)) == 0;
	char *aggregate = outbox_definition_find_kin(table);
	OutboxDefinition *definition =
		aggregate != NULL ? outbox_definition_load(aggregate, table) : NULL;

	if (trigger != NULL && restored != calls_us)
		ereport(
			ERROR, errcode(ERRCODE_RESERVED_NAME),
			errmsg("trigger \"%s\" on table \"%s\" is not legal", trigger, get_rel_name(table)),
			errdetail("Names that begin with \"%s\" and the functions of rules belong together.",
					  OUTBOX_TRIGGER_PREFIX),
			errhint("outbox.define_aggregate and outbox.define_entity make these triggers."));
	if (aggregate == NULL && !restored)
		let_go(table);
	if (definition == NULL)
		return;
	if (restored && outbox_triggers_carrier(table) != 0)
		outbox_triggers_depend(definition, table);
	else if (!restored && (outbox_triggers_differ(definition, table) ||
						   (outbox_triggers_carrier(table) == 0 &&
							get_rel_relkind(definition->table) == RELKIND_RELATION &&
							outbox_triggers_carrier(definition->table) != 0)))
		outbox_triggers_attach_one(definition, table);
}

/*
 * A table that inherits no more is free of the rules.  Where the aggregate that its
 * triggers name is not there at all, its definition is still to be restored.
 */
static void
let_go(Oid table)
{
	char *aggregate;
	ListCell *cell;

	if (outbox_triggers_carrier(table) == 0)
		return;
	aggregate = outbox_triggers_aggregate(table);
	if (aggregate == NULL || outbox_definition_tables(aggregate) == NIL)
		return;
	foreach(cell, find_all_inheritors(table, NoLock, NULL))
		if (outbox_definition_find_kin(lfirst_oid(cell)) == NULL)
			outbox_triggers_detach_one(lfirst_oid(cell));
}

static void
remove_tables(void)
{
	SPI_connect();
	if (SPI_execute(dropped_query, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read what a command has dropped");
	for (uint64 i = 0; i < SPI_processed; i++)
		remove_table(atooid(SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1)),
					 SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2));
	SPI_finish();
}

/* Whoever may drop a table of an aggregate may end the rules of it. */
static void
remove_table(Oid table, const char *name)
{
	char *aggregate = outbox_definition_find(table);
	List *tables;
	ListCell *cell;

	if (aggregate == NULL)
		return;
	tables = outbox_definition_tables(aggregate);
	if (linitial_oid(tables) != table)
	{
		outbox_definition_remove_entity(aggregate, table);
		outbox_definer_apply("undefine_entity", 2, (const char *[]){aggregate, name});
		return;
	}
	foreach(cell, tables)
		if (get_rel_name(lfirst_oid(cell)) != NULL)
			outbox_triggers_detach(lfirst_oid(cell));
	outbox_definition_remove(aggregate);
	outbox_definer_record(aggregate,
						  outbox_definer_call("undefine_aggregate", 1, &(const char *){aggregate}));
}

static void
keep_triggers(void)
{
	SPI_connect();
	if (SPI_execute(lost_query, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read what a command has dropped");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		Oid table = atooid(SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1));
		char *aggregate = outbox_definition_find_kin(table);

		if (aggregate != NULL && is_rooted(aggregate))
			ereport(ERROR, errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
					errmsg("cannot drop what the rules of aggregate \"%s\" need", aggregate),
					errdetail("Trigger \"%s\" on table \"%s\" would be dropped, too.",
							  SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2),
							  get_rel_name(table)),
					errhint("Undefine the rules that need it, or the aggregate, first: SELECT "
							"outbox.describe_aggregate(%s) shows them.",
							quote_literal_cstr(aggregate)));
	}
	SPI_finish();
}

/* Is its root's table there still?  Else its rules are about to go. */
static bool
is_rooted(const char *aggregate)
{
	return get_rel_name(linitial_oid(outbox_definition_tables(aggregate))) != NULL;
}

static void
forget(XactEvent event, void *arg)
{
	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
		return;
	noted = NIL;
	begun = NIL;
}

static void
forget_failed(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *arg)
{
	if (event != SUBXACT_EVENT_ABORT_SUB)
		return;
	while (begun != NIL && llast_int(begun) >= GetCurrentTransactionNestLevel())
		begun = list_delete_last(begun);
	if (begun == NIL)
		noted = NIL;
}
