/*
 * checks.c
 *		What outbox.doctor looks at: prerequisites first, then what may have gone wrong.
 *
 * The order is that of the answer.  search_path is pg_catalog.
 */
#include "postgres.h"

#include "interface/checks.h"

/* A setting as a number, in its own unit. */
#define NUMBER(name) "(SELECT setting::bigint FROM pg_settings WHERE name = '" name "')"

/* Seconds, as an interval. */
#define SECONDS(name) "(" NUMBER(name) " * interval '1 second')"

/* What is older than old events may get stands in the ring's way. */
#define IN_THE_WAY(limit) \
	"(clock_timestamp() - least(interval '" limit "', " SECONDS("outbox.retention") "))"

static const char preload[] =
	"SELECT 'error', 'events are recorded, and nobody publishes them',"
	"       'Add cleanoutbox to shared_preload_libraries and restart PostgreSQL.'"
	"  FROM outbox.relay_state() WHERE NOT preloaded";

static const char relay[] =
	"SELECT CASE WHEN publishing OR cause IN ('starting', 'repairing', 'paused', 'disabled', 'excluded') THEN 'warning' ELSE 'error' END,"
	"       concat_ws(': ', state, reason), hint"
	"  FROM outbox.status WHERE cause NOT IN ('publishing', 'idle', 'standby', 'not_preloaded', 'blocked_aggregates', 'dead_letters')";

static const char versions[] =
	"SELECT 'error', format('the library is of version %s, the extension of version %s', $1, extversion),"
	"       'Install the library of that version and restart PostgreSQL, or run ALTER EXTENSION cleanoutbox UPDATE.'"
	"  FROM pg_extension WHERE extname = 'cleanoutbox' AND extversion <> $1";

static const char tested[] =
	"SELECT 'warning', format('%s %s is not among the versions that cleanoutbox is tested with: %s', what, version, known),"
	"       'Try it before you rely on it, or use one of these versions.'"
	"  FROM (VALUES ('PostgreSQL', current_setting('server_version'), '15, 17, 18'), ('libnats', $2, '3.4, 3.10, 3.14'),"
	"               ('nats-server', (SELECT server_version FROM outbox.stream_state()), '2.9, 2.10, 2.15')) v (what, version, known)"
	" WHERE version <> '' AND NOT EXISTS (SELECT FROM string_to_table(known, ', ') k WHERE version ~ ('^' || replace(k, '.', '\\.') || '(\\D|$)'))";

static const char workers[] =
	"SELECT 'warning', format('all %s of max_worker_processes are in use: another database would have no relay', m),"
	"       'Raise max_worker_processes and restart PostgreSQL.'"
	"  FROM (SELECT current_setting('max_worker_processes')::integer AS m) s"
	" WHERE m <= (SELECT count(*) FROM pg_stat_activity WHERE backend_type NOT IN ('client backend', 'autovacuum launcher',"
	"    'autovacuum worker', 'checkpointer', 'background writer', 'walwriter', 'walsender', 'walreceiver', 'startup', 'archiver',"
	"    'logger', 'slotsync worker', 'walsummarizer', 'io worker', 'standalone backend'))";

static const char durability[] =
	"SELECT severity, format('%s is off: %s', setting, consequence), format('Set %s = on.', setting)"
	"  FROM (VALUES ('fsync', 'error', 'a crash of the machine may damage the database, and events that were published may be gone from it'),"
	"               ('full_page_writes', 'warning', 'a crash of the machine may damage the database'),"
	"               ('synchronous_commit', 'warning', 'a crash may undo the last transactions, with their events; none of those is published'))"
	"       v (setting, severity, consequence) WHERE current_setting(setting) = 'off'";

