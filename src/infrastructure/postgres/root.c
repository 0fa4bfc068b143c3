/*
 * root.c
 *		The row of an aggregate's root, by the aggregate's id.
 *
 * Statements are prepared once a session and run as the table's owner.  The row's
 * lock, FOR NO KEY UPDATE, is what orders the writers of an aggregate; foreign keys
 * that refer to the row do not wait for it.
 *
 * Invariants are judged with a snapshot of now, also in a transaction whose own
 * snapshot is older, as foreign keys are: whoever has written to the aggregate before
 * has held the lock, so all of that is committed and seen.
 *
 * A cached root is read while its statements run, and these may make it stale.  So
 * a stale one is left behind by the next that looks for it, once there is a new one,
 * and freed only where no call is at work in it.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "domain/key.h"
#include "infrastructure/postgres/catalog.h"
#include "infrastructure/postgres/persona.h"
#include "infrastructure/postgres/root.h"

typedef struct Root
{
	Oid table; /* the key of the cache */
	bool stale;
	MemoryContext memory;
	OutboxDefinition *definition;
	Oid owner;
	SPIPlanPtr lock; /* gives the version, and who wrote it */
	SPIPlanPtr raise;
	SPIPlanPtr check; /* gives a boolean for each invariant */
} Root;

static HTAB *roots = NULL;
static int depth = 0; /* of calls that are at work */
static uint64 stalings = 0; /* how often any was made stale */

static Root *find(const OutboxTouch *touch);
static Root prepare(const OutboxTouch *touch);
static void release(const Root *root);
static void mark_stale(Datum arg, Oid table);
static void mark_all_stale(Datum arg, int cache, uint32 hash);
static void plan(Root *root);
static SPIPlanPtr plan_one(const Root *root, const char *statement);
static void append_place(StringInfo statement, const Root *root, const OutboxNames *columns);
static const char *write_lock(const Root *root);
static const char *write_raise(const Root *root);
static const char *write_check(const Root *root);
static const char *table_name(Oid table);
static void take_key(const Root *root, const OutboxTouch *touch, Datum *values);
static uint64 run(const Root *root, const OutboxTouch *touch, SPIPlanPtr statement,
				  OutboxPersonaKind kind);
static uint64 run_with(const Root *root, const OutboxTouch *touch, SPIPlanPtr statement,
					   OutboxPersonaKind kind, Snapshot snapshot);
static bool lock(const Root *root, OutboxTouch *touch);
static OutboxRootState settle(const Root *root, OutboxTouch *touch, OutboxRootFlaw *flaw);
static OutboxRootState judge(const Root *root, const OutboxTouch *touch,
							 const OutboxInvariant **broken);
static bool is_missing(const Root *root, OutboxTouch *touch);
static Oid find_orphans(const Root *root, const OutboxTouch *touch);
static bool has_rows(const Root *root, const OutboxTouch *touch, Oid entity);

void
outbox_root_lock(OutboxTouch *touch)
{
	if (outbox_touch_has(touch, OUTBOX_MARK_LOCKED) || outbox_touch_has(touch, OUTBOX_MARK_CHANGED))
		return;
	depth++;
	PG_TRY();
	{
		(void) lock(find(touch), touch);
	}
	PG_FINALLY();
	{
		depth--;
	}
	PG_END_TRY();
}

OutboxRootState
outbox_root_settle(OutboxTouch *touch, OutboxRootFlaw *flaw)
{
	volatile OutboxRootState state = OUTBOX_ROOT_FINE;

	depth++;
	PG_TRY();
	{
		/* An entity may have been written beside the deletion of its root. */
		if (!outbox_touch_has(touch, OUTBOX_MARK_GONE) ||
			outbox_touch_has(touch, OUTBOX_MARK_ROOTED))
			state = settle(find(touch), touch, flaw);
	}
	PG_FINALLY();
	{
		depth--;
	}
	PG_END_TRY();
	outbox_touch_set(touch, OUTBOX_MARK_SETTLED);
	outbox_touch_clear(touch, OUTBOX_MARK_ROOTED);
	return state;
}

