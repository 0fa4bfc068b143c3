/*
 * guard.c
 *		The triggers that hold users' tables to their rules.
 *
 * Terms: a change of a root's row is *numbered* (it gets its version), *judged*, and
 * *followed* (noted for the commit).  infrastructure/postgres/triggers.c says which
 * trigger does which.
 *
 * Where zz_outbox_version judges, it does so before the row is written.  That is as
 * good as after it: the row is locked, no trigger changes it any more, and whatever
 * fails later takes the event along.  An insert is refused, and told of, after it,
 * since before it ON CONFLICT may still turn it into nothing or into an update; but where
 * there is nothing to tell, it is looked at before it, and those that are fine are done.
 * (As with CHECK, an expression that cannot be evaluated fails even there.)
 *
 * Locking: a change holds the lock of its root's row before it draws the number of an
 * event; so events of an aggregate are numbered in the order of its commits.  The
 * root of an entity is locked when the statement ends.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "domain/version.h"
#include "infrastructure/postgres/move.h"
#include "infrastructure/postgres/root.h"
#include "infrastructure/postgres/touch.h"
#include "interface/entity.h"
#include "interface/judge.h"
#include "interface/report.h"
#include "interface/settlement.h"
#include "interface/truncate.h"

PG_FUNCTION_INFO_V1(outbox_guard_number);
PG_FUNCTION_INFO_V1(outbox_guard_guard);
PG_FUNCTION_INFO_V1(outbox_guard_unjudged);
PG_FUNCTION_INFO_V1(outbox_guard_unsettled);
PG_FUNCTION_INFO_V1(outbox_guard_settle);
PG_FUNCTION_INFO_V1(outbox_guard_truncated);

static TriggerData *take_trigger(FunctionCallInfo fcinfo, const char *function, int fired);
static void refuse_trigger(const TriggerData *trigger, const char *function)
	__attribute__((noreturn));
static OutboxRuleSet *take_rules(const TriggerData *trigger);
static HeapTuple number_new(OutboxRuleSet *set, const TriggerData *trigger);
static void look_at_new(OutboxRuleSet *set, TupleTableSlot *row);
static HeapTuple number_changed(OutboxRuleSet *set, const TriggerData *trigger);
static void foresee_change(OutboxJudging *judging);
static void keep_id(OutboxJudging *judging);
static int64 next_version(OutboxJudging *judging, bool *given);
static void guard_root(OutboxRuleSet *set, const TriggerData *trigger);
static void guard_inserted(OutboxJudging *judging, HeapTuple row);
static void guard_deleted(OutboxJudging *judging, HeapTuple row);
static void guard_moved(OutboxJudging *judging, HeapTuple old_row, Oid partition);
static void follow_root(OutboxJudging *judging);
static void require_id(const OutboxRuleSet *set, TupleTableSlot *row);

/* BEFORE INSERT OR UPDATE of a root; of an entity, where it has partitions. */
Datum
outbox_guard_number(PG_FUNCTION_ARGS)
{
	TriggerData *trigger =
		take_trigger(fcinfo, "outbox.number()", TRIGGER_EVENT_ROW | TRIGGER_EVENT_BEFORE);
	OutboxRuleSet *set = take_rules(trigger);

	if (TRIGGER_FIRED_BY_DELETE(trigger->tg_event))
		refuse_trigger(trigger, "outbox.number()");
	if (TRIGGER_FIRED_BY_INSERT(trigger->tg_event))
		return PointerGetDatum(number_new(set, trigger));
	if (!set->is_root)
		return PointerGetDatum(outbox_entity_move(set, trigger));
	return PointerGetDatum(number_changed(set, trigger));
}

/* AFTER INSERT OR UPDATE OR DELETE of a root or an entity. */
Datum
outbox_guard_guard(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = take_trigger(fcinfo, "outbox.guard()", TRIGGER_EVENT_ROW);
	OutboxRuleSet *set = take_rules(trigger);

	if (set->is_root)
		guard_root(set, trigger);
	else
		outbox_entity_guard(set, trigger);
	/* Constraints are immediate: the deferred trigger has come before us. */
	if (!outbox_touch_is_armed() && outbox_touch_next_due() != NULL)
		outbox_settlement_run();
	return PointerGetDatum(NULL);
}

/* WHEN of the AFTER INSERT trigger, where zz_outbox_version has seen the row. */
Datum
outbox_guard_unjudged(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(!outbox_touch_take_insert());
}

/* WHEN of the deferred trigger: one call for all that a transaction does is enough. */
Datum
outbox_guard_unsettled(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(outbox_touch_arm());
}

/* The deferred trigger. */
Datum
outbox_guard_settle(PG_FUNCTION_ARGS)
{
	(void) take_trigger(fcinfo, "outbox.settle()", TRIGGER_EVENT_ROW);
	outbox_settlement_run();
	return PointerGetDatum(NULL);
}

