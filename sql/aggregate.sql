-- Aggregates: which tables, what identifies a row, which columns never change, and how versions go on.
CREATE SCHEMA agg;
SET search_path = agg;
-- Runs a statement and what it has deferred; what a program sees of its error.
CREATE FUNCTION attempt(statement text, OUT state text, OUT message text, OUT detail text, OUT hint text, OUT place text)
LANGUAGE plpgsql AS $$
DECLARE
	s text; t text; c text; k text;
BEGIN
	EXECUTE statement;
	SET CONSTRAINTS ALL IMMEDIATE;
	SET CONSTRAINTS ALL DEFERRED;
EXCEPTION WHEN others THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT,
		s = SCHEMA_NAME, t = TABLE_NAME, c = COLUMN_NAME, k = CONSTRAINT_NAME;
	place := nullif(concat_ws(' ', nullif(concat_ws('.', nullif(s, ''), nullif(t, ''), nullif(c, '')), ''), nullif(k, '')), '');
END $$;
\pset null -
\set SHOW_CONTEXT never

-- What cannot be the root of an aggregate, or identify it.
CREATE TABLE item (id integer PRIMARY KEY, code text UNIQUE, a integer NOT NULL, b integer NOT NULL, c integer NOT NULL UNIQUE,
	partly integer NOT NULL, folded text NOT NULL, later integer NOT NULL UNIQUE DEFERRABLE, version integer, other text, "odd, name" integer NOT NULL UNIQUE, UNIQUE (a, b));
CREATE UNIQUE INDEX ON item (partly) WHERE partly > 0;
CREATE UNIQUE INDEX ON item (lower(folded));
CREATE VIEW seen AS TABLE item;
CREATE TEMPORARY TABLE passing (id integer PRIMARY KEY);
CREATE TABLE parts (id integer PRIMARY KEY) PARTITION BY LIST (id);
CREATE TABLE part PARTITION OF parts FOR VALUES IN (1);
SELECT call, r.* FROM unnest(ARRAY[
	$$NULL, 'item'$$, $$'item', NULL$$, $$'item', 'item', NULL$$, $$'', 'item'$$, $$'it em', 'item'$$, $$repeat('x', 101), 'item'$$,
	$$'item', 'item', 'nothing'$$, $$'item', 'item', 'ID'$$, $$'item', 'item', 'ctid'$$, $$'item', 'item', ''$$, $$'item', 'item', 'id,'$$, $$'item', 'item', 'a,nothing'$$,
	$$'item', 'item', 'code'$$, $$'item', 'item', 'a'$$, $$'item', 'item', 'partly'$$, $$'item', 'item', 'folded'$$, $$'item', 'item', 'later'$$,
	$$'item', 'item', 'id', 'nothing'$$, $$'item', 'item', 'id', 'other'$$, $$'item', 'item', 'id', 'ctid'$$,
	$$'item', 'seen'$$, $$'item', 'passing'$$, $$'item', 'part'$$, $$'item', 'pg_class', 'oid'$$, $$'item', 'outbox.event'$$, $$'item', 'item_pkey'$$, $$'item', 0$$, $$'item', 4000000000$$]) WITH ORDINALITY AS c (call, n),
	attempt('SELECT outbox.define_aggregate(' || call || ')') r ORDER BY n;
SELECT attempt($$SELECT outbox.define_aggregate('item', 'item', repeat('a,', 40) || 'b')$$);
SELECT outbox.undefine_aggregate('item');
\echo :SQLSTATE
SELECT outbox.undefine_aggregate(NULL);
\echo :SQLSTATE
-- All columns of a key, or more than it; a name with a comma in it.
SELECT outbox.define_aggregate('item', 'item', 'a, b');
SELECT outbox.undefine_aggregate('item');
SELECT outbox.define_aggregate('item', 'item', 'c,a');
SELECT outbox.undefine_aggregate('item');
SELECT outbox.define_aggregate('item', 'item', 'odd, name');
SELECT outbox.undefine_aggregate('item');
SELECT outbox.define_aggregate('item', 'item', 'id', 'version');
-- Only once: neither the name nor the table.
SELECT call, r.* FROM unnest(ARRAY[$$'item', 'item'$$, $$'item', 'parts'$$, $$'item2', 'item'$$]) WITH ORDINALITY AS c (call, n),
	attempt('SELECT outbox.define_aggregate(' || call || ')') r ORDER BY n;

