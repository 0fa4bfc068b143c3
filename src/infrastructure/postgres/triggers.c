/*
 * triggers.c
 *		The triggers that hold a table to its rules.
 *
 * zz_outbox_version	BEFORE UPDATE, and INSERT: numbers the change and, where nothing
 *						can change the row after it, judges it as well; of an entity
 *						with partitions, to see its rows move
 * zz_outbox_change		AFTER UPDATE: judges, where zz_outbox_version cannot
 * zz_outbox_guard		AFTER INSERT, DELETE, of an entity UPDATE as well: judges
 * zz_outbox_commit		deferred: has what changed settled before the commit
 * zz_outbox_truncate	AFTER TRUNCATE; it is always there, so it carries what the rules
 *						depend on: columns, functions, types
 *
 * Where nothing is told of an insert and nothing can change its row, zz_outbox_version
 * looks at it already, and zz_outbox_guard has a WHEN by which it fires only for those
 * that are not known to be fine: to queue a row and to fetch it costs most.
 *
 * A table has those that its rules need.  Triggers fire in the order of their names;
 * "zz_" lets other BEFORE triggers come first.
 *
 * PostgreSQL gives partitions the triggers of their table; inheritance children get
 * their own here.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "infrastructure/postgres/expression.h"
#include "infrastructure/postgres/triggers.h"

#define CARRIER OUTBOX_TRIGGER_PREFIX "truncate"

/* What one trigger is to be like; no events: it is not to be. */
typedef struct Shape
{
	const char *name;
	const char *function;
	int16 type; /* pg_trigger.tgtype */
	const char *when; /* NULL: always */
	bool deferred;
} Shape;

#define SHAPES 5

static bool changing = false;

static void shape(const OutboxDefinition *definition, Relation table, Shape *shapes);
static int16 shape_version(const OutboxDefinition *definition, Relation table);
static bool judges_before(const OutboxDefinition *definition, Relation table);
static bool is_last(Oid table);
static int16 shape_guard(const OutboxDefinition *definition, Relation table);
static bool tells(const OutboxDefinition *definition, OutboxOperation operation);
static bool sees_inserts(const OutboxDefinition *definition, Relation table, int16 guard);
static bool exists(Oid table, const char *name);
static bool exists_so(Oid table, const Shape *wanted);
static void create(const OutboxDefinition *definition, Oid table, const Shape *wanted);
static void drop(Oid table, const char *name);
static void run(const char *statement);
static void execute(const char *statement);
static void depend_on_columns(const ObjectAddress *carrier, Oid table, const OutboxNames *columns);
static void depend_on_expression(const ObjectAddress *carrier, Oid table, const char *text,
								 OutboxExpressionKind kind);

void
outbox_triggers_attach(const OutboxDefinition *definition)
{
	List *tables = list_make1_oid(definition->table);
	ListCell *cell;

	if (get_rel_relkind(definition->table) != RELKIND_PARTITIONED_TABLE)
		tables = find_all_inheritors(definition->table, ShareRowExclusiveLock, NULL);
	foreach(cell, tables)
		outbox_triggers_attach_one(definition, lfirst_oid(cell));
	outbox_triggers_announce(definition->table);
	CommandCounterIncrement();
}

void
outbox_triggers_announce(uint32_t table)
{
	List *tables = find_all_inheritors(table, NoLock, NULL);
	ListCell *cell;

	foreach(cell, tables)
		CacheInvalidateRelcacheByRelid(lfirst_oid(cell));
}

void
outbox_triggers_detach(uint32_t table)
{
	List *tables = list_make1_oid(table);
	ListCell *cell;

	if (get_rel_relkind(table) != RELKIND_PARTITIONED_TABLE)
		tables = find_all_inheritors(table, ShareRowExclusiveLock, NULL);
	foreach(cell, tables)
		outbox_triggers_detach_one(lfirst_oid(cell));
	CommandCounterIncrement();
}

void
outbox_triggers_detach_one(uint32_t table)
{
	static const char *const names[] = {"version", "change", "guard", "settle", "truncate"};

	for (int i = 0; i < lengthof(names); i++)
	{
		char *name = psprintf(OUTBOX_TRIGGER_PREFIX "%s", names[i]);

		if (exists(table, name))
			drop(table, name);
	}
}