/* AFTER TRUNCATE: no row is seen, so nothing could be told or numbered. */
Datum
outbox_guard_truncated(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = take_trigger(fcinfo, "outbox.truncated()", 0);
	OutboxRuleSet *set = take_rules(trigger);

	outbox_truncate_judge(set->definition, trigger->tg_relation);
	if (set->is_root)
		outbox_touch_empty(set->definition->root);
	return PointerGetDatum(NULL);
}

/* fired: what has to be true of TriggerData.tg_event, but for the operation. */
static TriggerData *
take_trigger(FunctionCallInfo fcinfo, const char *function, int fired)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR, errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				errmsg("%s was not called by a trigger", function),
				errhint("outbox.define_aggregate and outbox.define_entity make the triggers."));
	if ((trigger->tg_event & (TRIGGER_EVENT_ROW | TRIGGER_EVENT_TIMINGMASK)) != fired ||
		trigger->tg_trigger->tgnargs != 1)
		refuse_trigger(trigger, function);
	return trigger;
}

static void
refuse_trigger(const TriggerData *trigger, const char *function)
{
	ereport(ERROR, errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
			errmsg("trigger \"%s\" on table \"%s\" cannot use %s", trigger->tg_trigger->tgname,
				   RelationGetRelationName(trigger->tg_relation), function),
			errdetail("It is not like the triggers that the function is made for."),
			errhint("outbox.define_aggregate and outbox.define_entity make the triggers."));
}

static OutboxRuleSet *
take_rules(const TriggerData *trigger)
{
	return outbox_ruleset_find(trigger->tg_relation, trigger->tg_trigger->tgargs[0]);
}

static HeapTuple
number_new(OutboxRuleSet *set, const TriggerData *trigger)
{
	OutboxVersionChange change = {.greatest = set->greatest};
	TupleTableSlot *seen = trigger->tg_trigslot;
	HeapTuple row = trigger->tg_trigtuple;
	int64_t next;

	if (set->version.number != 0 && !outbox_change_version(set, seen, &change.wanted))
	{
		(void) outbox_version_next(&change, &next);
		row = outbox_change_number(set, row, next);
		seen = ExecStoreHeapTuple(row, set->numbered, false);
	}
	(void) outbox_touch_take_insert();
	if (set->sees_inserts)
		look_at_new(set, seen);
	ExecClearTuple(set->numbered);
	return row;
}

static void
look_at_new(OutboxRuleSet *set, TupleTableSlot *row)
{
	OutboxJudging judging = {.change = {.set = set,
										.operation = OUTBOX_OPERATION_INSERT,
										.old_row = set->none,
										.new_row = row}};

	row->tts_tableOid = set->table;
	outbox_touch_note_insert(outbox_change_has_id(set, row) && outbox_judge_quietly(&judging));
}

static HeapTuple
number_changed(OutboxRuleSet *set, const TriggerData *trigger)
{
	OutboxJudging judging = {.change = {.set = set,
										.operation = OUTBOX_OPERATION_UPDATE,
										.old_row = trigger->tg_trigslot,
										.new_row = trigger->tg_newslot}};
	HeapTuple row = trigger->tg_newtuple;
	bool given;

	if (set->version.number != 0)
	{
		judging.has_version = true;
		judging.version = next_version(&judging, &given);
		if (!given && !outbox_change_renumber(set, trigger->tg_newslot, judging.version))
		{
			row = outbox_change_number(set, row, judging.version);
			judging.change.new_row = ExecStoreHeapTuple(row, set->numbered, false);
		}
	}
	/* The executor notes it later only. */
	judging.change.new_row->tts_tableOid = set->table;
	require_id(set, trigger->tg_trigslot);
	if (!outbox_change_stays(set, judging.change.new_row))
	{
		keep_id(&judging);
		outbox_move_begin(set->definition->table, outbox_change_id(set, judging.change.new_row),
						  set->table, trigger->tg_trigtuple);
		foresee_change(&judging);
	}
	else if (set->judges_before)
	{
		outbox_judge(&judging);
		follow_root(&judging);
	}
	else
		foresee_change(&judging);
	if (judging.change.new_row == set->numbered)
		ExecClearTuple(set->numbered);
	return row;
}

/*
 * It is judged and followed after it is written.  Where entities are changed by the same
 * statement, their triggers may come first, and tell the version that the root has by then.
 */
static void
foresee_change(OutboxJudging *judging)
{
	const OutboxRuleSet *set = judging->change.set;
	OutboxTouch *touch;

	if (!set->follows || !judging->has_version)
		return;
	touch = outbox_touch_take(set->definition->root, set->definition->aggregate,
							  outbox_judge_id(judging));
	if (outbox_touch_has(touch, OUTBOX_MARK_CHANGED))
		outbox_touch_set_version(touch, judging->version);
}

/* Where a row arrives it is known by its id: that has to be the same. */
static void
keep_id(OutboxJudging *judging)
{
	for (int i = 0; i < judging->change.set->definition->key.count; i++)
		if (!outbox_change_keeps(&judging->change, i))
			outbox_judge_refuse(judging, &(OutboxBreach){OUTBOX_FAULT_IMMUTABLE_CHANGED, i},
								&(OutboxChange){0});
}

