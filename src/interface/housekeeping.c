/*
 * housekeeping.c
 *		What a relay does beside publishing: it has old events leave the log, and looks
 *		whether the stream holds what it should, on which that depends.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "infrastructure/postgres/monotonic.h"
#include "infrastructure/postgres/shared.h"
#include "interface/housekeeping.h"
#include "interface/settings.h"

/* How often to look whether old events can go: some times per retention. */
#define TURNS 20
#define PAUSE_MIN_US INT64CONST(1000000)
#define PAUSE_MAX_US INT64CONST(60000000)

static TimestampTz find_verified_at(const OutboxRelay *relay);

void
outbox_housekeeping_open(OutboxHousekeeping *housekeeping, int slot, const OutboxStore *store)
{
	uint64_t asked;

	memset(housekeeping, 0, sizeof(*housekeeping));
	housekeeping->slot = slot;
	housekeeping->store = store;
	outbox_ring_load(&housekeeping->ring, slot);
	outbox_shared_verifications(slot, &asked, &housekeeping->verification);
}

void
outbox_housekeeping_hurry(OutboxHousekeeping *housekeeping)
{
	housekeeping->due_at = 0;
}

void
outbox_housekeeping_verify(OutboxHousekeeping *housekeeping, OutboxRelay *relay)
{
	uint64_t asked;
	uint64_t over;

	outbox_shared_verifications(housekeeping->slot, &asked, &over);
	if (asked == housekeeping->verification)
		return;
	housekeeping->verification = asked;
	outbox_relay_verify(relay, outbox_monotonic_us());
}

void
outbox_housekeeping_turn(OutboxHousekeeping *housekeeping, OutboxRelay *relay)
{
	OutboxRingPolicy policy = {.hold = outbox_settings.hold_time * INT64CONST(1000000)};
	const char *settled;

	if (outbox_monotonic_us() < housekeeping->due_at)
		return;
	settled = outbox_store_settled_snapshot(housekeeping->store);
	if (settled == NULL)
		return;
	policy.verified_at = find_verified_at(relay);
	policy.retention = Max(outbox_settings.retention * INT64CONST(1000000), policy.hold);
	outbox_ring_turn(&housekeeping->ring, housekeeping->slot, settled, &policy);
	outbox_relay_check(relay, outbox_monotonic_us());
	housekeeping->due_at =
		outbox_monotonic_us() + Min(Max(policy.retention / TURNS, PAUSE_MIN_US), PAUSE_MAX_US);
}

/* When the stream was found to hold all that it should, by the clock; 0: not now. */
static TimestampTz
find_verified_at(const OutboxRelay *relay)
{
	OutboxRelayReport report;

	outbox_relay_report(relay, &report);
	if (report.verified_at == 0)
		return 0;
	return GetCurrentTimestamp() - (outbox_monotonic_us() - report.verified_at);
}
