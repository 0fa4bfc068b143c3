/*
 * truncate.h
 *		TRUNCATE of tables that have rules.
 */
#ifndef OUTBOX_INTERFACE_TRUNCATE_H
#define OUTBOX_INTERFACE_TRUNCATE_H

#include "infrastructure/postgres/definition.h"

struct RelationData;
struct TruncateStmt;

/* Refuses (0A000) where it leaves events or versions missing that table is emptied. */
extern void outbox_truncate_judge(const OutboxDefinition *definition, struct RelationData *table);

/* The same for partitions that the command, which has just been done, names. */
extern void outbox_truncate_follow(const struct TruncateStmt *command);

#endif
