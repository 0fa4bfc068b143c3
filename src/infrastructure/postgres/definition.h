/*
 * definition.h
 *		What is defined about a table: the rows of outbox.rule_*, read and written.
 */
#ifndef OUTBOX_INFRASTRUCTURE_POSTGRES_DEFINITION_H
#define OUTBOX_INFRASTRUCTURE_POSTGRES_DEFINITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "application/guard.h"
#include "domain/lifecycle.h"

typedef struct OutboxNames
{
	const char **names;
	int count;
} OutboxNames;

typedef struct OutboxInvariant
{
	const char *name;
	const char *expression;
	const char *message; /* or NULL */
} OutboxInvariant;

typedef struct OutboxInvariants
{
	OutboxInvariant *invariants;
	int count;
} OutboxInvariants;

typedef struct OutboxDefinedEvent
{
	OutboxEventRule rule;
	const char *condition; /* or NULL */
	const char *payload; /* or NULL: the row */
} OutboxDefinedEvent;

/*
 * The part of an aggregate's definition that concerns one of its tables.  Those of
 * the root alone are empty for an entity.
 */
typedef struct OutboxDefinition
{
	const char *aggregate;
	uint32_t root;
	uint32_t table; /* the root or an entity */
	OutboxNames id; /* columns of the root */
	const char *version_column; /* of the root, or NULL */
	OutboxNames key; /* columns of the table that hold the aggregate's id */
	bool has_entities;
	OutboxInvariants commit; /* of the aggregate */

	const char *state_column; /* NULL: no lifecycle */
	OutboxLifecycle lifecycle;
	const char *const *guards; /* of the transitions, or NULL */
	OutboxNames immutable;
	OutboxInvariants row;

	OutboxDefinedEvent *events; /* of this table */
	int event_count;
} OutboxDefinition;

/*
 * Reads, in the current memory context, what is defined about this table, or about
 * the table that it is a partition or an inheritance child of.  NULL: it is neither
 * the aggregate's root nor one of its entities, or there is no such aggregate.  Sees
 * what is committed now, whatever the transaction's snapshot.
 */
extern OutboxDefinition *outbox_definition_load(const char *aggregate, uint32_t table);

/* The aggregate of a table that is itself a root or an entity; NULL: of none. */
extern char *outbox_definition_find(uint32_t table);

/* The same, or that of the table that it is a partition or an inheritance child of. */
extern char *outbox_definition_find_kin(uint32_t table);

/* Removes all that is defined about an aggregate, or about one of its entities; says if there was such a one. */
extern void outbox_definition_remove(const char *aggregate);
extern bool outbox_definition_remove_entity(const char *aggregate, uint32_t entity);

/* Root and entities of an aggregate, as a List of Oids; NIL: there is none. */
extern struct List *outbox_definition_tables(const char *aggregate);

/* Is this table, or one that it descends from, the ancestor? */
extern bool outbox_definition_descends(uint32_t table, uint32_t ancestor);

/*
 * Runs one statement as the extension's owner and returns how many rows it wrote.
 * types: Oids; nulls: 'n' for each null value, or NULL.
 */
extern uint64_t outbox_definition_write(const char *statement, int count, const uint32_t *types,
										const uintptr_t *values, const char *nulls);

/* The same for a query, whose first column of its first row is returned; NULL: none, or null. */
extern char *outbox_definition_ask(const char *query, int count, const uint32_t *types,
								   const uintptr_t *values);

#endif
