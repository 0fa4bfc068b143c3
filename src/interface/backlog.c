/*
 * backlog.c
 *		What waits, and what it waits for, however locked the tables are.
 *
 * outbox.status is read when something is wrong, so it must answer at once: what is
 * counted is bounded, and whoever has locked a table leaves its columns null instead of
 * making the reader wait, too.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "infrastructure/postgres/shared.h"
#include "infrastructure/postgres/sight.h"
#include "interface/attempt.h"

#define COLUMNS 15
#define LOG_COLUMNS 3
#define QUARANTINE_COLUMNS 7
#define LOCK_COLUMNS 3

PG_FUNCTION_INFO_V1(outbox_backlog_state);

/*
 * Events that the cursor's old snapshot does not see began after it or were in progress
 * then: both have the index on xid.  Of an open interval the position decides what is
 * left, for which the last id of a transaction is needed; of one that is counted in part
 * it is at least the last one seen.  The estimate: ids given out since the newest event
 * that was settled.
 */
static const char count_log[] =
	"WITH c AS MATERIALIZED (SELECT old_snapshot, new_snapshot, last_tx_id, last_id, highest_id"
	"  FROM outbox.cursor WHERE name = 'relay'),"
	" f AS MATERIALIZED ("
	"  (SELECT xid, id, emitted_at, headers LIKE 'Outbox-Replay:%' AS replay FROM outbox.event"
	"    WHERE xid >= (SELECT pg_snapshot_xmax(old_snapshot) FROM c) ORDER BY xid LIMIT 10001)"
	"  UNION ALL"
	"  (SELECT xid, id, emitted_at, headers LIKE 'Outbox-Replay:%' FROM outbox.event"
	"    WHERE xid = ANY (ARRAY(SELECT pg_snapshot_xip(old_snapshot) FROM c)) LIMIT 10001)),"
	" p AS (SELECT *, max(id) OVER (PARTITION BY xid) AS tx_id FROM f),"
	" q AS (SELECT p.* FROM p, c WHERE new_snapshot IS NULL OR NOT pg_visible_in_snapshot(xid, new_snapshot)"
	"          OR (tx_id, id) > (last_tx_id, last_id)),"
	" n AS (SELECT (SELECT count(*) FROM f) > 10000 AS many, (SELECT count(*) FROM q) AS sure)"
	" SELECT CASE WHEN many THEN greatest(sure, 1, s.last_value - greatest(highest_id, ids_from - 1)) ELSE sure END,"
	"        many, coalesce((SELECT min(emitted_at) FROM q WHERE NOT replay),"
	"                       CASE WHEN many THEN (SELECT min(emitted_at) FROM f WHERE NOT replay) END)"
	"   FROM n, c, outbox.event_id_seq s, (SELECT max(ids_from) AS ids_from FROM outbox.identity) i";

#define BOUNDED(table, condition)                                                       \
	"(SELECT CASE WHEN count(*) > 10000"                                                \
	"             THEN greatest(count(*), (SELECT reltuples::bigint FROM pg_class"      \
	"                                       WHERE oid = 'outbox." table "'::regclass))" \
	"             ELSE count(*) END FROM (SELECT FROM outbox." table " " condition      \
	" LIMIT 10001) t)"

static const char count_quarantine[] =
	"SELECT " BOUNDED("dead_letter", "WHERE discarded_at IS NULL") ", " BOUNDED(
		"blocked",
		"") ", " BOUNDED("waiting",
						 "") ", EXISTS (SELECT FROM outbox.restored), p.paused_at, p.paused_by, p.reason"
							 "  FROM (SELECT) one LEFT JOIN outbox.paused p ON true";

#define HOLDER                                                                                  \
	"CASE WHEN h.pid IS NULL THEN 'a prepared transaction'"                                     \
	" ELSE concat('process ', h.pid, ' of ', coalesce(quote_ident(h.usename), h.backend_type)," \
	"             ' (' || nullif(h.application_name, '') || ')',"                               \
	"             ', in a transaction since ' || date_trunc('seconds', h.xact_start)) END"

/* What the relay waits for. */
static const char find_wait[] =
	"SELECT coalesce(l.relation::regclass::text, l.locktype), " HOLDER
	", coalesce(l.waitstart, clock_timestamp())"
	"  FROM pg_locks l LEFT JOIN pg_stat_activity h ON h.pid = (pg_blocking_pids(l.pid))[1]"
	" WHERE l.pid = $1 AND NOT l.granted LIMIT 1";

