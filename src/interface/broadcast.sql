-- What becomes of broadcasts.
CREATE FUNCTION outbox.broadcast_state(
	OUT state text, OUT buffer_bytes bigint, OUT waiting_bytes bigint, OUT sent bigint, OUT dropped_offline bigint,
	OUT dropped_captured bigint, OUT dropped_full bigint, OUT dropped_excess bigint, OUT dropped_late bigint, OUT dropped_refused bigint)
RETURNS record LANGUAGE c VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'outbox_broadcast_state';
COMMENT ON FUNCTION outbox.broadcast_state() IS
'How broadcasts of this database stand, read from shared memory: the source of outbox.stat_broadcast.';

CREATE VIEW outbox.stat_broadcast AS
SELECT b.state, b.sent,
       b.dropped_offline + b.dropped_captured + b.dropped_full + b.dropped_excess + b.dropped_late + b.dropped_refused AS dropped,
       b.dropped_offline, b.dropped_captured, b.dropped_full, b.dropped_excess, b.dropped_late, b.dropped_refused,
       b.waiting_bytes, b.buffer_bytes
  FROM outbox.broadcast_state() b;
COMMENT ON VIEW outbox.stat_broadcast IS
'One row: what became of the events of outbox.broadcast since the server started. state: ready, offline (no relay is connected to the '
'broker), captured (the relay''s stream would store them), disabled (outbox.broadcast_buffer = 0) or not preloaded, when nothing is counted. '
'sent: handed to the broker''s connection. Dropped: dropped_offline and dropped_captured in these states, dropped_full because the buffer had no '
'room, dropped_excess beyond what the buffer holds for one transaction, dropped_late after waiting for 5 seconds, dropped_refused because '
'larger than the broker takes, or not permitted there. waiting_bytes of buffer_bytes are in use. A standby counts for all its databases together.';
