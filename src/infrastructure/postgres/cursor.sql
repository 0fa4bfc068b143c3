-- How far each reader of the log has got; one row per reader.
CREATE TABLE outbox.cursor (
	name text PRIMARY KEY,
	old_snapshot pg_snapshot NOT NULL,
	new_snapshot pg_snapshot,
	last_tx_id bigint NOT NULL DEFAULT 0,
	last_id bigint NOT NULL DEFAULT 0,
	stream_sequence numeric(20) NOT NULL DEFAULT 0,
	stream_created bigint NOT NULL DEFAULT 0,
	highest_id bigint NOT NULL DEFAULT 0,
	sifting boolean NOT NULL DEFAULT false,
	moved_at timestamptz NOT NULL DEFAULT pg_catalog.now()
) WITH (fillfactor = 50);
COMMENT ON TABLE outbox.cursor IS
'How far a reader has got: all that old_snapshot sees is settled, and of what new_snapshot sees besides, all up to the position '
'(last_tx_id, last_id). stream_sequence and stream_created tell where the last settled event stands in the stream. No event above highest_id '
'has been settled. sifting: what the stream holds beyond stream_sequence is published already, and not read yet (outbox.adopt).';
-- Sees no transaction at all: every row of the log is still to come.
INSERT INTO outbox.cursor (name, old_snapshot) VALUES ('relay', '3:3:');