-- Columns that never change.
SELECT call, r.* FROM unnest(ARRAY[$$define_immutable(NULL, 'a')$$, $$define_immutable('item', NULL)$$, $$define_immutable('item', VARIADIC NULL)$$,
	$$define_immutable('item', VARIADIC '{}')$$, $$define_immutable('no', 'a')$$, $$define_immutable('item', 'a', 'nothing')$$, $$define_immutable('item', 'a', 'a')$$,
	$$undefine_immutable('item', 'a')$$, $$undefine_immutable('no', 'a')$$]) WITH ORDINALITY AS c (call, n),
	attempt('SELECT outbox.' || call) r ORDER BY n;
SELECT outbox.define_immutable('item', 'a', 'other');
SELECT attempt($$SELECT outbox.define_immutable('item', 'b', 'a')$$);
SELECT immutable_columns FROM outbox.aggregate WHERE aggregate = 'item';
INSERT INTO item (id, a, b, c, partly, folded, later, "odd, name") VALUES (1, 1, 1, 1, 1, 'x', 1, 1);
SELECT attempt('UPDATE item SET a = 2');
SELECT attempt($$UPDATE item SET other = 'x'$$);
SELECT attempt('UPDATE item SET id = 2');
UPDATE item SET a = 1, other = NULL, id = 1, b = 3 RETURNING id, b, version;
SELECT outbox.undefine_immutable('item', 'other');
UPDATE item SET other = 'y' RETURNING version;
SELECT outbox.undefine_aggregate('item');
UPDATE item SET id = 2, other = 'z' RETURNING version;
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'item'::regclass AND NOT tgisinternal;
DROP TABLE item CASCADE;

-- Versions: one more with every change; who writes one must have read it.
CREATE TABLE acct (id integer PRIMARY KEY, v integer, version smallint);
SELECT outbox.define_aggregate('acct', 'acct', 'id', 'version');
INSERT INTO acct (id) VALUES (1);
INSERT INTO acct VALUES (2, 0, NULL), (3, 0, 7), (4, 0, 0), (5, 0, -3), (6, 0, 32766);
SELECT id, version FROM acct ORDER BY id;
SELECT statement, r.* FROM unnest(ARRAY['v = 1', 'version = 2', 'version = 4', 'version = 3', 'version = 4, v = 2', 'version = 0', 'version = NULL', 'version = version + 1', 'version = version + 2',
	'version = 32767 + 1']) WITH ORDINALITY AS s (statement, n),
	attempt('UPDATE acct SET ' || statement || ' WHERE id = 1') r ORDER BY n;
SELECT id, version FROM acct WHERE id = 1;
-- What object-relational mappers send.
UPDATE acct SET v = 3, version = 8 WHERE id = 3 AND version = 7 RETURNING version;
UPDATE acct SET v = 3, version = 8 WHERE id = 3 AND version = 7 RETURNING version;
-- A null counts as 0, a negative one goes on as well, the greatest has no next.
ALTER TABLE acct DISABLE TRIGGER USER;
UPDATE acct SET version = NULL WHERE id IN (2, 4);
ALTER TABLE acct ENABLE TRIGGER USER;
UPDATE acct SET v = 1 WHERE id IN (2, 5) RETURNING id, version;
SELECT attempt('UPDATE acct SET version = 2 WHERE id = 4');
UPDATE acct SET version = 0 WHERE id = 4 RETURNING version;
UPDATE acct SET v = 1 WHERE id = 6 RETURNING version;
SELECT attempt('UPDATE acct SET v = 2 WHERE id = 6');
SELECT attempt('UPDATE acct SET version = version WHERE id = 6');
-- Upsert: an update if there is a row.
INSERT INTO acct VALUES (1, 9), (7, 9) ON CONFLICT (id) DO UPDATE SET v = excluded.v RETURNING id, v, version;
SELECT attempt('INSERT INTO acct VALUES (7, 9) ON CONFLICT (id) DO UPDATE SET v = excluded.v, version = excluded.version');
SELECT attempt('INSERT INTO acct VALUES (7, 9) ON CONFLICT (id) DO UPDATE SET v = excluded.v, version = excluded.version');
INSERT INTO acct VALUES (7, 10) ON CONFLICT DO NOTHING;
UPDATE acct SET v = 11 WHERE id = 7 RETURNING version;
-- Other types; a domain's rule holds for what is counted.
CREATE DOMAIN few AS bigint CHECK (VALUE < 4);
CREATE TABLE ledger (id uuid PRIMARY KEY, version few);
SELECT outbox.define_aggregate('ledger', 'ledger', 'id', 'version');
INSERT INTO ledger VALUES ('00000000-0000-0000-0000-00000000000A');
UPDATE ledger SET version = version RETURNING version;
UPDATE ledger SET version = version RETURNING version;
SELECT attempt('UPDATE ledger SET version = version');
DROP TABLE acct, ledger;

