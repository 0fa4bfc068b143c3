/*
 * grip.c
 *		What the current transaction still holds.
 */
#include "postgres.h"

#include "access/xact.h"
#include "storage/proc.h"

#include "infrastructure/postgres/catalog.h"
#include "infrastructure/postgres/compat.h"
#include "infrastructure/postgres/grip.h"

static uint64 undone = 1; /* subtransactions, from 1 on */

static uint64 count_losses(void);
static void lose_subtransaction(SubXactEvent event, SubTransactionId own, SubTransactionId parent,
								void *arg);

OutboxGrip
outbox_grip_take(void)
{
	static bool listening = false;

	if (!listening)
		RegisterSubXactCallback(lose_subtransaction, NULL);
	listening = true;
	return (OutboxGrip){outbox_compat_local_transaction(), count_losses()};
}

bool
outbox_grip_holds(const OutboxGrip *grip)
{
	return outbox_grip_knows(grip) && grip->transaction == outbox_compat_local_transaction();
}

bool
outbox_grip_knows(const OutboxGrip *grip)
{
	return grip->losses == count_losses();
}

/* Both only grow, so no two sums are the same. */
static uint64
count_losses(void)
{
	return outbox_catalog_changes() + undone;
}

static void
lose_subtransaction(SubXactEvent event, SubTransactionId own, SubTransactionId parent, void *arg)
{
	if (event == SUBXACT_EVENT_ABORT_SUB)
		undone++;
}
