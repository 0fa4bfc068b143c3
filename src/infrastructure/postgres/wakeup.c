/*
 * wakeup.c
 *		Wakes relays and the launcher when the current transaction ends.
 *
 * The commit callback runs after the transaction has left the list of running
 * ones, so the snapshot that the relay takes when it wakes sees it.  None is
 * lost, since the relay resets its latch before it takes the snapshot.  COMMIT
 * PREPARED runs in another session, which has emitted nothing: polling finds it.
 *
 * A *hold* keeps a relay away from its database.  It ends with the transaction,
 * however that ends.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/wait_event.h"

#include "infrastructure/postgres/shared.h"
#include "infrastructure/postgres/wakeup.h"

/* A relay leaves within milliseconds; the limit only guards against a sick one. */
#define HOLD_TURN_MS 10
#define HOLD_TURNS 500
#define MAX_ANNOUNCED 16

static bool emitted = false;
static int64 due = PG_INT64_MAX; /* of what this transaction has scheduled first */
static Oid announced[MAX_ANNOUNCED];
static int announced_count = 0; /* beyond the most: all databases */
static bool must_commit = false; /* here, so that it can tell */
static bool pardoned = false;
static int64 set_aside = 0; /* when pardoned */
static int held = OUTBOX_NO_SLOT;

static void at_end(XactEvent event, void *arg);
static void announce(void);
static void refuse_to_prepare(void);
static void release(void);

void
outbox_wakeup_mark(void)
{
	emitted = true;
}

void
outbox_wakeup_schedule(int64_t at)
{
	due = Min(due, at);
}

void
outbox_wakeup_announce(uint32_t database)
{
	if (!OidIsValid(database))
		return;
	if (announced_count < MAX_ANNOUNCED)
		announced[announced_count] = database;
	announced_count = Min(announced_count + 1, MAX_ANNOUNCED + 1);
}

void
outbox_wakeup_announce_here(void)
{
	outbox_wakeup_announce(MyDatabaseId);
	must_commit = true;
}

void
outbox_wakeup_pardon_here(int64_t event)
{
	pardoned = true;
	set_aside = event;
	outbox_wakeup_announce_here();
}

void
outbox_wakeup_hold(uint32_t database)
{
	OutboxSlotInfo info;

	release();
	held = outbox_shared_find(database);
	if (held == OUTBOX_NO_SLOT)
		return;
	outbox_shared_hold(held, 1);
	for (int turn = 0; turn < HOLD_TURNS; turn++)
	{
		outbox_shared_info(held, &info);
		if (info.pid == 0 && info.state != OUTBOX_SLOT_RUNNING)
			break;
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, HOLD_TURN_MS,
						 PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
}

void
outbox_wakeup_install(void)
{
	RegisterXactCallback(at_end, NULL);
}

static void
at_end(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_COMMIT:
			if (due != PG_INT64_MAX)
				outbox_shared_lower_due(MyDatabaseId, due);
			if (emitted || due != PG_INT64_MAX)
				outbox_shared_wake(MyDatabaseId);
			if (pardoned)
				outbox_shared_pardon(MyDatabaseId, set_aside);
			announce();
			break;
		case XACT_EVENT_PRE_PREPARE:
			refuse_to_prepare();
			return;
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
			break;
		default:
			return;
	}
	emitted = false;
	due = PG_INT64_MAX;
	announced_count = 0;
	must_commit = false;
	pardoned = false;
	release();
}

static void
announce(void)
{
	if (announced_count > MAX_ANNOUNCED)
		outbox_shared_announce_all();
	else
		for (int i = 0; i < announced_count; i++)
			outbox_shared_announce(announced[i]);
}

/* Whoever commits it later would not tell the launcher. */
static void
refuse_to_prepare(void)
{
	if (must_commit)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot PREPARE a transaction that concerns the relay of a database"),
				 errdetail("It creates, drops, pauses or resumes cleanoutbox.")));
}

static void
release(void)
{
	if (held != OUTBOX_NO_SLOT)
		outbox_shared_hold(held, -1);
	held = OUTBOX_NO_SLOT;
}
