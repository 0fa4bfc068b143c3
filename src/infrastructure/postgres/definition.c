/*
 * definition.c
 *		What is defined about a table.
 *
 * Read with a snapshot of now: a transaction that began before a rule was defined
 * is bound by it all the same, since the definition has waited for all who had
 * written to the table.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/xact.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "infrastructure/postgres/catalog.h"
#include "infrastructure/postgres/definition.h"
#include "infrastructure/postgres/persona.h"

/* A query whose rows are read one after the other. */
typedef struct Reading
{
	MemoryContext memory; /* of what is kept */
	OutboxPersona persona;
} Reading;

static void begin(Reading *reading);
static void end(const Reading *reading);
static int ask(const char *query, const OutboxDefinition *definition);
static int execute(const char *statement, int count, const Oid *types, const Datum *values,
				   const char *nulls);
static char *text_at(const Reading *reading, int row, int column);
static Oid oid_at(int row, int column);
static OutboxNames names_at(const Reading *reading, int row, int column);
static bool load_aggregate(const Reading *reading, OutboxDefinition *definition, Oid table);
static bool load_entity(const Reading *reading, OutboxDefinition *definition, Oid table);
static void load_lifecycle(const Reading *reading, OutboxDefinition *definition);
static void load_transitions(const Reading *reading, OutboxDefinition *definition);
static void load_immutable(const Reading *reading, OutboxDefinition *definition);
static void load_invariants(const Reading *reading, OutboxDefinition *definition);
static void load_events(const Reading *reading, OutboxDefinition *definition);
static OutboxOperation operation_of(const char *name);

OutboxDefinition *
outbox_definition_load(const char *aggregate, uint32_t table)
{
	OutboxDefinition *definition = palloc0(sizeof(OutboxDefinition));
	Reading reading;
	bool found;

	definition->aggregate = pstrdup(aggregate);
	begin(&reading);
	found = load_aggregate(&reading, definition, table);
	if (found)
	{
		load_invariants(&reading, definition);
		load_events(&reading, definition);
		if (definition->table == definition->root)
		{
			load_lifecycle(&reading, definition);
			load_immutable(&reading, definition);
		}
	}
	end(&reading);
	return found ? definition : NULL;
}

char *
outbox_definition_find(uint32_t table)
{
	return outbox_definition_ask("SELECT aggregate FROM outbox.rule_aggregate WHERE root = $1"
								 " UNION ALL SELECT aggregate FROM outbox.rule_entity"
								 " WHERE entity = $1",
								 1, &(uint32_t){OIDOID}, &(uintptr_t){ObjectIdGetDatum(table)});
}

char *
outbox_definition_find_kin(uint32_t table)
{
	return outbox_definition_ask(
		"SELECT aggregate FROM (WITH RECURSIVE up (id) AS (SELECT $1 UNION"
		" SELECT inhparent FROM pg_catalog.pg_inherits, up WHERE inhrelid = id) SELECT id FROM up) u,"
		" (SELECT aggregate, root AS id FROM outbox.rule_aggregate"
		" UNION ALL SELECT aggregate, entity FROM outbox.rule_entity) d WHERE u.id = d.id",
		1, &(uint32_t){OIDOID}, &(uintptr_t){ObjectIdGetDatum(table)});
}

void
outbox_definition_remove(const char *aggregate)
{
	static const char *const tables[] = {"rule_entity",    "rule_lifecycle", "rule_transition",
										 "rule_immutable", "rule_invariant", "rule_event",
										 "rule_aggregate"};
	Datum value = CStringGetTextDatum(aggregate);

	for (int i = 0; i < lengthof(tables); i++)
		(void) outbox_definition_write(
			psprintf("DELETE FROM outbox.%s WHERE aggregate = $1", tables[i]), 1, &(Oid){TEXTOID},
			&value, NULL);
}

bool
outbox_definition_remove_entity(const char *aggregate, uint32_t entity)
{
	Oid types[] = {TEXTOID, OIDOID};
	Datum values[] = {CStringGetTextDatum(aggregate), ObjectIdGetDatum(entity)};

	(void) outbox_definition_write(
		"DELETE FROM outbox.rule_event WHERE aggregate = $1 AND source = $2", 2, types, values,
		NULL);
	return outbox_definition_write(
			   "DELETE FROM outbox.rule_entity WHERE aggregate = $1 AND entity = $2", 2, types,
			   values, NULL) > 0;
}