-- An entity is a part of its aggregate.
CREATE TABLE cart (id bigint PRIMARY KEY, note text, version integer NOT NULL DEFAULT 1);
CREATE TABLE line (cart bigint REFERENCES cart ON DELETE CASCADE ON UPDATE CASCADE DEFERRABLE INITIALLY DEFERRED, n integer, qty integer, t text, other uuid, small smallint, PRIMARY KEY (n));
SELECT outbox.define_aggregate('cart', 'cart', 'id', 'version');
SELECT call, r.* FROM unnest(ARRAY[$$define_entity(NULL, 'line', 'cart')$$, $$define_entity('cart', NULL, 'cart')$$, $$define_entity('cart', 'line', NULL)$$, $$define_entity('no', 'line', 'cart')$$,
	$$define_entity('cart', 'line', 'nothing')$$, $$define_entity('cart', 'line', 't')$$, $$define_entity('cart', 'line', 'other')$$, $$define_entity('cart', 'line', 'cart,n')$$, $$define_entity('cart', 'line', '')$$,
	$$define_entity('cart', 'cart', 'id')$$, $$define_entity('cart', 'part', 'id')$$, $$define_entity('cart', 'passing', 'id')$$, $$undefine_entity('cart', 'line')$$,
	$$undefine_entity('cart', 'cart')$$, $$undefine_entity('no', 'line')$$, $$undefine_entity('cart', NULL)$$, $$undefine_entity(NULL, 'line')$$]) WITH ORDINALITY AS c (call, n),
	attempt('SELECT outbox.' || call) r ORDER BY n;