static const char settings[] =
	"SELECT 'warning', 'outbox.retry_initial is longer than outbox.retry_max, which cuts it', 'Lower outbox.retry_initial.'"
	" WHERE " NUMBER("outbox.retry_initial") " > " NUMBER(
		"outbox.retry_max") " UNION ALL SELECT 'warning', 'outbox.hold_time is shorter than 2 minutes: what a broker loses before it syncs its files may be gone here, too',"
							"       'Set it to twice the broker''s sync_interval (2 minutes by default), or more.' WHERE " NUMBER(
								"outbox.hold_time") " < 120"
													" UNION ALL SELECT 'warning', 'outbox.notifier is poll, and outbox.poll_interval longer than 10 seconds: events wait for that long',"
													"       'Set outbox.notifier = commit, or poll more often.' WHERE current_setting('outbox.notifier') = 'poll' AND " NUMBER(
														"outbox.poll_interval") " > 10000"
																				" UNION ALL SELECT 'warning', format('outbox.serialize_aggregates takes a lock per aggregate of a transaction, and max_locks_per_transaction is %s',"
																				"       current_setting('max_locks_per_transaction')), 'Raise max_locks_per_transaction to the number of aggregates that a transaction touches.'"
																				" WHERE current_setting('outbox.serialize_aggregates') = 'on' AND current_setting('max_locks_per_transaction')::integer <= 64";

static const char transport[] =
	"SELECT 'warning', format('events travel to %s in plain text', url), 'Say tls:// in outbox.nats_url, or set outbox.nats_tls = on.'"
	"  FROM (SELECT trim(u) AS url FROM string_to_table(current_setting('outbox.nats_url'), ',') u) s"
	" WHERE current_setting('outbox.nats_tls') = 'off' AND current_setting('outbox.nats_tls_ca_file') = ''"
	"   AND url !~ '^tls://' AND url !~ '^(nats://)?(localhost|127\\.[0-9.]+|\\[::1\\])(:|$)'";

static const char replication[] =
	"SELECT CASE WHEN names = '' THEN 'error' ELSE 'warning' END,"
	"       CASE WHEN names = '' THEN 'outbox.publish_after = standby, and synchronous_standby_names is empty: nothing is published'"
	"            ELSE 'outbox.publish_after = standby, and no synchronous standby is connected: nothing is published until one is' END,"
	"       'Set synchronous_standby_names, start the standby, or set outbox.publish_after = local.'"
	"  FROM current_setting('synchronous_standby_names') names"
	" WHERE current_setting('outbox.publish_after') = 'standby' AND NOT pg_is_in_recovery()"
	"   AND (names = '' OR NOT EXISTS (SELECT FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum')))";

static const char broker_rights[] =
	"SELECT 'error', reason, hint FROM outbox.status"
	" WHERE cause IN ('authentication_refused', 'permission_missing')"
	" UNION ALL SELECT 'warning', format('%s broadcasts were refused: too large, or the broker''s user may not publish there', dropped_refused),"
	"       'At the broker let the user publish to the subjects of outbox.broadcast_template.'"
	"  FROM outbox.stat_broadcast WHERE dropped_refused > 0"
	" UNION ALL SELECT 'warning', 'the stream captures the subjects of broadcasts, so they are dropped',"
	"       'Change outbox.broadcast_template or the stream''s subjects.' FROM outbox.stat_broadcast WHERE state = 'captured'";

static const char stream_takes[] =
	"SELECT 'error', 'it is sealed and takes nothing', 'Name another stream in outbox.stream.' FROM outbox.stream_state() WHERE sealed"
	" UNION ALL SELECT 'error', 'it does not acknowledge what it stores (no_ack)', 'Set no_ack of the stream to false.' FROM outbox.stream_state() WHERE no_ack";

static const char stream_subjects[] =
	"SELECT CASE WHEN met THEN 'warning' ELSE 'error' END,"
	"       format('it captures %s of the events'' subjects', CASE WHEN met THEN 'only some' ELSE 'none' END),"
	"       'Add the subjects of outbox.subject_template to the stream.' FROM outbox.stream_state() WHERE NOT covered";

static const char stream_storage[] =
	"SELECT 'error', 'it is kept in memory: all of it is lost when the server restarts',"
	"       'Create a stream with file storage and name it in outbox.stream.' FROM outbox.stream_state() WHERE in_memory";

