/*
 * ruleset.c
 *		The rules of a table, made ready to judge its rows.
 *
 * A rule set is made when a session first changes a row of the table, and again when
 * PostgreSQL tells that the table has changed; defining a rule says that of the
 * table, too.  Partitions and inheritance children have rule sets of their own, since
 * their columns may stand in another order.
 */
#include "postgres.h"

#include "access/tupdesc.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "nodes/nodeFuncs.h"
#include "access/transam.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/partcache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "infrastructure/postgres/persona.h"
#include "infrastructure/postgres/ruleset.h"
#include "infrastructure/postgres/triggers.h"

static HTAB *sets = NULL;
static uint64 stalings = 0; /* how often any was made stale */

typedef struct Entry
{
	Oid table; /* the key */
	OutboxRuleSet *set; /* NULL: none, or it could not be made */
} Entry;

static bool is_current(const OutboxRuleSet *set);
static OutboxRuleSet *make(Relation table, const char *aggregate);
static void fill(OutboxRuleSet *set, Relation table, const char *aggregate);
static void take_triggers(OutboxRuleSet *set, Relation table);
static bool sees_inserts(const TriggerDesc *triggers);
static void take_columns(OutboxRuleSet *set, Relation table);
static OutboxColumn take_column(const OutboxRuleSet *set, Relation table, const char *name);
static bool is_styled(Oid type);
static void take_expressions(OutboxRuleSet *set, Relation table);
static OutboxExpression *compile(OutboxRuleSet *set, const char *text, OutboxExpressionKind kind);
static bool sees_path(Node *node, void *context);
static bool may_see_path(Oid function, void *context);
static void take_rules(OutboxRuleSet *set);
static void take_slots(OutboxRuleSet *set, Relation table);
static void sweep(void);
static void free_set(OutboxRuleSet *set);
static void mark_stale(Datum arg, Oid table);

OutboxRuleSet *
outbox_ruleset_find(Relation table, const char *aggregate)
{
	static Entry *recent = NULL; /* entries stay where they are */
	Oid oid = RelationGetRelid(table);
	OutboxRuleSet *set;
	uint64 before;
	Entry *entry;
	bool found;

	if (recent != NULL && recent->table == oid && recent->set != NULL && !recent->set->busy &&
		is_current(recent->set))
		return recent->set;

	if (sets == NULL)
	{
		HASHCTL control = {.keysize = sizeof(Oid), .entrysize = sizeof(Entry)};

		sets = hash_create("cleanoutbox rule sets", 16, &control, HASH_ELEM | HASH_BLOBS);
		CacheRegisterRelcacheCallback(mark_stale, (Datum) 0);
	}
	entry = hash_search(sets, &oid, HASH_ENTER, &found);
	if (!found)
		entry->set = NULL;
	recent = entry;
	if (entry->set != NULL && entry->set->busy)
		ereport(ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("rules of table \"%s\" are being evaluated", RelationGetRelationName(table)),
				errdetail("A function in a rule of a table must not change rows of that table."));
	if (entry->set != NULL && is_current(entry->set))
		return entry->set;
	if (entry->set != NULL)
	{
		free_set(entry->set);
		entry->set = NULL;
	}
	sweep();
	before = stalings;
	set = make(table, aggregate);
	set->stale = stalings != before;
	/* Making it has read tables, so others may have come and gone. */
	entry = hash_search(sets, &oid, HASH_ENTER, &found);
	entry->set = set;
	return set;
}

static bool
is_current(const OutboxRuleSet *set)
{
	for (int i = 0; i < set->compiled_count; i++)
		if (!outbox_expression_current(set->compiled[i]))
			return false;
	return !set->stale;
}

