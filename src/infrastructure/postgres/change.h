/*
 * change.h
 *		A change of one row, seen through the rules of its table.
 */
#ifndef OUTBOX_INFRASTRUCTURE_POSTGRES_CHANGE_H
#define OUTBOX_INFRASTRUCTURE_POSTGRES_CHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "infrastructure/postgres/persona.h"
#include "infrastructure/postgres/ruleset.h"

struct HeapTupleData;
struct TupleTableSlot;

typedef struct OutboxRowChange
{
	OutboxRuleSet *set;
	OutboxOperation operation;
	struct TupleTableSlot *old_row; /* of an insert set->none */
	struct TupleTableSlot *new_row; /* of a delete set->none */
	OutboxPersona persona;
} OutboxRowChange;

/* The aggregate's id in this row, as text; NULL: a column of it is null. */
extern char *outbox_change_id(const OutboxRuleSet *set, struct TupleTableSlot *row);

/* Is no column of the id null in this row? */
extern bool outbox_change_has_id(const OutboxRuleSet *set, struct TupleTableSlot *row);

/* The version in this row of the root; false: it is null, or there is no such column. */
extern bool outbox_change_version(const OutboxRuleSet *set, struct TupleTableSlot *row,
								  int64_t *version);

/* A copy of the row, with this version. */
extern struct HeapTupleData *outbox_change_number(const OutboxRuleSet *set,
												  struct HeapTupleData *row, int64_t version);

/*
 * Gives the row in this slot this version, where it is; false: it cannot be done there.
 * outbox_change_version must have been the first to read the slot.
 */
extern bool outbox_change_renumber(const OutboxRuleSet *set, struct TupleTableSlot *row,
								   int64_t version);

/* Does the row stay in this partition, or is the table none? */
extern bool outbox_change_stays(const OutboxRuleSet *set, struct TupleTableSlot *row);

/*
 * From begin to end, expressions are evaluated as the owner of the table.  Where they
 * are left by an error, outbox_change_abandon has to be called.
 */
extern void outbox_change_begin(OutboxRowChange *change);
extern void outbox_change_end(OutboxRowChange *change);
extern void outbox_change_abandon(OutboxRowChange *change);

/* Operation and states. */
extern OutboxChange outbox_change_describe(const OutboxRowChange *change);

/* Is the new value of set->immutable[index] the old one, as its type compares them? */
extern bool outbox_change_keeps(const OutboxRowChange *change, int index);

extern OutboxTruth outbox_change_evaluate(const OutboxRowChange *change,
										  OutboxExpression *expression);

/*
 * The payload of an event as JSON: what the expression yields or, where it is NULL, the
 * row; in the database's encoding.  NULL: the expression yields null.
 */
extern const char *outbox_change_payload(const OutboxRowChange *change,
										 OutboxExpression *expression);

#endif
