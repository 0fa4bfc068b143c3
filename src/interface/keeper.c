/*
 * keeper.c
 *		The launcher's care for the HTTP endpoint.
 *
 * The endpoint is a dynamic worker that PostgreSQL never restarts, since a crash of
 * any worker resets the whole server.  After an error it starts again at a slowing
 * pace; after some crashes in a row, which its mark tells, it stays down until
 * somebody turns it off and on.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "infrastructure/postgres/endpoint.h"
#include "infrastructure/postgres/mark.h"
#include "interface/keeper.h"
#include "interface/pace.h"
#include "interface/settings.h"

#define NOT_DUE (-1)

static BackgroundWorkerHandle *handle = NULL;

static void reap(void);
static void turn_off(const OutboxEndpointInfo *info);
static bool stays_down(const OutboxEndpointInfo *info);
static long start(void);

long
outbox_keeper_turn(void)
{
	OutboxEndpointInfo info;
	long wait;

	reap();
	outbox_endpoint_info(&info);
	/* It reads the setting itself, and leaves. */
	if (handle != NULL || info.pid != 0)
		return NOT_DUE;
	if (outbox_settings.http_listen[0] == '\0')
	{
		turn_off(&info);
		return NOT_DUE;
	}
	wait = outbox_pace_wait(info.start_after);
	if (wait > 0)
		return wait;
	return stays_down(&info) ? NOT_DUE : start();
}

/* Takes note of its end. */
static void
reap(void)
{
	OutboxEndpointInfo info;
	TimestampTz start_after;
	int failures;
	pid_t pid;

	if (handle == NULL || GetBackgroundWorkerPid(handle, &pid) != BGWH_STOPPED)
		return;
	pfree(handle);
	handle = NULL;
	outbox_endpoint_info(&info);
	if (info.state == OUTBOX_ENDPOINT_OFF)
	{
		outbox_endpoint_set_failures(0, 0);
		return;
	}
	failures = outbox_pace_fail(info.failures, info.since, &start_after);
	outbox_endpoint_set_failures(failures, start_after);
	outbox_endpoint_set_state(OUTBOX_ENDPOINT_FAILED, "it ended by an error, see the server log");
}

/* Whoever turns it on again wants to see it run, whatever has been. */
static void
turn_off(const OutboxEndpointInfo *info)
{
	static bool forgotten = false;

	if (forgotten && info->state == OUTBOX_ENDPOINT_OFF)
		return;
	outbox_mark_forget(OUTBOX_MARK_ENDPOINT);
	outbox_endpoint_set_failures(0, 0);
	outbox_endpoint_set_state(OUTBOX_ENDPOINT_OFF, "");
	forgotten = true;
}

/* Looks how the last one ended; true: there shall be no next one. */
static bool
stays_down(const OutboxEndpointInfo *info)
{
	OutboxMark mark;
	char reason[OUTBOX_ENDPOINT_TEXT_SIZE];

	outbox_mark_judge(OUTBOX_MARK_ENDPOINT, &mark);
	if (!outbox_suspicion_is_grave(&mark.suspicion))
		return false;
	if (info->state == OUTBOX_ENDPOINT_DOWN)
		return true;
	snprintf(reason, sizeof(reason), "it has crashed %d times in a row", mark.suspicion.ends);
	outbox_endpoint_set_state(OUTBOX_ENDPOINT_DOWN, reason);
	ereport(WARNING, (errmsg("HTTP endpoint stays down: %s", reason),
					  errhint("Remove the cause, set outbox.http_listen to '' and reload, then "
							  "set it again.")));
	return true;
}

static long
start(void)
{
	BackgroundWorker worker = {
		.bgw_name = "cleanoutbox http",
		.bgw_type = "cleanoutbox http",
		.bgw_flags = BGWORKER_SHMEM_ACCESS,
		.bgw_start_time = BgWorkerStart_RecoveryFinished,
		.bgw_restart_time = BGW_NEVER_RESTART,
		.bgw_library_name = "cleanoutbox",
		.bgw_function_name = "outbox_http_main",
		.bgw_notify_pid = MyProcPid,
	};
	MemoryContext previous = MemoryContextSwitchTo(TopMemoryContext);
	bool started;

	/* Before the start: it may set another state at once. */
	outbox_endpoint_set_state(OUTBOX_ENDPOINT_STARTING, "");
	started = RegisterDynamicBackgroundWorker(&worker, &handle);
	MemoryContextSwitchTo(previous);
	if (started)
		return NOT_DUE;
	handle = NULL;
	outbox_endpoint_set_state(OUTBOX_ENDPOINT_NO_WORKER, "max_worker_processes is exhausted");
	return OUTBOX_PACE_NO_WORKER_MS;
}