List *
outbox_definition_tables(const char *aggregate)
{
	OutboxDefinition definition = {.aggregate = aggregate};
	MemoryContext memory = CurrentMemoryContext;
	List *tables = NIL;
	Reading reading;
	int count;

	begin(&reading);
	count = ask("SELECT root FROM outbox.rule_aggregate WHERE aggregate = $1 UNION ALL "
				"(SELECT entity FROM outbox.rule_entity WHERE aggregate = $1 ORDER BY entity)",
				&definition);
	for (int i = 0; i < count; i++)
	{
		MemoryContext before = MemoryContextSwitchTo(memory);

		tables = lappend_oid(tables, oid_at(i, 1));
		MemoryContextSwitchTo(before);
	}
	end(&reading);
	return tables;
}

bool
outbox_definition_descends(uint32_t table, uint32_t ancestor)
{
	return table == ancestor ||
		   (has_superclass(table) &&
			list_member_oid(find_all_inheritors(ancestor, NoLock, NULL), table));
}

uint64_t
outbox_definition_write(const char *statement, int count, const uint32_t *types,
						const uintptr_t *values, const char *nulls)
{
	OutboxPersona persona;
	uint64 written;

	outbox_persona_assume(&persona, outbox_catalog_owner(), OUTBOX_PERSONA_TABLE, true);
	SPI_connect();
	(void) execute(statement, count, types, values, nulls);
	written = SPI_processed;
	SPI_finish();
	outbox_persona_drop(&persona);
	CommandCounterIncrement();
	return written;
}

char *
outbox_definition_ask(const char *query, int count, const uint32_t *types, const uintptr_t *values)
{
	char *answer = NULL;
	Reading reading;

	begin(&reading);
	if (execute(query, count, types, values, NULL) > 0)
		answer = text_at(&reading, 0, 1);
	end(&reading);
	return answer;
}

static void
begin(Reading *reading)
{
	reading->memory = CurrentMemoryContext;
	outbox_persona_assume(&reading->persona, outbox_catalog_owner(), OUTBOX_PERSONA_TABLE, true);
	PushActiveSnapshot(GetLatestSnapshot());
	SPI_connect();
}

static void
end(const Reading *reading)
{
	SPI_finish();
	PopActiveSnapshot();
	outbox_persona_drop(&reading->persona);
}

/* Rows of a query whose arguments are the aggregate and the table. */
static int
ask(const char *query, const OutboxDefinition *definition)
{
	Oid types[] = {TEXTOID, OIDOID};
	Datum values[] = {CStringGetTextDatum(definition->aggregate),
					  ObjectIdGetDatum(definition->table)};

	return execute(query, lengthof(types), types, values, NULL);
}

/* A SELECT reads with the active snapshot; returns how many rows there are. */
static int
execute(const char *statement, int count, const Oid *types, const Datum *values, const char *nulls)
{
	bool reads = strncmp(statement, "SELECT", strlen("SELECT")) == 0;
	int result = SPI_execute_with_args(statement, count, unconstify(Oid *, types),
									   unconstify(Datum *, values), nulls, reads, 0);

	if (result < 0)
		elog(ERROR, "SPI_execute_with_args failed: %s", SPI_result_code_string(result));
	return (int) SPI_processed;
}

/* Kept beyond the query; NULL: null. */
static char *
text_at(const Reading *reading, int row, int column)
{
	char *text = SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column);

	return text != NULL ? MemoryContextStrdup(reading->memory, text) : NULL;
}

static Oid
oid_at(int row, int column)
{
	bool isnull;

	return DatumGetObjectId(
		SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, &isnull));
}

/* An array of text. */
static OutboxNames
names_at(const Reading *reading, int row, int column)
{
	OutboxNames names = {0};
	bool isnull;
	Datum array = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, &isnull);
	Datum *elements;

	if (isnull)
		return names;
	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT, &elements, NULL,
					  &names.count);
	names.names = MemoryContextAlloc(reading->memory, sizeof(char *) * Max(names.count, 1));
	for (int i = 0; i < names.count; i++)
		names.names[i] = MemoryContextStrdup(reading->memory, TextDatumGetCString(elements[i]));
	return names;
}

/* Is the table, or what it descends from, the root or an entity? */
static bool
load_aggregate(const Reading *reading, OutboxDefinition *definition, Oid table)
{
	if (ask("SELECT root::pg_catalog.oid, id_columns::text[], version_column,"
			" EXISTS (SELECT FROM outbox.rule_entity e WHERE e.aggregate = $1)"
			" FROM outbox.rule_aggregate WHERE aggregate = $1",
			definition) == 0)
		return false;
	definition->root = oid_at(0, 1);
	definition->id = names_at(reading, 0, 2);
	definition->version_column = text_at(reading, 0, 3);
	definition->has_entities = strcmp(text_at(reading, 0, 4), "t") == 0;
	if (load_entity(reading, definition, table))
		return true;
	definition->table = definition->root;
	definition->key = definition->id;
	return outbox_definition_descends(table, definition->root);
}

