-- Events that the broker refuses for good.
CREATE TABLE outbox.dead_letter (
	event_id bigint PRIMARY KEY,
	refused_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
	code integer NOT NULL,
	reason text NOT NULL,
	emitted_at timestamptz NOT NULL,
	aggregate text NOT NULL,
	aggregate_id text NOT NULL,
	action text NOT NULL,
	version bigint,
	content_type text NOT NULL,
	headers text NOT NULL,
	payload bytea NOT NULL
);
ALTER TABLE outbox.dead_letter ALTER COLUMN payload SET STORAGE EXTERNAL;
COMMENT ON TABLE outbox.dead_letter IS
'Events that the broker will never accept, with its code and reason, in full. The events after them have been published.';
