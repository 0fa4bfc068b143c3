/*
 * aggregate.c
 *		Defines aggregates, their entities, and columns that never change.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/partcache.h"
#include "utils/rel.h"

#include "infrastructure/postgres/triggers.h"
#include "interface/argument.h"
#include "interface/definer.h"
#include "interface/record.h"
#include "interface/report.h"

PG_FUNCTION_INFO_V1(outbox_aggregate_define);
PG_FUNCTION_INFO_V1(outbox_aggregate_undefine);
PG_FUNCTION_INFO_V1(outbox_aggregate_define_entity);
PG_FUNCTION_INFO_V1(outbox_aggregate_undefine_entity);
PG_FUNCTION_INFO_V1(outbox_aggregate_define_immutable);
PG_FUNCTION_INFO_V1(outbox_aggregate_undefine_immutable);

static Oid take_table(FunctionCallInfo fcinfo, int argument, const char *name);
static Oid need_table(FunctionCallInfo fcinfo, int argument, const char *name);
static void check_name(const char *aggregate);
static void check_free(Oid table);
static void check_id(Oid root, const OutboxNames *columns);
static bool is_unique(Relation table, Relation index, const OutboxNames *columns);
static bool is_among(Oid table, AttrNumber number, const OutboxNames *columns);
static bool is_partition_key(Relation table, AttrNumber number);
static bool is_key_of(Oid partition, const char *name);
static void check_version(Oid root, const char *column);
static void check_parent(const OutboxDefinition *definition, Oid entity,
						 const OutboxNames *columns);
static bool are_alike(Oid left, Oid right);
static Datum name_array(const OutboxNames *columns);
static const char **put_before(const char *aggregate, const OutboxNames *columns);

/* (aggregate text, root regclass, id_column text, version_column name) */
Datum
outbox_aggregate_define(PG_FUNCTION_ARGS)
{
	const char *aggregate = outbox_argument_text(fcinfo, 0, "aggregate");
	Oid root = take_table(fcinfo, 1, "root");
	const char *id = outbox_argument_text(fcinfo, 2, "id_column");
	const char *version = PG_ARGISNULL(3) ? NULL : NameStr(*PG_GETARG_NAME(3));
	OutboxNames columns = outbox_definer_columns(root, id);
	Oid types[] = {TEXTOID, OIDOID, NAMEARRAYOID, NAMEOID};
	Datum values[] = {PG_GETARG_DATUM(0), ObjectIdGetDatum(root), name_array(&columns),
					  PG_GETARG_DATUM(3)};

	check_name(aggregate);
	check_id(root, &columns);
	if (version != NULL)
		check_version(root, version);
	check_free(root);
	if (outbox_definition_write("INSERT INTO outbox.rule_aggregate (aggregate, root, id_columns, "
								"version_column) VALUES ($1, $2, $3, $4)"
								" ON CONFLICT (aggregate) DO NOTHING",
								4, types, values, version == NULL ? "   n" : NULL) == 0)
		ereport(ERROR, errcode(ERRCODE_DUPLICATE_OBJECT),
				errmsg("aggregate \"%s\" is defined already", aggregate),
				errhint("Call outbox.undefine_aggregate first."));
	outbox_definer_apply("define_aggregate", 4,
						 (const char *[]){aggregate, outbox_definer_table_name(root), id, version});
	PG_RETURN_VOID();
}

/* (aggregate text) */
Datum
outbox_aggregate_undefine(PG_FUNCTION_ARGS)
{
	const char *aggregate = outbox_argument_text(fcinfo, 0, "aggregate");
	List *of_aggregate;
	ListCell *cell;

	(void) outbox_definer_open(aggregate);
	of_aggregate = outbox_definition_tables(aggregate);
	foreach(cell, of_aggregate)
		outbox_triggers_detach(lfirst_oid(cell));
	outbox_definition_remove(aggregate);
	outbox_definer_record(aggregate,
						  outbox_definer_call("undefine_aggregate", 1, &(const char *){aggregate}));
	PG_RETURN_VOID();
}

