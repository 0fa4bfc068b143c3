-- Who may do what; and that names which somebody else made are never used.
CREATE ROLE regress_outbox_app LOGIN;
CREATE ROLE regress_outbox_monitor LOGIN IN ROLE pg_monitor;
CREATE ROLE "regress_outbox ""quoted""";

-- PUBLIC may do nothing but have the rule of a value object checked, and triggers of rules fire.
SELECT p.oid::regprocedure AS open_to_public
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace AND n.nspname = 'outbox',
       aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
 WHERE a.grantee = 0
 ORDER BY p.oid::regprocedure::text COLLATE "C";
SELECT c.oid::regclass AS open_to_public
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'outbox', aclexplode(c.relacl) a
 WHERE a.grantee = 0;
SELECT count(*) AS open_to_public FROM pg_namespace n, aclexplode(n.nspacl) a WHERE n.nspname = 'outbox' AND a.grantee = 0;

SET ROLE regress_outbox_app;
SELECT outbox.emit('order', '42', 'placed');
\echo :SQLSTATE
SELECT outbox.grant_emit('regress_outbox_app');
RESET ROLE;

-- outbox.grant_emit gives the right to emit and nothing else.
SELECT outbox.grant_emit('regress_outbox_app');
SELECT outbox.grant_emit('"regress_outbox ""quoted"""');
SELECT outbox.grant_emit('regress_outbox_nobody');
SELECT outbox.grant_emit(NULL);
\echo :SQLSTATE
SELECT outbox.grant_emit('0');
SELECT p.proname, r.rolname
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace AND n.nspname = 'outbox',
       aclexplode(p.proacl) a JOIN pg_roles r ON r.oid = a.grantee
 WHERE r.rolname LIKE 'regress_outbox%'
 ORDER BY p.proname COLLATE "C", r.rolname COLLATE "C";
SET ROLE regress_outbox_app;
SELECT outbox.emit('order', '42', 'placed') > 0 AS ok;
SELECT outbox.emit_bytes('order', '42', 'placed', '') > 0 AS ok;
SELECT outbox.broadcast('order', '42', 'viewed');
SELECT * FROM outbox.stat_broadcast;
SELECT outbox.grant_emit('regress_outbox_monitor');
SELECT * FROM outbox.event;
INSERT INTO outbox.event DEFAULT VALUES;
DELETE FROM outbox.event;
TRUNCATE outbox.event;
SELECT nextval('outbox.event_id_seq');
SELECT * FROM outbox.status;
SELECT * FROM outbox.pending;
CREATE TRIGGER mine AFTER INSERT ON outbox.event FOR EACH ROW EXECUTE FUNCTION outbox.capture('order');
CREATE TABLE outbox.mine (id int);
RESET ROLE;

-- Who writes a captured table needs no right to emit; who makes it captured does.
CREATE SCHEMA regress_outbox_area AUTHORIZATION regress_outbox_app;
SELECT outbox.revoke_emit('regress_outbox_app');
SET ROLE regress_outbox_app;
SELECT outbox.emit('order', '42', 'placed');
CREATE TABLE regress_outbox_area.item (id int);
CREATE TRIGGER captured AFTER INSERT ON regress_outbox_area.item FOR EACH ROW EXECUTE FUNCTION outbox.capture('item');
RESET ROLE;
SELECT outbox.grant_emit('regress_outbox_app');
SET ROLE regress_outbox_app;
CREATE TRIGGER captured AFTER INSERT ON regress_outbox_area.item FOR EACH ROW EXECUTE FUNCTION outbox.capture('item');
GRANT USAGE ON SCHEMA regress_outbox_area TO regress_outbox_monitor;
GRANT INSERT ON regress_outbox_area.item TO regress_outbox_monitor;
RESET ROLE;
SET ROLE regress_outbox_monitor;
INSERT INTO regress_outbox_area.item VALUES (42);
RESET ROLE;
SELECT aggregate, aggregate_id, action, convert_from(payload, 'UTF8') AS payload
  FROM outbox.event ORDER BY id DESC LIMIT 1;