/* In memory that goes with an error, until all of it is there. */
static OutboxRuleSet *
make(Relation table, const char *aggregate)
{
	MemoryContext memory =
		AllocSetContextCreate(CurrentMemoryContext, "cleanoutbox rule set", ALLOCSET_SMALL_SIZES);
	MemoryContext before = MemoryContextSwitchTo(memory);
	OutboxRuleSet *set = palloc0(sizeof(OutboxRuleSet));
	OutboxPersona persona;

	set->table = RelationGetRelid(table);
	set->memory = memory;
	set->owner = table->rd_rel->relowner;
	outbox_persona_assume(&persona, set->owner, OUTBOX_PERSONA_RULE, false);
	PG_TRY();
	{
		fill(set, table, aggregate);
	}
	PG_CATCH();
	{
		free_set(set);
		PG_RE_THROW();
	}
	PG_END_TRY();
	outbox_persona_drop(&persona);
	MemoryContextSwitchTo(before);
	MemoryContextSetParent(memory, CacheMemoryContext);
	return set;
}

static void
fill(OutboxRuleSet *set, Relation table, const char *aggregate)
{
	OutboxDefinition *definition = outbox_definition_load(aggregate, set->table);

	if (definition == NULL)
		ereport(
			ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			errmsg("table \"%s\" is no part of an aggregate \"%s\"", RelationGetRelationName(table),
				   aggregate),
			errdetail("It has triggers for it, and the definition is not there."),
			errhint("Call outbox.define_aggregate or outbox.define_entity for it, or drop those "
					"triggers."));
	set->definition = definition;
	set->is_root = definition->table == definition->root;
	set->follows = definition->commit.count > 0 ||
				   (set->is_root && definition->has_entities && definition->version_column != NULL);
	take_slots(set, table);
	take_triggers(set, table);
	take_columns(set, table);
	take_expressions(set, table);
	take_rules(set);
}

static void
take_triggers(OutboxRuleSet *set, Relation table)
{
	TriggerDesc *triggers = table->trigdesc;
	const char *version = OUTBOX_TRIGGER_PREFIX "version";
	const char *later = NULL;

	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		const Trigger *trigger = &triggers->triggers[i];

		if (strcmp(trigger->tgname, version) == 0)
			set->judges_before = set->is_root;
		else if (TRIGGER_FOR_ROW(trigger->tgtype) && TRIGGER_FOR_BEFORE(trigger->tgtype) &&
				 TRIGGER_FOR_UPDATE(trigger->tgtype) && strcmp(trigger->tgname, version) > 0)
			later = trigger->tgname;
	}
	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
		if (strcmp(triggers->triggers[i].tgname, OUTBOX_TRIGGER_PREFIX "change") == 0)
			set->judges_before = false;
	if (set->judges_before && later != NULL)
		ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("trigger \"%s\" on table \"%s\" fires after \"%s\"", later,
					   RelationGetRelationName(table), version),
				errdetail("It could change rows after their rules were judged."),
				errhint("Give it a name that comes before \"%s\" in the alphabet, or change any "
						"rule of the table, which makes its triggers anew.",
						version));
	set->sees_inserts = set->judges_before && sees_inserts(triggers);
}

/* triggers.c says when; other triggers may have come since. */
static bool
sees_inserts(const TriggerDesc *triggers)
{
	bool filtered = false;

	for (int i = 0; i < triggers->numtriggers; i++)
	{
		const Trigger *trigger = &triggers->triggers[i];

		if (strcmp(trigger->tgname, OUTBOX_TRIGGER_PREFIX "guard") == 0)
			filtered = trigger->tgqual != NULL;
		else if (TRIGGER_FOR_ROW(trigger->tgtype) && TRIGGER_FOR_BEFORE(trigger->tgtype) &&
				 TRIGGER_FOR_INSERT(trigger->tgtype) &&
				 strcmp(trigger->tgname, OUTBOX_TRIGGER_PREFIX "version") > 0)
			return false;
	}
	return filtered;
}

