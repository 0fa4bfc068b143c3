-- The log of events. Append-only: only outbox.erase updates rows, published ones, and a row leaves only when its whole child is truncated.
CREATE SEQUENCE outbox.event_id_seq AS bigint;
COMMENT ON SEQUENCE outbox.event_id_seq IS
'Ids of events. Gaps are normal: a rolled-back transaction leaves one.';

CREATE TABLE outbox.event (
	id bigint NOT NULL,
	xid xid8 NOT NULL,
	emitted_at timestamptz NOT NULL,
	aggregate text NOT NULL,
	aggregate_id text NOT NULL,
	action text NOT NULL,
	version bigint,
	content_type text NOT NULL,
	headers text NOT NULL,
	payload bytea NOT NULL
);
COMMENT ON TABLE outbox.event IS
'Events, written by outbox.emit, outbox.emit_bytes and outbox.capture, published by the relay, and kept for outbox.retention after that. '
'The rows are in its children, which take turns. headers holds lines "Key: value"; payload holds the body''s bytes as they go to the broker.';
COMMENT ON COLUMN outbox.event.xid IS
'The top-level transaction that emitted the event: what the relay''s cursor compares with its snapshots.';

CREATE TABLE outbox.event_0 () INHERITS (outbox.event);
CREATE TABLE outbox.event_1 () INHERITS (outbox.event);
CREATE TABLE outbox.event_2 () INHERITS (outbox.event);
-- Compressing what is read once costs more than it saves.
ALTER TABLE outbox.event ALTER COLUMN payload SET STORAGE EXTERNAL;
CREATE INDEX event_0_xid_idx ON outbox.event_0 USING btree (xid);
CREATE INDEX event_1_xid_idx ON outbox.event_1 USING btree (xid);
CREATE INDEX event_2_xid_idx ON outbox.event_2 USING btree (xid);
COMMENT ON TABLE outbox.event_0 IS 'A child of outbox.event; see outbox.ring.';
COMMENT ON TABLE outbox.event_1 IS 'A child of outbox.event; see outbox.ring.';
COMMENT ON TABLE outbox.event_2 IS 'A child of outbox.event; see outbox.ring.';

CREATE TABLE outbox.ring (
	child smallint PRIMARY KEY,
	current boolean NOT NULL,
	entered_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	left_at timestamptz,
	settled_at timestamptz,
	turn bigint NOT NULL DEFAULT 0
);
COMMENT ON TABLE outbox.ring IS
'The children of outbox.event: which one takes new events, and since when each has or has not. settled_at tells when all of it '
'was found to have been published. A child is truncated when it was left at least outbox.retention ago, and the stream was found to be whole '
'at least outbox.hold_time after settled_at.';
INSERT INTO outbox.ring (child, current) VALUES (0, true), (1, false), (2, false);
