-- Whether publishing is paused, and by whom.
CREATE TABLE outbox.paused (
	paused_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	paused_by name NOT NULL,
	reason text
);
CREATE UNIQUE INDEX paused_single_idx ON outbox.paused ((true));
COMMENT ON TABLE outbox.paused IS
'One row while publishing is paused by outbox.pause; none otherwise.';