-- pg_monitor sees the state, never a payload.
SET ROLE regress_outbox_monitor;
SELECT count(*) FROM outbox.status;
SELECT count(*) FROM outbox.stat_relay;
SELECT count(*) >= 3 AS pending FROM outbox.pending;
SELECT payload FROM outbox.event;
SELECT outbox.emit('order', '42', 'placed');
SELECT c.relname, a.attname
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'outbox'
       JOIN pg_attribute a ON a.attrelid = c.oid
 WHERE a.attname IN ('payload', 'headers') AND NOT a.attisdropped AND has_column_privilege(c.oid, a.attnum, 'SELECT');
RESET ROLE;

-- Somebody's functions, operators and casts of the same names are not called.
CREATE SCHEMA regress_outbox_hostile;
CREATE FUNCTION regress_outbox_hostile.trap(text) RETURNS text LANGUAGE plpgsql AS
'BEGIN RAISE EXCEPTION ''trapped''; END';
CREATE FUNCTION regress_outbox_hostile.trap2(bigint, bigint) RETURNS boolean LANGUAGE plpgsql AS
'BEGIN RAISE EXCEPTION ''trapped''; END';
CREATE FUNCTION regress_outbox_hostile.row_to_json(record) RETURNS json LANGUAGE plpgsql AS
'BEGIN RAISE EXCEPTION ''trapped''; END';
CREATE FUNCTION regress_outbox_hostile.nextval(regclass) RETURNS bigint LANGUAGE plpgsql AS
'BEGIN RAISE EXCEPTION ''trapped''; END';
CREATE FUNCTION regress_outbox_hostile.emit(text, text, text) RETURNS bigint LANGUAGE plpgsql AS
'BEGIN RAISE EXCEPTION ''trapped''; END';
CREATE FUNCTION regress_outbox_hostile.lower(text) RETURNS text LANGUAGE plpgsql AS
'BEGIN RAISE EXCEPTION ''trapped''; END';
CREATE FUNCTION regress_outbox_hostile.count() RETURNS bigint LANGUAGE plpgsql AS
'BEGIN RAISE EXCEPTION ''trapped''; END';
CREATE OPERATOR regress_outbox_hostile.= (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = regress_outbox_hostile.trap2);
CREATE OPERATOR regress_outbox_hostile.> (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = regress_outbox_hostile.trap2);
CREATE TABLE regress_outbox_hostile.event (LIKE outbox.event);
SET search_path = regress_outbox_hostile, pg_catalog;
SELECT outbox.emit('order', '42', 'searched');
INSERT INTO regress_outbox_area.item VALUES (43);
SELECT pg_catalog.count(*) FROM outbox.status;
SELECT pg_catalog.count(*) FROM outbox.stat_relay;
SELECT outbox.grant_emit('regress_outbox_app');
SELECT outbox.revoke_emit('regress_outbox_app');
SELECT pg_catalog.count(*) FROM regress_outbox_hostile.event;
SET search_path = '';
SELECT outbox.grant_emit('regress_outbox_app');
INSERT INTO regress_outbox_area.item VALUES (44);
RESET search_path;
SELECT aggregate, aggregate_id, action FROM outbox.event ORDER BY id DESC LIMIT 3;

-- Row security and triggers on the log do not silence an emit, nor do they run for it.
CREATE FUNCTION pg_temp.trap() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''trapped''; END';
CREATE TRIGGER trap BEFORE INSERT ON outbox.event FOR EACH ROW EXECUTE FUNCTION pg_temp.trap();
ALTER TABLE outbox.event ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
SET ROLE regress_outbox_app;
SELECT outbox.emit('order', '42', 'secured') > 0 AS ok;
RESET ROLE;
ALTER TABLE outbox.event DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY;
DROP TRIGGER trap ON outbox.event;
SELECT aggregate, aggregate_id, action FROM outbox.event ORDER BY id DESC LIMIT 1;

