/*
 * judge.c
 *		Judges a change of a row by the rules of its table, and emits its events.
 *
 * application/guard.h has the order; here is its port: expressions are evaluated as the
 * table's owner (change.h), and what is broken is reported with the rule's name.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/tupconvert.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/rel.h"

#include "infrastructure/postgres/statistics.h"
#include "interface/judge.h"
#include "interface/record.h"

static bool judge(OutboxJudging *judging, const OutboxChange *change, OutboxBreach *breach);
static bool keeps(void *row, int immutable);
static OutboxTruth allows(void *row, int transition);
static OutboxTruth holds(void *row, int invariant);
static OutboxTruth happened(void *row, int event);
static void state_transition(void *row, int transition);
static void state_event(void *row, int event);
static void emit(OutboxJudging *judging, const char *action, OutboxExpression *payload);

static const OutboxGuardRoutine routine = {.keeps = keeps,
										   .allows = allows,
										   .holds = holds,
										   .happened = happened,
										   .state_transition = state_transition,
										   .state_event = state_event};

void
outbox_judge(OutboxJudging *judging)
{
	OutboxChange change = outbox_change_describe(&judging->change);
	OutboxBreach breach;

	if (!judge(judging, &change, &breach))
		outbox_judge_refuse(judging, &breach, &change);
	if (change.old_state != NULL && change.new_state != NULL)
		outbox_statistics_count_transition(judging->change.set->definition->aggregate,
										   change.old_state, change.new_state);
}

bool
outbox_judge_quietly(OutboxJudging *judging)
{
	OutboxChange change = outbox_change_describe(&judging->change);
	OutboxBreach breach;

	return judge(judging, &change, &breach);
}

static bool
judge(OutboxJudging *judging, const OutboxChange *change, OutboxBreach *breach)
{
	volatile bool fine = false;

	PG_TRY();
	{
		outbox_change_begin(&judging->change);
		fine = outbox_guard_judge(&judging->change.set->rules, change, &routine, judging, breach);
		outbox_change_end(&judging->change);
	}
	PG_CATCH();
	{
		outbox_change_abandon(&judging->change);
		PG_RE_THROW();
	}
	PG_END_TRY();
	return fine;
}

const char *
outbox_judge_id(OutboxJudging *judging)
{
	const OutboxRowChange *change = &judging->change;

	if (judging->id == NULL)
		judging->id = outbox_change_id(change->set, change->operation == OUTBOX_OPERATION_INSERT
														? change->new_row
														: change->old_row);
	return judging->id;
}

/* The old row has the columns of the partition that it came from. */
void
outbox_judge_take_moved(OutboxJudging *judging, HeapTuple old_row, uint32_t partition)
{
	TupleTableSlot *slot = judging->change.set->numbered;
	Relation source = table_open(partition, AccessShareLock);
	TupleConversionMap *map =
		convert_tuples_by_name(RelationGetDescr(source), slot->tts_tupleDescriptor);

	if (map != NULL)
		old_row = execute_attr_map_tuple(old_row, map);
	table_close(source, AccessShareLock);
	judging->change.operation = OUTBOX_OPERATION_UPDATE;
	judging->change.old_row = ExecStoreHeapTuple(old_row, slot, false);
	judging->change.old_row->tts_tableOid = partition;
}

OutboxReportBreach
outbox_judge_begin_report(const OutboxRuleSet *set, const char *id, const char *suffix)
{
	return (OutboxReportBreach){.aggregate = set->definition->aggregate,
								.aggregate_id = id,
								.table = set->table,
								.constraint =
									psprintf("%s_%s", set->definition->aggregate, suffix)};
}

static bool
keeps(void *row, int immutable)
{
	return outbox_change_keeps(row, immutable);
}

static OutboxTruth
allows(void *row, int transition)
{
	OutboxRowChange *change = row;

	return outbox_change_evaluate(change, change->set->guards[transition]);
}

static OutboxTruth
holds(void *row, int invariant)
{
	OutboxRowChange *change = row;

	return outbox_change_evaluate(change, change->set->invariants[invariant]);
}

static OutboxTruth
happened(void *row, int event)
{
	OutboxRowChange *change = row;

	return outbox_change_evaluate(change, change->set->conditions[event]);
}

static void
state_transition(void *row, int transition)
{
	OutboxRowChange *change = row;

	emit(row, change->set->definition->lifecycle.transitions[transition].action, NULL);
}

static void
state_event(void *row, int event)
{
	OutboxRowChange *change = row;

	emit(row, change->set->rules.events[event].action, change->set->payloads[event]);
}

static void
emit(OutboxJudging *judging, const char *action, OutboxExpression *payload)
{
	const OutboxDefinition *definition = judging->change.set->definition;
	OutboxEvent event = {.content_type = "application/json",
						 .has_version = judging->has_version,
						 .version = judging->version};
	const char *id = outbox_judge_id(judging);
	const char *json = outbox_change_payload(&judging->change, payload);
	char room[OUTBOX_HEADER_LINES_MAX + 1];
	OutboxHeaderLines lines;

	if (json == NULL)
		json = "null";
	event.aggregate = outbox_record_encode(definition->aggregate, strlen(definition->aggregate));
	event.aggregate_id = outbox_record_encode(id, strlen(id));
	event.action = outbox_record_encode(action, strlen(action));
	event.payload = outbox_record_encode(json, strlen(json));
	event.payload_length = strlen(event.payload);
	outbox_header_begin(&lines, room, sizeof(room));
	(void) outbox_record_event(&event, &lines);
}

void
outbox_judge_refuse(OutboxJudging *judging, const OutboxBreach *breach, const OutboxChange *change)
{
	const OutboxRuleSet *set = judging->change.set;
	OutboxReportBreach report =
		outbox_judge_begin_report(set, outbox_judge_id(judging), "lifecycle");
	char allowed[1024];

	report.column = set->state.name;
	report.old_state = change->old_state;
	report.new_state = change->new_state;
	switch (breach->fault)
	{
		case OUTBOX_FAULT_IMMUTABLE_CHANGED:
			report.column = set->immutable[breach->index].name;
			report.constraint = psprintf("%s_immutable", set->definition->aggregate);
			break;
		case OUTBOX_FAULT_INVARIANT_BROKEN:
			report.column = NULL;
			report.invariant = set->definition->row.invariants[breach->index].name;
			report.message = set->definition->row.invariants[breach->index].message;
			report.constraint = report.invariant;
			break;
		case OUTBOX_FAULT_GUARD_UNMET:
			report.guard = set->definition->guards[breach->index];
			break;
		default:
			(void) outbox_lifecycle_list(&set->definition->lifecycle, change->old_state, allowed,
										 sizeof(allowed));
			report.allowed = allowed;
			break;
	}
	outbox_report_breach(breach->fault, &report);
}