static const char stream_retention[] =
	"SELECT 'warning', 'it removes messages once consumers have had them: what the broker loses elsewhere than at its end is not found',"
	"       'Use retention limits.' FROM outbox.stream_state() WHERE consumed"
	" UNION ALL SELECT 'warning', format('it removes messages after %s', max_age), 'Set max_age to more than consumers may be away for.'"
	"  FROM outbox.stream_state() WHERE max_age IS NOT NULL"
	" UNION ALL SELECT 'warning', format('it keeps %s messages of a subject, so that later events remove earlier ones', max_per_subject),"
	"       'Set max_msgs_per_subject to -1.' FROM outbox.stream_state() WHERE max_per_subject IS NOT NULL"
	" UNION ALL SELECT 'warning', 'it drops its oldest messages when it is full', 'Set discard to new, and watch its room.'"
	"  FROM outbox.stream_state() WHERE discard_old AND (max_messages IS NOT NULL OR max_bytes IS NOT NULL)";

/* Since it was seen, it has grown by what the relay has published. */
static const char stream_room[] =
	"SELECT CASE WHEN used >= limits THEN 'error' ELSE 'warning' END, format('it holds about %s of %s %s', round(used), limits, unit),"
	"       'Raise the limit, or set discard to old if old messages may go.'"
	"  FROM (SELECT s.messages + grown AS used, s.max_messages AS limits, 'messages' AS unit"
	"          FROM outbox.stream_state() s, outbox.relay_state() r, greatest(r.last_sequence - s.last_sequence, 0) grown WHERE NOT discard_old"
	"        UNION ALL SELECT s.bytes + grown * s.bytes / greatest(s.messages, 1), s.max_bytes, 'bytes'"
	"          FROM outbox.stream_state() s, outbox.relay_state() r, greatest(r.last_sequence - s.last_sequence, 0) grown WHERE NOT discard_old) u"
	" WHERE used >= 0.9 * limits";

static const char stream_window[] =
	"SELECT 'warning', format('its duplicate window of %s is shorter than a retry may take (%s), so an event may be stored twice', duplicate_window, retry),"
	"       'Raise duplicate_window of the stream, or use a stream of its own with outbox.publish_mode = fenced.'"
	"  FROM outbox.stream_state(), coalesce((" NUMBER("outbox.ack_timeout") " + " NUMBER(
		"outbox.connect_timeout") " + " NUMBER("outbox.retry_max") ") * interval '1 millisecond') retry"
																   " WHERE current_setting('outbox.publish_mode') = 'shared' AND duplicate_window < retry";

static const char stream_size[] =
	"SELECT 'warning', format('it takes messages of %s bytes, and the server would take %s', max_message_size, max_payload),"
	"       'Raise max_msg_size of the stream; larger events are refused.' FROM outbox.stream_state() WHERE max_message_size < max_payload";

static const char stream_replicas[] =
	"SELECT 'warning', 'the broker is a cluster, and the stream is on one of its nodes', 'Set num_replicas of the stream to 3.'"
	"  FROM outbox.stream_state() WHERE clustered AND replicas < 2";

