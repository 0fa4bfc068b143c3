/*
 * bench.c
 *		PostgreSQL's store under the hooks of the store's contract.
 *
 * The store runs here, as in the relay; transactions run in other sessions and are
 * numbered by them.  Session 0 is for what no transaction does.  Commits are
 * asynchronous, for the store must not need them otherwise.  A restarted process is
 * a new store without the memory of the old one; a crash of the database would end
 * the suite, too, so there is no hook for that.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "contract/postgres/bench.h"
#include "contract/postgres/database.h"
#include "domain/ring.h"
#include "infrastructure/postgres/ledger.h"

typedef struct Bench
{
	Database database;
	MemoryContext memory; /* of the store */
	OutboxStore *store;
	OutboxLedger *ledger; /* over the store */
	bool busy[DATABASE_SESSIONS];
} Bench;

/* One at a time; a test that fails or is skipped does not close its own. */
static Bench only;

static void
restart(void *self)
{
	Bench *bench = self;
	MemoryContext caller;

	if (bench->memory)
		MemoryContextDelete(bench->memory);
	bench->memory = AllocSetContextCreate(TopMemoryContext, "store", ALLOCSET_DEFAULT_SIZES);
	caller = MemoryContextSwitchTo(bench->memory);
	bench->store = outbox_store_create();
	bench->ledger = outbox_ledger_create(bench->store);
	outbox_ledger_follow(bench->ledger, "CONTRACT");
	MemoryContextSwitchTo(caller);
}

static void
close_bench(void *self)
{
	Bench *bench = self;

	database_close(&bench->database);
	if (bench->memory)
		MemoryContextDelete(bench->memory);
	memset(bench, 0, sizeof(*bench));
}

static void *
open_bench(void)
{
	close_bench(&only);
	database_open(&only.database);
	restart(&only);
	return &only;
}

static void *
store_of(void *self)
{
	return ((Bench *) self)->ledger;
}

static int
begin(void *self)
{
	Bench *bench = self;
	int session = 1;

	while (session < DATABASE_SESSIONS && bench->busy[session])
		session++;
	if (session == DATABASE_SESSIONS)
		elog(ERROR, "no session is left");
	database_run(&bench->database, session, "BEGIN");
	database_run(&bench->database, session, "SET LOCAL synchronous_commit = off");
	bench->busy[session] = true;
	return session;
}

static int64_t
emit(void *self, int transaction, int aggregate, size_t payload_length)
{
	Bench *bench = self;

	database_run(&bench->database, transaction, "SAVEPOINT before_emit");
	return database_ask(&bench->database, transaction,
						"SELECT outbox.emit_bytes('order', '%d', 'placed',"
						" pg_catalog.convert_to(pg_catalog.repeat('x', %zu), 'UTF8'))",
						aggregate, payload_length);
}

static void
roll_back(void *self, int transaction)
{
	Bench *bench = self;

	database_run(&bench->database, transaction, "ROLLBACK TO before_emit");
}

static void
commit(void *self, int transaction)
{
	Bench *bench = self;

	database_run(&bench->database, transaction, "COMMIT");
	bench->busy[transaction] = false;
}

static void
abort_transaction(void *self, int transaction)
{
	Bench *bench = self;

	database_run(&bench->database, transaction, "ROLLBACK");
	bench->busy[transaction] = false;
}

static int
dead_letters(void *self, int64_t event)
{
	Bench *bench = self;

	return (int) database_ask(&bench->database, 0,
							  "SELECT count(*) FROM outbox.dead_letter WHERE event_id = %lld",
							  (long long) event);
}

/* What is published is updated, and now and then all is rewritten. */
static void
move(void *self)
{
	static int times = 0;
	Database *database = &((Bench *) self)->database;

	for (int aggregate = 0; aggregate < 5; aggregate++)
		database_run(database, 0, "SELECT outbox.erase('order', '%d')", aggregate);
	if (++times % 8 > 0)
		return;
	for (int child = 0; child < OUTBOX_RING_CHILDREN; child++)
		database_run(database, 0, "VACUUM FULL outbox.event_%d", child);
}

static void
block(void *self, bool blocking)
{
	outbox_store_block_on_refusal(((Bench *) self)->store, blocking);
}

static void
redrive(void *self, int64_t event)
{
	database_run(&((Bench *) self)->database, 0, "SELECT outbox.redrive(%lld)", (long long) event);
}

static void
discard(void *self, int64_t event)
{
	database_run(&((Bench *) self)->database, 0, "SELECT outbox.discard(%lld, 'unwanted')",
				 (long long) event);
}

static void
remove_event(void *self, int64_t event)
{
	database_run(&((Bench *) self)->database, 0, "DELETE FROM outbox.event WHERE id = %lld",
				 (long long) event);
}

const StoreBench postgres_bench = {
	.name = "store on PostgreSQL",
	.routine = &outbox_postgres_ledger,
	.open = open_bench,
	.close = close_bench,
	.self = store_of,
	.begin = begin,
	.emit = emit,
	.commit = commit,
	.abort = abort_transaction,
	.roll_back = roll_back,
	.restart = restart,
	.move = move,
	.block = block,
	.dead_letters = dead_letters,
	.redrive = redrive,
	.discard = discard,
	.remove = remove_event,
};
