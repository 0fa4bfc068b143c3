-- The HTTP endpoint.
CREATE FUNCTION outbox.http_state(
	OUT state text, OUT since timestamptz, OUT pid integer, OUT address text, OUT reason text, OUT failures integer,
	OUT answered bigint, OUT refused bigint, OUT cut bigint)
RETURNS record LANGUAGE c VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'outbox_http_state';
COMMENT ON FUNCTION outbox.http_state() IS
'What the HTTP endpoint tells of itself, and the launcher of it, read from shared memory: the source of outbox.stat_http. All null where the '
'library is not preloaded.';

CREATE VIEW outbox.stat_http AS
SELECT h.state, h.since, h.address, h.reason,
       CASE h.state
         WHEN 'off' THEN 'Set outbox.http_listen, for example to 127.0.0.1:9187, and reload.'
         WHEN 'unable' THEN 'Free the address, or set outbox.http_listen to another one and reload; it tries again by itself.'
         WHEN 'failed' THEN 'Look for its error in the server log; it is started again by itself.'
         WHEN 'no free worker slot' THEN 'Raise max_worker_processes and restart PostgreSQL.'
         WHEN 'down' THEN 'Remove the cause, set outbox.http_listen to '''' and reload, then set it again.'
       END AS hint,
       h.pid, h.failures, h.answered, h.refused, h.cut
  FROM outbox.http_state() h;
COMMENT ON VIEW outbox.stat_http IS
'One row: the HTTP endpoint of the server, outbox.http_listen: off, starting, listening, unable (it cannot listen there), failed, no free worker slot, down '
'(it has crashed, and is not started); where it listens; since the server started: requests answered, refused (method, body or host not '
'allowed), and clients cut off because they were too slow or too many.';
