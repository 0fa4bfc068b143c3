-- Which event stands where in the stream: what the relay compares the stream with.
CREATE TABLE outbox.trail (
	stream text NOT NULL,
	first_sequence bigint NOT NULL,
	last_sequence bigint NOT NULL,
	runs bigint[] NOT NULL,
	turn bigint NOT NULL
);
CREATE INDEX trail_first_sequence_idx ON outbox.trail USING btree (stream, first_sequence);
COMMENT ON TABLE outbox.trail IS
'Where published events are stored: runs holds triples (stream sequence, event id, count), each for so many events whose sequences and ids '
'ascend by one. A row covers less than 8192 sequences. turn is that of outbox.ring when '
'the events were published; rows leave when no child that was current then holds events.';

CREATE TABLE outbox.lost (
	stream text NOT NULL,
	place bigint NOT NULL,
	events bigint NOT NULL,
	runs bigint[] NOT NULL,
	PRIMARY KEY (stream, place)
);
COMMENT ON TABLE outbox.lost IS
'Published events that the broker has lost and that are to be sent again, in the order of place; runs as in outbox.trail, with the sequences that '
'the events had. Rows leave when their events are stored again.';

CREATE TABLE outbox.inspection (
	stream text PRIMARY KEY,
	deleted bigint NOT NULL DEFAULT 0,
	checked_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE outbox.inspection IS
'How many messages were missing in the middle of a stream when the relay compared it with outbox.trail: when there are more, it looks for them.';