char *
outbox_triggers_aggregate(uint32_t table)
{
	Relation relation = table_open(table, AccessShareLock);
	TriggerDesc *triggers = relation->trigdesc;
	char *aggregate = NULL;

	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
		if (strcmp(triggers->triggers[i].tgname, CARRIER) == 0 &&
			triggers->triggers[i].tgnargs == 1)
			aggregate = pstrdup(triggers->triggers[i].tgargs[0]);
	table_close(relation, AccessShareLock);
	return aggregate;
}

bool
outbox_triggers_changing(void)
{
	return changing;
}

bool
outbox_triggers_differ(const OutboxDefinition *definition, uint32_t table)
{
	Relation relation;
	Shape shapes[SHAPES];
	bool differ = false;

	if (!OidIsValid(outbox_triggers_carrier(table)))
		return false;
	relation = table_open(table, AccessShareLock);
	shape(definition, relation, shapes);
	for (int i = 0; i < SHAPES; i++)
		differ = differ || !exists_so(table, &shapes[i]);
	table_close(relation, AccessShareLock);
	return differ;
}

uint32_t
outbox_triggers_carrier(uint32_t table)
{
	return get_trigger_oid(table, CARRIER, true);
}

static void
shape(const OutboxDefinition *definition, Relation table, Shape *shapes)
{
	bool is_root = definition->table == definition->root;
	bool settles = definition->commit.count > 0 || (!is_root && definition->version_column != NULL);
	int16 rows = TRIGGER_TYPE_ROW;
	int16 guard = shape_guard(definition, table);

	shapes[0] = (Shape){.name = OUTBOX_TRIGGER_PREFIX "version", .function = "number"};
	shapes[0].type = shape_version(definition, table);
	shapes[1] = (Shape){.name = OUTBOX_TRIGGER_PREFIX "change", .function = "guard"};
	if (is_root && !judges_before(definition, table))
		shapes[1].type = rows | TRIGGER_TYPE_UPDATE;
	shapes[2] = (Shape){.name = OUTBOX_TRIGGER_PREFIX "guard", .function = "guard", .type = guard};
	if (sees_inserts(definition, table, guard))
		shapes[2].when = "outbox.unjudged()";
	shapes[3] = (Shape){.name = OUTBOX_TRIGGER_PREFIX "settle",
						.function = "settle",
						.when = "outbox.unsettled()",
						.deferred = true};
	if (settles)
		shapes[3].type =
			rows | TRIGGER_TYPE_INSERT | TRIGGER_TYPE_UPDATE | (is_root ? 0 : TRIGGER_TYPE_DELETE);
	shapes[4] = (Shape){.name = CARRIER, .function = "truncated", .type = TRIGGER_TYPE_TRUNCATE};
}

/* Does zz_outbox_version see inserts as they will be, and is there nothing to tell of them? */
static bool
sees_inserts(const OutboxDefinition *definition, Relation table, int16 guard)
{
	return guard == (TRIGGER_TYPE_ROW | TRIGGER_TYPE_INSERT) && !table->rd_rel->relispartition &&
		   (shape_version(definition, table) & TRIGGER_TYPE_INSERT) != 0 &&
		   judges_before(definition, table) && !tells(definition, OUTBOX_OPERATION_INSERT);
}

/* Versions are numbered, and rows that move to another partition are followed. */
static int16
shape_version(const OutboxDefinition *definition, Relation table)
{
	if (definition->version_column == NULL || definition->table != definition->root)
		return table->rd_rel->relkind == RELKIND_PARTITIONED_TABLE
				   ? TRIGGER_TYPE_ROW | TRIGGER_TYPE_BEFORE | TRIGGER_TYPE_UPDATE
				   : 0;
	return TRIGGER_TYPE_ROW | TRIGGER_TYPE_BEFORE | TRIGGER_TYPE_UPDATE | TRIGGER_TYPE_INSERT;
}

/* Nothing changes a row after zz_outbox_version has seen it. */
static bool
judges_before(const OutboxDefinition *definition, Relation table)
{
	List *tables = find_all_inheritors(RelationGetRelid(table), NoLock, NULL);
	ListCell *cell;

	if (shape_version(definition, table) == 0)
		return false;
	if (RelationGetDescr(table)->constr != NULL &&
		RelationGetDescr(table)->constr->has_generated_stored)
		return false;
	foreach(cell, tables)
		if (!is_last(lfirst_oid(cell)))
			return false;
	return true;
}