static bool
load_entity(const Reading *reading, OutboxDefinition *definition, Oid table)
{
	int count = ask("SELECT entity::pg_catalog.oid, parent_columns::text[] FROM outbox.rule_entity"
					" WHERE aggregate = $1",
					definition);

	for (int i = 0; i < count; i++)
		if (outbox_definition_descends(table, oid_at(i, 1)))
		{
			definition->table = oid_at(i, 1);
			definition->key = names_at(reading, i, 2);
			return true;
		}
	return false;
}

static void
load_lifecycle(const Reading *reading, OutboxDefinition *definition)
{
	OutboxNames initial;

	if (ask("SELECT state_column, initial FROM outbox.rule_lifecycle WHERE aggregate = $1",
			definition) == 0)
		return;
	definition->state_column = text_at(reading, 0, 1);
	initial = names_at(reading, 0, 2);
	definition->lifecycle.initial = initial.names;
	definition->lifecycle.initial_count = initial.count;
	load_transitions(reading, definition);
}

static void
load_transitions(const Reading *reading, OutboxDefinition *definition)
{
	int count = ask("SELECT from_state, to_state, action, guard FROM outbox.rule_transition"
					" WHERE aggregate = $1 ORDER BY number",
					definition);
	OutboxTransition *transitions =
		MemoryContextAllocZero(reading->memory, sizeof(OutboxTransition) * Max(count, 1));

	const char **guards = MemoryContextAllocZero(reading->memory, sizeof(char *) * Max(count, 1));

	for (int i = 0; i < count; i++)
	{
		guards[i] = text_at(reading, i, 4);
		transitions[i] = (OutboxTransition){.from = text_at(reading, i, 1),
											.to = text_at(reading, i, 2),
											.action = text_at(reading, i, 3),
											.guarded = guards[i] != NULL};
	}
	definition->guards = guards;
	definition->lifecycle.transitions = transitions;
	definition->lifecycle.transition_count = count;
}

static void
load_immutable(const Reading *reading, OutboxDefinition *definition)
{
	if (ask("SELECT pg_catalog.array_agg(column_name::text ORDER BY number) FROM outbox.rule_immutable"
			" WHERE aggregate = $1",
			definition) > 0)
		definition->immutable = names_at(reading, 0, 1);
}

static void
load_invariants(const Reading *reading, OutboxDefinition *definition)
{
	int count = ask("SELECT check_at, name, expression, message FROM outbox.rule_invariant"
					" WHERE aggregate = $1 ORDER BY number",
					definition);
	size_t size = sizeof(OutboxInvariant) * Max(count, 1);

	definition->row.invariants = MemoryContextAllocZero(reading->memory, size);
	definition->commit.invariants = MemoryContextAllocZero(reading->memory, size);
	for (int i = 0; i < count; i++)
	{
		bool at_commit = strcmp(text_at(reading, i, 1), "commit") == 0;
		OutboxInvariants *kind = at_commit ? &definition->commit : &definition->row;

		if (!at_commit && definition->table != definition->root)
			continue;
		kind->invariants[kind->count++] = (OutboxInvariant){.name = text_at(reading, i, 2),
															.expression = text_at(reading, i, 3),
															.message = text_at(reading, i, 4)};
	}
}

static void
load_events(const Reading *reading, OutboxDefinition *definition)
{
	int count = ask("SELECT operation, action, condition, payload FROM outbox.rule_event"
					" WHERE aggregate = $1 AND source = $2 ORDER BY number",
					definition);

	definition->events =
		MemoryContextAllocZero(reading->memory, sizeof(OutboxDefinedEvent) * Max(count, 1));
	definition->event_count = count;
	for (int i = 0; i < count; i++)
	{
		OutboxDefinedEvent *event = &definition->events[i];

		event->rule.operation = operation_of(text_at(reading, i, 1));
		event->rule.action = text_at(reading, i, 2);
		event->condition = text_at(reading, i, 3);
		event->payload = text_at(reading, i, 4);
		event->rule.conditional = event->condition != NULL;
	}
}

static OutboxOperation
operation_of(const char *name)
{
	if (strcmp(name, "insert") == 0)
		return OUTBOX_OPERATION_INSERT;
	return strcmp(name, "update") == 0 ? OUTBOX_OPERATION_UPDATE : OUTBOX_OPERATION_DELETE;
}
