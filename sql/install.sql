-- Installing, removing and installing again; the tests after this one use what it leaves.
-- Whoever installs into a server that does not preload the library is warned.
SELECT current_setting('shared_preload_libraries') LIKE '%cleanoutbox%' AS preloaded;
CREATE EXTENSION cleanoutbox;
-- A schema of that name is never adopted.
DROP EXTENSION cleanoutbox;
CREATE SCHEMA outbox;
\set VERBOSITY terse
CREATE EXTENSION cleanoutbox;
\set VERBOSITY default
DROP SCHEMA outbox;
-- Nothing is left behind.
SELECT count(*) AS left_behind FROM pg_namespace WHERE nspname = 'outbox';
CREATE EXTENSION cleanoutbox;
ALTER EXTENSION cleanoutbox SET SCHEMA public;
SET outbox.no_such_setting = 1;
-- Every member but event triggers is in the schema outbox, and every function, table and view is explained.
CREATE TEMPORARY VIEW member AS
SELECT d.classid, d.objid, i.type, i.schema, i.identity
  FROM pg_depend d,
       pg_identify_object(d.classid, d.objid, d.objsubid) i
 WHERE d.refclassid = 'pg_extension'::regclass
   AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'cleanoutbox')
   AND d.deptype = 'e';
SELECT identity FROM member WHERE schema IS DISTINCT FROM 'outbox' ORDER BY identity COLLATE "C";
SELECT identity FROM member
 WHERE type IN ('function', 'table', 'view', 'schema') AND obj_description(objid, classid::regclass::text) IS NULL
 ORDER BY identity COLLATE "C";
-- Nothing that writes may run in a parallel worker.
SELECT m.identity FROM member m JOIN pg_proc p ON p.oid = m.objid
 WHERE m.classid = 'pg_proc'::regclass AND p.provolatile = 'v' AND p.proparallel = 's'
 ORDER BY m.identity COLLATE "C";