static Root *
find(const OutboxTouch *touch)
{
	Root *root;
	Root fresh;
	bool found;

	if (roots == NULL)
	{
		HASHCTL control = {.keysize = sizeof(Oid), .entrysize = sizeof(Root)};

		roots = hash_create("cleanoutbox roots", 16, &control, HASH_ELEM | HASH_BLOBS);
		CacheRegisterRelcacheCallback(mark_stale, (Datum) 0);
		CacheRegisterSyscacheCallback(NAMESPACEOID, mark_all_stale, (Datum) 0);
	}
	root = hash_search(roots, &touch->root, HASH_FIND, NULL);
	if (root != NULL && !root->stale)
		return root;
	fresh = prepare(touch);
	root = hash_search(roots, &touch->root, HASH_ENTER, &found);
	if (found)
		release(root);
	*root = fresh;
	return root;
}

/* In memory that goes with an error, until all of it is there. */
static Root
prepare(const OutboxTouch *touch)
{
	Root made = {.table = touch->root};
	uint64 before_stalings = stalings;
	MemoryContext memory =
		AllocSetContextCreate(CurrentMemoryContext, "cleanoutbox root", ALLOCSET_SMALL_SIZES);
	MemoryContext before = MemoryContextSwitchTo(memory);

	made.definition = outbox_definition_load(touch->aggregate, touch->root);
	if (made.definition == NULL)
		ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("aggregate \"%s\" is no longer defined", touch->aggregate),
				errhint("Repeat the transaction."));
	made.owner = outbox_catalog_table_owner(touch->root);
	plan(&made);
	MemoryContextSwitchTo(before);
	MemoryContextSetParent(memory, CacheMemoryContext);
	made.memory = memory;
	made.stale = stalings != before_stalings;
	return made;
}

/* Nested calls may still read what an outer one has found: that is left alone. */
static void
release(const Root *root)
{
	if (depth > 1)
		return;
	SPI_freeplan(root->lock);
	if (root->raise != NULL)
		SPI_freeplan(root->raise);
	if (root->check != NULL)
		SPI_freeplan(root->check);
	MemoryContextDelete(root->memory);
}

static void
mark_stale(Datum arg, Oid table)
{
	HASH_SEQ_STATUS scan;
	Root *root;

	stalings++;
	hash_seq_init(&scan, roots);
	while ((root = hash_seq_search(&scan)) != NULL)
		if (table == InvalidOid || root->table == table)
			root->stale = true;
}

/* A schema was renamed, perhaps: statements name some. */
static void
mark_all_stale(Datum arg, int cache, uint32 hash)
{
	mark_stale(arg, InvalidOid);
}

/* Kept when all of them are there. */
static void
plan(Root *root)
{
	const char *lock = write_lock(root);
	const char *raise = root->definition->version_column != NULL ? write_raise(root) : NULL;
	const char *check = root->definition->commit.count > 0 ? write_check(root) : NULL;
	OutboxPersona persona;

	outbox_persona_assume(&persona, root->owner, OUTBOX_PERSONA_TABLE, true);
	SPI_connect();
	root->lock = plan_one(root, lock);
	root->raise = plan_one(root, raise);
	root->check = plan_one(root, check);
	SPI_keepplan(root->lock);
	if (root->raise != NULL)
		SPI_keepplan(root->raise);
	if (root->check != NULL)
		SPI_keepplan(root->check);
	SPI_finish();
	outbox_persona_drop(&persona);
}

/* Parameters are the parts of the key, as text. */
static SPIPlanPtr
plan_one(const Root *root, const char *statement)
{
	Oid types[INDEX_MAX_KEYS];
	SPIPlanPtr made;

	if (statement == NULL)
		return NULL;
	for (int i = 0; i < root->definition->id.count; i++)
		types[i] = TEXTOID;
	made = SPI_prepare(statement, root->definition->id.count, types);
	if (made == NULL)
		elog(ERROR, "SPI_prepare of \"%s\" failed: %s", statement,
			 SPI_result_code_string(SPI_result));
	return made;
}

/* The types are those of the root's id, also where columns of an entity are alike only. */
static void
append_place(StringInfo statement, const Root *root, const OutboxNames *columns)
{
	const OutboxDefinition *definition = root->definition;

	appendStringInfoString(statement, " WHERE ");
	for (int i = 0; i < columns->count; i++)
	{
		Oid type =
			get_atttype(definition->root, get_attnum(definition->root, definition->id.names[i]));
		Oid base = getBaseType(type);
		Oid equals = lookup_type_cache(base, TYPECACHE_EQ_OPR)->eq_opr;

		appendStringInfo(
			statement, "%snew.%s OPERATOR(%s.%s) ($%d)::%s", i > 0 ? " AND " : "",
			quote_identifier(columns->names[i]),
			quote_identifier(get_namespace_name(outbox_catalog_operator_schema(equals))),
			get_opname(equals), i + 1, format_type_be_qualified(base));
	}
}

