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
'Takes back what outbox.grant_emit gave, USAGE only if no function of the schema is left to the role. Errors: 42501 when the caller may not revoke that, 22004 a null role.';

CREATE FUNCTION outbox.grant_define(role regrole) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'outbox_grant_define';
COMMENT ON FUNCTION outbox.grant_define(regrole) IS
'Lets a role define rules for what it owns: USAGE on schema outbox, EXECUTE on the functions that define and undefine, SELECT on the views of '
'rules, and nothing else; it may not emit by that. '
'Errors: 42501 when the caller may not grant that, 22004 a null role.';

CREATE FUNCTION outbox.revoke_define(role regrole) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'outbox_revoke_define';
COMMENT ON FUNCTION outbox.revoke_define(regrole) IS
'Takes back what outbox.grant_define gave, USAGE only if no function of the schema is left to the role. What it has defined stays. '
'Errors: 42501 when the caller may not revoke that, 22004 a null role.';

REVOKE ALL ON SCHEMA outbox FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA outbox FROM PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA outbox FROM PUBLIC;
REVOKE ALL ON ALL ROUTINES IN SCHEMA outbox FROM PUBLIC;

-- The rule of a value object is checked by whoever writes a value.
GRANT EXECUTE ON FUNCTION outbox.conforms(boolean, text, text) TO PUBLIC;
-- The triggers of rules are dumped and restored by the tables' owners, and fire for whoever writes. They do nothing but what rules say.
GRANT EXECUTE ON FUNCTION outbox.number(), outbox.guard(), outbox.unjudged(), outbox.unsettled(), outbox.settle(), outbox.truncated() TO PUBLIC;

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
GRANT SELECT ON outbox.aggregate, outbox.lifecycle, outbox.invariant, outbox.rule_history, outbox.value_object TO pg_monitor;
GRANT EXECUTE ON FUNCTION outbox.describe_aggregate(text), outbox.lifecycle_diagram(text) TO pg_monitor;
GRANT EXECUTE ON FUNCTION outbox.read_check(pg_node_tree), outbox.check_alterable(regtype) TO pg_monitor;
