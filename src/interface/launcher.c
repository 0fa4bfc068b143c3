/*
 * launcher.c
 *		The launcher: one relay for each database that has the extension.
 *
 * Whether a database has the extension can be seen only from inside, so the
 * launcher starts a relay in each database once; a relay that finds nothing to
 * do says so in its slot and leaves, and is started again only when a command
 * announces a change.  The launcher itself is connected to no database, runs no
 * domain code and never touches libnats: a crash of any worker resets the whole
 * server, so relays are dynamic workers that PostgreSQL never restarts, and the
 * launcher starts them again at a slowing pace; and not at all when they have
 * crashed some times in a row (safe mode), which their marks tell it after a reset.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/varlena.h"
#include "utils/wait_event.h"

#include "infrastructure/postgres/compat.h"
#include "infrastructure/postgres/databases.h"
#include "infrastructure/postgres/mark.h"
#include "infrastructure/postgres/queue.h"
#include "infrastructure/postgres/shared.h"
#include "infrastructure/postgres/statistics.h"
#include "infrastructure/postgres/tally.h"
#include "interface/journal.h"
#include "interface/keeper.h"
#include "interface/launcher.h"
#include "interface/pace.h"
#include "interface/settings.h"

/* How often to look whether the relay of an earlier launcher still runs. */
#define ORPHAN_MS 1000
/* Seconds after which the launcher itself comes back after an error. */
#define LAUNCHER_RESTART_S 1

static BackgroundWorkerHandle **handles; /* of each slot's relay, or NULL */
static uint32 wait_event = 0;

PGDLLEXPORT void outbox_launcher_main(Datum arg);

static long supervise(void);
static void warn_of_too_many(void);
static void reap(void);
static void release_dropped(const OutboxDatabase *databases, int count);
static void send_away(int slot, const OutboxSlotInfo *info);
static TimestampTz consider(const OutboxDatabase *database);
static void after_end(int slot, const OutboxSlotInfo *info);
static bool allowed(const char *database);
static bool stays_down(const OutboxDatabase *database);
static void word(char *reason, size_t size, const OutboxMark *mark);
static TimestampTz start(const OutboxDatabase *database, const OutboxSlotInfo *info);
static void tell(const OutboxDatabase *database, const OutboxSlotInfo *info, const char *change,
				 const char *cause);
static void look_again(void);
static long sooner(long a, long b);

void
outbox_launcher_register(void)
{
	BackgroundWorker worker = {
		.bgw_name = "cleanoutbox launcher",
		.bgw_type = "cleanoutbox launcher",
		.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION,
		.bgw_start_time = BgWorkerStart_RecoveryFinished,
		.bgw_restart_time = LAUNCHER_RESTART_S,
		.bgw_library_name = "cleanoutbox",
		.bgw_function_name = "outbox_launcher_main",
	};

	RegisterBackgroundWorker(&worker);
}

void
outbox_launcher_main(Datum arg)
{
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	BackgroundWorkerUnblockSignals();
	/* A reload that came before the handler was there is not lost. */
	ProcessConfigFile(PGC_SIGHUP);
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	handles = MemoryContextAllocZero(TopMemoryContext, sizeof(handles[0]) * outbox_shared_count());
	outbox_shared_attach_launcher();

	for (;;)
	{
		long timeout;

		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		/* Not 0: the launcher must come back if somebody has ended it. */
		if (ShutdownRequestPending)
			proc_exit(1);
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
			look_again();
		}
		pgstat_report_activity(STATE_RUNNING, "looking for databases");
		timeout = sooner(supervise(), outbox_keeper_turn());
		pgstat_report_activity(STATE_IDLE, NULL);
		(void) WaitLatch(MyLatch,
						 WL_LATCH_SET | WL_EXIT_ON_PM_DEATH | (timeout >= 0 ? WL_TIMEOUT : 0),
						 timeout, outbox_compat_wait_event(wait_event, "OutboxLauncher"));
	}
}

/* One round over all databases; returns the ms until the next one is due, -1: none is. */
static long
supervise(void)
{
	MemoryContext round =
		AllocSetContextCreate(TopMemoryContext, "outbox launcher", ALLOCSET_SMALL_SIZES);
	MemoryContext previous = MemoryContextSwitchTo(round);
	OutboxDatabase *databases;
	int count = outbox_databases_list(&databases);
	TimestampTz next = DT_NOEND;

	reap();
	release_dropped(databases, count);
	for (int i = 0; i < count; i++)
	{
		OutboxDatabase *database = &databases[i];
		TimestampTz due;

		database->slot = outbox_shared_find(database->oid);
		if (database->slot == OUTBOX_NO_SLOT)
			database->slot = outbox_shared_claim(database->oid);
		if (database->slot == OUTBOX_NO_SLOT)
		{
			warn_of_too_many();
			continue;
		}
		due = consider(database);
		next = Min(next, due);
	}
	MemoryContextSwitchTo(previous);
	MemoryContextDelete(round);
	return next == DT_NOEND ? -1 : TimestampDifferenceMilliseconds(GetCurrentTimestamp(), next);
}

