-- Which outbox this is, and on which server and database it was made.
CREATE TABLE outbox.identity (
	uuid uuid NOT NULL,
	system_identifier bigint NOT NULL,
	database_oid oid NOT NULL,
	made_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
CREATE UNIQUE INDEX identity_single_idx ON outbox.identity ((true));
COMMENT ON TABLE outbox.identity IS
'The outbox''s own uuid, part of every message id, with the server and database it belongs to. On any other server or database (a copy) '
'the relay is fenced and publishes nothing.';
INSERT INTO outbox.identity (uuid, system_identifier, database_oid)
SELECT pg_catalog.gen_random_uuid(), s.system_identifier, d.oid
  FROM pg_catalog.pg_control_system() s, pg_catalog.pg_database d
 WHERE d.datname = pg_catalog.current_database();
