-- Events that the broker refuses, and those that wait behind them.
CREATE TABLE outbox.dead_letter (
	event_id bigint PRIMARY KEY,
	refused_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
	code integer NOT NULL,
	reason text NOT NULL,
	attempts integer NOT NULL DEFAULT 1,
	blocks boolean NOT NULL,
	redrive_at timestamptz,
	redrive_by name,
	discarded_at timestamptz,
	discarded_by name,
	discard_reason text,
	xid xid8 NOT NULL,
	tx_index integer NOT NULL,
	tx_count integer NOT NULL,
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
CREATE INDEX dead_letter_aggregate_idx ON outbox.dead_letter USING btree (aggregate, aggregate_id)
	WHERE blocks AND discarded_at IS NULL;
-- What the relay has to look at: mostly nothing.
CREATE INDEX dead_letter_due_idx ON outbox.dead_letter USING btree (event_id)
	WHERE redrive_at IS NOT NULL OR (blocks AND discarded_at IS NOT NULL);
COMMENT ON TABLE outbox.dead_letter IS
'Events that the broker has refused, with its code and reason, in full. A row goes when outbox.redrive has had its event published, and '
'stays as a record when outbox.discard has given it up. While blocks is true and it is not given up, later events of its aggregate wait.';

CREATE TABLE outbox.waiting (
	event_id bigint PRIMARY KEY,
	xid xid8 NOT NULL,
	tx_index integer NOT NULL,
	tx_count integer NOT NULL,
	emitted_at timestamptz NOT NULL,
	aggregate text NOT NULL,
	aggregate_id text NOT NULL,
	action text NOT NULL,
	version bigint,
	content_type text NOT NULL,
	headers text NOT NULL,
	payload bytea NOT NULL
);
ALTER TABLE outbox.waiting ALTER COLUMN payload SET STORAGE EXTERNAL;
CREATE INDEX waiting_aggregate_idx ON outbox.waiting USING btree (aggregate, aggregate_id);
COMMENT ON TABLE outbox.waiting IS
'Events of blocked aggregates, kept here by the relay until the dead letters before them have been published or given up.';

CREATE TABLE outbox.blocked (
	aggregate text NOT NULL,
	aggregate_id text NOT NULL,
	since timestamptz NOT NULL DEFAULT pg_catalog.now(),
	PRIMARY KEY (aggregate, aggregate_id)
);
COMMENT ON TABLE outbox.blocked IS
'Aggregates whose events are kept back, written by the relay: see outbox.blocked_aggregate.';
