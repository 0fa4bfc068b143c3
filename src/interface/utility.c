/*
 * utility.c
 *		Commands that concern the relays, on databases and on the extension, and TRUNCATE.
 *
 * DROP DATABASE, RENAME, SET TABLESPACE and CREATE DATABASE ... TEMPLATE need a
 * database without connections, so the relay is kept away while they run, and
 * comes back when their transaction ends, however it ends.  CREATE EXTENSION,
 * DROP EXTENSION, CREATE DATABASE and ALTER DATABASE ... SET make the launcher
 * look at the database when they commit.  TRUNCATE is told to truncate.c.
 */
#include "postgres.h"

#include "catalog/pg_database.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "nodes/value.h"
#include "tcop/utility.h"
#include "utils/acl.h"

#include "infrastructure/postgres/compat.h"
#include "infrastructure/postgres/wakeup.h"
#include "interface/truncate.h"
#include "interface/utility.h"

static ProcessUtility_hook_type previous_hook = NULL;

static void process(PlannedStmt *statement, const char *query, bool read_only_tree,
					ProcessUtilityContext context, ParamListInfo params,
					QueryEnvironment *environment, DestReceiver *receiver,
					QueryCompletion *completion);
static void before(Node *command);
static void after(Node *command);
static void hold(const char *database);
static const char *template_of(CreatedbStmt *command);
static bool moves_tablespace(AlterDatabaseStmt *command);
static bool drops_us(DropStmt *command);

void
outbox_utility_install(void)
{
	previous_hook = ProcessUtility_hook;
	ProcessUtility_hook = process;
}

static void
process(PlannedStmt *statement, const char *query, bool read_only_tree,
		ProcessUtilityContext context, ParamListInfo params, QueryEnvironment *environment,
		DestReceiver *receiver, QueryCompletion *completion)
{
	NodeTag tag = nodeTag(statement->utilityStmt);

	before(statement->utilityStmt);
	if (previous_hook)
		previous_hook(statement, query, read_only_tree, context, params, environment, receiver,
					  completion);
	else
		standard_ProcessUtility(statement, query, read_only_tree, context, params, environment,
								receiver, completion);
	/* A statement that ends the transaction may be gone by now; these are not. */
	if (tag == T_CreateExtensionStmt || tag == T_DropStmt || tag == T_CreatedbStmt ||
		tag == T_AlterDatabaseStmt || tag == T_AlterDatabaseSetStmt || tag == T_TruncateStmt)
		after(statement->utilityStmt);
}

static void
before(Node *command)
{
	switch (nodeTag(command))
	{
		case T_DropdbStmt:
			hold(((DropdbStmt *) command)->dbname);
			break;
		case T_CreatedbStmt:
			hold(template_of((CreatedbStmt *) command));
			break;
		case T_RenameStmt:
			if (((RenameStmt *) command)->renameType == OBJECT_DATABASE)
				hold(((RenameStmt *) command)->subname);
			break;
		case T_AlterDatabaseStmt:
			if (moves_tablespace((AlterDatabaseStmt *) command))
				hold(((AlterDatabaseStmt *) command)->dbname);
			break;
		default:
			break;
	}
}

static void
after(Node *command)
{
	switch (nodeTag(command))
	{
		case T_CreateExtensionStmt:
			if (strcmp(((CreateExtensionStmt *) command)->extname, "cleanoutbox") == 0)
				outbox_wakeup_pardon_here(0);
			break;
		case T_DropStmt:
			if (drops_us((DropStmt *) command))
				outbox_wakeup_announce_here();
			break;
		case T_CreatedbStmt:
			outbox_wakeup_announce(get_database_oid(((CreatedbStmt *) command)->dbname, true));
			break;
		case T_AlterDatabaseStmt:
			outbox_wakeup_announce(get_database_oid(((AlterDatabaseStmt *) command)->dbname, true));
			break;
		case T_AlterDatabaseSetStmt:
			outbox_wakeup_announce(
				get_database_oid(((AlterDatabaseSetStmt *) command)->dbname, true));
			break;
		case T_TruncateStmt:
			outbox_truncate_follow((TruncateStmt *) command);
			break;
		default:
			break;
	}
}

/*
 * Only who may do the command anyway may send the relay away; the command itself
 * reports who may not.
 */
static void
hold(const char *database)
{
	Oid oid = database ? get_database_oid(database, true) : InvalidOid;

	if (OidIsValid(oid) && outbox_compat_may_own_database(oid))
		outbox_wakeup_hold(oid);
}

static const char *
template_of(CreatedbStmt *command)
{
	ListCell *cell;

	foreach(cell, command->options)
	{
		DefElem *option = lfirst(cell);

		if (strcmp(option->defname, "template") == 0 && option->arg != NULL)
			return defGetString(option);
	}
	return NULL;
}

static bool
moves_tablespace(AlterDatabaseStmt *command)
{
	ListCell *cell;

	foreach(cell, command->options)
		if (strcmp(((DefElem *) lfirst(cell))->defname, "tablespace") == 0)
			return true;
	return false;
}

static bool
drops_us(DropStmt *command)
{
	ListCell *cell;

	if (command->removeType != OBJECT_EXTENSION)
		return false;
	foreach(cell, command->objects)
		if (strcmp(strVal(lfirst(cell)), "cleanoutbox") == 0)
			return true;
	return false;
}