/* Who keeps the child from being emptied: itself, or its TOAST table. */
static const char find_reader[] =
	"SELECT 'outbox.event_' || $2, " HOLDER ", $3"
	"  FROM pg_class c JOIN pg_locks l ON l.relation IN (c.oid, c.reltoastrelid)"
	"                  LEFT JOIN pg_stat_activity h ON h.pid = l.pid"
	" WHERE c.oid = ('outbox.event_' || $2)::regclass AND l.granted AND l.pid IS DISTINCT FROM $1"
	"   AND l.pid IS DISTINCT FROM pg_backend_pid()"
	"   AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
	" ORDER BY h.xact_start NULLS FIRST LIMIT 1";

static void fill(const char *query, int columns, Datum *values, bool *nulls);
static void look_for_locks(Datum *values, bool *nulls);
static bool waits_for_lock(int pid);

/* outbox.backlog_state(): one row. */
Datum
outbox_backlog_state(PG_FUNCTION_ARGS)
{
	TupleDesc description;
	Datum values[COLUMNS] = {0};
	bool nulls[COLUMNS];

	if (get_call_result_type(fcinfo, NULL, &description) != TYPEFUNC_COMPOSITE ||
		description->natts != COLUMNS)
		elog(ERROR, "could not match the declaration of outbox.backlog_state()");
	memset(nulls, true, sizeof(nulls));
	fill(count_log, LOG_COLUMNS, values, nulls);
	fill(count_quarantine, QUARANTINE_COLUMNS, values + LOG_COLUMNS, nulls + LOG_COLUMNS);
	look_for_locks(values + LOG_COLUMNS + QUARANTINE_COLUMNS,
				   nulls + LOG_COLUMNS + QUARANTINE_COLUMNS);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(description), values, nulls));
}

/* Puts the one row of the query there; nothing when it fails. */
static void
fill(const char *query, int columns, Datum *values, bool *nulls)
{
	OutboxQuery question = {.text = query};
	OutboxAttempt attempt;

	outbox_attempt(&question, &attempt);
	if (!attempt.done || attempt.count == 0)
		return;
	for (int i = 0; i < columns; i++)
		values[i] = outbox_attempt_value(&attempt, 0, i + 1, &nulls[i]);
}

/* locked, stuck, and then on what, by whom, since when. */
static void
look_for_locks(Datum *values, bool *nulls)
{
	static const Oid types[] = {INT4OID, INT4OID, TIMESTAMPTZOID};
	Datum arguments[3];
	OutboxQuery question = {.types = types, .values = arguments};
	OutboxSighting sighting = {.stuck_child = OUTBOX_NOT_STUCK};
	OutboxSlotInfo info = {0};
	OutboxAttempt attempt;
	int slot = outbox_shared_find(MyDatabaseId);

	if (slot == OUTBOX_NO_SLOT)
		return;
	outbox_shared_info(slot, &info);
	if (info.pid == 0)
		return;
	(void) outbox_sight_read(&sighting);
	arguments[0] = Int32GetDatum(info.pid);
	arguments[1] = Int32GetDatum(sighting.stuck_child);
	arguments[2] = TimestampTzGetDatum(sighting.stuck_since);
	question.text = waits_for_lock(info.pid) ? find_wait : find_reader;
	question.count = question.text == find_wait ? 1 : 3;
	if (question.text == find_reader && sighting.stuck_child == OUTBOX_NOT_STUCK)
		return;
	outbox_attempt(&question, &attempt);
	if (!attempt.done || attempt.count == 0)
		return;
	memset(nulls, false, sizeof(bool) * 2);
	values[0] = BoolGetDatum(question.text == find_wait);
	values[1] = BoolGetDatum(question.text == find_reader);
	for (int i = 0; i < LOCK_COLUMNS; i++)
		values[2 + i] = outbox_attempt_value(&attempt, 0, i + 1, &nulls[2 + i]);
}

static bool
waits_for_lock(int pid)
{
	PGPROC *relay = BackendPidGetProc(pid);

	return relay != NULL && (relay->wait_event_info & 0xFF000000) == PG_WAIT_LOCK;
}