-- outbox.grant_define gives the right to define and nothing else; neither right takes the other along.
SELECT outbox.revoke_emit('regress_outbox_app');
SELECT outbox.revoke_emit('"regress_outbox ""quoted"""');
SET ROLE regress_outbox_app;
SELECT outbox.grant_define('regress_outbox_app');
RESET ROLE;
SELECT outbox.grant_define(NULL);
\echo :SQLSTATE
SELECT outbox.revoke_define(NULL);
\echo :SQLSTATE
SELECT outbox.grant_define('regress_outbox_app');
SELECT outbox.grant_define('"regress_outbox ""quoted"""');
CREATE VIEW pg_temp.held AS
SELECT rolname, string_agg(held, ', ' ORDER BY held COLLATE "C") AS holds FROM (
SELECT p.proname AS held, r.rolname
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace AND n.nspname = 'outbox',
       aclexplode(p.proacl) a JOIN pg_roles r ON r.oid = a.grantee
 WHERE r.rolname LIKE 'regress_outbox%'
UNION ALL
SELECT c.relname, r.rolname
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'outbox',
       aclexplode(c.relacl) a JOIN pg_roles r ON r.oid = a.grantee
 WHERE r.rolname LIKE 'regress_outbox%') h
 GROUP BY rolname;
SELECT * FROM pg_temp.held ORDER BY rolname COLLATE "C";
-- Whatever the extension has to define or undefine is among them.
SELECT p.oid::regprocedure AS not_granted
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace AND n.nspname = 'outbox'
 WHERE (p.proname ~ '^(define|undefine|describe)_' OR p.proname = 'lifecycle_diagram')
   AND NOT has_function_privilege('regress_outbox_app', p.oid, 'EXECUTE');
SET ROLE regress_outbox_app;
SELECT outbox.emit('order', '42', 'placed');
SELECT * FROM outbox.event;
SELECT count(*) FROM outbox.value_object;
RESET ROLE;
SELECT outbox.grant_emit('regress_outbox_app');
SELECT outbox.revoke_define('regress_outbox_app');
SET ROLE regress_outbox_app;
SELECT outbox.emit('order', '42', 'kept') > 0 AS ok;
SELECT count(*) FROM outbox.value_object;
RESET ROLE;
SELECT outbox.grant_define('regress_outbox_app');
SELECT outbox.revoke_emit('regress_outbox_app');
SET ROLE regress_outbox_app;
SELECT count(*) FROM outbox.value_object;
SELECT outbox.emit('order', '42', 'placed');
RESET ROLE;
SET search_path = regress_outbox_hostile, pg_catalog;
CREATE FUNCTION regress_outbox_hostile.trap3(oid, oid) RETURNS boolean LANGUAGE plpgsql AS
'BEGIN RAISE EXCEPTION ''trapped''; END';
CREATE OPERATOR regress_outbox_hostile.= (LEFTARG = oid, RIGHTARG = oid, FUNCTION = regress_outbox_hostile.trap3);
SELECT outbox.revoke_define('regress_outbox_app');
SELECT pg_catalog.count(*) FROM outbox.value_object;
RESET search_path;
SELECT outbox.revoke_define('"regress_outbox ""quoted"""');
SELECT * FROM pg_temp.held ORDER BY rolname COLLATE "C";
SELECT has_schema_privilege('regress_outbox_app', 'outbox', 'USAGE') AS usage;
SET ROLE regress_outbox_monitor;
SELECT count(*) FROM outbox.value_object;
RESET ROLE;
DROP VIEW pg_temp.held;

DROP SCHEMA regress_outbox_hostile CASCADE;
DROP SCHEMA regress_outbox_area CASCADE;
DROP ROLE regress_outbox_app, regress_outbox_monitor, "regress_outbox ""quoted""";
DELETE FROM outbox.event;
