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
#include "infrastructure/postgres/identity.h"
#include "infrastructure/postgres/ledger.h"
#include "infrastructure/postgres/log.h"
#include "infrastructure/postgres/monotonic.h"
#include "infrastructure/postgres/queue.h"
#include "infrastructure/postgres/ring.h"
#include "infrastructure/postgres/schedule.h"
#include "infrastructure/postgres/shared.h"
#include "infrastructure/postgres/store.h"
#include "infrastructure/postgres/tally.h"
#include "infrastructure/postgres/transaction.h"
#include "interface/binding.h"
#include "interface/bulletin.h"
#include "interface/caution.h"
#include "interface/journal.h"
#include "interface/meter.h"
#include "interface/settings.h"
#include "interface/waiter.h"

/* How long an unusable secret file is left alone. */
#define MISFIT_RETRY_MS 5000
#define STANDSTILL_MS 60000
/* How often to look whether old events can go: some times per retention. */
#define HOUSEKEEPING_TURNS 20
#define HOUSEKEEPING_MIN_US INT64CONST(1000000)
#define HOUSEKEEPING_MAX_US INT64CONST(60000000)
#define STRUCTURED_PAYLOAD_MAX ((size_t) 64 * 1024 * 1024)

typedef struct Worker
{
	int slot;
	OutboxBinding binding;
	OutboxIdentity identity;
	OutboxStore *store;
	OutboxLedger *ledger; /* over the store */
	OutboxNatsBroker *broker;
	OutboxQueue *queue; /* NULL: nothing is broadcast */
	OutboxRelay *relay; /* NULL until the settings fit */
	OutboxRelayOptions options;
	OutboxRing ring;
	int64_t housekeeping_at; /* when to look after the ring again */
	OutboxSchedule schedule;
	OutboxBulletin bulletin;
	OutboxMeter meter;
	OutboxCaution caution;
	bool paused; /* by outbox.pause */
	char fence[OUTBOX_TEXT_SIZE]; /* why it is fenced; "": it is not */
	uint64_t verification; /* the one that was begun last */
} Worker;

PGDLLEXPORT void outbox_relay_main(Datum arg);

static void leave_without_handlers(int code, Datum arg);
static void connect_to_database(Worker *worker);
static void pin_settings(void);
static bool look_around(Worker *worker);
static void take_identity(Worker *worker);
static void leave(Worker *worker, OutboxSlotState state);
static void mind_signals(Worker *worker);
static void bind_settings(Worker *worker, bool reconnect);
static bool ids_ascend(Worker *worker);
static void turn(Worker *worker);
static long rest(const Worker *worker, const OutboxRelayStep *step);
static void give_up(Worker *worker);
static long stand_still(Worker *worker);
static void keep_house(Worker *worker);
static TimestampTz find_verified_at(const Worker *worker);
static void verify_when_asked(Worker *worker);
static bool fits(const Worker *worker);
static long ms_until(int64_t wake_at);

void
outbox_relay_main(Datum arg)
{
	uint64_t asked;
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
	take_identity(worker);

	MemoryContextSwitchTo(TopMemoryContext);
	outbox_caution_begin(&worker->caution, worker->binding.database, outbox_monotonic_us());
	worker->store = outbox_store_create();
	worker->queue = outbox_queue_open();
	worker->ledger = outbox_ledger_create(worker->store);
	outbox_meter_open(
		&worker->meter,
		outbox_tally_open(worker->slot, worker->binding.database, worker->binding.uuid),
		worker->store, worker->identity.ids_from, outbox_monotonic_us());
	outbox_ring_load(&worker->ring, worker->slot);
	worker->schedule.slot = worker->slot;
	worker->broker = outbox_nats_broker_create();
	if (worker->broker == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY), errmsg("could not prepare the NATS connection")));
	outbox_bulletin_open(&worker->bulletin, worker->slot, &worker->binding, worker->store,
						 worker->broker);
	outbox_shared_verifications(worker->slot, &asked, &worker->verification);
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

