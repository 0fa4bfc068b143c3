/*
 * worker.c
 *		The relay's process: binds the store and the broker to the relay, and
 *		turns it.
 *
 * The loop waits, reloads, takes one step, reports.  No transaction is open
 * while it waits.  It ends
 *	- on purpose (no extension, disabled, asked to look again): it says so in its
 *	  slot and exits with 0;
 *	- by an error: the launcher starts it again.
 * It leaves by _exit, so that no exit handler runs beside the threads of libnats.
 */
#include "postgres.h"

#include <unistd.h>

#include "access/xact.h"
#include "commands/dbcommands.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "infrastructure/postgres/catalog.h"
#include "infrastructure/postgres/ledger.h"
#include "infrastructure/postgres/log.h"
#include "infrastructure/postgres/monotonic.h"
#include "infrastructure/postgres/queue.h"
#include "infrastructure/postgres/schedule.h"
#include "infrastructure/postgres/shared.h"
#include "infrastructure/postgres/store.h"
#include "infrastructure/postgres/tally.h"
#include "infrastructure/postgres/transaction.h"
#include "interface/binding.h"
#include "interface/bulletin.h"
#include "interface/caution.h"
#include "interface/claim.h"
#include "interface/housekeeping.h"
#include "interface/journal.h"
#include "interface/meter.h"
#include "interface/settings.h"
#include "interface/waiter.h"

/* How long an unusable secret file is left alone. */
#define MISFIT_RETRY_MS 5000
#define STANDSTILL_MS 60000
#define GATHER_US 500 /* between turns in which there is nothing left to do at once */
#define STRUCTURED_PAYLOAD_MAX ((size_t) 64 * 1024 * 1024)

typedef struct Worker
{
	int slot;
	OutboxBinding binding;
	OutboxClaim claim;
	OutboxStore *store;
	OutboxLedger *ledger; /* over the store */
	OutboxNatsBroker *broker;
	OutboxQueue *queue; /* NULL: nothing is broadcast */
	OutboxRelay *relay; /* NULL until the settings fit */
	OutboxRelayOptions options;
	OutboxHousekeeping housekeeping;
	OutboxSchedule schedule;
	OutboxBulletin bulletin;
	OutboxMeter meter;
	OutboxCaution caution;
	bool paused; /* by outbox.pause */
} Worker;

PGDLLEXPORT void outbox_relay_main(Datum arg);

static void leave_without_handlers(int code, Datum arg);
static void connect_to_database(Worker *worker);
static void pin_settings(void);
static bool look_around(Worker *worker);
static void leave(Worker *worker, OutboxSlotState state);
static void mind_signals(Worker *worker);
static void bind_settings(Worker *worker, bool reconnect);
static bool ids_ascend(Worker *worker);
static void turn(Worker *worker);
static void gather(void);
static long rest(const Worker *worker, const OutboxRelayStep *step);
static long stand_still(Worker *worker);
static bool fits(const Worker *worker);
static long ms_until(int64_t wake_at);

void
outbox_relay_main(Datum arg)
{
	Worker *worker = MemoryContextAllocZero(TopMemoryContext, sizeof(Worker));

	on_proc_exit(leave_without_handlers, (Datum) 0);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	/* A reload that came before the handler was there is not lost. */
	ProcessConfigFile(PGC_SIGHUP);
	worker->slot = DatumGetInt32(arg);
	connect_to_database(worker);
	if (!look_around(worker))
		leave(worker, OUTBOX_SLOT_ABSENT);
	if (!outbox_settings.enabled)
		leave(worker, OUTBOX_SLOT_DISABLED);
	outbox_claim_make(&worker->claim);
	strlcpy(worker->binding.uuid, worker->claim.identity.uuid, sizeof(worker->binding.uuid));

	MemoryContextSwitchTo(TopMemoryContext);
	outbox_caution_begin(&worker->caution, worker->binding.database, outbox_monotonic_us());
	worker->store = outbox_store_create();
	worker->queue = outbox_queue_open();
	worker->ledger = outbox_ledger_create(worker->store);
	outbox_meter_open(
		&worker->meter,
		outbox_tally_open(worker->slot, worker->binding.database, worker->binding.uuid),
		worker->store, worker->claim.identity.ids_from, outbox_monotonic_us());
	outbox_housekeeping_open(&worker->housekeeping, worker->slot, worker->store);
	worker->schedule.slot = worker->slot;
	worker->broker = outbox_nats_broker_create();
	if (worker->broker == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY), errmsg("could not prepare the NATS connection")));
	outbox_bulletin_open(&worker->bulletin, worker->slot, &worker->binding, worker->store,
						 worker->broker);
	bind_settings(worker, false);
	for (;;)
	{
		mind_signals(worker);
		turn(worker);
	}
}

static void
leave_without_handlers(int code, Datum arg)
{
	if (code == 0 || code == 1)
		outbox_tally_keep();
	outbox_mark_end(code);
	_exit(code);
}

static void
connect_to_database(Worker *worker)
{
	OutboxSlotInfo info;

	outbox_shared_info(worker->slot, &info);
	if (!outbox_shared_attach(worker->slot))
		proc_exit(0);
	BackgroundWorkerInitializeConnectionByOid(info.database, InvalidOid, 0);
	pin_settings();
}