SELECT outbox.define_entity('cart', 'line', 'cart');
SELECT r.* FROM unnest(ARRAY[$$define_entity('cart', 'line', 'small')$$, $$define_aggregate('line', 'line', 'n')$$]) WITH ORDINALITY AS c (call, n), attempt('SELECT outbox.' || call) r ORDER BY n;
-- Its changes raise the version once, at commit, however many there are.
INSERT INTO cart VALUES (1), (2), (3);
BEGIN;
INSERT INTO line VALUES (1, 1, 1), (1, 2, 1), (2, 3, 1);
UPDATE line SET qty = 2;
SELECT id, version FROM cart ORDER BY id;
COMMIT;
SELECT id, version FROM cart ORDER BY id;
-- Not again where the transaction changes the root itself, before or after.
BEGIN;
UPDATE cart SET note = 'x' WHERE id = 1;
UPDATE line SET qty = 3;
UPDATE cart SET note = 'y' WHERE id = 2;
COMMIT;
SELECT id, version FROM cart ORDER BY id;
-- Moved to another root: both have changed.
UPDATE line SET cart = 3 WHERE n = 3;
SELECT id, version FROM cart ORDER BY id;
DELETE FROM line WHERE n = 3;
SELECT id, version FROM cart ORDER BY id;
-- Savepoints: what is rolled back counts for nothing.
BEGIN;
SAVEPOINT one;
UPDATE line SET qty = 4 WHERE n = 1;
ROLLBACK TO one;
COMMIT;
BEGIN;
SAVEPOINT one;
UPDATE line SET qty = 4 WHERE n = 1;
RELEASE one;
SAVEPOINT two;
UPDATE cart SET note = 'z' WHERE id = 1;
ROLLBACK TO two;
COMMIT;
SELECT version FROM cart WHERE id = 1;
BEGIN;
UPDATE cart SET note = 'z' WHERE id = 1;
SAVEPOINT one;
UPDATE line SET qty = 5 WHERE n = 1;
ROLLBACK TO one;
SAVEPOINT three;
INSERT INTO line VALUES (2, 4, 1);
SAVEPOINT four;
DELETE FROM line WHERE n = 4;
INSERT INTO line VALUES (3, 5, 1);
RELEASE four;
RELEASE three;
COMMIT;
SELECT id, version FROM cart ORDER BY id;
-- Judged and raised at once where constraints are immediate; then once more for nothing.
BEGIN;
UPDATE line SET qty = 6 WHERE n = 1;
SET CONSTRAINTS ALL IMMEDIATE;
SELECT version FROM cart WHERE id = 1;
UPDATE line SET qty = 7 WHERE n = 1;
UPDATE line SET qty = 8 WHERE n = 1;
COMMIT;
SELECT version FROM cart WHERE id = 1;
-- A row without parent belongs to no aggregate.
INSERT INTO line VALUES (NULL, 6, 1);
UPDATE line SET cart = 2 WHERE n = 6;
UPDATE line SET cart = NULL WHERE n = 6;
SELECT id, version FROM cart ORDER BY id;
-- The version of a root may be written with its entities: nobody else can have changed it.
BEGIN;
UPDATE line SET qty = 9 WHERE n = 1;
UPDATE cart SET version = version + 1 WHERE id = 1;
COMMIT;
SELECT version FROM cart WHERE id = 1;
-- Cascades: entities go with their root; the id is changed by nobody, not even so.
SELECT attempt('UPDATE cart SET id = 10 WHERE id = 1');
DELETE FROM cart WHERE id = 1;
SELECT cart, n FROM line ORDER BY n;
-- Deleted and made anew in one transaction.
BEGIN;
UPDATE line SET qty = 10 WHERE n = 5;
DELETE FROM cart WHERE id = 3;
INSERT INTO cart VALUES (3, 'new', 40);
COMMIT;
SELECT id, version FROM cart ORDER BY id;
-- An entity without a root is refused at commit, the root may come later.
BEGIN;
INSERT INTO line VALUES (8, 8, 1);
INSERT INTO cart VALUES (8);
COMMIT;
SELECT version FROM cart WHERE id = 8;
ALTER TABLE line DROP CONSTRAINT line_cart_fkey;
SELECT attempt('INSERT INTO line VALUES (9, 9, 1)');
SELECT attempt('UPDATE line SET cart = 9 WHERE n = 8');
BEGIN;
INSERT INTO line VALUES (9, 9, 1);
DELETE FROM line WHERE n = 9;
INSERT INTO line VALUES (9, 9, 1);
UPDATE line SET cart = 8 WHERE n = 9;
COMMIT;
DELETE FROM line WHERE n = 9;
SELECT attempt('DELETE FROM cart WHERE id = 8');
SELECT cart, n FROM line ORDER BY n;
DELETE FROM line WHERE cart = 8;
SELECT outbox.undefine_entity('cart', 'line');
INSERT INTO line VALUES (9, 9, 1);
SELECT entities FROM outbox.aggregate WHERE aggregate = 'cart';
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'line'::regclass AND NOT tgisinternal;
DROP TABLE line, cart;

