/*
 * definer.c
 *		What the functions that define and undefine rules have in common.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/catalog.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "infrastructure/postgres/catalog.h"
#include "infrastructure/postgres/compat.h"
#include "infrastructure/postgres/persona.h"
#include "infrastructure/postgres/ruleset.h"
#include "infrastructure/postgres/triggers.h"
#include "interface/definer.h"
#include "interface/record.h"
#include "interface/report.h"
#include "interface/settlement.h"

static void take_tables(List *tables);
static Oid lock_at_once(List *tables);
static void check_owner(Oid table);
static void refuse_missing(Oid table) __attribute__((noreturn));
static void check_kind(Relation relation);
static void refuse_kind(Oid table, const char *detail) __attribute__((noreturn));
static void split(OutboxNames *columns, const char *names);

/* How often a definition waits for a table without keeping others from writing. */
#define POLITE_WAITS 20

void
outbox_definer_take_table(uint32_t table)
{
	Relation relation;

	check_owner(table);
	if (get_rel_relkind(table) != RELKIND_RELATION &&
		get_rel_relkind(table) != RELKIND_PARTITIONED_TABLE)
		refuse_kind(table, "It is no table.");
	relation = try_table_open(table, ShareRowExclusiveLock);
	if (relation == NULL)
		refuse_missing(table);
	check_kind(relation);
	table_close(relation, NoLock);
}

static void
check_owner(Oid table)
{
	/* Rules do not change while they are judged. */
	if (InSecurityRestrictedOperation())
		ereport(ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("cannot change rules within security-restricted operation"));
	if (get_rel_name(table) == NULL)
		refuse_missing(table);
	if (!outbox_compat_owns_relation(table))
		aclcheck_error(ACLCHECK_NOT_OWNER, get_relkind_objtype(get_rel_relkind(table)),
					   get_rel_name(table));
}

static void
refuse_missing(Oid table)
{
	ereport(ERROR, errcode(ERRCODE_UNDEFINED_TABLE),
			errmsg("table with OID %u does not exist", table));
}

static void
check_kind(Relation relation)
{
	const char *detail = NULL;

	if (relation->rd_rel->relpersistence == RELPERSISTENCE_TEMP)
		detail = "It is a temporary table.";
	else if (IsSystemRelation(relation) ||
			 RelationGetNamespace(relation) == get_namespace_oid("outbox", true))
		detail = "It is one of PostgreSQL's or of cleanoutbox itself.";
	else if (relation->rd_rel->relispartition)
		detail = "It is a partition; the rules of the partitioned table hold for it.";
	if (detail != NULL)
		refuse_kind(RelationGetRelid(relation), detail);
}

static void
refuse_kind(Oid table, const char *detail)
{
	ereport(ERROR, errcode(ERRCODE_WRONG_OBJECT_TYPE),
			errmsg("\"%s\" cannot be a table of an aggregate", get_rel_name(table)),
			errdetail("%s", detail));
}

const char *
outbox_definer_table_name(uint32_t table)
{
	const char *name = get_rel_name(table);

	if (name == NULL)
		return psprintf("%u", table);
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(table)), name);
}

OutboxNames
outbox_definer_columns(uint32_t table, const char *names)
{
	OutboxNames columns = {.names = palloc(sizeof(char *) * (strlen(names) + 1))};

	if (get_attnum(table, names) > 0 || strchr(names, ',') == NULL)
		columns.names[columns.count++] = pstrdup(names);
	else
		split(&columns, names);
	for (int i = 0; i < columns.count; i++)
		outbox_definer_need_column(table, columns.names[i]);
	if (columns.count > INDEX_MAX_KEYS)
		ereport(ERROR, errcode(ERRCODE_TOO_MANY_COLUMNS),
				errmsg("a key has at most %d columns", INDEX_MAX_KEYS));
	return columns;
}

static void
split(OutboxNames *columns, const char *names)
{
	char *rest = pstrdup(names);
	char *name;

	while ((name = strsep(&rest, ",")) != NULL)
	{
		name += strspn(name, " ");
		for (size_t length = strlen(name); length > 0 && name[length - 1] == ' '; length--)
			name[length - 1] = '\0';
		columns->names[columns->count++] = name;
	}
}

void
outbox_definer_need_column(uint32_t table, const char *name)
{
	if (get_attnum(table, name) <= 0)
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_COLUMN),
				errmsg("column \"%s\" of table \"%s\" does not exist", name, get_rel_name(table)));
}

OutboxDefinition *
outbox_definer_open(const char *aggregate)
{
	return outbox_definer_open_with(aggregate, InvalidOid);
}

/* The tables may have become others while we have waited for them. */
OutboxDefinition *
outbox_definer_open_with(const char *aggregate, uint32_t table)
{
	List *taken = NIL;
	List *tables = outbox_definition_tables(aggregate);

	while (tables != NIL && !equal(tables, taken))
	{
		take_tables(OidIsValid(table) ? lappend_oid(list_copy(tables), table) : tables);
		taken = tables;
		tables = outbox_definition_tables(aggregate);
	}
	if (tables == NIL)
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_OBJECT),
				errmsg("aggregate \"%s\" is not defined", aggregate),
				errhint("Call outbox.define_aggregate first."));
	outbox_settlement_run();
	return outbox_definition_load(aggregate, linitial_oid(tables));
}