static void
take_columns(OutboxRuleSet *set, Relation table)
{
	const OutboxDefinition *definition = set->definition;
	int keys = set->is_root ? definition->key.count : 0;

	set->key = palloc0(sizeof(OutboxColumn) * definition->key.count);
	for (int i = 0; i < definition->key.count; i++)
		set->key[i] = take_column(set, table, definition->key.names[i]);
	set->immutable = palloc0(sizeof(OutboxColumn) * (keys + definition->immutable.count + 1));
	for (int i = 0; i < keys; i++)
		set->immutable[i] = set->key[i];
	for (int i = 0; i < definition->immutable.count; i++)
		set->immutable[keys + i] = take_column(set, table, definition->immutable.names[i]);
	if (definition->state_column != NULL)
		set->state = take_column(set, table, definition->state_column);
	if (!set->is_root || definition->version_column == NULL)
		return;
	set->version = take_column(set, table, definition->version_column);
	set->greatest = set->version.type == INT8OID   ? PG_INT64_MAX
					: set->version.type == INT4OID ? PG_INT32_MAX
												   : PG_INT16_MAX;
}

static OutboxColumn
take_column(const OutboxRuleSet *set, Relation table, const char *name)
{
	AttrNumber number = get_attnum(RelationGetRelid(table), name);
	OutboxColumn column = {.name = name, .number = number};
	Form_pg_attribute attribute;
	TypeCacheEntry *type;
	Oid output;
	bool varlena;

	if (number <= 0)
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_COLUMN),
				errmsg("column \"%s\" of table \"%s\" does not exist", name,
					   RelationGetRelationName(table)),
				errdetail("Rules of aggregate \"%s\" name it.", set->definition->aggregate));
	attribute = TupleDescAttr(RelationGetDescr(table), number - 1);
	type = lookup_type_cache(attribute->atttypid, TYPECACHE_EQ_OPR);
	column.type = getBaseType(attribute->atttypid);
	column.domain = column.type != attribute->atttypid ? attribute->atttypid : InvalidOid;
	column.length = attribute->attlen;
	column.by_value = attribute->attbyval;
	column.styled = is_styled(column.type);
	column.collation = attribute->attcollation;
	getTypeOutputInfo(attribute->atttypid, &output, &varlena);
	column.output = palloc(sizeof(FmgrInfo));
	fmgr_info_cxt(output, column.output, set->memory);
	if (OidIsValid(type->eq_opr))
	{
		column.equal = palloc(sizeof(FmgrInfo));
		fmgr_info_cxt(get_opcode(type->eq_opr), column.equal, set->memory);
	}
	return column;
}

/* True where it is not known not to be. */
static bool
is_styled(Oid type)
{
	switch (type)
	{
		case BOOLOID:
		case CHAROID:
		case NAMEOID:
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case NUMERICOID:
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
		case UUIDOID:
			return false;
		default:
			return get_typtype(type) != TYPTYPE_ENUM;
	}
}

static void
take_expressions(OutboxRuleSet *set, Relation table)
{
	const OutboxDefinition *definition = set->definition;
	int events = definition->event_count;

	set->conditions = palloc0(sizeof(OutboxExpression *) * (events + 1));
	set->payloads = palloc0(sizeof(OutboxExpression *) * (events + 1));
	set->guards =
		palloc0(sizeof(OutboxExpression *) * (definition->lifecycle.transition_count + 1));
	set->invariants = palloc0(sizeof(OutboxExpression *) * (definition->row.count + 1));
	set->compiled = palloc(sizeof(OutboxExpression *) * (definition->lifecycle.transition_count +
														 definition->row.count + 2 * events + 1));
	for (int i = 0; i < definition->lifecycle.transition_count; i++)
		set->guards[i] = compile(set, definition->guards[i], OUTBOX_EXPRESSION_CONDITION);
	for (int i = 0; i < definition->row.count; i++)
		set->invariants[i] =
			compile(set, definition->row.invariants[i].expression, OUTBOX_EXPRESSION_CONDITION);
	for (int i = 0; i < events; i++)
	{
		const OutboxDefinedEvent *event = &definition->events[i];

		set->conditions[i] = compile(set, event->condition, OUTBOX_EXPRESSION_CONDITION);
		set->payloads[i] = compile(set, event->payload, OUTBOX_EXPRESSION_DOCUMENT);
	}
}

