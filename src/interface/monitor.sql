-- What a DBA looks at.
CREATE FUNCTION outbox.relay_state(
	OUT preloaded boolean, OUT worker text, OUT worker_since timestamptz, OUT pid integer, OUT failures integer,
	OUT fenced_copy boolean, OUT phase text, OUT since timestamptz, OUT troubled boolean, OUT verdict text,
	OUT code integer, OUT reason text, OUT attempt integer, OUT next_retry_at timestamptz, OUT stream text,
	OUT in_flight integer, OUT published bigint, OUT duplicates bigint, OUT refused bigint, OUT retries bigint,
	OUT conflicts bigint, OUT bytes bigint, OUT last_sequence numeric, OUT last_ack_at timestamptz,
	OUT max_payload bigint, OUT max_message_size bigint, OUT checks bigint, OUT lost bigint, OUT repaired bigint,
	OUT gone bigint, OUT to_repair bigint, OUT cause text)
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

