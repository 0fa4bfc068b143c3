-- What waits, and what it waits for, however locked the tables are.
CREATE FUNCTION outbox.backlog_state(
	OUT backlog bigint, OUT backlog_estimated boolean, OUT oldest timestamptz, OUT dead_letters bigint,
	OUT blocked_aggregates bigint, OUT waiting bigint, OUT restored boolean, OUT paused_at timestamptz, OUT paused_by name,
	OUT pause_reason text, OUT locked boolean, OUT stuck boolean, OUT lock_on text, OUT lock_holder text, OUT lock_since timestamptz)
RETURNS record LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET lock_timeout = '250ms'
AS 'MODULE_PATHNAME', 'outbox_backlog_state';
COMMENT ON FUNCTION outbox.backlog_state() IS
'What waits in this database''s outbox: the source of outbox.status. Up to 10,000 are counted; beyond that backlog is an estimate '
'(backlog_estimated), and so are dead_letters, blocked_aggregates and waiting. Null is what stands in tables that somebody has locked. locked: the relay itself waits '
'for a lock; stuck: a child of outbox.event is due to be emptied and cannot be locked for that; lock_on, lock_holder and lock_since say on what, who holds it, '
'and since when.';