static const char tables[] =
	"WITH t AS (SELECT c.*, e.extowner, EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid"
	"                                              AND d.refobjid = e.oid AND d.deptype = 'e') AS own"
	"             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'outbox', pg_extension e"
	"            WHERE e.extname = 'cleanoutbox' AND c.relkind IN ('r', 'p', 'v', 'm', 'f'))"
	" SELECT 'error', format('table %s has a trigger, %I, that is not the extension''s', t.oid::regclass, g.tgname), format('DROP TRIGGER %I ON %s;', g.tgname, t.oid::regclass)"
	"  FROM t JOIN pg_trigger g ON g.tgrelid = t.oid WHERE own AND NOT tgisinternal"
	" UNION ALL SELECT 'error', format('table %s has a rule, %I', t.oid::regclass, r.rulename), format('DROP RULE %I ON %s;', r.rulename, t.oid::regclass)"
	"  FROM t JOIN pg_rewrite r ON r.ev_class = t.oid WHERE own AND r.rulename <> '_RETURN'"
	" UNION ALL SELECT 'error', format('table %s has row security or policies', t.oid::regclass), format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY; drop its policies.', t.oid::regclass)"
	"  FROM t WHERE own AND (relrowsecurity OR EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = t.oid))"
	" UNION ALL SELECT 'error', format('%s belongs to %I, the extension to %I', t.oid::regclass, pg_get_userbyid(relowner), pg_get_userbyid(extowner)),"
	"        format('ALTER TABLE %s OWNER TO %I;', t.oid::regclass, pg_get_userbyid(extowner)) FROM t WHERE own AND relowner <> extowner"
	" UNION ALL SELECT 'error', format('table %s inherits from outbox.event, and the relay does not read it', i.inhrelid::regclass), format('ALTER TABLE %s NO INHERIT outbox.event;', i.inhrelid::regclass)"
	"  FROM pg_inherits i WHERE i.inhparent = 'outbox.event'::regclass"
	"   AND i.inhrelid NOT IN ('outbox.event_0'::regclass, 'outbox.event_1'::regclass, 'outbox.event_2'::regclass)"
	" UNION ALL SELECT 'warning', format('%s is in schema outbox and not the extension''s', t.oid::regclass), 'Move it to another schema.' FROM t WHERE NOT own";

static const char rights[] =
	"SELECT 'warning', format('%s has %s on %s', CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,"
	"                         string_agg(a.privilege_type, ', ' ORDER BY a.privilege_type), c.oid::regclass),"
	"       format('REVOKE ALL ON %s FROM %s; who emits needs outbox.grant_emit alone.', c.oid::regclass, CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END)"
	"  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'outbox', aclexplode(c.relacl) a"
	" WHERE a.grantee <> c.relowner AND c.relkind IN ('r', 'S') AND (a.grantee = 0 OR a.privilege_type NOT IN ('SELECT', 'USAGE'))"
	" GROUP BY a.grantee, c.oid"
	" UNION ALL SELECT 'warning', format('PUBLIC may execute %s', p.oid::regprocedure), format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC;', p.oid::regprocedure)"
	"  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace AND n.nspname = 'outbox', aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a"
	/* What fires for whoever writes. */
	" WHERE a.grantee = 0 AND p.proname NOT IN ('conforms', 'guard', 'number', 'settle', 'truncated', 'unjudged', 'unsettled')";

static const char sequence[] =
	"SELECT 'error', format('it has CACHE %s%s and INCREMENT %s, so that ids do not ascend', cache_size, CASE WHEN cycle THEN ', CYCLE' ELSE '' END, increment_by),"
	"       'ALTER SEQUENCE outbox.event_id_seq CACHE 1 NO CYCLE INCREMENT 1;' FROM pg_sequences"
	" WHERE schemaname = 'outbox' AND sequencename = 'event_id_seq' AND (cache_size <> 1 OR cycle OR increment_by <> 1)"
	" UNION ALL SELECT 'error', 'its ids are nearly used up', 'ALTER SEQUENCE outbox.event_id_seq MAXVALUE 9223372036854775807;' FROM pg_sequences"
	" WHERE schemaname = 'outbox' AND sequencename = 'event_id_seq' AND coalesce(last_value, 0) > max_value - 1000000000";

static const char copy[] =
	"SELECT 'error', format('rows of an outbox that were restored here from a dump: %s', count(*)),"
	"       'SELECT outbox.adopt(''continue'') if the original publishes no more, else SELECT outbox.adopt(''fork'').' FROM outbox.restored HAVING count(*) > 0"
	" UNION ALL SELECT 'error', format('outbox.identity has %s rows', count(*)), 'Restore its one row, or drop and create the extension.'"
	"  FROM outbox.identity HAVING count(*) <> 1";