/* Does no other BEFORE UPDATE trigger fire after zz_outbox_version? */
static bool
is_last(Oid table)
{
	Relation relation = table_open(table, AccessShareLock);
	TriggerDesc *triggers = relation->trigdesc;
	bool last = true;

	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		Trigger *trigger = &triggers->triggers[i];

		if (TRIGGER_FOR_ROW(trigger->tgtype) && TRIGGER_FOR_BEFORE(trigger->tgtype) &&
			TRIGGER_FOR_UPDATE(trigger->tgtype) &&
			strcmp(trigger->tgname, OUTBOX_TRIGGER_PREFIX "version") > 0)
			last = false;
	}
	table_close(relation, AccessShareLock);
	return last;
}

static int16
shape_guard(const OutboxDefinition *definition, Relation table)
{
	int16 type = 0;
	bool follows = definition->has_entities || table->rd_rel->relkind == RELKIND_PARTITIONED_TABLE;

	if (definition->table != definition->root)
		return TRIGGER_TYPE_ROW | TRIGGER_TYPE_INSERT | TRIGGER_TYPE_UPDATE | TRIGGER_TYPE_DELETE;
	if (follows || definition->state_column != NULL || definition->row.count > 0 ||
		definition->commit.count > 0 || tells(definition, OUTBOX_OPERATION_INSERT))
		type |= TRIGGER_TYPE_INSERT;
	if (follows || definition->commit.count > 0 || tells(definition, OUTBOX_OPERATION_DELETE))
		type |= TRIGGER_TYPE_DELETE;
	return type != 0 ? type | TRIGGER_TYPE_ROW : 0;
}

static bool
tells(const OutboxDefinition *definition, OutboxOperation operation)
{
	for (int i = 0; i < definition->event_count; i++)
		if (definition->events[i].rule.operation == operation)
			return true;
	return false;
}

static bool
exists(Oid table, const char *name)
{
	return OidIsValid(get_trigger_oid(table, name, true));
}

/* Is a trigger of ours as it is wanted, or is it wanted no more than it is there? */
static bool
exists_so(Oid table, const Shape *wanted)
{
	Relation relation = table_open(table, AccessShareLock);
	TriggerDesc *triggers = relation->trigdesc;
	bool so = wanted->type == 0;

	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
		if (strcmp(triggers->triggers[i].tgname, wanted->name) == 0)
			so = triggers->triggers[i].tgtype == wanted->type &&
				 (triggers->triggers[i].tgqual != NULL) == (wanted->when != NULL);
	table_close(relation, AccessShareLock);
	return so;
}

void
outbox_triggers_attach_one(const OutboxDefinition *definition, uint32_t table)
{
	Relation relation = table_open(table, ShareRowExclusiveLock);
	Shape shapes[SHAPES];

	shape(definition, relation, shapes);
	for (int i = 0; i < SHAPES; i++)
	{
		if (exists_so(table, &shapes[i]))
			continue;
		/* Replacing one does not lock out who reads the table; a constraint's cannot be replaced. */
		if (exists(table, shapes[i].name) && (shapes[i].type == 0 || shapes[i].deferred))
			drop(table, shapes[i].name);
		if (shapes[i].type != 0)
			create(definition, table, &shapes[i]);
	}
	outbox_triggers_depend(definition, table);
	CacheInvalidateRelcache(relation);
	table_close(relation, NoLock);
}

static void
create(const OutboxDefinition *definition, Oid table, const Shape *wanted)
{
	StringInfoData statement;
	const char *separator = " ";

	initStringInfo(&statement);
	appendStringInfo(&statement, "CREATE %s TRIGGER %s %s",
					 wanted->deferred ? "CONSTRAINT" : "OR REPLACE", wanted->name,
					 TRIGGER_FOR_BEFORE(wanted->type) ? "BEFORE" : "AFTER");
	for (int i = 0; i < 4; i++)
	{
		static const int16 types[] = {TRIGGER_TYPE_INSERT, TRIGGER_TYPE_UPDATE, TRIGGER_TYPE_DELETE,
									  TRIGGER_TYPE_TRUNCATE};
		static const char *const names[] = {"INSERT", "UPDATE", "DELETE", "TRUNCATE"};

		if ((wanted->type & types[i]) == 0)
			continue;
		appendStringInfo(&statement, "%s%s", separator, names[i]);
		separator = " OR ";
	}
	appendStringInfo(&statement, " ON %s",
					 quote_qualified_identifier(get_namespace_name(get_rel_namespace(table)),
												get_rel_name(table)));
	if (wanted->deferred)
		appendStringInfoString(&statement, " DEFERRABLE INITIALLY DEFERRED");
	appendStringInfo(&statement, " FOR EACH %s",
					 TRIGGER_FOR_ROW(wanted->type) ? "ROW" : "STATEMENT");
	if (wanted->when != NULL)
		appendStringInfo(&statement, " WHEN (%s)", wanted->when);
	appendStringInfo(&statement, " EXECUTE FUNCTION outbox.%s(%s)", wanted->function,
					 quote_literal_cstr(definition->aggregate));
	run(statement.data);
}

