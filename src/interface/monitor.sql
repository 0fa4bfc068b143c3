-- What a DBA looks at.
CREATE FUNCTION outbox.relay_state(
	OUT preloaded boolean, OUT worker text, OUT worker_since timestamptz, OUT pid integer, OUT failures integer,
	OUT fenced_copy boolean, OUT phase text, OUT since timestamptz, OUT troubled boolean, OUT verdict text,
	OUT code integer, OUT reason text, OUT attempt integer, OUT next_retry_at timestamptz, OUT stream text,
	OUT in_flight integer, OUT published bigint, OUT duplicates bigint, OUT refused bigint, OUT retries bigint,
	OUT conflicts bigint, OUT bytes bigint, OUT last_sequence numeric, OUT last_ack_at timestamptz,
	OUT max_payload bigint, OUT max_message_size bigint, OUT checks bigint, OUT lost bigint, OUT repaired bigint,
	OUT gone bigint, OUT to_repair bigint)
RETURNS record LANGUAGE c VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'outbox_monitor_relay_state';
COMMENT ON FUNCTION outbox.relay_state() IS
'What the relay of this database tells of itself, and the launcher of it, read from shared memory: the source of outbox.status and '
'outbox.stat_relay. Counters start at 0 when the relay starts; outbox.relay_counts has those that do not.';

CREATE VIEW outbox.pending AS
SELECT p.id, p.emitted_at, p.aggregate, p.aggregate_id, p.aggregate || '.' || p.action AS event_type, p.version,
       p.xid, pg_catalog.length(p.payload) AS payload_bytes, p.headers LIKE 'Outbox-Replay:%' AS replay
  FROM (SELECT e.*, c.new_snapshot, c.last_tx_id, c.last_id,
               pg_catalog.max(e.id) OVER (PARTITION BY e.xid) AS tx_id
          FROM outbox.cursor c
          JOIN outbox.event e ON e.xid >= pg_catalog.pg_snapshot_xmin(c.old_snapshot)
                             AND NOT pg_catalog.pg_visible_in_snapshot(e.xid, c.old_snapshot)
         WHERE c.name = 'relay') p
 WHERE p.new_snapshot IS NULL
    OR NOT pg_catalog.pg_visible_in_snapshot(p.xid, p.new_snapshot)
    OR (p.tx_id, p.id) > (p.last_tx_id, p.last_id);
COMMENT ON VIEW outbox.pending IS
'Committed events that are not known to be published yet, in no particular order. The relay writes its cursor at most 200 ms after the '
'broker''s acknowledgement, so an event may stand here for that long after it arrived. replay: it is a copy made by outbox.replay, and '
'emitted_at is the original''s.';

