-- Who may do what. The last fragment: everything exists by now.
CREATE FUNCTION outbox.grant_emit(role regrole) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'outbox_grant_emit';
COMMENT ON FUNCTION outbox.grant_emit(regrole) IS
'Lets a role emit: USAGE on schema outbox, EXECUTE on outbox.emit, outbox.emit_bytes, outbox.broadcast and outbox.capture, and nothing else. '
'Errors: 42501 when the caller may not grant that, 22004 a null role.';

CREATE FUNCTION outbox.revoke_emit(role regrole) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'outbox_revoke_emit';
COMMENT ON FUNCTION outbox.revoke_emit(regrole) IS
'Takes back what outbox.grant_emit gave. Errors: 42501 when the caller may not revoke that, 22004 a null role.';

REVOKE ALL ON SCHEMA outbox FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA outbox FROM PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA outbox FROM PUBLIC;
REVOKE ALL ON ALL ROUTINES IN SCHEMA outbox FROM PUBLIC;

-- Dumping: what may read all tables may read them as pg_dump does.
GRANT EXECUTE ON FUNCTION outbox.portable() TO pg_read_all_data;

-- Watching: views without payloads.
GRANT USAGE ON SCHEMA outbox TO pg_monitor;
GRANT SELECT ON outbox.status, outbox.stat_relay, outbox.pending, outbox.blocked_aggregate, outbox.scheduled_event TO pg_monitor;
GRANT EXECUTE ON FUNCTION outbox.relay_state(), outbox.backlog_state(), outbox.stream_state(), outbox.doctor() TO pg_monitor;
GRANT SELECT ON outbox.stat_http, outbox.stat_broadcast TO pg_monitor;
GRANT EXECUTE ON FUNCTION outbox.broadcast_state(), outbox.http_state() TO pg_monitor;
GRANT SELECT ON outbox.stat_latency, outbox.stat_event, outbox.stat_consumer, outbox.stat_transition, outbox.stat_violation TO pg_monitor;
GRANT EXECUTE ON FUNCTION outbox.relay_counts(), outbox.relay_latencies(), outbox.event_counts(), outbox.rule_counts(), outbox.prometheus() TO pg_monitor;