-- Keys: of several columns, uuid, text, domains; what stands in the id of an event.
CREATE DOMAIN code AS text CHECK (VALUE <> '');
CREATE TABLE doc (tenant code, no smallint, title text, version integer, PRIMARY KEY (tenant, no));
CREATE TABLE page (p integer PRIMARY KEY, doc bigint, tenant varchar);
SELECT outbox.define_aggregate('doc', 'doc', 'tenant,no', 'version');
SELECT attempt($$SELECT outbox.define_entity('doc', 'page', 'tenant')$$);
SELECT attempt($$SELECT outbox.define_entity('doc', 'page', 'doc,tenant')$$);
SELECT outbox.define_entity('doc', 'page', 'tenant , doc');
SELECT outbox.define_event('doc', 'made', 'insert');
SELECT outbox.define_event('doc', 'paged', 'insert on page');
INSERT INTO doc VALUES ('a', 1), ('a/1', 1), ('a%2F1', 2), ('ü "x"', 3);
INSERT INTO page VALUES (1, 1, 'a'), (2, 1, 'a/1'), (3, 2, 'a%2F1'), (4, 3, 'ü "x"');
SELECT tenant, no, version FROM doc ORDER BY no, tenant COLLATE "C";
SELECT aggregate_id, action, version FROM outbox.event WHERE aggregate = 'doc' ORDER BY id;
SELECT attempt($$UPDATE doc SET tenant = 'b' WHERE no = 2$$);
SELECT attempt($$INSERT INTO page VALUES (5, 70000, 'a')$$);
SELECT attempt($$INSERT INTO page VALUES (5, NULL, 'a')$$);
SELECT attempt($$INSERT INTO page VALUES (6, 9, '')$$);
SELECT attempt($$INSERT INTO doc VALUES (repeat('x', 3000), 1)$$);
-- Where no event is emitted an id may be as long as it likes.
SELECT outbox.undefine_event('doc', 'made', 'insert'), outbox.undefine_event('doc', 'paged', 'insert on page');
INSERT INTO doc VALUES (repeat('/', 300) || 'a', 1), (repeat('/', 300) || 'b', 1);
INSERT INTO page VALUES (7, 1, repeat('/', 300) || 'b');
SELECT right(tenant, 2) AS tenant, version FROM doc WHERE tenant LIKE '//%' ORDER BY tenant COLLATE "C";
DROP TABLE doc, page;
CREATE TABLE node (id uuid PRIMARY KEY DEFAULT '6f1c1fbc-0d0f-4c58-9f3e-3c1b0d5a7e11', v integer);
CREATE TABLE edge (node uuid, v integer);
-- Without a version: entities lock their root, and nothing is counted.
SELECT outbox.define_aggregate('node', 'node');
SELECT outbox.define_entity('node', 'edge', 'node');
SELECT outbox.define_event('node', 'made', 'insert'), outbox.define_event('node', 'linked', 'insert on edge'), outbox.define_event('node', 'changed', 'update');
INSERT INTO node (v) VALUES (1);
INSERT INTO edge SELECT id FROM node;
UPDATE node SET v = 2;
SELECT aggregate_id, action, version FROM outbox.event WHERE aggregate = 'node' ORDER BY id;
SELECT attempt($$UPDATE node SET id = '00000000-0000-0000-0000-00000000000A'$$);

-- TRUNCATE: where no event and no version would be missing.
TRUNCATE edge;
TRUNCATE node;
SELECT outbox.define_event('node', 'cut', 'delete on edge');
SELECT attempt('TRUNCATE edge');
SELECT attempt('TRUNCATE node');
SELECT outbox.undefine_event('node', 'cut', 'delete on edge');
SELECT outbox.define_event('node', 'gone', 'delete');
SELECT attempt('TRUNCATE node');
SELECT attempt('TRUNCATE edge');
DROP TABLE node, edge;
CREATE TABLE root (id integer PRIMARY KEY, version integer);
CREATE TABLE leaf (root integer REFERENCES root);
SELECT outbox.define_aggregate('root', 'root', 'id', 'version');
SELECT outbox.define_entity('root', 'leaf', 'root');
INSERT INTO root VALUES (1);
INSERT INTO leaf VALUES (1);
SELECT attempt('TRUNCATE leaf');
SELECT attempt('TRUNCATE root');
TRUNCATE root, leaf;
INSERT INTO root VALUES (1);
TRUNCATE root CASCADE;
TRUNCATE leaf;
DROP TABLE root, leaf;

-- All that was defined and undefined is written down.
SELECT aggregate, revision, call FROM outbox.rule_history WHERE aggregate IN ('item', 'cart') ORDER BY id;
SELECT count(*) FROM outbox.aggregate;
SET client_min_messages = warning;
DROP SCHEMA agg CASCADE;
