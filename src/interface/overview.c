/*
 * overview.c
 *		All databases that may publish, as shared memory shows them.
 */
#include "postgres.h"

#include "domain/delivery.h"
#include "domain/verdict.h"
#include "interface/overview.h"

static const char publishing[] = "publishing";
static const char idle[] = "idle";
static const char repairing[] = "repairing";
static const char paused[] = "paused";
static const char starting[] = "starting";
static const char unreachable[] = "broker unreachable";
static const char unauthorized[] = "not authorized";
static const char misconfigured[] = "misconfigured";
static const char withheld[] = "waiting for a standby";
static const char fenced[] = "fenced copy";
static const char safe_mode[] = "safe mode";
static const char failing[] = "failing";
static const char disabled[] = "disabled";
static const char excluded[] = "excluded";
static const char no_worker[] = "no free worker slot";

const char *const outbox_overview_states[] = {
	publishing, idle,   repairing, paused,  starting, unreachable, unauthorized, misconfigured,
	withheld,   fenced, safe_mode, failing, disabled, excluded,    no_worker,    NULL,
};

static bool read_slot(OutboxOverview *overview, int slot);
static const char *relay_state(const OutboxOverview *overview);

OutboxOverview *
outbox_overview_read(int *count)
{
	int slots = outbox_shared_count();
	OutboxOverview *all = palloc(sizeof(OutboxOverview) * Max(slots, 1));

	*count = 0;
	for (int slot = 0; slot < slots; slot++)
		if (read_slot(&all[*count], slot))
			(*count)++;
	return all;
}

const char *
outbox_overview_state(const OutboxOverview *overview)
{
	switch (overview->info.state)
	{
		case OUTBOX_SLOT_EXCLUDED:
			return excluded;
		case OUTBOX_SLOT_DISABLED:
			return disabled;
		case OUTBOX_SLOT_NO_WORKER:
			return no_worker;
		case OUTBOX_SLOT_SAFE_MODE:
			return safe_mode;
		case OUTBOX_SLOT_FAILED:
			return failing;
		case OUTBOX_SLOT_RUNNING:
			return overview->info.pid == 0 ? starting : relay_state(overview);
		case OUTBOX_SLOT_FREE:
		case OUTBOX_SLOT_UNKNOWN:
		case OUTBOX_SLOT_ABSENT:
			break;
	}
	return starting;
}

/* False: nothing is published from there, nor ever was while the server runs. */
static bool
read_slot(OutboxOverview *overview, int slot)
{
	memset(overview, 0, sizeof(*overview));
	overview->slot = slot;
	outbox_shared_info(slot, &overview->info);
	(void) outbox_tally_read(slot, &overview->tally);
	if (overview->info.database == 0 || overview->info.state == OUTBOX_SLOT_ABSENT ||
		(overview->info.state == OUTBOX_SLOT_UNKNOWN && !overview->tally.counted))
		return false;
	outbox_shared_status(slot, &overview->status);
	outbox_queue_read(slot, &overview->broadcasts);
	overview->types = palloc(sizeof(OutboxTallyType) * (OUTBOX_TALLY_TYPES + 1));
	overview->type_count = outbox_tally_read_types(slot, overview->types);
	return true;
}

static const char *
relay_state(const OutboxOverview *overview)
{
	const OutboxRelayStatus *status = &overview->status;

	if (overview->tally.gauges.paused)
		return paused;
	if (status->fenced_copy)
		return fenced;
	if (status->troubled && status->cause == OUTBOX_VERDICT_UNAUTHORIZED)
		return unauthorized;
	if (status->troubled && status->cause == OUTBOX_VERDICT_MISCONFIGURED)
		return misconfigured;
	if (status->troubled && status->phase != OUTBOX_DELIVERY_STREAMING)
		return unreachable;
	if (status->withheld)
		return withheld;
	if (status->phase != OUTBOX_DELIVERY_STREAMING)
		return starting;
	if (status->waiting > 0)
		return repairing;
	return overview->tally.gauges.idle ? idle : publishing;
}