static const char *
write_lock(const Root *root)
{
	StringInfoData statement;
	const char *version = root->definition->version_column;

	initStringInfo(&statement);
	appendStringInfo(
		&statement, "SELECT %s%s, new.xmin FROM %s AS new", version != NULL ? "new." : "NULL",
		version != NULL ? quote_identifier(version) : "", table_name(root->definition->root));
	append_place(&statement, root, &root->definition->id);
	appendStringInfoString(&statement, " FOR NO KEY UPDATE");
	return statement.data;
}

/* The trigger on the table numbers it. */
static const char *
write_raise(const Root *root)
{
	StringInfoData statement;
	const char *version = quote_identifier(root->definition->version_column);

	initStringInfo(&statement);
	appendStringInfo(&statement, "UPDATE %s AS new SET %s = new.%s",
					 table_name(root->definition->root), version, version);
	append_place(&statement, root, &root->definition->id);
	return statement.data;
}

static const char *
write_check(const Root *root)
{
	StringInfoData statement;
	const OutboxInvariants *commit = &root->definition->commit;

	initStringInfo(&statement);
	appendStringInfoString(&statement, "SELECT ");
	for (int i = 0; i < commit->count; i++)
		appendStringInfo(&statement, "%s(%s\n)", i > 0 ? ", " : "",
						 commit->invariants[i].expression);
	appendStringInfo(&statement, " FROM %s AS new", table_name(root->definition->root));
	append_place(&statement, root, &root->definition->id);
	return statement.data;
}

static const char *
table_name(Oid table)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(table)),
									  get_rel_name(table));
}

/* The parts of the key, as text. */
static void
take_key(const Root *root, const OutboxTouch *touch, Datum *values)
{
	char *rest = pstrdup(touch->id);

	if (root->definition->id.count == 1)
		values[0] = CStringGetTextDatum(rest);
	else
		for (int i = 0; i < root->definition->id.count; i++)
		{
			char *part = outbox_key_take(&rest);

			values[i] = CStringGetTextDatum(part != NULL ? part : "");
		}
}

/* Runs a statement of one row; leaves SPI connected, and returns how many rows there were. */
static uint64
run(const Root *root, const OutboxTouch *touch, SPIPlanPtr statement, OutboxPersonaKind kind)
{
	return run_with(root, touch, statement, kind, InvalidSnapshot);
}

static uint64
run_with(const Root *root, const OutboxTouch *touch, SPIPlanPtr statement, OutboxPersonaKind kind,
		 Snapshot snapshot)
{
	Datum values[INDEX_MAX_KEYS];
	OutboxPersona persona;
	int result;

	take_key(root, touch, values);
	outbox_persona_assume(&persona, root->owner, kind, true);
	result =
		SPI_execute_snapshot(statement, values, NULL, snapshot, InvalidSnapshot, false, true, 0);
	outbox_persona_drop(&persona);
	if (result < 0)
		elog(ERROR, "SPI_execute_snapshot failed: %s", SPI_result_code_string(result));
	if (SPI_processed > 1)
		ereport(ERROR, errcode(ERRCODE_CARDINALITY_VIOLATION),
				errmsg("aggregate \"%s\" has more than one root with the id \"%s\"",
					   touch->aggregate, touch->id),
				errhint("An id belongs to one row, over all partitions and inheritance children."));
	return SPI_processed;
}

/*
 * Is there a row, and so a lock?  One that this transaction has written is changed, also
 * where the trigger that notes it is yet to fire, at the end of the same statement.
 */
static bool
lock(const Root *root, OutboxTouch *touch)
{
	bool found;

	SPI_connect();
	found = run(root, touch, root->lock, OUTBOX_PERSONA_TABLE) > 0;
	if (found)
	{
		HeapTuple row = SPI_tuptable->vals[0];
		char *version = SPI_getvalue(row, SPI_tuptable->tupdesc, 1);
		bool isnull;
		Datum writer = SPI_getbinval(row, SPI_tuptable->tupdesc, 2, &isnull);

		outbox_touch_clear(touch, OUTBOX_MARK_GONE);
		outbox_touch_set(touch, OUTBOX_MARK_LOCKED);
		if (version != NULL && TransactionIdIsCurrentTransactionId(DatumGetTransactionId(writer)))
			outbox_touch_set(touch, OUTBOX_MARK_CHANGED);
		outbox_touch_set_version(touch, version != NULL ? pg_strtoint64(version) : 0);
	}
	SPI_finish();
	return found;
}

