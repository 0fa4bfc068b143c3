/*
 * entity.c
 *		Changes of entities: what they do to their root, and the events they emit.
 *
 * The root is locked when the statement ends, before the number of an event is drawn.
 * That its version is raised, and its invariants are judged, is left to the commit.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "utils/rel.h"

#include "infrastructure/postgres/move.h"
#include "infrastructure/postgres/root.h"
#include "infrastructure/postgres/touch.h"
#include "interface/entity.h"
#include "interface/judge.h"

static bool take_entity(OutboxJudging *judging, const TriggerData *trigger);
static bool foresee_version(const OutboxTouch *touch, int64 *version);
static OutboxTouch *touch_entity(const OutboxRuleSet *set, const char *id, bool written);

HeapTuple
outbox_entity_move(OutboxRuleSet *set, const TriggerData *trigger)
{
	if (!outbox_change_stays(set, trigger->tg_newslot))
		outbox_move_begin(set->definition->table, outbox_change_id(set, trigger->tg_newslot),
						  set->table, trigger->tg_trigtuple);
	return trigger->tg_newtuple;
}

void
outbox_entity_guard(OutboxRuleSet *set, const TriggerData *trigger)
{
	OutboxJudging judging = {.change = {.set = set, .old_row = set->none, .new_row = set->none}};
	const char *before = NULL;
	const char *after = NULL;
	OutboxTouch *touch = NULL;

	if (!take_entity(&judging, trigger))
		return;
	if (judging.change.operation != OUTBOX_OPERATION_INSERT)
		before = outbox_change_id(set, judging.change.old_row);
	if (judging.change.operation != OUTBOX_OPERATION_DELETE)
		after = outbox_change_id(set, judging.change.new_row);
	if (before != NULL && (after == NULL || strcmp(before, after) != 0))
		touch = touch_entity(set, before, false);
	if (after != NULL)
		touch = touch_entity(set, after, true);
	judging.id = judging.change.operation == OUTBOX_OPERATION_DELETE ? before : after;
	/* A row that belongs to no aggregate tells nothing. */
	if (judging.id != NULL && set->rules.event_count > 0)
	{
		if (set->definition->version_column != NULL)
			judging.has_version = foresee_version(touch, &judging.version);
		outbox_judge(&judging);
	}
	ExecClearTuple(set->numbered);
}

/* What has become of the row; false: it leaves its partition, and arrives in another one. */
static bool
take_entity(OutboxJudging *judging, const TriggerData *trigger)
{
	OutboxRowChange *change = &judging->change;
	HeapTuple old_row;
	Oid partition;

	if (TRIGGER_FIRED_BY_INSERT(trigger->tg_event))
	{
		change->new_row = trigger->tg_trigslot;
		old_row = outbox_move_arrives(change->set->definition->table,
									  outbox_change_id(change->set, change->new_row), &partition);
		if (old_row != NULL)
			outbox_judge_take_moved(judging, old_row, partition);
		return true;
	}
	change->old_row = trigger->tg_trigslot;
	if (TRIGGER_FIRED_BY_DELETE(trigger->tg_event))
	{
		change->operation = OUTBOX_OPERATION_DELETE;
		return !outbox_move_leaves(change->set->table, trigger->tg_trigtuple);
	}
	change->operation = OUTBOX_OPERATION_UPDATE;
	change->new_row = trigger->tg_newslot;
	return true;
}

/* The version that the aggregate will have; false: there is none. */
static bool
foresee_version(const OutboxTouch *touch, int64 *version)
{
	bool raised = outbox_touch_has(touch, OUTBOX_MARK_CHANGED);
	bool gone = outbox_touch_has(touch, OUTBOX_MARK_GONE);

	*version = touch->version + (raised || gone ? 0 : 1);
	if (gone)
		return *version != 0;
	return raised || outbox_touch_has(touch, OUTBOX_MARK_LOCKED);
}

/* written: the row is there now, so it needs its root. */
static OutboxTouch *
touch_entity(const OutboxRuleSet *set, const char *id, bool written)
{
	const OutboxDefinition *definition = set->definition;
	OutboxTouch *touch = outbox_touch_take(definition->root, definition->aggregate, id);

	outbox_root_lock(touch);
	if (definition->version_column == NULL && definition->commit.count == 0)
		return touch;
	if (written)
		outbox_touch_set(touch, OUTBOX_MARK_ROOTED);
	if (!outbox_touch_is_due(touch))
		outbox_touch_set(touch, OUTBOX_MARK_DUE);
	return touch;
}
