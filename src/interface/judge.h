/*
 * judge.h
 *		Judges a change of a row by the rules of its table, and emits its events.
 */
#ifndef OUTBOX_INTERFACE_JUDGE_H
#define OUTBOX_INTERFACE_JUDGE_H

#include <stdbool.h>
#include <stdint.h>

#include "infrastructure/postgres/change.h"
#include "interface/report.h"

/* A change of a row, on its way through the rules. */
typedef struct OutboxJudging
{
	OutboxRowChange change; /* the first member: callbacks get it */
	const char *id; /* outbox_judge_id; NULL: not asked for yet */
	bool has_version;
	int64_t version; /* of the aggregate after this change */
} OutboxJudging;

/* Errors with the first rule that is broken; else emits the events of the change. */
extern void outbox_judge(OutboxJudging *judging);

/* The error of this breach. */
extern void outbox_judge_refuse(OutboxJudging *judging, const OutboxBreach *breach,
								const OutboxChange *change) __attribute__((noreturn));
/* The same for a change that nothing is told of; false where a rule is broken. */
extern bool outbox_judge_quietly(OutboxJudging *judging);

/* The aggregate's id, in the current memory context; it is in the row that was there before. */
extern const char *outbox_judge_id(OutboxJudging *judging);

/* The change is that of a row which has moved here from another partition. */
extern void outbox_judge_take_moved(OutboxJudging *judging, struct HeapTupleData *old_row,
									uint32_t partition);

/* What a report of this row begins with; its constraint is {aggregate}_{suffix}. */
extern OutboxReportBreach outbox_judge_begin_report(const OutboxRuleSet *set, const char *id,
													const char *suffix);

#endif
