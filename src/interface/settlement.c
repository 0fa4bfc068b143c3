/*
 * settlement.c
 *		Settles what a transaction has touched, before it commits.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "infrastructure/postgres/root.h"
#include "infrastructure/postgres/touch.h"
#include "interface/report.h"
#include "interface/settlement.h"

void
outbox_settlement_run(void)
{
	OutboxTouch *touch;

	outbox_touch_disarm();
	while ((touch = outbox_touch_next_due()) != NULL)
	{
		OutboxRootFlaw flaw = {0};
		OutboxRootState state = outbox_root_settle(touch, &flaw);
		OutboxReportBreach report = {
			.aggregate = touch->aggregate, .aggregate_id = touch->id, .table = touch->root};

		if (state == OUTBOX_ROOT_FINE)
			continue;
		if (state == OUTBOX_ROOT_MISSING)
		{
			report.table = flaw.entity;
			report.constraint = psprintf("%s_root", touch->aggregate);
			outbox_report_breach(OUTBOX_FAULT_ROOT_MISSING, &report);
		}
		report.constraint = flaw.broken->name;
		report.invariant = flaw.broken->name;
		report.message = flaw.broken->message;
		outbox_report_breach(OUTBOX_FAULT_INVARIANT_BROKEN, &report);
	}
}