/* (aggregate text, entity regclass, parent_column text) */
Datum
outbox_aggregate_define_entity(PG_FUNCTION_ARGS)
{
	const char *aggregate = outbox_argument_text(fcinfo, 0, "aggregate");
	Oid entity = need_table(fcinfo, 1, "entity");
	const char *parent = outbox_argument_text(fcinfo, 2, "parent_column");
	OutboxDefinition *definition = outbox_definer_open_with(aggregate, entity);
	OutboxNames columns = outbox_definer_columns(entity, parent);
	Oid types[] = {OIDOID, TEXTOID, NAMEARRAYOID};
	Datum values[] = {ObjectIdGetDatum(entity), PG_GETARG_DATUM(0), name_array(&columns)};

	check_free(entity);
	check_parent(definition, entity, &columns);
	(void) outbox_definition_write(
		"INSERT INTO outbox.rule_entity (entity, aggregate, parent_columns) VALUES ($1, $2, $3)", 3,
		types, values, NULL);
	outbox_definer_apply("define_entity", 3,
						 (const char *[]){aggregate, outbox_definer_table_name(entity), parent});
	PG_RETURN_VOID();
}

/* (aggregate text, entity regclass) */
Datum
outbox_aggregate_undefine_entity(PG_FUNCTION_ARGS)
{
	const char *aggregate = outbox_argument_text(fcinfo, 0, "aggregate");
	Oid entity = need_table(fcinfo, 1, "entity");

	(void) outbox_definer_open(aggregate);
	if (!outbox_definition_remove_entity(aggregate, entity))
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_OBJECT),
				errmsg("table \"%s\" is no entity of aggregate \"%s\"",
					   outbox_definer_table_name(entity), aggregate));
	outbox_triggers_detach(entity);
	outbox_definer_apply("undefine_entity", 2,
						 (const char *[]){aggregate, outbox_definer_table_name(entity)});
	PG_RETURN_VOID();
}

/* (aggregate text, VARIADIC columns name[]) */
Datum
outbox_aggregate_define_immutable(PG_FUNCTION_ARGS)
{
	const char *aggregate = outbox_argument_text(fcinfo, 0, "aggregate");
	OutboxNames columns = outbox_argument_names(fcinfo, 1, "columns");
	OutboxDefinition *definition = outbox_definer_open(aggregate);
	Oid types[] = {TEXTOID, INT4OID, TEXTOID};
	Datum values[] = {PG_GETARG_DATUM(0), 0, 0};

	for (int i = 0; i < columns.count; i++)
	{
		outbox_definer_need_column(definition->root, columns.names[i]);
		values[1] = Int32GetDatum(outbox_definer_next_number(aggregate, "rule_immutable"));
		values[2] = CStringGetTextDatum(columns.names[i]);
		if (outbox_definition_write(
				"INSERT INTO outbox.rule_immutable (aggregate, number, column_name)"
				" VALUES ($1, $2, $3::pg_catalog.name) ON CONFLICT DO NOTHING",
				3, types, values, NULL) == 0)
			ereport(ERROR, errcode(ERRCODE_DUPLICATE_OBJECT),
					errmsg("column \"%s\" of aggregate \"%s\" is immutable already",
						   columns.names[i], aggregate));
	}
	outbox_definer_apply("define_immutable", columns.count + 1, put_before(aggregate, &columns));
	PG_RETURN_VOID();
}

/* (aggregate text, VARIADIC columns name[]) */
Datum
outbox_aggregate_undefine_immutable(PG_FUNCTION_ARGS)
{
	const char *aggregate = outbox_argument_text(fcinfo, 0, "aggregate");
	OutboxNames columns = outbox_argument_names(fcinfo, 1, "columns");
	Oid types[] = {TEXTOID, TEXTOID};
	Datum values[] = {PG_GETARG_DATUM(0), 0};

	(void) outbox_definer_open(aggregate);
	for (int i = 0; i < columns.count; i++)
	{
		values[1] = CStringGetTextDatum(columns.names[i]);
		if (outbox_definition_write("DELETE FROM outbox.rule_immutable"
									" WHERE aggregate = $1 AND column_name = $2",
									2, types, values, NULL) == 0)
			ereport(ERROR, errcode(ERRCODE_UNDEFINED_OBJECT),
					errmsg("column \"%s\" of aggregate \"%s\" is not immutable", columns.names[i],
						   aggregate));
	}
	outbox_definer_apply("undefine_immutable", columns.count + 1, put_before(aggregate, &columns));
	PG_RETURN_VOID();
}