/* What a database or role may set for its sessions must not change the relay's ways. */
static void
pin_settings(void)
{
	static const char *const pinned[][2] = {
		{"role", "none"},
		{"search_path", "pg_catalog, pg_temp"},
		{"synchronous_commit", "off"},
		{"default_transaction_isolation", "read committed"},
		{"default_transaction_read_only", "off"},
		{"default_transaction_deferrable", "off"},
		{"statement_timeout", "0"},
		{"lock_timeout", "10s"},
		{"idle_in_transaction_session_timeout", "0"},
		{"row_security", "on"},
		{"jit", "off"},
		{"max_parallel_workers_per_gather", "0"},
	};

	for (int i = 0; i < lengthof(pinned); i++)
		SetConfigOption(pinned[i][0], pinned[i][1], PGC_SUSET, PGC_S_OVERRIDE);
}

/* Is the extension here?  If so, reads what the relay has to know first. */
static bool
look_around(Worker *worker)
{
	OutboxBinding *binding = &worker->binding;
	bool found;

	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	found = OidIsValid(outbox_catalog_extension());
	if (found)
	{
		char *name = get_database_name(MyDatabaseId);

		worker->paused = outbox_catalog_has_rows("paused");
		strlcpy(binding->database, pg_server_to_any(name, strlen(name), PG_UTF8),
				sizeof(binding->database));
	}
	PopActiveSnapshot();
	CommitTransactionCommand();
	return found;
}

/* Ends on purpose. */
static void
leave(Worker *worker, OutboxSlotState state)
{
	OutboxJournalEntry entry = {
		.change = "relay_disabled",
		.message = "relay leaves, since outbox.enabled is off",
		.cause = "disabled",
		.database = worker->binding.database,
	};

	if (state == OUTBOX_SLOT_DISABLED && outbox_journal_is_structured())
		outbox_journal_write(&entry, false);
	if (worker->relay)
		outbox_relay_pause(worker->relay, outbox_monotonic_us());
	outbox_shared_leave(worker->slot, state);
	proc_exit(0);
}

static void
mind_signals(Worker *worker)
{
	if (ProcDiePending)
	{
		/* Nothing is open: write down how far we are, and go quietly. */
		ProcDiePending = false;
		InterruptPending = false;
		if (worker->relay)
			outbox_relay_pause(worker->relay, outbox_monotonic_us());
		proc_exit(0);
	}
	CHECK_FOR_INTERRUPTS();
	if (outbox_shared_take_announcement(worker->slot))
		leave(worker, OUTBOX_SLOT_UNKNOWN);
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
		if (!outbox_settings.enabled)
			leave(worker, OUTBOX_SLOT_DISABLED);
		bind_settings(worker, true);
	}
}

/* Takes the settings as they are now; starts the relay when they first fit. */
static void
bind_settings(Worker *worker, bool reconnect)
{
	OutboxRelayPorts ports = {
		.store = &outbox_postgres_ledger,
		.store_self = worker->ledger,
		.broker = &outbox_nats_broker,
		.broker_self = worker->broker,
		.queue = worker->queue != NULL ? &outbox_postgres_queue : NULL,
		.queue_self = worker->queue,
		.tally = worker->meter.tally,
	};

	outbox_shared_set_wakeable(worker->slot, outbox_settings.notifier == OUTBOX_NOTIFIER_COMMIT);
	outbox_store_announce_on(worker->store, outbox_settings.notify_channel);
	outbox_store_block_on_refusal(worker->store,
								  outbox_settings.on_refusal == OUTBOX_REFUSAL_BLOCK);
	outbox_store_publish_after_standbys(worker->store, outbox_settings.publish_after ==
														   OUTBOX_PUBLISH_AFTER_STANDBY);
	worker->binding.reason[0] = '\0';
	outbox_housekeeping_hurry(&worker->housekeeping);
	if (worker->paused || worker->claim.fence[0] || !ids_ascend(worker) ||
		!outbox_binding_prepare(&worker->binding) ||
		!outbox_binding_broker(&worker->binding, worker->broker))
		return;
	outbox_binding_relay(&worker->binding, &worker->options);
	outbox_caution_apply(&worker->caution, &worker->options);
	if (worker->relay)
	{
		outbox_relay_reconfigure(worker->relay, &worker->options, reconnect, outbox_monotonic_us());
		outbox_ledger_follow(worker->ledger, worker->binding.stream);
		return;
	}
	outbox_ledger_follow(worker->ledger, worker->binding.stream);
	/* Room for every mode, since the mode may change; what is not used is never touched. */
	ports.scratch_size = outbox_envelope_scratch_size(OUTBOX_ENVELOPE_CLOUDEVENTS_STRUCTURED,
													  STRUCTURED_PAYLOAD_MAX);
	ports.scratch = MemoryContextAllocHuge(TopMemoryContext, ports.scratch_size);
	worker->relay = MemoryContextAllocZero(TopMemoryContext, sizeof(OutboxRelay));
	outbox_relay_init(worker->relay, &worker->options, &ports,
					  (uint64) GetCurrentTimestamp() ^ MyProcPid, outbox_monotonic_us());
}