static OutboxExpression *
compile(OutboxRuleSet *set, const char *text, OutboxExpressionKind kind)
{
	OutboxExpression *compiled;

	if (text == NULL)
		return NULL;
	set->evaluates = true;
	set->pinned = set->pinned || sees_path(outbox_expression_restore(text, kind, set->table), NULL);
	compiled = outbox_expression_compile(text, kind, set->table, set->memory);
	set->compiled[set->compiled_count++] = compiled;
	return compiled;
}

/*
 * Can what it gives depend on the search_path?  Functions of users may look up names, and
 * so may those of PostgreSQL that are not immutable: regclass is read and written by it.
 */
static bool
sees_path(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, CoerceToDomain) || check_functions_in_node(node, may_see_path, NULL))
		return true;
	if (IsA(node, SQLValueFunction) && ((SQLValueFunction *) node)->op == SVFOP_CURRENT_SCHEMA)
		return true;
	return expression_tree_walker(node, sees_path, context);
}

static bool
may_see_path(Oid function, void *context)
{
	/* Often used, and without a need for it. */
	static const Oid blind[] = {F_NOW, F_TO_JSON, F_TO_JSONB, F_JSONB_BUILD_OBJECT_ANY};

	if (function >= FirstNormalObjectId)
		return true;
	for (int i = 0; i < lengthof(blind); i++)
		if (function == blind[i])
			return false;
	return func_volatile(function) != PROVOLATILE_IMMUTABLE;
}

static void
take_rules(OutboxRuleSet *set)
{
	const OutboxDefinition *definition = set->definition;
	OutboxEventRule *events = palloc0(sizeof(OutboxEventRule) * (definition->event_count + 1));

	for (int i = 0; i < definition->event_count; i++)
		events[i] = definition->events[i].rule;
	set->rules = (OutboxRules){
		.lifecycle = definition->state_column != NULL ? &definition->lifecycle : NULL,
		.immutable_count = set->is_root ? definition->key.count + definition->immutable.count : 0,
		.invariant_count = definition->row.count,
		.events = events,
		.event_count = definition->event_count};
}

static void
take_slots(OutboxRuleSet *set, Relation table)
{
	TupleDesc columns = CreateTupleDescCopy(RelationGetDescr(table));
	List *fits = table->rd_rel->relispartition ? RelationGetPartitionQual(table) : NIL;

	set->none = MakeSingleTupleTableSlot(columns, &TTSOpsVirtual);
	ExecStoreAllNullTuple(set->none);
	set->numbered = MakeSingleTupleTableSlot(columns, &TTSOpsHeapTuple);
	set->writer = outbox_rowjson_prepare(columns, set->memory);
	set->estate = CreateExecutorState();
	set->context = CreateExprContext(set->estate);
	MemoryContextSetParent(set->estate->es_query_cxt, set->memory);
	if (fits != NIL)
		set->stays = ExecPrepareCheck(fits, set->estate);
}

/* Frees the sets of tables that are gone; of one that is being changed none can be. */
static void
sweep(void)
{
	HASH_SEQ_STATUS scan;
	Entry *entry;

	hash_seq_init(&scan, sets);
	while ((entry = hash_seq_search(&scan)) != NULL)
	{
		if (entry->set == NULL || !entry->set->stale ||
			SearchSysCacheExists1(RELOID, ObjectIdGetDatum(entry->table)))
			continue;
		free_set(entry->set);
		(void) hash_search(sets, &entry->table, HASH_REMOVE, NULL);
	}
}

static void
free_set(OutboxRuleSet *set)
{
	for (int i = 0; i < set->compiled_count; i++)
		outbox_expression_free(set->compiled[i]);
	MemoryContextDelete(set->memory);
}

static void
mark_stale(Datum arg, Oid table)
{
	HASH_SEQ_STATUS scan;
	Entry *entry;

	stalings++;
	if (table != InvalidOid)
	{
		entry = hash_search(sets, &table, HASH_FIND, NULL);
		if (entry != NULL && entry->set != NULL)
			entry->set->stale = true;
		return;
	}
	hash_seq_init(&scan, sets);
	while ((entry = hash_seq_search(&scan)) != NULL)
		if (entry->set != NULL)
			entry->set->stale = true;
}