static Oid
take_table(FunctionCallInfo fcinfo, int argument, const char *name)
{
	Oid table = need_table(fcinfo, argument, name);

	outbox_definer_take_table(table);
	return table;
}

static Oid
need_table(FunctionCallInfo fcinfo, int argument, const char *name)
{
	outbox_argument_require(fcinfo, argument, name);
	return PG_GETARG_OID(argument);
}

static void
check_name(const char *aggregate)
{
	OutboxEvent event = {.aggregate = outbox_record_encode(aggregate, strlen(aggregate))};
	OutboxFault fault = outbox_event_check_aggregate(event.aggregate);

	if (fault != OUTBOX_FAULT_NONE)
		outbox_report_fault(fault, &(OutboxReportFacts){.event = &event});
}

/* Neither it nor what it descends from, or what descends from it, is of an aggregate. */
static void
check_free(Oid table)
{
	char *owner = outbox_definition_find(table);

	if (owner == NULL)
		owner = outbox_definition_ask(
			"WITH RECURSIVE up (id) AS (SELECT $1 UNION SELECT inhparent FROM pg_catalog.pg_inherits, up"
			" WHERE inhrelid = id), down (id) AS (SELECT $1 UNION SELECT inhrelid FROM"
			" pg_catalog.pg_inherits, down WHERE inhparent = id), kin AS (SELECT id FROM up UNION"
			" SELECT id FROM down) SELECT aggregate FROM outbox.rule_aggregate, kin WHERE root = id"
			" UNION ALL SELECT aggregate FROM outbox.rule_entity, kin WHERE entity = id",
			1, &(Oid){OIDOID}, &(Datum){ObjectIdGetDatum(table)});
	if (owner != NULL)
		ereport(
			ERROR, errcode(ERRCODE_DUPLICATE_OBJECT),
			errmsg("table \"%s\" is of aggregate \"%s\" already", get_rel_name(table), owner),
			errdetail("A table, its partitions and inheritance children belong to one aggregate."),
			errhint("Call outbox.undefine_aggregate or outbox.undefine_entity first."));
}

static void
check_id(Oid root, const OutboxNames *columns)
{
	Relation table = table_open(root, NoLock);
	List *indexes = RelationGetIndexList(table);
	bool unique = false;
	ListCell *cell;

	for (int i = 0; i < columns->count; i++)
		if (!TupleDescAttr(RelationGetDescr(table), get_attnum(root, columns->names[i]) - 1)
				 ->attnotnull)
			ereport(ERROR, errcode(ERRCODE_INVALID_FOREIGN_KEY),
					errmsg("column \"%s\" of table \"%s\" may be null", columns->names[i],
						   RelationGetRelationName(table)),
					errdetail("It is to identify rows."), errhint("Make it NOT NULL first."));
	foreach(cell, indexes)
	{
		Relation index = index_open(lfirst_oid(cell), AccessShareLock);

		unique = unique || is_unique(table, index, columns);
		index_close(index, AccessShareLock);
	}
	table_close(table, NoLock);
	if (!unique)
		ereport(ERROR, errcode(ERRCODE_INVALID_FOREIGN_KEY),
				errmsg("the id of table \"%s\" is not unique", get_rel_name(root)),
				errdetail("No PRIMARY KEY or UNIQUE constraint is on these columns."),
				errhint("Make them a key first, or name all the columns of a key with commas."));
}

/*
 * Does the index keep two rows from having one id?  That of a partitioned table has
 * the partition key besides, which PostgreSQL demands.
 */
static bool
is_unique(Relation table, Relation index, const OutboxNames *columns)
{
	Form_pg_index form = index->rd_index;

	if (!form->indisunique || !form->indisvalid || !form->indimmediate ||
		RelationGetIndexPredicate(index) != NIL || RelationGetIndexExpressions(index) != NIL)
		return false;
	for (int i = 0; i < form->indnkeyatts; i++)
		if (!is_among(RelationGetRelid(table), form->indkey.values[i], columns) &&
			!is_partition_key(table, form->indkey.values[i]))
			return false;
	return true;
}

static bool
is_among(Oid table, AttrNumber number, const OutboxNames *columns)
{
	for (int i = 0; i < columns->count; i++)
		if (get_attnum(table, columns->names[i]) == number)
			return true;
	return false;
}

