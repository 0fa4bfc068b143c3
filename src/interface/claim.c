/*
 * claim.c
 *		A relay's claim to be the outbox that its database holds.
 */
#include "postgres.h"

#include "infrastructure/postgres/log.h"
#include "infrastructure/postgres/transaction.h"
#include "interface/claim.h"

void
outbox_claim_make(OutboxClaim *claim)
{
	OutboxIdentity *identity = &claim->identity;
	int64_t ids_from;

	claim->fence[0] = '\0';
	outbox_transaction_begin();
	outbox_identity_load(identity);
	if (!outbox_origin_continues(identity->origin))
		strlcpy(claim->fence, outbox_identity_explain(identity->origin), sizeof(claim->fence));
	else if (!identity->noted)
	{
		ids_from = outbox_identity_next_ids();
		if (ids_from > 0)
			outbox_log_raise_ids(ids_from);
		outbox_identity_settle(identity->uuid, Max(ids_from, identity->ids_from));
	}
	outbox_transaction_commit();
}

void
outbox_claim_give_up(OutboxClaim *claim, OutboxRelay *relay, int64_t now)
{
	OutboxRelayReport report;

	outbox_relay_report(relay, &report);
	strlcpy(claim->fence, report.text, sizeof(claim->fence));
	outbox_relay_pause(relay, now);
	outbox_transaction_begin();
	outbox_log_raise_ids(
		outbox_origin_next_ids(claim->identity.ids_from, outbox_relay_stranger(relay)));
	outbox_transaction_commit();
}
