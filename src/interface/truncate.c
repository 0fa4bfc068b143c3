/*
 * truncate.c
 *		TRUNCATE of tables that have rules.
 *
 * It fires a trigger of the table that it names.  A partition has none: that of its
 * table is not passed down to it, being no row trigger.  So commands that name
 * partitions are looked at here.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "commands/trigger.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "infrastructure/postgres/triggers.h"
#include "interface/truncate.h"

static void judge_partition(Oid table);
static bool has_rows(Oid table);

void
outbox_truncate_judge(const OutboxDefinition *definition, struct RelationData *table)
{
	const char *detail = NULL;

	for (int i = 0; i < definition->event_count; i++)
		if (definition->events[i].rule.operation == OUTBOX_OPERATION_DELETE)
			detail = "Deletions of its rows emit events, and TRUNCATE tells of no row.";
	if (detail == NULL && definition->table != definition->root &&
		(definition->version_column != NULL || definition->commit.count > 0) &&
		has_rows(definition->root))
		detail = "The aggregates that its rows belong to would not notice.";
	if (detail != NULL)
		ereport(ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("cannot truncate table \"%s\" of aggregate \"%s\"",
					   RelationGetRelationName(table), definition->aggregate),
				errdetail("%s", detail), errhint("Use DELETE."), errtable(table));
}

void
outbox_truncate_follow(const struct TruncateStmt *command)
{
	ListCell *cell;

	/* As triggers. */
	if (SessionReplicationRole == SESSION_REPLICATION_ROLE_REPLICA)
		return;
	foreach(cell, command->relations)
	{
		Oid table = RangeVarGetRelid(lfirst(cell), NoLock, true);

		if (OidIsValid(table) && get_rel_relispartition(table))
			judge_partition(table);
	}
}

static void
judge_partition(Oid table)
{
	List *ancestors = get_partition_ancestors(table);
	ListCell *cell;

	foreach(cell, ancestors)
	{
		const char *aggregate;
		OutboxDefinition *definition = NULL;
		Relation partition;

		if (!OidIsValid(outbox_triggers_carrier(lfirst_oid(cell))))
			continue;
		aggregate = outbox_definition_find(lfirst_oid(cell));
		if (aggregate != NULL)
			definition = outbox_definition_load(aggregate, table);
		if (definition == NULL)
			continue;
		partition = table_open(table, NoLock);
		outbox_truncate_judge(definition, partition);
		table_close(partition, NoLock);
	}
}

static bool
has_rows(Oid table)
{
	return outbox_definition_ask(
			   psprintf("SELECT 1 FROM %s LIMIT 1",
						quote_qualified_identifier(get_namespace_name(get_rel_namespace(table)),
												   get_rel_name(table))),
			   0, NULL, NULL) != NULL;
}
