/*
 * guard.c
 *		Judges a change of an aggregate's row, and tells of it.
 */
#include "application/guard.h"

#include <stddef.h>

/* A change, and all that is needed to judge it. */
typedef struct Case
{
	const OutboxRules *rules;
	const OutboxChange *change;
	const OutboxGuardRoutine *routine;
	void *row;
} Case;

static OutboxBreach judge_immutable(const Case *it);
static OutboxBreach judge_lifecycle(const Case *it, int *transition);
static OutboxBreach judge_invariants(const Case *it);
static void emit(const Case *it, int transition);

static const OutboxBreach none = {OUTBOX_FAULT_NONE, -1};

bool
outbox_guard_judge(const OutboxRules *rules, const OutboxChange *change,
				   const OutboxGuardRoutine *routine, void *row, OutboxBreach *breach)
{
	Case it = {rules, change, routine, row};
	int transition = -1;

	*breach = none;
	if (change->operation == OUTBOX_OPERATION_UPDATE)
		*breach = judge_immutable(&it);
	if (breach->fault == OUTBOX_FAULT_NONE && change->operation != OUTBOX_OPERATION_DELETE)
		*breach = judge_lifecycle(&it, &transition);
	if (breach->fault == OUTBOX_FAULT_NONE && change->operation != OUTBOX_OPERATION_DELETE)
		*breach = judge_invariants(&it);
	if (breach->fault != OUTBOX_FAULT_NONE)
		return false;
	emit(&it, transition);
	return true;
}

static OutboxBreach
judge_immutable(const Case *it)
{
	for (int i = 0; i < it->rules->immutable_count; i++)
	{
		if (!it->routine->keeps(it->row, i))
			return (OutboxBreach){OUTBOX_FAULT_IMMUTABLE_CHANGED, i};
	}
	return none;
}

/* The transition that is made stays -1 where none is. */
static OutboxBreach
judge_lifecycle(const Case *it, int *transition)
{
	const OutboxLifecycle *lifecycle = it->rules->lifecycle;
	const OutboxChange *change = it->change;
	OutboxFault fault;

	if (lifecycle == NULL)
		return none;
	if (change->operation == OUTBOX_OPERATION_INSERT)
		return (OutboxBreach){outbox_lifecycle_begin(lifecycle, change->new_state), -1};
	if (change->state_kept)
		return none;
	fault = outbox_lifecycle_move(lifecycle, change->old_state, change->new_state, transition);
	if (fault != OUTBOX_FAULT_NONE)
		return (OutboxBreach){fault, -1};
	if (*transition >= 0 && lifecycle->transitions[*transition].guarded &&
		it->routine->allows(it->row, *transition) != OUTBOX_TRUTH_TRUE)
		return (OutboxBreach){OUTBOX_FAULT_GUARD_UNMET, *transition};
	return none;
}

static OutboxBreach
judge_invariants(const Case *it)
{
	for (int i = 0; i < it->rules->invariant_count; i++)
	{
		if (it->routine->holds(it->row, i) == OUTBOX_TRUTH_FALSE)
			return (OutboxBreach){OUTBOX_FAULT_INVARIANT_BROKEN, i};
	}
	return none;
}

static void
emit(const Case *it, int transition)
{
	const OutboxRules *rules = it->rules;

	if (transition >= 0 && rules->lifecycle->transitions[transition].action != NULL)
		it->routine->state_transition(it->row, transition);
	for (int i = 0; i < rules->event_count; i++)
	{
		const OutboxEventRule *event = &rules->events[i];

		if (event->operation != it->change->operation)
			continue;
		if (!event->conditional || it->routine->happened(it->row, i) == OUTBOX_TRUTH_TRUE)
			it->routine->state_event(it->row, i);
	}
}
