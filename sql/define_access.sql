-- Who may define rules, and with whose rights they are judged.
CREATE ROLE regress_outbox_owner;
CREATE ROLE regress_outbox_member IN ROLE regress_outbox_owner;
CREATE ROLE regress_outbox_outsider;
CREATE ROLE regress_outbox_writer;
CREATE ROLE regress_outbox_reader;
CREATE SCHEMA acc AUTHORIZATION regress_outbox_owner;
GRANT USAGE ON SCHEMA acc TO PUBLIC;
CREATE SCHEMA evil AUTHORIZATION regress_outbox_writer;
GRANT CREATE ON SCHEMA public TO regress_outbox_writer;
CREATE FUNCTION acc.attempt(statement text, OUT state text, OUT message text)
LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	SET CONSTRAINTS ALL IMMEDIATE;
	SET CONSTRAINTS ALL DEFERRED;
EXCEPTION WHEN others THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT;
END $$;
-- The same of several, one after the other.
CREATE FUNCTION acc.attempts(VARIADIC statements text[]) RETURNS TABLE (statement text, state text, message text)
LANGUAGE plpgsql AS $$
BEGIN
	FOREACH statement IN ARRAY statements LOOP
		SELECT a.state, a.message INTO attempts.state, attempts.message FROM acc.attempt(statement) a;
		RETURN NEXT;
	END LOOP;