static void
warn_of_too_many(void)
{
	static bool warned = false;
	char message[64];
	OutboxJournalEntry entry = {
		.change = "too_many_databases",
		.message = message,
		.detail = "Those beyond publish nothing.",
	};

	snprintf(message, sizeof(message), "there are more than %d databases", outbox_shared_count());
	if (!warned)
		outbox_journal_write(&entry, true);
	warned = true;
}

/* Takes note of the relays that have ended. */
static void
reap(void)
{
	for (int slot = 0; slot < outbox_shared_count(); slot++)
	{
		OutboxSlotInfo info;
		pid_t pid;

		if (handles[slot] == NULL || GetBackgroundWorkerPid(handles[slot], &pid) != BGWH_STOPPED)
			continue;
		outbox_shared_info(slot, &info);
		after_end(slot, &info);
	}
}

/* Takes back the slots of databases that are gone, or may have no relay any more. */
static void
release_dropped(const OutboxDatabase *databases, int count)
{
	for (int slot = 0; slot < outbox_shared_count(); slot++)
	{
		OutboxSlotInfo info;
		bool exists = false;

		outbox_shared_info(slot, &info);
		if (!OidIsValid(info.database))
			continue;
		for (int i = 0; i < count; i++)
			exists |= databases[i].oid == info.database;
		if (exists)
			continue;
		if (handles[slot] != NULL || info.pid != 0)
			send_away(slot, &info);
		else if (info.holds == 0)
		{
			outbox_queue_forget(slot);
			outbox_mark_forget(info.database);
			outbox_tally_forget(slot, info.database);
			outbox_statistics_forget(slot);
			outbox_shared_release(slot);
		}
	}
}

/* Ends the slot's relay; one that an earlier launcher started has no handle. */
static void
send_away(int slot, const OutboxSlotInfo *info)
{
	if (handles[slot] != NULL)
		TerminateBackgroundWorker(handles[slot]);
	else
		kill(info->pid, SIGTERM);
}

/* Does for one database what is due; returns when to come back. */
static TimestampTz
consider(const OutboxDatabase *database)
{
	int slot = database->slot;
	OutboxSlotInfo info;
	bool admitted = allowed(database->name);

	outbox_shared_info(slot, &info);
	if (info.pid == 0)
		outbox_tally_name(slot, database->name);
	if (handles[slot] != NULL || info.pid != 0)
	{
		if (info.holds > 0 || !admitted)
			send_away(slot, &info);
		return handles[slot] != NULL
				   ? DT_NOEND
				   : TimestampTzPlusMilliseconds(GetCurrentTimestamp(), ORPHAN_MS);
	}
	if (info.holds > 0)
	{
		outbox_shared_set_state(slot, OUTBOX_SLOT_UNKNOWN);
		return DT_NOEND;
	}
	if (!admitted)
	{
		if (info.state != OUTBOX_SLOT_EXCLUDED)
			tell(database, &info, "relay_excluded", "excluded");
		outbox_shared_set_state(slot, OUTBOX_SLOT_EXCLUDED);
		return DT_NOEND;
	}
	if (info.state == OUTBOX_SLOT_ABSENT || info.state == OUTBOX_SLOT_DISABLED ||
		info.state == OUTBOX_SLOT_SAFE_MODE)
		return DT_NOEND;
	if (outbox_pace_wait(info.start_after) > 0)
		return info.start_after;
	if (stays_down(database))
		return DT_NOEND;
	if (info.state == OUTBOX_SLOT_FAILED)
		tell(database, &info, "relay_failed", "failing");
	return start(database, &info);
}

/* The relay has ended: on purpose, which it has said in its state, or not. */
static void
after_end(int slot, const OutboxSlotInfo *info)
{
	int failures;
	TimestampTz start_after;

	pfree(handles[slot]);
	handles[slot] = NULL;
	if (info->state != OUTBOX_SLOT_RUNNING)
	{
		outbox_shared_set_failures(slot, 0, 0);
		return;
	}
	if (info->holds > 0)
	{
		outbox_shared_set_state(slot, OUTBOX_SLOT_UNKNOWN);
		return;
	}
	failures = outbox_pace_fail(info->failures, info->since, &start_after);
	outbox_shared_set_failures(slot, failures, start_after);
	outbox_shared_set_state(slot, OUTBOX_SLOT_FAILED);
}

/* Does outbox.databases admit the database? */
static bool
allowed(const char *database)
{
	char *names = pstrdup(outbox_settings.databases ? outbox_settings.databases : "");
	List *list;
	ListCell *cell;

	if (!SplitIdentifierString(names, ',', &list) || list == NIL)
		return true;
	foreach(cell, list)
		if (strcmp(lfirst(cell), database) == 0 || strcmp(lfirst(cell), "*") == 0)
			return true;
	return false;
}

