-- Events that enter the log later. The columns are those of outbox.event, with the time in place of the transaction.
CREATE TABLE outbox.scheduled (
	id bigint PRIMARY KEY,
	deliver_at timestamptz NOT NULL,
	emitted_at timestamptz NOT NULL,
	aggregate text NOT NULL,
	aggregate_id text NOT NULL,
	action text NOT NULL,
	version bigint,
	content_type text NOT NULL,
	headers text NOT NULL,
	payload bytea NOT NULL
);
ALTER TABLE outbox.scheduled ALTER COLUMN payload SET STORAGE EXTERNAL;
CREATE INDEX scheduled_due_idx ON outbox.scheduled USING btree (deliver_at, id);
COMMENT ON TABLE outbox.scheduled IS
'Events emitted with deliver_at, until the relay has them enter outbox.event, when that time has come. id is what outbox.emit returned; in '
'the log the event has an id of its own, and this one is its header Outbox-Scheduled-Id.';