static OutboxRootState
settle(const Root *root, OutboxTouch *touch, OutboxRootFlaw *flaw)
{
	OutboxRootState state = OUTBOX_ROOT_FINE;

	if (!outbox_touch_has(touch, OUTBOX_MARK_CHANGED) &&
		(root->raise != NULL || !outbox_touch_has(touch, OUTBOX_MARK_LOCKED)))
	{
		SPI_connect();
		if ((root->raise == NULL || run(root, touch, root->raise, OUTBOX_PERSONA_TABLE) == 0) &&
			is_missing(root, touch))
			state = OUTBOX_ROOT_MISSING;
		SPI_finish();
	}
	if (state == OUTBOX_ROOT_FINE && root->check != NULL)
		state = judge(root, touch, &flaw->broken);
	if (state == OUTBOX_ROOT_MISSING)
		flaw->entity =
			outbox_touch_has(touch, OUTBOX_MARK_ROOTED) ? find_orphans(root, touch) : InvalidOid;
	if (state == OUTBOX_ROOT_MISSING && !OidIsValid(flaw->entity))
		return OUTBOX_ROOT_FINE;
	return state;
}

static OutboxRootState
judge(const Root *root, const OutboxTouch *touch, const OutboxInvariant **broken)
{
	OutboxRootState state = OUTBOX_ROOT_FINE;

	SPI_connect();
	if (run_with(root, touch, root->check, OUTBOX_PERSONA_RULE, GetLatestSnapshot()) == 0)
		state = OUTBOX_ROOT_MISSING;
	for (int i = 0; state == OUTBOX_ROOT_FINE && i < root->definition->commit.count; i++)
	{
		bool isnull;
		Datum holds = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, i + 1, &isnull);

		if (isnull || DatumGetBool(holds))
			continue;
		*broken = &root->definition->commit.invariants[i];
		state = OUTBOX_ROOT_BROKEN;
	}
	SPI_finish();
	return state;
}

/*
 * Locks the row.  Nothing was changed because there is none, or because a trigger of the
 * table's keeps it, or because it is newer than the snapshot.
 */
static bool
is_missing(const Root *root, OutboxTouch *touch)
{
	if (run(root, touch, root->lock, OUTBOX_PERSONA_TABLE) > 0)
		return false;
	if (IsolationUsesXactSnapshot() &&
		run_with(root, touch, root->lock, OUTBOX_PERSONA_TABLE, GetLatestSnapshot()) > 0)
		ereport(ERROR, errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				errmsg("could not serialize access to %s \"%s\"", touch->aggregate, touch->id),
				errdetail("Its root was inserted after this transaction had begun."),
				errhint("Repeat the transaction."));
	return true;
}

/* The table of an entity that has rows of the aggregate; InvalidOid: none has. */
static Oid
find_orphans(const Root *root, const OutboxTouch *touch)
{
	List *tables = outbox_definition_tables(touch->aggregate);
	ListCell *cell;

	foreach(cell, tables)
		if (lfirst_oid(cell) != touch->root && has_rows(root, touch, lfirst_oid(cell)))
			return lfirst_oid(cell);
	return InvalidOid;
}

static bool
has_rows(const Root *root, const OutboxTouch *touch, Oid entity)
{
	const OutboxDefinition *definition = outbox_definition_load(touch->aggregate, entity);
	Oid types[INDEX_MAX_KEYS];
	Datum values[INDEX_MAX_KEYS];
	StringInfoData statement;
	OutboxPersona persona;
	bool found;

	for (int i = 0; i < definition->key.count; i++)
		types[i] = TEXTOID;
	take_key(root, touch, values);
	initStringInfo(&statement);
	appendStringInfo(&statement, "SELECT FROM %s AS new", table_name(entity));
	append_place(&statement, root, &definition->key);
	outbox_persona_assume(&persona, outbox_catalog_table_owner(entity), OUTBOX_PERSONA_TABLE, true);
	SPI_connect();
	if (SPI_execute_with_args(statement.data, definition->key.count, types, values, NULL, false,
							  1) != SPI_OK_SELECT)
		elog(ERROR, "could not look for rows of an entity");
	found = SPI_processed > 0;
	SPI_finish();
	outbox_persona_drop(&persona);
	return found;
}
