/*
 * guard.h
 *		Judges a change of an aggregate's row, and tells of it.
 *
 * *Rules* are what the aggregate's owner has defined: columns that are *immutable*, a
 * lifecycle, *invariants* that each row must hold, and *events* that tell of changes.
 * They are judged in this order, and the first one that is broken is the *breach*.
 * Events are emitted when all of them hold, so none tells of what was refused.
 *
 * Expressions are the database's to evaluate.  Here they are known by their index, and
 * what they say is a *truth*: a null is neither true nor false.
 */
#ifndef OUTBOX_APPLICATION_GUARD_H
#define OUTBOX_APPLICATION_GUARD_H

#include <stdbool.h>

#include "domain/change.h"
#include "domain/fault.h"
#include "domain/lifecycle.h"

typedef enum OutboxTruth
{
	OUTBOX_TRUTH_UNKNOWN,
	OUTBOX_TRUTH_FALSE,
	OUTBOX_TRUTH_TRUE
} OutboxTruth;

typedef struct OutboxEventRule
{
	OutboxOperation operation;
	const char *action;
	bool conditional;
} OutboxEventRule;

typedef struct OutboxRules
{
	const OutboxLifecycle *lifecycle; /* or NULL */
	int immutable_count;
	int invariant_count;
	const OutboxEventRule *events;
	int event_count;
} OutboxRules;

typedef struct OutboxBreach
{
	OutboxFault fault;
	int index; /* of the transition, immutable column or invariant; -1: of none */
} OutboxBreach;

/*
 * What is asked of the row and done for it.  row is the caller's; an index counts the
 * rules of its kind from 0.  A callback may leave by longjmp.
 */
typedef struct OutboxGuardRoutine
{
	/* Is the new value of this immutable column the old one?  Of updates only. */
	bool (*keeps)(void *row, int immutable);

	/* Is this transition's guard met?  Asked only of a transition that is guarded. */
	OutboxTruth (*allows)(void *row, int transition);

	/* Does the new row hold this invariant? */
	OutboxTruth (*holds)(void *row, int invariant);

	/* Is this event's condition met?  Asked only of an event that is conditional. */
	OutboxTruth (*happened)(void *row, int event);

	/* Emits the event of this transition, which has an action. */
	void (*state_transition)(void *row, int transition);

	/* Emits this event. */
	void (*state_event)(void *row, int event);
} OutboxGuardRoutine;

/*
 * Judges the change and emits its events: the transition's first, then the others in
 * order of definition.  An insert begins the lifecycle, and an update goes on in it.  A
 * guard must be true; an invariant must not be false, as with CHECK; the condition of an
 * event must be true.  A delete is not judged.
 *
 * Returns whether all rules hold.  If not, nothing is emitted, and breach says why:
 * OUTBOX_FAULT_IMMUTABLE_CHANGED, a fault of domain/lifecycle.h, _GUARD_UNMET or
 * _INVARIANT_BROKEN.
 */
extern bool outbox_guard_judge(const OutboxRules *rules, const OutboxChange *change,
							   const OutboxGuardRoutine *routine, void *row, OutboxBreach *breach);

#endif
