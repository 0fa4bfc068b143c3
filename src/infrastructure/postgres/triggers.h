/*
 * triggers.h
 *		The triggers that hold a table to its rules: which there are, and what they
 *		depend on.
 */
#ifndef OUTBOX_INFRASTRUCTURE_POSTGRES_TRIGGERS_H
#define OUTBOX_INFRASTRUCTURE_POSTGRES_TRIGGERS_H

#include <stdbool.h>
#include <stdint.h>

#include "infrastructure/postgres/definition.h"

#define OUTBOX_TRIGGER_PREFIX "zz_outbox_"

/*
 * Makes the triggers of the definition's table, and of its inheritance children, those
 * that its rules need, notes what they depend on, and has every session read the rules
 * anew.  The caller owns the table and has locked it against writers.
 */
extern void outbox_triggers_attach(const OutboxDefinition *definition);

/* The same for one table, which may be an inheritance child of the definition's. */
extern void outbox_triggers_attach_one(const OutboxDefinition *definition, uint32_t table);

/* Notes what the rules depend on, only; the carrier is there. */
extern void outbox_triggers_depend(const OutboxDefinition *definition, uint32_t table);

/* Has every session read the rules of the table, its partitions and its children anew. */
extern void outbox_triggers_announce(uint32_t table);

/* Removes them, also from inheritance children. */
extern void outbox_triggers_detach(uint32_t table);
extern void outbox_triggers_detach_one(uint32_t table);

/* Are they being changed by us, at this moment? */
extern bool outbox_triggers_changing(void);

/*
 * Do the triggers of this table differ from what its rules need?  Needs no lock.
 * False, too, for a table that has none of them yet: that one is being restored.
 */
extern bool outbox_triggers_differ(const OutboxDefinition *definition, uint32_t table);

/* The trigger of this table that carries the dependencies of its rules; 0: none. */
extern uint32_t outbox_triggers_carrier(uint32_t table);

/* The aggregate that it names; NULL: there is none. */
extern char *outbox_triggers_aggregate(uint32_t table);

#endif