/* Looks how the last relay ended; true: there shall be no next one. */
static bool
stays_down(const OutboxDatabase *database)
{
	OutboxMark mark;
	OutboxRelayStatus before;
	OutboxRelayStatus status = {0};
	char message[OUTBOX_TEXT_SIZE + 2 * NAMEDATALEN];
	OutboxJournalEntry entry = {
		.change = "relay_stays_down",
		.message = message,
		.hint = "Remove the cause and call outbox.resume() in that database, or "
				"outbox.set_aside() with the event.",
		.database = database->name,
		.cause = "safe_mode",
		.reason = status.text,
	};
	int64_t set_aside;

	if (outbox_shared_take_pardon(database->slot, &set_aside))
		outbox_mark_pardon(database->oid, set_aside);
	outbox_mark_judge(database->oid, &mark);
	if (!outbox_suspicion_is_grave(&mark.suspicion))
		return false;
	word(status.text, sizeof(status.text), &mark);
	status.suspect = mark.suspicion.suspect;
	outbox_shared_status(database->slot, &before);
	outbox_shared_report(database->slot, &status);
	outbox_shared_set_state(database->slot, OUTBOX_SLOT_SAFE_MODE);
	entry.event_id = status.suspect;
	entry.attempt = mark.suspicion.ends;
	snprintf(message, sizeof(message), "relay for database \"%s\" stays down: %s", database->name,
			 status.text);
	if (strcmp(before.text, status.text) != 0)
		outbox_journal_write(&entry, true);
	return true;
}

static void
word(char *reason, size_t size, const OutboxMark *mark)
{
	int64_t suspect = mark->suspicion.suspect;
	char place[64] = "";
	char cause[64] = "killed from outside";

	if (suspect > 0)
		snprintf(place, sizeof(place), " while it handled event " INT64_FORMAT, suspect);
	else if (suspect == OUTBOX_AT_HAND_LOG)
		strlcpy(place, " while it read the log", sizeof(place));
	if (mark->signal != 0)
		snprintf(cause, sizeof(cause), "by signal %d", mark->signal);
	snprintf(reason, size, "it has crashed %d times in a row, the last time %s%s",
			 mark->suspicion.ends, cause, place);
}

static TimestampTz
start(const OutboxDatabase *database, const OutboxSlotInfo *info)
{
	BackgroundWorker worker = {
		.bgw_type = "cleanoutbox relay",
		.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION,
		.bgw_start_time = BgWorkerStart_RecoveryFinished,
		.bgw_restart_time = BGW_NEVER_RESTART,
		.bgw_library_name = "cleanoutbox",
		.bgw_function_name = "outbox_relay_main",
		.bgw_main_arg = Int32GetDatum(database->slot),
		.bgw_notify_pid = MyProcPid,
	};
	MemoryContext previous = MemoryContextSwitchTo(TopMemoryContext);
	bool started;
	TimestampTz retry =
		TimestampTzPlusMilliseconds(GetCurrentTimestamp(), OUTBOX_PACE_NO_WORKER_MS);

	snprintf(worker.bgw_name, BGW_MAXLEN, "cleanoutbox relay for %s", database->name);
	/* Before the start: the relay itself may set another state at once. */
	outbox_shared_set_state(database->slot, OUTBOX_SLOT_RUNNING);
	started = RegisterDynamicBackgroundWorker(&worker, &handles[database->slot]);
	MemoryContextSwitchTo(previous);
	if (started)
		return DT_NOEND;
	handles[database->slot] = NULL;
	if (info->state != OUTBOX_SLOT_NO_WORKER)
		tell(database, info, "relay_not_started", "no_worker_slot");
	outbox_shared_set_state(database->slot, OUTBOX_SLOT_NO_WORKER);
	outbox_shared_set_failures(database->slot, 0, retry);
	return retry;
}

/* What text has no line for: outbox.status tells it, and PostgreSQL that a relay has failed. */
static void
tell(const OutboxDatabase *database, const OutboxSlotInfo *info, const char *change,
	 const char *cause)
{
	char message[2 * NAMEDATALEN];
	OutboxJournalEntry entry = {
		.change = change,
		.message = message,
		.database = database->name,
		.cause = cause,
		.attempt = (uint32_t) info->failures,
	};

	snprintf(message, sizeof(message), "relay for database \"%s\": %s", entry.database, cause);
	if (outbox_journal_is_structured())
		outbox_journal_write(&entry, false);
}

/* Settings have changed: what was left out may be wanted now. */
static void
look_again(void)
{
	for (int slot = 0; slot < outbox_shared_count(); slot++)
	{
		OutboxSlotInfo info;

		outbox_shared_info(slot, &info);
		if (info.state == OUTBOX_SLOT_DISABLED || info.state == OUTBOX_SLOT_EXCLUDED)
			outbox_shared_set_state(slot, OUTBOX_SLOT_UNKNOWN);
	}
}

/* Of two timeouts, of which -1 is none. */
static long
sooner(long a, long b)
{
	return a < 0 ? b : b < 0 ? a : Min(a, b);
}
