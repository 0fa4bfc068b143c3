/*
 * ruleset.h
 *		The rules of a table, made ready to judge its rows, and kept for the session.
 */
#ifndef OUTBOX_INFRASTRUCTURE_POSTGRES_RULESET_H
#define OUTBOX_INFRASTRUCTURE_POSTGRES_RULESET_H

#include <stdbool.h>
#include <stdint.h>

#include "application/guard.h"
#include "infrastructure/postgres/definition.h"
#include "infrastructure/postgres/expression.h"
#include "infrastructure/postgres/rowjson.h"

struct EState;
struct ExprContext;
struct ExprState;
struct FmgrInfo;
struct MemoryContextData;
struct RelationData;
struct TupleTableSlot;

/* A column of the table, with what it takes to read and compare it. */
typedef struct OutboxColumn
{
	const char *name;
	int16_t number;
	int16_t length;
	bool by_value;
	bool styled; /* settings of the session have a say in how it is written */
	uint32_t type; /* of a domain, what it is over */
	uint32_t domain; /* 0: it is of none */
	uint32_t collation;
	struct FmgrInfo *output;
	struct FmgrInfo *equal; /* NULL: there is no such operator */
} OutboxColumn;

typedef struct OutboxRuleSet
{
	uint32_t table;
	bool stale;
	bool busy; /* expressions are being evaluated */
	struct MemoryContextData *memory;
	const OutboxDefinition *definition;
	uint32_t owner; /* of the table */
	bool is_root;
	bool judges_before; /* zz_outbox_version judges, there is no zz_outbox_change */
	bool
		sees_inserts; /* zz_outbox_version judges those that are fine, zz_outbox_guard the others */
	bool follows; /* what is done to the root concerns the commit */
	bool evaluates; /* there are expressions */
	bool pinned; /* some may look up names, and see the pinned search_path */

	OutboxColumn *key; /* definition->key */
	OutboxColumn *immutable; /* the key's of a root, then definition->immutable */
	OutboxColumn version; /* number 0: there is none */
	int64_t greatest; /* value of the version's type */
	OutboxColumn state; /* number 0: there is none */

	OutboxRules rules;
	OutboxExpression **guards; /* of transitions, or NULL */
	OutboxExpression **invariants;
	OutboxExpression **conditions; /* of events, or NULL */
	OutboxExpression **payloads; /* of events, or NULL */
	OutboxExpression **compiled; /* all that there are */
	int compiled_count;
	struct EState *estate;
	struct ExprContext *context;
	struct ExprState *stays; /* a row fits into this partition; NULL: it is none */
	struct TupleTableSlot *none; /* a row of nulls */
	struct TupleTableSlot *numbered; /* for the row with its new version */
	OutboxRowWriter *writer;
} OutboxRuleSet;

/*
 * The rules of a table that has a trigger for this aggregate.  Valid until the next
 * call for the same table, or, while it is busy, until it is no longer.  Errors where
 * the definitions are not there (any more) or do not fit the table any more.
 */
extern OutboxRuleSet *outbox_ruleset_find(struct RelationData *table, const char *aggregate);

#endif
