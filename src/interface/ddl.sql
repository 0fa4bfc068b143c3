-- Commands on users' tables: rules follow what is renamed, and go with what is dropped.
CREATE FUNCTION outbox.ddl_begins() RETURNS event_trigger
LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'outbox_ddl_begins';
COMMENT ON FUNCTION outbox.ddl_begins() IS
'Event trigger function: notes what rules name before a command that may rename it.';

CREATE FUNCTION outbox.ddl_ends() RETURNS event_trigger
LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'outbox_ddl_ends';
COMMENT ON FUNCTION outbox.ddl_ends() IS
'Event trigger function: writes rules with the new names, and gives new inheritance children their triggers.';

CREATE FUNCTION outbox.ddl_drops() RETURNS event_trigger
LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'outbox_ddl_drops';
COMMENT ON FUNCTION outbox.ddl_drops() IS
'Event trigger function: removes the rules of tables that are dropped. Errors: 2BP01 what is dropped is needed by the rules of a table that stays.';

CREATE EVENT TRIGGER outbox_ddl_begins ON ddl_command_start
	WHEN TAG IN ('ALTER TABLE', 'ALTER FUNCTION', 'ALTER PROCEDURE', 'ALTER ROUTINE', 'ALTER AGGREGATE', 'ALTER SCHEMA', 'ALTER TYPE', 'ALTER DOMAIN', 'ALTER VIEW',
		'ALTER MATERIALIZED VIEW', 'ALTER SEQUENCE', 'ALTER OPERATOR', 'ALTER COLLATION', 'ALTER FOREIGN TABLE', 'ALTER EXTENSION')
	EXECUTE FUNCTION outbox.ddl_begins();
CREATE EVENT TRIGGER outbox_ddl_ends ON ddl_command_end
	WHEN TAG IN ('ALTER TABLE', 'ALTER FUNCTION', 'ALTER PROCEDURE', 'ALTER ROUTINE', 'ALTER AGGREGATE', 'ALTER SCHEMA', 'ALTER TYPE', 'ALTER DOMAIN', 'ALTER VIEW',
		'ALTER MATERIALIZED VIEW', 'ALTER SEQUENCE', 'ALTER OPERATOR', 'ALTER COLLATION', 'ALTER FOREIGN TABLE', 'ALTER EXTENSION',
		'CREATE TABLE', 'CREATE TRIGGER', 'ALTER TRIGGER')
	EXECUTE FUNCTION outbox.ddl_ends();
CREATE EVENT TRIGGER outbox_ddl_drops ON sql_drop EXECUTE FUNCTION outbox.ddl_drops();