/*
 * Writers lock the tables in an order of their own, and those of an entity the root's
 * as late as at their commit.  Who waited for one table while holding another would
 * be in a deadlock with them; so we wait with nothing in hand.  Where the tables are
 * never free at once, the deadlock is risked in the end.
 */
static void
take_tables(List *tables)
{
	ListCell *cell;
	Oid busy;

	foreach(cell, tables)
		check_owner(lfirst_oid(cell));
	for (int i = 0; i < POLITE_WAITS && OidIsValid(busy = lock_at_once(tables)); i++)
	{
		LockRelationOid(busy, ShareRowExclusiveLock);
		UnlockRelationOid(busy, ShareRowExclusiveLock);
	}
	foreach(cell, tables)
		if (get_rel_name(lfirst_oid(cell)) != NULL)
			outbox_definer_take_table(lfirst_oid(cell));
}

/* All or none; returns one that cannot be had. */
static Oid
lock_at_once(List *tables)
{
	for (int i = 0; i < list_length(tables); i++)
	{
		if (ConditionalLockRelationOid(list_nth_oid(tables, i), ShareRowExclusiveLock))
			continue;
		for (int j = 0; j < i; j++)
			UnlockRelationOid(list_nth_oid(tables, j), ShareRowExclusiveLock);
		return list_nth_oid(tables, i);
	}
	return InvalidOid;
}

char *
outbox_definer_expression(const char *text, OutboxExpressionKind kind, uint32_t table)
{
	OutboxPersona persona;
	char *canonical;

	if (text == NULL)
		return NULL;
	outbox_persona_assume(&persona, outbox_catalog_table_owner(table), OUTBOX_PERSONA_RULE, false);
	canonical = outbox_expression_deparse(outbox_expression_analyse(text, kind, table), table);
	/* Some are written otherwise once more, and then no longer. */
	canonical = outbox_expression_deparse(outbox_expression_restore(canonical, kind, table), table);
	outbox_persona_drop(&persona);
	return canonical;
}

void
outbox_definer_check_action(const char *action)
{
	OutboxEvent event = {.action = outbox_record_encode(action, strlen(action))};
	OutboxFault fault = outbox_event_check_action(event.action);

	if (fault != OUTBOX_FAULT_NONE)
		outbox_report_fault(fault, &(OutboxReportFacts){.event = &event});
}

void
outbox_definer_set(uintptr_t *values, char *nulls, int parameter, const char *text)
{
	nulls[parameter] = text == NULL ? 'n' : ' ';
	if (text != NULL)
		values[parameter] = CStringGetTextDatum(text);
}

int
outbox_definer_next_number(const char *aggregate, const char *table)
{
	const char *number = outbox_definition_ask(
		psprintf(
			"SELECT coalesce(pg_catalog.max(number), 0) + 1 FROM outbox.%s WHERE aggregate = $1",
			table),
		1, &(uint32_t){TEXTOID}, &(uintptr_t){CStringGetTextDatum(aggregate)});

	return pg_strtoint32(number);
}

char *
outbox_definer_call(const char *function, int count, const char *const *arguments)
{
	StringInfoData call;

	while (count > 0 && arguments[count - 1] == NULL)
		count--;
	initStringInfo(&call);
	appendStringInfo(&call, "outbox.%s(", function);
	for (int i = 0; i < count; i++)
		appendStringInfo(&call, "%s%s", i > 0 ? ", " : "",
						 arguments[i] == NULL ? "NULL" : quote_literal_cstr(arguments[i]));
	appendStringInfoChar(&call, ')');
	return call.data;
}

void
outbox_definer_apply(const char *function, int count, const char *const *arguments)
{
	const char *aggregate = arguments[0];
	List *tables;
	ListCell *cell;

	outbox_definer_record(aggregate, outbox_definer_call(function, count, arguments));
	tables = outbox_definition_tables(aggregate);
	foreach(cell, tables)
	{
		Relation relation;

		/* The command that has us called may have dropped it: it is about to be removed. */
		if (get_rel_name(lfirst_oid(cell)) == NULL)
			continue;
		outbox_triggers_attach(outbox_definition_load(aggregate, lfirst_oid(cell)));
		relation = table_open(lfirst_oid(cell), NoLock);
		(void) outbox_ruleset_find(relation, aggregate);
		table_close(relation, NoLock);
	}
}

void
outbox_definer_refresh(const char *aggregate)
{
	List *tables = outbox_definition_tables(aggregate);
	ListCell *cell;

	foreach(cell, tables)
		outbox_triggers_announce(lfirst_oid(cell));
	CommandCounterIncrement();
}

void
outbox_definer_record(const char *aggregate, const char *call)
{
	Oid types[] = {TEXTOID, TEXTOID, NAMEOID};
	Datum values[] = {CStringGetTextDatum(aggregate), CStringGetTextDatum(call), 0};
	NameData user;

	namestrcpy(&user, GetUserNameFromId(GetOuterUserId(), false));
	values[2] = NameGetDatum(&user);
	(void) outbox_definition_write("UPDATE outbox.rule_aggregate SET revision = revision + 1"
								   " WHERE aggregate = $1",
								   1, types, values, NULL);
	(void) outbox_definition_write(
		"INSERT INTO outbox.rule_history (changed_by, aggregate, revision, call)"
		" SELECT $3, $1, (SELECT revision FROM outbox.rule_aggregate WHERE aggregate = $1), $2",
		3, types, values, NULL);
}