END $$;
\pset null -
\set SHOW_CONTEXT never
SET ROLE regress_outbox_owner;
CREATE TABLE acc.orders (id integer PRIMARY KEY, state text DEFAULT 'new', total integer DEFAULT 0, note text, version integer);
CREATE TABLE acc.line (order_id integer, n integer);
CREATE TABLE acc.secret (word text);
INSERT INTO acc.secret VALUES ('xyzzy');
CREATE FUNCTION acc.who() RETURNS text LANGUAGE sql STABLE AS 'SELECT current_user::text';
CREATE FUNCTION acc.knows(text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN $1 IS NULL OR EXISTS (SELECT FROM acc.secret WHERE word = $1); END $$;
REVOKE ALL ON FUNCTION acc.who(), acc.knows(text) FROM PUBLIC;
GRANT INSERT, UPDATE, DELETE, SELECT ON acc.orders, acc.line TO regress_outbox_writer;

-- Defining needs a grant, and the ownership of the tables.
SELECT * FROM acc.attempt($$SELECT outbox.define_aggregate('order', 'acc.orders', 'id', 'version')$$);
RESET ROLE;
SELECT outbox.grant_define('regress_outbox_owner'), outbox.grant_define('regress_outbox_outsider');
SELECT p.oid::regprocedure AS of_those FROM pg_proc p WHERE pronamespace = 'outbox'::regnamespace AND has_function_privilege('regress_outbox_owner', p.oid, 'EXECUTE') AND NOT has_function_privilege('regress_outbox_reader', p.oid, 'EXECUTE') ORDER BY p.oid::regprocedure::text COLLATE "C";
SELECT relname FROM pg_class WHERE relnamespace = 'outbox'::regnamespace AND relkind IN ('r', 'v', 'S', 'p') AND has_table_privilege('regress_outbox_owner', oid, 'SELECT') ORDER BY 1;
SELECT relname FROM pg_class WHERE relnamespace = 'outbox'::regnamespace AND relkind IN ('r', 'v', 'p') AND has_table_privilege('regress_outbox_owner', oid, 'INSERT, UPDATE, DELETE, TRUNCATE') ORDER BY 1;
SET ROLE regress_outbox_outsider;
SELECT * FROM acc.attempt($$SELECT outbox.define_aggregate('order', 'acc.orders', 'id', 'version')$$);
SET ROLE regress_outbox_owner;
SELECT outbox.define_aggregate('order', 'acc.orders', 'id', 'version'), outbox.define_entity('order', 'acc.line', 'order_id'), outbox.define_lifecycle('order', 'state', '{new}'), outbox.define_transition('order', 'new', 'paid', 'paid', 'acc.who() = ''regress_outbox_owner'''),
	outbox.define_invariant('order', 'secret', 'acc.knows(new.note)'), outbox.define_invariant('order', 'few', '(SELECT count(*) FROM acc.line l WHERE l.order_id = new.id) < 3 AND (SELECT count(*) FROM acc.secret) = 1', NULL, 'commit'),
	outbox.define_event('order', 'made', 'insert', NULL, 'ARRAY[current_user::text, acc.who()]');
SET ROLE regress_outbox_outsider;
SELECT call, r.* FROM unnest(ARRAY[$$define_aggregate('order', 'acc.orders')$$, $$undefine_aggregate('order')$$, $$define_entity('order', 'acc.secret', 'word')$$, $$undefine_entity('order', 'acc.line')$$, $$define_lifecycle('order', 'state', '{x}')$$, $$undefine_lifecycle('order')$$,
	$$define_transition('order', 'a', 'b')$$, $$undefine_transition('order', 'new', 'paid')$$, $$define_invariant('order', 'x', 'true')$$, $$undefine_invariant('order', 'secret')$$, $$define_event('order', 'x', 'insert')$$, $$undefine_event('order', 'made', 'insert')$$, $$define_immutable('order', 'note')$$, $$undefine_immutable('order', 'note')$$])
	WITH ORDINALITY AS c (call, n), acc.attempt('SELECT outbox.' || call) r ORDER BY n;
-- A table of somebody else cannot become a part of one's own aggregate; nor can one take away what is not one's own.
CREATE TEMPORARY TABLE mine (id integer PRIMARY KEY);
SELECT * FROM acc.attempt($$SELECT outbox.define_aggregate('mine', 'mine')$$);
SELECT * FROM acc.attempt($$SELECT outbox.define_entity('order', 'mine', 'id')$$);
SET ROLE regress_outbox_member;
SELECT * FROM acc.attempt($$SELECT outbox.define_immutable('order', 'id')$$);
RESET ROLE;
SELECT changed_by, count(*) FROM outbox.rule_history WHERE aggregate = 'order' AND changed_by LIKE 'regress_outbox%' GROUP BY 1 ORDER BY 1;
SET ROLE regress_outbox_owner;
SELECT * FROM acc.attempts('INSERT INTO outbox.rule_invariant VALUES (1)', 'DELETE FROM outbox.rule_history', 'SELECT outbox.ddl_begins()');

-- A writer needs no right but on the table: rules and events are the owner's.
SET ROLE regress_outbox_writer;
INSERT INTO acc.orders (id) VALUES (1);
UPDATE acc.orders SET state = 'paid', note = 'xyzzy';
INSERT INTO acc.line VALUES (1, 1);
SELECT * FROM acc.attempts($$UPDATE acc.orders SET note = 'else'$$, 'INSERT INTO acc.line VALUES (1, 2), (1, 3)', $$SELECT acc.who()$$, 'SELECT word FROM acc.secret', $$SELECT outbox.emit('order', '1', 'x', '{}')$$, 'TABLE outbox.event', 'SELECT outbox.unsettled()');
RESET ROLE;
REVOKE SELECT ON acc.orders, acc.line FROM regress_outbox_writer;
SET ROLE regress_outbox_writer;
INSERT INTO acc.orders (id) VALUES (2);
INSERT INTO acc.line VALUES (2, 1);
UPDATE acc.orders SET total = 1;
RESET ROLE;
SELECT id, state, total, version FROM acc.orders ORDER BY id;
SELECT action, version, convert_from(payload, 'UTF8') AS payload FROM outbox.event WHERE aggregate = 'order' ORDER BY id;
GRANT SELECT ON acc.orders, acc.line TO regress_outbox_writer;

-- Functions and operators of the writer's, wherever he puts them, are not found; his search_path and temporary objects neither.
SET ROLE regress_outbox_writer;
CREATE FUNCTION evil.less(integer, integer) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'evil as %', current_user; RETURN true; END $$;
CREATE OPERATOR evil.< (LEFTARG = integer, RIGHTARG = integer, FUNCTION = evil.less);
CREATE OPERATOR public.< (LEFTARG = integer, RIGHTARG = integer, FUNCTION = evil.less);
CREATE FUNCTION public.lower(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'evil as %', current_user; RETURN $1; END $$;
CREATE FUNCTION evil.count(integer) RETURNS bigint LANGUAGE sql AS 'SELECT 0::bigint';
CREATE TABLE evil.line (order_id integer, n integer);
CREATE TABLE evil.orders (LIKE acc.orders);
CREATE TABLE evil.rule_invariant (aggregate text, name text);
CREATE TEMPORARY TABLE secret (word text);
CREATE TEMPORARY TABLE line (order_id integer, n integer);
CREATE TEMPORARY TABLE orders (LIKE acc.orders);
CREATE TEMPORARY TABLE rule_aggregate (LIKE acc.orders);
CREATE TEMPORARY TABLE pg_class (oid oid);
CREATE DOMAIN pg_temp.integer AS integer CHECK (VALUE IS NULL);
SET ROLE regress_outbox_owner;
SET search_path = evil, pg_temp, public, pg_catalog;
SELECT outbox.define_invariant('order', 'small', 'new.total < 100 AND lower(new.state) <> ''X'''), outbox.define_invariant('order', 'typed', 'new.total::integer < 1000 AND new.tableoid::regclass::text = ''acc.orders''');
RESET search_path;
SELECT expression FROM outbox.invariant WHERE aggregate = 'order' AND check_at = 'row' ORDER BY name COLLATE "C";
SET ROLE regress_outbox_writer;
SET search_path = evil, pg_temp, public, acc, pg_catalog;
SELECT * FROM acc.attempts('UPDATE acc.orders SET total = 500', 'UPDATE acc.orders SET total = 7', 'INSERT INTO acc.line VALUES (1, 2), (1, 3)', 'INSERT INTO acc.line VALUES (2, 2)', 'INSERT INTO acc.orders VALUES (3, ''X'')');
RESET search_path;
-- So are sessions that are new; and the owner's function that forgets a schema finds nothing of the writer's.
RESET ROLE;
\c -
\set SHOW_CONTEXT never
\pset null -
SET ROLE regress_outbox_owner;
CREATE FUNCTION acc.careless(text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN $1 IS NULL OR EXISTS (SELECT FROM secret WHERE word = $1); END $$;
SELECT * FROM acc.attempt($$SELECT outbox.define_invariant('order', 'careless', 'acc.careless(new.note)')$$);
ALTER FUNCTION acc.careless(text) SET search_path = acc, pg_temp;
SELECT outbox.define_invariant('order', 'careless', 'acc.careless(new.note)');
SET ROLE regress_outbox_writer;
CREATE TEMPORARY TABLE secret AS SELECT 'else' AS word;
CREATE TABLE evil.secret AS SELECT 'else' AS word;
SET search_path = evil, pg_temp, public, acc, pg_catalog;
SELECT * FROM acc.attempts('UPDATE acc.orders SET note = ''else''', 'UPDATE acc.orders SET note = ''xyzzy''');
RESET search_path;

-- Judging is security-restricted: what a rule calls cannot get out of it, or leave anything behind.
SET ROLE regress_outbox_owner;
SELECT outbox.undefine_invariant('order', 'careless');
CREATE FUNCTION acc.does(what text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN IF what IS NOT NULL AND what <> 'xyzzy' THEN EXECUTE what; END IF; RETURN true; END $$;
SELECT outbox.undefine_invariant('order', 'secret');
SELECT outbox.define_invariant('order', 'does', 'acc.does(new.note)');
SET ROLE regress_outbox_writer;
SELECT what, r.state FROM unnest(ARRAY['RESET ROLE', 'SET ROLE regress_outbox_writer', 'SET SESSION AUTHORIZATION DEFAULT', 'CREATE TEMPORARY TABLE left_behind (a integer)', 'SET search_path = evil', 'SELECT set_config(''role'', ''regress_outbox_writer'', false)',
	'CREATE INDEX ON acc.orders (total)', 'PREPARE x AS SELECT 1', 'DECLARE c CURSOR WITH HOLD FOR SELECT 1', 'LISTEN x', 'COMMIT', 'ALTER TABLE acc.orders ADD COLUMN more integer', 'DROP TABLE acc.orders CASCADE', 'SELECT outbox.undefine_aggregate(''order'')', 'TRUNCATE acc.orders']) WITH ORDINALITY AS w (what, n),
	acc.attempt(format('UPDATE acc.orders SET note = %L WHERE id = 1', what)) r ORDER BY n;
BEGIN;
UPDATE acc.orders SET note = 'SELECT outbox.unsettled()' WHERE id = 1;
COMMIT;
SELECT current_user, current_setting('search_path');
RESET ROLE;
SELECT to_regclass('acc.orders'), (SELECT count(*) FROM outbox.aggregate WHERE aggregate = 'order');

-- The table given to somebody else: its rules are judged with his rights, from the next row on.
SET ROLE regress_outbox_owner;
SELECT outbox.undefine_invariant('order', 'does'), outbox.define_event('order', 'changed', 'update', NULL, 'current_user::text');
RESET ROLE;
UPDATE acc.orders SET note = 'a' WHERE id = 1;
ALTER TABLE acc.orders OWNER TO regress_outbox_outsider;
UPDATE acc.orders SET note = 'b' WHERE id = 1;
GRANT EXECUTE ON FUNCTION acc.who() TO regress_outbox_outsider;
SELECT * FROM acc.attempt('UPDATE acc.orders SET note = ''c'' WHERE id = 1');
GRANT SELECT ON acc.secret, acc.line TO regress_outbox_outsider;
UPDATE acc.orders SET note = 'c' WHERE id = 1;
SELECT action, version, convert_from(payload, 'UTF8') AS payload FROM outbox.event WHERE aggregate = 'order' AND action = 'changed' ORDER BY id;
-- Whoever owns one of the tables only defines nothing, but may drop his own.
SET ROLE regress_outbox_outsider;
SELECT * FROM acc.attempt($$SELECT outbox.undefine_aggregate('order')$$);
SET ROLE regress_outbox_owner;
SELECT * FROM acc.attempts($$SELECT outbox.undefine_entity('order', 'acc.line')$$, 'DROP TABLE acc.line');
RESET ROLE;
SELECT outbox.revoke_define('regress_outbox_owner'), outbox.revoke_define('regress_outbox_outsider');
SET ROLE regress_outbox_outsider;
SELECT * FROM acc.attempts($$SELECT outbox.define_immutable('order', 'note')$$, 'ALTER TABLE acc.orders RENAME COLUMN note TO word', 'DROP TABLE acc.orders CASCADE');
RESET ROLE;
SELECT count(*) FROM outbox.aggregate;
SET client_min_messages = warning;
DROP SCHEMA acc, evil CASCADE;
DROP FUNCTION public.lower(text);
DROP OWNED BY regress_outbox_owner, regress_outbox_member, regress_outbox_outsider, regress_outbox_writer, regress_outbox_reader CASCADE;
DROP ROLE regress_outbox_owner, regress_outbox_member, regress_outbox_outsider, regress_outbox_writer, regress_outbox_reader;
SELECT count(*) FROM outbox.aggregate;