/* With ids out of order there is no telling which event comes first. */
static bool
ids_ascend(Worker *worker)
{
	bool ascend;

	outbox_transaction_begin();
	ascend = outbox_log_ids_ascend();
	outbox_transaction_commit();
	if (!ascend)
		strlcpy(worker->binding.reason,
				"ids do not ascend: sequence outbox.event_id_seq must have CACHE 1 and no CYCLE",
				sizeof(worker->binding.reason));
	return ascend;
}

/* One step, a report, and the wait for what comes next. */
static void
turn(Worker *worker)
{
	static bool woken = true;
	long timeout;
	OutboxWakes wakes;

	if (fits(worker))
	{
		OutboxRelayStep step;

		outbox_housekeeping_verify(&worker->housekeeping, worker->relay);
		/* Before the step, which so takes what has entered the log. */
		woken |= outbox_schedule_turn(&worker->schedule, worker->options.poll_interval);
		outbox_meter_set_clock(&worker->meter, outbox_monotonic_us());
		step = outbox_relay_step(worker->relay, outbox_monotonic_us(), woken);
		timeout = 0;
		if (!step.busy)
		{
			outbox_bulletin_relay(&worker->bulletin, worker->relay,
								  worker->housekeeping.verification, outbox_monotonic_us());
			outbox_meter_read(&worker->meter, worker->relay, false, outbox_monotonic_us());
			timeout = rest(worker, &step);
		}
		if (outbox_store_is_restored(worker->store))
			leave(worker, OUTBOX_SLOT_UNKNOWN);
		if (outbox_relay_stranger(worker->relay) != 0)
			outbox_claim_give_up(&worker->claim, worker->relay, outbox_monotonic_us());
		else
			outbox_housekeeping_turn(&worker->housekeeping, worker->relay);
		if (outbox_caution_ends(&worker->caution, worker->relay, outbox_monotonic_us()))
			bind_settings(worker, false);
	}
	else
		timeout = stand_still(worker);
	outbox_nats_broker_flush(worker->broker);
	wakes = outbox_waiter_wait(worker->broker, timeout);
	if (timeout > 0)
		gather();
	woken = wakes.latch && outbox_shared_take_wake(worker->slot);
	outbox_nats_broker_process(worker->broker, wakes.readable || wakes.latch, wakes.writable);
	if (outbox_nats_broker_overdue(worker->broker))
		ereport(ERROR,
				(errcode(ERRCODE_CONNECTION_FAILURE),
				 errmsg("connecting to NATS hangs beyond its timeout"),
				 errdetail("The process has to end, since the library cannot be interrupted.")));
}

/*
 * A turn costs as much as many events, so what comes close behind the last turn waits for
 * more: under load that leaves the processors to who commits, and all arrives sooner.
 */
static void
gather(void)
{
	static int64 last = 0;
	int64 since = outbox_monotonic_us() - last;

	if (since < GATHER_US)
		pg_usleep(GATHER_US - since);
	last = outbox_monotonic_us();
}

/* How long there is nothing to do, if nothing happens: milliseconds. */
static long
rest(const Worker *worker, const OutboxRelayStep *step)
{
	int64 scheduled = outbox_schedule_rest(&worker->schedule, worker->options.poll_interval);
	long rest = Min(ms_until(step->wake_at), (long) ((scheduled + 999) / 1000));

	return outbox_meter_rest(&worker->meter, rest, outbox_monotonic_us());
}

/* Publishes nothing, and tells why; returns the time to do so for. */
static long
stand_still(Worker *worker)
{
	if (worker->queue != NULL)
		outbox_postgres_queue.admit(worker->queue, OUTBOX_FATE_OFFLINE);
	outbox_meter_set_clock(&worker->meter, outbox_monotonic_us());
	outbox_meter_read(&worker->meter, worker->relay, worker->paused, outbox_monotonic_us());
	if (!worker->paused && !worker->claim.fence[0])
	{
		outbox_bulletin_misfit(&worker->bulletin, OUTBOX_CODE_SETTINGS, worker->binding.reason);
		bind_settings(worker, true);
		return fits(worker) ? 0 : MISFIT_RETRY_MS;
	}
	/* A pause and a fence last until they are announced to have changed, so commits wake nobody. */
	outbox_shared_set_wakeable(worker->slot, false);
	outbox_bulletin_misfit(&worker->bulletin,
						   worker->paused ? OUTBOX_CODE_PAUSED : OUTBOX_CODE_FENCED,
						   worker->paused ? "publishing is paused" : worker->claim.fence);
	return outbox_meter_rest(&worker->meter, STANDSTILL_MS, outbox_monotonic_us());
}

static bool
fits(const Worker *worker)
{
	return worker->relay != NULL && !worker->claim.fence[0] && worker->binding.reason[0] == '\0';
}

static long
ms_until(int64_t wake_at)
{
	int64_t us = wake_at - outbox_monotonic_us();

	return us <= 0 ? 0 : (long) Min((us + 999) / 1000, 60000);
}