CREATE VIEW outbox.status AS
SELECT s.state,
       s.state IN ('publishing', 'idle') AS publishing,
       CASE
         WHEN s.state = 'paused' THEN s.paused_at
         WHEN s.worker = 'running' AND s.pid IS NOT NULL THEN s.since
         ELSE s.worker_since
       END AS since,
       CASE s.state
         WHEN 'paused' THEN pg_catalog.concat_ws(': ', 'by ' || s.paused_by, s.pause_reason)
         WHEN 'repairing' THEN s.to_repair || ' events that the broker has lost are still to be sent again'
         WHEN 'fenced copy' THEN CASE WHEN s.fenced_copy THEN s.reason ELSE 'an outbox was restored here from a dump' END
         ELSE s.reason
       END AS reason,
       CASE s.state
         WHEN 'not preloaded' THEN 'Add cleanoutbox to shared_preload_libraries and restart PostgreSQL.'
         WHEN 'standby' THEN 'Nothing to do: the relay starts when this server is promoted.'
         WHEN 'excluded' THEN 'Name this database in outbox.databases, or clear that setting, and reload.'
         WHEN 'disabled' THEN 'ALTER DATABASE ... SET outbox.enabled = on, then reload the configuration.'
         WHEN 'paused' THEN 'SELECT outbox.resume();'
         WHEN 'no free worker slot' THEN 'Raise max_worker_processes and restart PostgreSQL; each database needs one worker.'
         WHEN 'safe mode' THEN 'The server log has the crashes. SELECT outbox.resume() tries again; SELECT outbox.set_aside(event_id) goes on without the event.'
         WHEN 'failing' THEN 'Look for the relay''s error in the server log; it is started again by itself.'
         WHEN 'fenced copy' THEN 'If this is the successor of the original, which publishes no more: SELECT outbox.adopt(''continue''); if it is a copy that goes its own way: SELECT outbox.adopt(''fork'').'
         WHEN 'broker unreachable' THEN 'Check that nats-server runs at outbox.nats_url; the relay tries again by itself and nothing is lost.'
         WHEN 'not authorized' THEN 'Check outbox.nats_user and the outbox.nats_*_file settings, and the user''s permissions at the broker.'
         WHEN 'waiting for a standby' THEN 'Look into pg_stat_replication and synchronous_standby_names, or set outbox.publish_after = local; nothing is lost.'
         WHEN 'repairing' THEN 'Wait: what the broker has lost is sent again first; new events follow. See outbox.stat_relay.'
         WHEN 'misconfigured' THEN 'Repair what the reason names, at the broker or in the settings; the relay tries again by itself.'
         ELSE CASE
           WHEN s.blocked_aggregates > 0 THEN 'Events wait behind dead letters: see outbox.blocked_aggregate, then call outbox.redrive or outbox.discard.'
           WHEN s.dead_letters > 0 THEN 'Events were refused: see outbox.dead_letter, then call outbox.redrive or outbox.discard.'
         END
       END AS hint,
       s.backlog, s.oldest AS oldest_pending, pg_catalog.clock_timestamp() - s.oldest AS lag,
       s.last_ack_at, s.next_retry_at, s.dead_letters, s.blocked_aggregates, s.waiting
  FROM (SELECT r.*, b.backlog, b.oldest, d.dead_letters, a.blocked_aggregates, w.waiting, p.paused_at, p.paused_by, p.reason AS pause_reason,
               CASE
                 WHEN pg_catalog.pg_is_in_recovery() THEN 'standby'
                 WHEN NOT r.preloaded THEN 'not preloaded'
                 WHEN r.worker IN ('excluded', 'disabled', 'no free worker slot', 'safe mode') THEN r.worker
                 WHEN p.paused_at IS NOT NULL THEN 'paused'
                 WHEN r.worker = 'failed' THEN 'failing'
                 WHEN r.worker <> 'running' OR r.pid IS NULL THEN 'starting'
                 WHEN r.fenced_copy OR r.restored THEN 'fenced copy'
                 WHEN r.troubled AND r.verdict = 'unauthorized' THEN 'not authorized'
                 WHEN r.troubled AND r.verdict = 'misconfigured' THEN 'misconfigured'
                 WHEN r.troubled AND r.phase <> 'streaming' THEN 'broker unreachable'
                 WHEN r.phase = 'waiting for a standby' THEN r.phase
                 WHEN r.phase <> 'streaming' THEN 'starting'
                 WHEN r.to_repair > 0 THEN 'repairing'
                 WHEN b.backlog > 0 THEN 'publishing'
                 ELSE 'idle'
               END AS state
          FROM (SELECT s.*, EXISTS (SELECT FROM outbox.restored) AS restored FROM outbox.relay_state() s) r LEFT JOIN outbox.paused p ON true,
               (SELECT pg_catalog.count(*) AS backlog, pg_catalog.min(p.emitted_at) FILTER (WHERE NOT p.replay) AS oldest FROM outbox.pending p) b,
               (SELECT pg_catalog.count(*) AS dead_letters FROM outbox.dead_letter d WHERE d.discarded_at IS NULL) d,
               (SELECT pg_catalog.count(*) AS blocked_aggregates FROM outbox.blocked) a,
               (SELECT pg_catalog.count(*) AS waiting FROM outbox.waiting) w) s;
COMMENT ON VIEW outbox.status IS
'One row: is this database''s outbox published, if not why, since when, and what to do. backlog counts the rows of outbox.pending; lag is '
'the age of the oldest of them, replays apart. dead_letters counts those that have not been given up, waiting the events that wait behind them.';