/* Notes where the outbox is now, or that it is fenced. */
static void
take_identity(Worker *worker)
{
	OutboxIdentity *identity = &worker->identity;
	int64_t ids_from;

	outbox_transaction_begin();
	outbox_identity_load(identity);
	strlcpy(worker->binding.uuid, identity->uuid, sizeof(worker->binding.uuid));
	if (!outbox_origin_continues(identity->origin))
		strlcpy(worker->fence, outbox_identity_explain(identity->origin), sizeof(worker->fence));
	else if (!identity->noted)
	{
		ids_from = outbox_identity_next_ids();
		if (ids_from > 0)
			outbox_log_raise_ids(ids_from);
		outbox_identity_settle(identity->uuid, Max(ids_from, identity->ids_from));
	}
	outbox_transaction_commit();
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
	worker->housekeeping_at = 0;
	if (worker->paused || worker->fence[0] || !ids_ascend(worker) ||
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
	bool entered = false;
	long timeout;
	OutboxWakes wakes;

	if (fits(worker))
	{
		OutboxRelayStep step;

		verify_when_asked(worker);
		outbox_meter_set_clock(&worker->meter, outbox_monotonic_us());
		step = outbox_relay_step(worker->relay, outbox_monotonic_us(), woken);
		entered = outbox_schedule_turn(&worker->schedule, worker->options.poll_interval);
		timeout = step.busy || entered ? 0 : rest(worker, &step);
		if (!step.busy)
		{
			outbox_bulletin_relay(&worker->bulletin, worker->relay, worker->verification,
								  outbox_monotonic_us());
			outbox_meter_read(&worker->meter, worker->relay, false, outbox_monotonic_us());
		}
		if (outbox_store_is_restored(worker->store))
			leave(worker, OUTBOX_SLOT_UNKNOWN);
		if (outbox_relay_stranger(worker->relay) != 0)
			give_up(worker);
		else if (outbox_monotonic_us() >= worker->housekeeping_at)
			keep_house(worker);
		if (outbox_caution_ends(&worker->caution, worker->relay, outbox_monotonic_us()))
			bind_settings(worker, false);
	}
	else
		timeout = stand_still(worker);
	outbox_nats_broker_flush(worker->broker);
	wakes = outbox_waiter_wait(worker->broker, timeout);
	woken = entered;
	if (wakes.latch)
		woken |= outbox_shared_take_wake(worker->slot);
	outbox_nats_broker_process(worker->broker, wakes.readable || wakes.latch, wakes.writable);
	if (outbox_nats_broker_overdue(worker->broker))
		ereport(ERROR,
				(errcode(ERRCODE_CONNECTION_FAILURE),
				 errmsg("connecting to NATS hangs beyond its timeout"),
				 errdetail("The process has to end, since the library cannot be interrupted.")));
}

/* How long there is nothing to do, if nothing happens: milliseconds. */
static long
rest(const Worker *worker, const OutboxRelayStep *step)
{
	int64 scheduled = outbox_schedule_rest(&worker->schedule, worker->options.poll_interval);
	long rest = Min(ms_until(step->wake_at), (long) ((scheduled + 999) / 1000));

	return outbox_meter_rest(&worker->meter, rest, outbox_monotonic_us());
}

/* Somebody else is this outbox, too: stands still, and keeps clear of his ids. */
static void
give_up(Worker *worker)
{
	OutboxRelayReport report;

	outbox_relay_report(worker->relay, &report);
	strlcpy(worker->fence, report.text, sizeof(worker->fence));
	outbox_relay_pause(worker->relay, outbox_monotonic_us());
	outbox_transaction_begin();
	outbox_log_raise_ids(
		outbox_origin_next_ids(worker->identity.ids_from, outbox_relay_stranger(worker->relay)));
	outbox_transaction_commit();
}

/* Publishes nothing, and tells why; returns the time to do so for. */
static long
stand_still(Worker *worker)
{
	if (worker->queue != NULL)
		outbox_postgres_queue.admit(worker->queue, OUTBOX_FATE_OFFLINE);
	outbox_meter_set_clock(&worker->meter, outbox_monotonic_us());
	outbox_meter_read(&worker->meter, worker->relay, worker->paused, outbox_monotonic_us());
	if (!worker->paused && !worker->fence[0])
	{
		outbox_bulletin_misfit(&worker->bulletin, OUTBOX_CODE_SETTINGS, worker->binding.reason);
		bind_settings(worker, true);
		return fits(worker) ? 0 : MISFIT_RETRY_MS;
	}
	/* A pause and a fence last until they are announced to have changed. */
	outbox_bulletin_misfit(&worker->bulletin,
						   worker->paused ? OUTBOX_CODE_PAUSED : OUTBOX_CODE_FENCED,
						   worker->paused ? "publishing is paused" : worker->fence);
	return outbox_meter_rest(&worker->meter, STANDSTILL_MS, outbox_monotonic_us());
}

/*
 * Lets old events go, as far as all before them is written down and the stream is known
 * to hold what it should.
 */
static void
keep_house(Worker *worker)
{
	const char *settled = outbox_store_settled_snapshot(worker->store);
	OutboxRingPolicy policy = {
		.hold = outbox_settings.hold_time * INT64CONST(1000000),
		.verified_at = find_verified_at(worker),
	};

	policy.retention = Max(outbox_settings.retention * INT64CONST(1000000), policy.hold);
	if (settled == NULL)
		return;
	outbox_ring_turn(&worker->ring, worker->slot, settled, &policy);
	outbox_relay_check(worker->relay, outbox_monotonic_us());
	worker->housekeeping_at =
		outbox_monotonic_us() +
		Min(Max(policy.retention / HOUSEKEEPING_TURNS, HOUSEKEEPING_MIN_US), HOUSEKEEPING_MAX_US);
}

/* When the stream was found to hold all that it should, by the clock; 0: not now. */
static TimestampTz
find_verified_at(const Worker *worker)
{
	OutboxRelayReport report;

	outbox_relay_report(worker->relay, &report);
	if (report.verified_at == 0)
		return 0;
	return GetCurrentTimestamp() - (outbox_monotonic_us() - report.verified_at);
}

/* Begins what outbox.verify asks for. */
static void
verify_when_asked(Worker *worker)
{
	uint64_t asked;
	uint64_t over;

	outbox_shared_verifications(worker->slot, &asked, &over);
	if (asked != worker->verification)
	{
		worker->verification = asked;
		outbox_relay_verify(worker->relay, outbox_monotonic_us());
	}
}

static bool
fits(const Worker *worker)
{
	return worker->relay != NULL && !worker->fence[0] && worker->binding.reason[0] == '\0';
}

static long
ms_until(int64_t wake_at)
{
	int64_t us = wake_at - outbox_monotonic_us();

	return us <= 0 ? 0 : (long) Min((us + 999) / 1000, 60000);
}
