/*
 * adoption.c
 *		What becomes of an outbox that was copied.
 *
 * Events whose transaction ids are of another life get new ones, one for each of
 * their transactions, from subtransactions of this one.  So they follow all that
 * the cursor has passed, in order of their ids, which is commit order within an
 * aggregate.
 *
 * Locking: emitters are kept out until the transaction ends.  The cursor's new
 * snapshot is taken under that lock and before this transaction has an id: it sees
 * all that is in the log, and nothing of what is written here.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"

#include "domain/ring.h"
#include "infrastructure/postgres/adoption.h"
#include "infrastructure/postgres/catalog.h"
#include "infrastructure/postgres/cursor.h"
#include "infrastructure/postgres/log.h"

#define EVENT "emitted_at, aggregate, aggregate_id, action, version, content_type, headers, payload"

/* Tables whose rows pg_dump takes along as they are, and their column of event ids. */
static const struct
{
	const char *name;
	const char *id;
} carried[] = {
	{"dead_letter", "event_id"}, {"waiting", "event_id"}, {"blocked", NULL}, {"paused", NULL},
	{"scheduled", "id"},
};

/* Transactions of events, in the order of their last ids, and their new xids. */
typedef struct Renaming
{
	Datum old_xids; /* text[] */
	Datum new_xids; /* text[] */
} Renaming;

static void continue_physical(const OutboxIdentity *identity);
static void continue_restored(void);
static int64 fork_physical(const OutboxIdentity *identity);
static int64 fork_restored(const OutboxIdentity *identity);
static char *shut_out_emitters(void);
static void require_one_outbox(void);
static void shift_carried(int64 by);
static void land_carried(void);
static void land_events(const Renaming *renaming);
static void forget_trail(void);
static void rename_pending(int64 from, int64 by);
static Renaming rename_transactions(const char *query, int64 argument);
static Datum take_xid(void);
static void set_cursor(const char *snapshot, const char *place);
static void run(const char *command);
static int64 ask(const char *query);
static char *ask_text(const char *query);

void
outbox_adoption_continue(const OutboxIdentity *identity)
{
	if (identity->origin == OUTBOX_ORIGIN_RESTORED)
		continue_restored();
	else
		continue_physical(identity);
}

int64_t
outbox_adoption_fork(const OutboxIdentity *identity)
{
	if (identity->origin == OUTBOX_ORIGIN_RESTORED)
		return fork_restored(identity);
	return fork_physical(identity);
}

/* The cursor is good; what the stream holds beyond it may be our former life's. */
static void
continue_physical(const OutboxIdentity *identity)
{
	int64 ids_from;

	(void) shut_out_emitters();
	ids_from = outbox_origin_next_ids(identity->ids_from,
									  ask("SELECT last_value FROM outbox.event_id_seq"));
	outbox_log_raise_ids(ids_from);
	outbox_identity_settle(identity->uuid, ids_from);
	run(psprintf("UPDATE outbox.cursor SET sifting = true, highest_id = " INT64_FORMAT
				 " WHERE name = 'relay'",
				 ids_from));
}

/* Events of this database, recorded meanwhile, come after the restored ones. */
static void
continue_restored(void)
{
	char *snapshot = shut_out_emitters();
	int64 last = ask("SELECT last_value FROM outbox.event_id_seq");
	int64 ids_from;
	Renaming restored;

	require_one_outbox();
	ids_from = outbox_origin_next_ids(
		ask("SELECT (content->>'ids_from')::bigint FROM outbox.restored WHERE kind = 'outbox'"),
		ask("SELECT (content->>'last_id')::bigint FROM outbox.restored WHERE kind = 'outbox'"));
	restored = rename_transactions("SELECT content->>'xid' FROM outbox.restored"
								   " WHERE kind = 'event' AND $1 = 0 GROUP BY 1"
								   " ORDER BY pg_catalog.max((content->>'id')::bigint)",
								   0);
	rename_pending(0, ids_from);
	land_events(&restored);
	shift_carried(ids_from);
	forget_trail();
	land_carried();
	outbox_log_raise_ids(ids_from + last);
	outbox_identity_settle(
		ask_text("SELECT content->>'uuid' FROM outbox.restored WHERE kind = 'outbox'"), ids_from);
	set_cursor(snapshot, psprintf("sifting = true, highest_id = " INT64_FORMAT ","
								  " stream_sequence = (content->>'stream_sequence')::numeric,"
								  " stream_created = (content->>'stream_created')::bigint"
								  " FROM outbox.restored WHERE kind = 'outbox' AND name = 'relay'",
								  ids_from));
	run("TRUNCATE outbox.restored");
}