static void
drop(Oid table, const char *name)
{
	run(psprintf("DROP TRIGGER %s ON %s", name,
				 quote_qualified_identifier(get_namespace_name(get_rel_namespace(table)),
											get_rel_name(table))));
}

static void
run(const char *statement)
{
	changing = true;
	PG_TRY();
	{
		execute(statement);
	}
	PG_FINALLY();
	{
		changing = false;
	}
	PG_END_TRY();
}

static void
execute(const char *statement)
{
	int result;

	SPI_connect();
	result = SPI_execute(statement, false, 0);
	if (result != SPI_OK_UTILITY)
		elog(ERROR, "SPI_execute of \"%s\" failed: %s", statement, SPI_result_code_string(result));
	SPI_finish();
}

/* All anew: first what PostgreSQL notes of a trigger itself, then the rules'. */
void
outbox_triggers_depend(const OutboxDefinition *definition, uint32_t table)
{
	ObjectAddress carrier = {TriggerRelationId, outbox_triggers_carrier(table), 0};
	ObjectAddress of_table = {RelationRelationId, table, 0};
	ObjectAddress of_function = {ProcedureRelationId, InvalidOid, 0};
	OutboxNames column = {.count = 1};

	of_function.objectId =
		DatumGetObjectId(DirectFunctionCall1(to_regproc, CStringGetTextDatum("outbox.truncated")));
	(void) deleteDependencyRecordsFor(TriggerRelationId, carrier.objectId, true);
	recordDependencyOn(&carrier, &of_table, DEPENDENCY_AUTO);
	recordDependencyOn(&carrier, &of_function, DEPENDENCY_NORMAL);
	depend_on_columns(&carrier, table, &definition->key);
	depend_on_columns(&carrier, table, &definition->immutable);
	column.names = &(const char *){definition->state_column};
	if (definition->state_column != NULL)
		depend_on_columns(&carrier, table, &column);
	column.names = &(const char *){definition->version_column};
	if (definition->version_column != NULL && definition->table == definition->root)
		depend_on_columns(&carrier, table, &column);
	for (int i = 0; i < definition->lifecycle.transition_count; i++)
		depend_on_expression(&carrier, table, definition->guards[i], OUTBOX_EXPRESSION_CONDITION);
	for (int i = 0; i < definition->row.count; i++)
		depend_on_expression(&carrier, table, definition->row.invariants[i].expression,
							 OUTBOX_EXPRESSION_CONDITION);
	for (int i = 0; definition->table == definition->root && i < definition->commit.count; i++)
		depend_on_expression(&carrier, table, definition->commit.invariants[i].expression,
							 OUTBOX_EXPRESSION_COMMIT);
	for (int i = 0; i < definition->event_count; i++)
	{
		depend_on_expression(&carrier, table, definition->events[i].condition,
							 OUTBOX_EXPRESSION_CONDITION);
		depend_on_expression(&carrier, table, definition->events[i].payload,
							 OUTBOX_EXPRESSION_DOCUMENT);
	}
}

static void
depend_on_columns(const ObjectAddress *carrier, Oid table, const OutboxNames *columns)
{
	for (int i = 0; i < columns->count; i++)
	{
		ObjectAddress column = {RelationRelationId, table, 0};

		column.objectSubId = get_attnum(table, columns->names[i]);
		if (column.objectSubId > 0)
			recordDependencyOn(carrier, &column, DEPENDENCY_NORMAL);
	}
}

static void
depend_on_expression(const ObjectAddress *carrier, Oid table, const char *text,
					 OutboxExpressionKind kind)
{
	if (text != NULL)
		outbox_expression_depend(outbox_expression_restore(text, kind, table), table,
								 carrier->objectId);
}