/* The version of this update, and whether the writer has given it; refuses a stale one. */
static int64
next_version(OutboxJudging *judging, bool *given)
{
	const OutboxRuleSet *set = judging->change.set;
	OutboxVersionChange change = {.has_old = true, .greatest = set->greatest};
	OutboxFault fault;
	int64_t next;

	(void) outbox_change_version(set, judging->change.old_row, &change.old);
	change.has_new = outbox_change_version(set, judging->change.new_row, &change.wanted);
	fault = outbox_version_next(&change, &next);
	if (fault != OUTBOX_FAULT_NONE)
	{
		OutboxReportBreach report;

		require_id(set, judging->change.old_row);
		report = outbox_judge_begin_report(set, outbox_judge_id(judging), "version");
		report.column = set->version.name;
		report.old_version = change.old;
		report.new_version = change.wanted;
		outbox_report_breach(fault, &report);
	}
	*given = change.has_new && change.wanted == next;
	return next;
}

static void
guard_root(OutboxRuleSet *set, const TriggerData *trigger)
{
	OutboxJudging judging = {
		.change = {.set = set, .old_row = trigger->tg_trigslot, .new_row = trigger->tg_newslot}};
	bool given;

	if (TRIGGER_FIRED_BY_INSERT(trigger->tg_event))
	{
		judging.change.new_row = trigger->tg_trigslot;
		guard_inserted(&judging, trigger->tg_trigtuple);
		return;
	}
	require_id(set, trigger->tg_trigslot);
	if (TRIGGER_FIRED_BY_DELETE(trigger->tg_event))
	{
		guard_deleted(&judging, trigger->tg_trigtuple);
		return;
	}
	judging.change.operation = OUTBOX_OPERATION_UPDATE;
	judging.has_version = set->version.number != 0;
	/* Another BEFORE trigger may have changed what zz_outbox_version has set. */
	if (judging.has_version)
		judging.version = next_version(&judging, &given);
	outbox_judge(&judging);
	follow_root(&judging);
}

static void
guard_inserted(OutboxJudging *judging, HeapTuple row)
{
	OutboxRuleSet *set = judging->change.set;
	HeapTuple old_row = NULL;
	Oid partition;

	judging->has_version = outbox_change_version(set, judging->change.new_row, &judging->version);
	require_id(set, judging->change.new_row);
	if (outbox_move_is_under_way())
		old_row = outbox_move_arrives(set->definition->table, outbox_judge_id(judging), &partition);
	if (old_row != NULL)
	{
		guard_moved(judging, old_row, partition);
		return;
	}
	judging->change.operation = OUTBOX_OPERATION_INSERT;
	judging->change.old_row = set->none;
	outbox_judge(judging);
	follow_root(judging);
}

static void
guard_deleted(OutboxJudging *judging, HeapTuple row)
{
	OutboxRuleSet *set = judging->change.set;

	if (outbox_move_leaves(set->table, row))
		return;
	judging->change.operation = OUTBOX_OPERATION_DELETE;
	judging->change.new_row = set->none;
	judging->has_version = outbox_change_version(set, judging->change.old_row, &judging->version) &&
						   judging->version < PG_INT64_MAX;
	judging->version++;
	outbox_judge(judging);
	follow_root(judging);
}

static void
guard_moved(OutboxJudging *judging, HeapTuple old_row, Oid partition)
{
	OutboxRuleSet *set = judging->change.set;
	bool given;

	outbox_judge_take_moved(judging, old_row, partition);
	if (set->version.number != 0)
		judging->version = next_version(judging, &given);
	outbox_judge(judging);
	follow_root(judging);
	ExecClearTuple(set->numbered);
}

/* Notes for the commit what has become of the root. */
static void
follow_root(OutboxJudging *judging)
{
	const OutboxRuleSet *set = judging->change.set;
	OutboxTouch *touch;

	if (!set->follows)
		return;
	touch = outbox_touch_take(set->definition->root, set->definition->aggregate,
							  outbox_judge_id(judging));
	if (judging->change.operation == OUTBOX_OPERATION_DELETE)
	{
		outbox_touch_leave(touch, judging->has_version ? judging->version : 0);
		return;
	}
	outbox_touch_clear(touch, OUTBOX_MARK_GONE);
	outbox_touch_set(touch, OUTBOX_MARK_CHANGED);
	outbox_touch_set_version(touch, judging->version);
	if (set->definition->commit.count > 0 && !outbox_touch_is_due(touch))
		outbox_touch_set(touch, OUTBOX_MARK_DUE);
}

static void
require_id(const OutboxRuleSet *set, TupleTableSlot *row)
{
	if (!outbox_change_has_id(set, row))
		ereport(ERROR, errcode(ERRCODE_NOT_NULL_VIOLATION),
				errmsg("the id of aggregate \"%s\" is null", set->definition->aggregate),
				errdetail("A row of its root has a null in a column of its id."));
}