static const char rotation[] =
	"SELECT 'error', format('outbox.ring has %s rows, of which %s are current', count(*), count(*) FILTER (WHERE current)),"
	"       'Restore its rows, or drop and create the extension.' FROM outbox.ring HAVING count(*) <> 3 OR count(*) FILTER (WHERE current) <> 1"
	" UNION ALL SELECT 'warning', format('outbox.event_%s was left %s ago and still takes %s', child, date_trunc('second', clock_timestamp() - left_at), pg_size_pretty(size)),"
	"       'Look at the checks \"relay\" and \"transactions\": it is emptied when the stream was seen to hold its events and nobody has it locked.'"
	"  FROM outbox.ring, pg_total_relation_size(format('outbox.event_%s', child)::regclass) size, pg_relation_size(format('outbox.event_%s', child)::regclass) pages"
	" WHERE NOT current AND pages > 0 AND left_at < clock_timestamp() - 3 * greatest(" SECONDS(
		"outbox.retention") ", " SECONDS("outbox.hold_time") ", interval '5 minutes')"
															 " UNION ALL SELECT 'warning', reason, hint FROM outbox.status WHERE cause = 'waiting_for_rotation_lock'";

static const char transactions[] =
	"SELECT 'warning', format('prepared transaction %L of %I waits since %s: its events are not published, and the log and vacuum wait for it', gid, owner, date_trunc('second', prepared)),"
	"       format('COMMIT PREPARED %L; or ROLLBACK PREPARED %L;', gid, gid) FROM pg_prepared_xacts"
	" WHERE database = current_database() AND prepared < " IN_THE_WAY(
		"5 minutes") " UNION ALL (SELECT 'warning', format('process %s of %I%s is in a transaction since %s%s: the log and vacuum wait for it', pid, usename, ' (' || nullif(application_name, '') || ')',"
					 "       date_trunc('second', xact_start), CASE WHEN backend_xid IS NULL THEN '' ELSE ' and has written' END), format('End it: SELECT pg_terminate_backend(%s);', pid)"
					 "  FROM pg_stat_activity WHERE backend_type = 'client backend' AND datname = current_database() AND pid <> pg_backend_pid()"
					 "   AND (backend_xid IS NOT NULL OR backend_xmin IS NOT NULL OR EXISTS (SELECT FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace"
					 "                                                                        WHERE l.pid = pg_stat_activity.pid AND n.nspname = 'outbox' AND c.relkind = 'r'))"
					 "   AND xact_start < " IN_THE_WAY("1 hour") " ORDER BY xact_start LIMIT 5)";

static const char autovacuum[] =
	"SELECT 'warning', 'autovacuum is off', 'Set autovacuum = on, or run VACUUM on the tables of schema outbox.' WHERE current_setting('autovacuum') = 'off'"
	" UNION ALL SELECT 'warning', format('autovacuum is off for %s', c.oid::regclass), format('ALTER TABLE %s RESET (autovacuum_enabled);', c.oid::regclass)"
	"  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'outbox' WHERE 'autovacuum_enabled=false' = ANY (c.reloptions) OR 'autovacuum_enabled=off' = ANY (c.reloptions)"
	" UNION ALL SELECT 'warning', format('%s has %s dead rows beside %s, and autovacuum is late', relid::regclass, n_dead_tup, n_live_tup), format('VACUUM %s; and see the check \"transactions\".', relid::regclass)"
	"  FROM pg_stat_all_tables WHERE schemaname = 'outbox' AND n_dead_tup > 10000 AND n_dead_tup > n_live_tup"
	"   AND coalesce(greatest(last_vacuum, last_autovacuum), pg_postmaster_start_time()) < " IN_THE_WAY(
		"1 hour") " UNION ALL SELECT 'warning', format('%s holds transaction ids that are %s old', c.oid::regclass, age(c.relfrozenxid)), format('VACUUM FREEZE %s;', c.oid::regclass)"
				  "  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'outbox'"
				  " WHERE c.relkind = 'r' AND age(c.relfrozenxid) > current_setting('autovacuum_freeze_max_age')::integer";

