/*
 * entity.h
 *		Changes of entities: what they do to their root, and the events they emit.
 */
#ifndef OUTBOX_INTERFACE_ENTITY_H
#define OUTBOX_INTERFACE_ENTITY_H

#include "infrastructure/postgres/ruleset.h"

struct HeapTupleData;
struct TriggerData;

/* BEFORE UPDATE of a partitioned one: its move, where it makes one, is an update. */
extern struct HeapTupleData *outbox_entity_move(OutboxRuleSet *set,
												const struct TriggerData *trigger);

/* AFTER INSERT OR UPDATE OR DELETE. */
extern void outbox_entity_guard(OutboxRuleSet *set, const struct TriggerData *trigger);

#endif