/* What was recorded here can be told from what was copied by its id. */
static int64
fork_physical(const OutboxIdentity *identity)
{
	bool copied = identity->origin != OUTBOX_ORIGIN_HERE;
	int64 own = copied ? outbox_origin_next_ids(identity->ids_from, 0) : PG_INT64_MAX;
	char *snapshot = shut_out_emitters();
	int64 ids_from = outbox_origin_next_ids(identity->ids_from,
											ask("SELECT last_value FROM outbox.event_id_seq"));
	int64 left = ask(psprintf(
		"SELECT pg_catalog.count(*)"
		"  FROM (SELECT id FROM outbox.pending WHERE id < " INT64_FORMAT
		"        UNION SELECT id FROM outbox.scheduled WHERE id < " INT64_FORMAT
		"        UNION SELECT event_id FROM outbox.waiting"
		"        UNION SELECT event_id FROM outbox.dead_letter WHERE discarded_at IS NULL) p",
		own, own));

	rename_pending(own, 0);
	run("DELETE FROM outbox.dead_letter");
	run("DELETE FROM outbox.waiting");
	run("DELETE FROM outbox.blocked");
	run(psprintf("DELETE FROM outbox.scheduled WHERE id < " INT64_FORMAT, own));
	forget_trail();
	outbox_log_raise_ids(ids_from);
	outbox_identity_settle(ask_text("SELECT pg_catalog.gen_random_uuid()::text"), ids_from);
	set_cursor(snapshot, "stream_sequence = 0, stream_created = 0, sifting = false"
						 " WHERE name = 'relay'");
	return left;
}

/* This database's own outbox has an identity already. */
static int64
fork_restored(const OutboxIdentity *identity)
{
	int64 left = ask("SELECT pg_catalog.count(DISTINCT"
					 "       coalesce(content->>'event_id', content->>'id')::bigint)"
					 "  FROM outbox.restored"
					 " WHERE kind IN ('event', 'waiting', 'scheduled')"
					 "    OR (kind = 'dead_letter' AND content->>'discarded_at' IS NULL)");

	run("TRUNCATE outbox.restored");
	outbox_identity_settle(identity->uuid, identity->ids_from);
	return left;
}

/* Returns a snapshot that sees all that is in the log. */
static char *
shut_out_emitters(void)
{
	char *snapshot;

	outbox_log_lock_ids();
	LockRelationOid(outbox_catalog_relation("scheduled"), ShareRowExclusiveLock);
	for (int i = 0; i < OUTBOX_RING_CHILDREN; i++)
		LockRelationOid(outbox_log_child(i), ShareRowExclusiveLock);
	PushActiveSnapshot(GetTransactionSnapshot());
	snapshot = outbox_cursor_current_snapshot();
	PopActiveSnapshot();
	return snapshot;
}

static void
require_one_outbox(void)
{
	int64 count = ask("SELECT pg_catalog.count(*) FROM outbox.restored WHERE kind = 'outbox'");

	if (count == 1)
		return;
	ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					count == 0 ? errmsg("what was restored is incomplete")
							   : errmsg("more than one dump was restored"),
					errdetail("Table outbox.restored has " INT64_FORMAT " rows of kind \"outbox\"; "
							  "an outbox that continues has one.",
							  count),
					errhint("Restore one dump as a whole, or call outbox.adopt('fork').")));
}

/* Dead letters of this database, made meanwhile, get out of the way. */
static void
shift_carried(int64 by)
{
	for (int i = 0; i < lengthof(carried); i++)
		if (carried[i].id)
			run(psprintf("UPDATE outbox.%s SET %s = %s + " INT64_FORMAT, carried[i].name,
						 carried[i].id, carried[i].id, by));
}

static void
land_carried(void)
{
	for (int i = 0; i < lengthof(carried); i++)
		run(psprintf("INSERT INTO outbox.%s SELECT c.* FROM outbox.restored r,"
					 "  LATERAL pg_catalog.json_populate_record(NULL::outbox.%s, r.content) c"
					 " WHERE r.kind = '%s' ON CONFLICT DO NOTHING",
					 carried[i].name, carried[i].name, carried[i].name));
}