/* Of the table, or of a partition that is partitioned itself. */
static bool
is_partition_key(Relation table, AttrNumber number)
{
	const char *name = get_attname(RelationGetRelid(table), number, false);
	ListCell *cell;

	if (table->rd_rel->relkind != RELKIND_PARTITIONED_TABLE)
		return false;
	foreach(cell, find_all_inheritors(RelationGetRelid(table), AccessShareLock, NULL))
		if (is_key_of(lfirst_oid(cell), name))
			return true;
	return false;
}

static bool
is_key_of(Oid partition, const char *name)
{
	Relation relation = table_open(partition, NoLock);
	AttrNumber number = get_attnum(partition, name);
	PartitionKey key = RelationGetPartitionKey(relation);
	bool is_key = false;

	for (int i = 0; key != NULL && i < key->partnatts; i++)
		is_key = is_key || key->partattrs[i] == number;
	table_close(relation, NoLock);
	return is_key;
}

static void
check_version(Oid root, const char *column)
{
	Oid type;

	outbox_definer_need_column(root, column);
	type = getBaseType(get_atttype(root, get_attnum(root, column)));
	if (type != INT2OID && type != INT4OID && type != INT8OID)
		ereport(ERROR, errcode(ERRCODE_DATATYPE_MISMATCH),
				errmsg("column \"%s\" of table \"%s\" cannot hold a version", column,
					   get_rel_name(root)),
				errdetail("It is of type %s.", format_type_be(type)),
				errhint("A version is smallint, integer or bigint."));
}

static void
check_parent(const OutboxDefinition *definition, Oid entity, const OutboxNames *columns)
{
	if (columns->count != definition->id.count)
		ereport(ERROR, errcode(ERRCODE_DATATYPE_MISMATCH),
				errmsg("the id of aggregate \"%s\" has another number of columns",
					   definition->aggregate),
				errdetail("It has %d, and parent_column names %d.", definition->id.count,
						  columns->count));
	for (int i = 0; i < columns->count; i++)
	{
		Oid parent = get_atttype(entity, get_attnum(entity, columns->names[i]));
		Oid id =
			get_atttype(definition->root, get_attnum(definition->root, definition->id.names[i]));

		if (!are_alike(getBaseType(parent), getBaseType(id)))
			ereport(ERROR, errcode(ERRCODE_DATATYPE_MISMATCH),
					errmsg("column \"%s\" of table \"%s\" cannot hold the id of aggregate \"%s\"",
						   columns->names[i], get_rel_name(entity), definition->aggregate),
					errdetail("It is of type %s, and the id of type %s.", format_type_be(parent),
							  format_type_be(id)));
	}
}

/* Are equal values of both written alike? */
static bool
are_alike(Oid left, Oid right)
{
	static const Oid kinds[][3] = {{INT2OID, INT4OID, INT8OID}, {TEXTOID, VARCHAROID, NAMEOID}};

	if (left == right)
		return true;
	for (int i = 0; i < lengthof(kinds); i++)
	{
		bool has_left = false;
		bool has_right = false;

		for (int j = 0; j < lengthof(kinds[i]); j++)
		{
			has_left = has_left || kinds[i][j] == left;
			has_right = has_right || kinds[i][j] == right;
		}
		if (has_left && has_right)
			return true;
	}
	return false;
}

static Datum
name_array(const OutboxNames *columns)
{
	Datum *names = palloc(sizeof(Datum) * columns->count);

	for (int i = 0; i < columns->count; i++)
	{
		NameData *name = palloc0(sizeof(NameData));

		namestrcpy(name, columns->names[i]);
		names[i] = NameGetDatum(name);
	}
	return PointerGetDatum(
		construct_array(names, columns->count, NAMEOID, NAMEDATALEN, false, TYPALIGN_CHAR));
}

/* Arguments of a call: the aggregate, then the columns. */
static const char **
put_before(const char *aggregate, const OutboxNames *columns)
{
	const char **arguments = palloc(sizeof(char *) * (columns->count + 1));

	arguments[0] = aggregate;
	memcpy(arguments + 1, columns->names, sizeof(char *) * columns->count);
	return arguments;
}
