-- Which outbox this is, and where it was seen last.
CREATE TABLE outbox.identity (
	uuid uuid NOT NULL,
	system_identifier bigint NOT NULL,
	database_oid oid NOT NULL,
	timeline bigint,
	directory bigint,
	directory_born bigint,
	ids_from bigint NOT NULL DEFAULT 0,
	made_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
CREATE UNIQUE INDEX identity_single_idx ON outbox.identity ((true));
COMMENT ON TABLE outbox.identity IS
'The outbox''s own uuid, part of every message id, with the place it belongs to: cluster, database, timeline, and data directory (inode, '
'birth in nanoseconds). In a copy the relay is fenced and publishes nothing until outbox.adopt. ids_from is where ids of events began at '
'this place. pg_upgrade and file copies take the row along; pg_dump does not.';
INSERT INTO outbox.identity (uuid, system_identifier, database_oid)
SELECT pg_catalog.gen_random_uuid(), s.system_identifier, d.oid
  FROM pg_catalog.pg_control_system() s, pg_catalog.pg_database d
 WHERE d.datname = pg_catalog.current_database();

-- What pg_dump has taken along lands here, where nothing acts on it.
CREATE TABLE outbox.restored (
	kind text NOT NULL,
	content json NOT NULL
);
COMMENT ON TABLE outbox.restored IS
'What pg_dump took along of an outbox (outbox.portable()), from the restore until outbox.adopt moves it to its tables or drops it: kind is '
'"outbox" or the table of a row, content the row. While there is a row, this database''s outbox is fenced.';