static void
land_events(const Renaming *renaming)
{
	Oid types[] = {TEXTARRAYOID, TEXTARRAYOID};
	Datum values[] = {renaming->old_xids, renaming->new_xids};
	char *command = psprintf(
		"INSERT INTO outbox.event_%d (id, xid, " EVENT ")"
		" SELECT e.id, x.new_xid::xid8, " EVENT "  FROM outbox.restored r,"
		"  LATERAL pg_catalog.json_populate_record(NULL::outbox.event, r.content) e,"
		"       ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) x(old_xid, new_xid)"
		" WHERE r.kind = 'event' AND x.old_xid = e.xid::text",
		(int) ask("SELECT child::bigint FROM outbox.ring WHERE current"));

	SPI_connect();
	if (SPI_execute_with_args(command, lengthof(types), types, values, NULL, false, 0) !=
		SPI_OK_INSERT)
		elog(ERROR, "could not move restored events to the log");
	SPI_finish();
}

/* What was published under another uuid is not this outbox's to repair. */
static void
forget_trail(void)
{
	run("DELETE FROM outbox.trail");
	run("DELETE FROM outbox.lost");
	run("DELETE FROM outbox.inspection");
}

/* Pending events with ids from this one on become new ones, their ids so much higher. */
static void
rename_pending(int64 from, int64 by)
{
	Renaming renaming = rename_transactions("SELECT xid::text FROM outbox.pending WHERE id >= $1"
											" GROUP BY xid ORDER BY pg_catalog.max(id)",
											from);
	Oid types[] = {TEXTARRAYOID, TEXTARRAYOID, INT8OID, INT8OID};
	Datum values[] = {renaming.old_xids, renaming.new_xids, Int64GetDatum(from), Int64GetDatum(by)};

	SPI_connect();
	if (SPI_execute_with_args(
			"UPDATE outbox.event e SET xid = x.new_xid::xid8, id = e.id + $4"
			"  FROM outbox.pending p,"
			"       ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) x(old_xid, new_xid)"
			" WHERE e.id = p.id AND p.id >= $3 AND x.old_xid = p.xid::text",
			lengthof(types), types, values, NULL, false, 0) != SPI_OK_UPDATE)
		elog(ERROR, "could not renew pending events");
	SPI_finish();
}

/* Gives a new xid to each transaction that the query lists. */
static Renaming
rename_transactions(const char *query, int64 argument)
{
	MemoryContext caller = CurrentMemoryContext;
	Oid types[] = {INT8OID};
	Datum values[] = {Int64GetDatum(argument)};
	Renaming renaming;
	Datum *olds;
	Datum *news;
	int count;

	SPI_connect();
	if (SPI_execute_with_args(query, 1, types, values, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not list transactions");
	MemoryContextSwitchTo(caller);
	count = (int) SPI_processed;
	olds = palloc(sizeof(Datum) * (count + 1));
	news = palloc(sizeof(Datum) * (count + 1));
	for (int i = 0; i < count; i++)
		olds[i] =
			CStringGetTextDatum(SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1));
	SPI_finish();
	MemoryContextSwitchTo(caller);
	for (int i = 0; i < count; i++)
		news[i] = take_xid();
	renaming.old_xids = PointerGetDatum(construct_array(olds, count, TEXTOID, -1, false, 'i'));
	renaming.new_xids = PointerGetDatum(construct_array(news, count, TEXTOID, -1, false, 'i'));
	return renaming;
}

/* The id of a subtransaction, which commits with this transaction. */
static Datum
take_xid(void)
{
	MemoryContext caller = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	uint64 xid;

	BeginInternalSubTransaction(NULL);
	xid = U64FromFullTransactionId(GetCurrentFullTransactionId());
	ReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(caller);
	CurrentResourceOwner = owner;
	return CStringGetTextDatum(psprintf(UINT64_FORMAT, xid));
}

/* No interval is open any more; place: what else is set, and the row. */
static void
set_cursor(const char *snapshot, const char *place)
{
	run(psprintf("UPDATE outbox.cursor SET old_snapshot = '%s', new_snapshot = NULL,"
				 " last_tx_id = 0, last_id = 0, %s",
				 snapshot, place));
}

static void
run(const char *command)
{
	SPI_connect();
	if (SPI_execute(command, false, 0) < 0)
		elog(ERROR, "could not execute \"%s\"", command);
	SPI_finish();
}

/* The number that the query returns in its one row. */
static int64
ask(const char *query)
{
	return pg_strtoint64(ask_text(query));
}

static char *
ask_text(const char *query)
{
	MemoryContext caller = CurrentMemoryContext;
	char *value;

	SPI_connect();
	if (SPI_execute(query, false, 1) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "could not execute \"%s\"", query);
	value = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	value = MemoryContextStrdup(caller, value ? value : "0");
	SPI_finish();
	return value;
}