static const char dead_letters[] =
	"SELECT 'warning', format('events that were refused and are neither sent again nor given up: %s', dead_letters),"
	"       'See outbox.dead_letter, then call outbox.redrive or outbox.discard.' FROM outbox.backlog_state() WHERE dead_letters > 0"
	" UNION ALL SELECT 'warning', format('blocked aggregates: %s; events that wait: %s', blocked_aggregates, waiting),"
	"       'See outbox.blocked_aggregate, then call outbox.redrive or outbox.discard.' FROM outbox.backlog_state() WHERE blocked_aggregates > 0";

static const char backlog[] =
	"SELECT 'warning', format('%s%s events wait, the oldest for %s', CASE WHEN backlog_estimated THEN 'about ' ELSE '' END, backlog, date_trunc('second', clock_timestamp() - oldest)),"
	"       'See outbox.status; if it publishes, look at the broker''s disk, and raise outbox.max_in_flight.'"
	"  FROM outbox.backlog_state() WHERE oldest < clock_timestamp() - interval '5 minutes'";

static const char disk[] =
	"SELECT CASE WHEN $3 < least(0.02 * $4, 536870912) THEN 'error' ELSE 'warning' END, format('%s of %s are free for data and WAL', pg_size_pretty($3), pg_size_pretty($4)),"
	"       'Make room: while the broker is away, the log grows.' WHERE $3 < least(0.1 * $4, 5368709120)"
	" UNION ALL SELECT 'unknown', 'the free space could not be measured', 'Look at the file system of the data directory.' WHERE $3 IS NULL";

static const char clock_sanity[] =
	"SELECT 'warning', format('%s was written %s in the future: the clock was set back', what, date_trunc('second', ahead)),"
	"       'Keep the clock right (NTP); ages are counted from now on.'"
	"  FROM (SELECT 'outbox.cursor' AS what, max(moved_at) - clock_timestamp() AS ahead FROM outbox.cursor"
	"        UNION ALL SELECT 'outbox.ring', max(greatest(entered_at, left_at, settled_at)) - clock_timestamp() FROM outbox.ring"
	"        UNION ALL SELECT 'outbox.inspection', max(checked_at) - clock_timestamp() FROM outbox.inspection"
	"        UNION ALL SELECT 'the start of the server', pg_postmaster_start_time() - clock_timestamp()) c WHERE ahead > interval '1 minute'";

const OutboxCheck outbox_checks[] = {
	{"preload", "the library is preloaded, or this is a standby of such a server", false, preload},
	{"relay", "it publishes, or need not here", false, relay},
	{"versions", "library and extension are of one version", false, versions},
	{"tested versions", "cleanoutbox is tested with these versions", false, tested},
	{"workers", "a worker is left", false, workers},
	{"durability", "the server keeps what it has committed", false, durability},
	{"settings", "they fit each other", false, settings},
	{"transport", "encrypted, or on this machine", false, transport},
	{"replication", "what outbox.publish_after asks for is there", false, replication},
	{"broker rights", "no right is known to be missing", false, broker_rights},
	{"stream", "it takes messages and acknowledges them", true, stream_takes},
	{"stream subjects", "it captures all subjects of the events", true, stream_subjects},
	{"stream storage", "on disk", true, stream_storage},
	{"stream retention", "it removes nothing by itself", true, stream_retention},
	{"stream room", "no limit is near", true, stream_room},
	{"stream duplicate window", "long enough, or not needed", true, stream_window},
	{"stream message size", "as large as the server's", true, stream_size},
	{"stream replicas", "as many as the broker's kind asks for", true, stream_replicas},
	{"tables", "as the extension has made them", false, tables},
	{"rights", "nobody has more than is needed", false, rights},
	{"sequence", "ids ascend", false, sequence},
	{"copy", "nothing of another outbox waits to be adopted", false, copy},
	{"rotation", "the log's children are emptied in time", false, rotation},
	{"transactions", "none is old enough to be in the way", false, transactions},
	{"autovacuum", "on, and not late", false, autovacuum},
	{"dead letters", "none", false, dead_letters},
	{"backlog", "nothing waits for longer than 5 minutes", false, backlog},
	{"disk", "there is room", false, disk},
	{"clock", "nothing was written in the future", false, clock_sanity},
	{NULL, NULL, false, NULL},
};
