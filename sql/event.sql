-- Events that changes of rows emit: which, in what order, with what version and payload.
CREATE SCHEMA ev;
SET search_path = ev;
CREATE FUNCTION attempt(statement text, OUT state text, OUT message text, OUT detail text, OUT hint text)
LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
EXCEPTION WHEN others THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
END $$;
CREATE VIEW told AS
SELECT aggregate_id AS of, action, version, convert_from(payload, 'UTF8') AS payload, id FROM outbox.event WHERE aggregate = 'post';
-- What was told since the last time.
CREATE TABLE seen (id bigint);
INSERT INTO seen VALUES (0);
CREATE FUNCTION news(OUT of text, OUT action text, OUT version bigint, OUT payload text) RETURNS SETOF record LANGUAGE sql AS $$
	WITH mark AS (UPDATE ev.seen s SET id = coalesce((SELECT max(t.id) FROM ev.told t), 0) RETURNING (SELECT o.id FROM ev.seen o) AS old)
	SELECT t.of, t.action, t.version, t.payload FROM ev.told t, mark m WHERE t.id > m.old ORDER BY t.id
$$;
\pset null -
\set SHOW_CONTEXT never
CREATE TABLE post (id integer PRIMARY KEY, title text, likes integer DEFAULT 0, state text DEFAULT 'draft', version integer);
CREATE TABLE comment (post integer REFERENCES post ON DELETE CASCADE, n integer PRIMARY KEY, words text);
SELECT outbox.define_aggregate('post', 'post', 'id', 'version');
SELECT outbox.define_entity('post', 'comment', 'post');
-- What cannot be defined.
SELECT call, r.* FROM unnest(ARRAY[$$define_event(NULL, 'x', 'insert')$$, $$define_event('post', NULL, 'insert')$$, $$define_event('post', 'x', NULL)$$, $$define_event('no', 'x', 'insert')$$, $$define_event('post', '', 'insert')$$,
	$$define_event('post', 'x y', 'insert')$$, $$define_event('post', 'x', '')$$, $$define_event('post', 'x', 'upsert')$$, $$define_event('post', 'x', 'insert or update')$$, $$define_event('post', 'x', 'inserted')$$, $$define_event('post', 'x', 'insert on')$$,
	$$define_event('post', 'x', 'insert on ')$$, $$define_event('post', 'x', 'insert on nothing')$$, $$define_event('post', 'x', 'insert on seen')$$, $$define_event('post', 'x', 'insert on pg_class')$$, $$define_event('post', 'x', 'insert on 1')$$,
	$$define_event('post', 'x', 'truncate')$$, $$define_event('post', 'x', 'insert', '')$$, $$define_event('post', 'x', 'insert', 'new.words IS NULL')$$, $$define_event('post', 'x', 'insert on comment', 'new.title IS NULL')$$,
	$$define_event('post', 'x', 'insert', NULL, '')$$, $$define_event('post', 'x', 'insert', NULL, 'title')$$, $$define_event('post', 'x', 'insert', NULL, '*')$$, $$define_event('post', 'x', 'insert', NULL, 'new.*')$$, $$define_event('post', 'x', 'insert', NULL, '(SELECT 1)')$$,
	$$define_event('post', 'x', 'insert', NULL, 'new.xmin')$$, $$undefine_event('post', 'x', 'insert')$$, $$undefine_event('post', 'x', 'nothing')$$, $$undefine_event('no', 'x', 'insert')$$, $$undefine_event(NULL, 'x', 'insert')$$, $$undefine_event('post', NULL, 'insert')$$,
	$$undefine_event('post', 'x', NULL)$$]) WITH ORDINALITY AS c (call, n), attempt('SELECT outbox.' || call) r ORDER BY n;

-- The transition's event first, then in order of definition; old and new where there are such.
SELECT outbox.define_event('post', 'second', 'INSERT'), outbox.define_event('post', 'changed', 'update', 'old.title IS DISTINCT FROM new.title', 'ARRAY[old.title, new.title]'), outbox.define_event('post', 'first', 'insert', 'old IS NULL', 'old'),
	outbox.define_event('post', 'liked', 'update', 'new.likes > old.likes', 'new.likes - old.likes'), outbox.define_event('post', 'touched', 'update', NULL, 'NULL'), outbox.define_event('post', 'gone', 'delete'),
	outbox.define_event('post', 'never', 'delete', 'NULL'), outbox.define_event('post', 'gone-too', 'delete', 'new IS NULL', 'new');
SELECT attempt($$SELECT outbox.define_event('post', 'second', 'insert', 'true')$$);
SELECT outbox.define_lifecycle('post', 'state', '{draft}'), outbox.define_transition('post', 'draft', 'public', 'published');
INSERT INTO post VALUES (1, 'a "quoted" ü'), (2, NULL);
SELECT * FROM news();
UPDATE post SET title = 'b', likes = 2, state = 'public' WHERE id = 1;
UPDATE post SET likes = likes;
SELECT * FROM news();
DELETE FROM post WHERE id = 2;
SELECT * FROM news();
-- What is rolled back is not told; what is told twice in a transaction is.
BEGIN;
SAVEPOINT one;
UPDATE post SET title = 'c';
ROLLBACK TO one;
UPDATE post SET title = 'd';
UPDATE post SET title = 'e';
COMMIT;
SELECT * FROM news();
-- Entities tell with the version that the aggregate will have, whatever comes first.
SELECT outbox.undefine_event('post', 'touched', 'update'), outbox.define_event('post', 'commented', 'insert on comment'), outbox.define_event('post', 'edited', 'Update on ev.comment', 'old.words <> new.words', 'to_jsonb(new)'),
	outbox.define_event('post', 'removed', 'delete on comment', NULL, 'old.n');
INSERT INTO comment VALUES (1, 1, 'x'), (1, 2, 'y');
UPDATE comment SET words = 'z' WHERE n = 2;
BEGIN;
UPDATE comment SET words = 'zz';
UPDATE post SET title = 'f';
INSERT INTO comment VALUES (1, 3, 'w');
COMMIT;
BEGIN;
UPDATE post SET title = 'g';
UPDATE comment SET words = words || '!';
DELETE FROM comment WHERE n = 3;
COMMIT;
SELECT * FROM news();
SELECT version FROM post;
-- Moved to another root, or to none: told by the one that has it now.
INSERT INTO post VALUES (3);
UPDATE comment SET post = 3, words = 'moved' WHERE n = 1;
UPDATE comment SET post = NULL, words = 'alone' WHERE n = 1;
DELETE FROM comment WHERE n = 1;
SELECT * FROM news();
SELECT id, version FROM post ORDER BY id;
-- Before its root is there an entity knows no version; when it goes with it, the last one.
ALTER TABLE comment ALTER CONSTRAINT comment_post_fkey DEFERRABLE INITIALLY DEFERRED;
BEGIN;
INSERT INTO comment VALUES (4, 4, 'early');
INSERT INTO post VALUES (4, 'late');
COMMIT;
DELETE FROM post WHERE id = 4;
SELECT * FROM news();
-- Undefined is silent; the same action may be told by several operations.
SELECT outbox.undefine_event('post', 'commented', 'insert on ev.comment'), outbox.undefine_event('post', 'second', 'insert'), outbox.undefine_event('post', 'first', 'insert'), outbox.define_event('post', 'changed', 'insert', NULL, '1'),
	outbox.define_event('post', 'changed', 'insert on comment', NULL, '2');
INSERT INTO post VALUES (5);
INSERT INTO comment VALUES (5, 5, 'x');
SELECT * FROM news();
SELECT outbox.describe_aggregate('post');
-- Too long for an event: refused with the event's error.
SELECT outbox.define_event('post', 'big', 'update', 'new.id = 5', 'repeat(''x'', 2000000)');
SELECT state, message FROM attempt('UPDATE post SET likes = 9 WHERE id = 5');
SELECT * FROM news();
DROP TABLE post, comment;

-- Payloads: an expression of any type becomes JSON as to_jsonb makes it, json stays as it is.
CREATE TYPE pair AS (a integer, b text);
CREATE TYPE mood AS ENUM ('sad', 'ok "so"');
CREATE DOMAIN money2 AS numeric(10, 2);
CREATE TABLE kinds (id integer PRIMARY KEY, i integer, b bigint, n numeric, m money2, f float8, t text, c char(4), bo boolean, d date, ts timestamptz, iv interval, u uuid, j json, jb jsonb, a integer[], aa text[][], p pair, pp pair[], mo mood, by bytea, r int4range,
	ip inet, bits bit(3), dropped text, x point);
ALTER TABLE kinds DROP COLUMN dropped;
SET timezone = 'UTC';
SET datestyle = ISO;
SET intervalstyle = postgres;
INSERT INTO kinds VALUES (1, 1, 9007199254740993, 1.50, 2.5, 'NaN', E'tab\t"quote" \\ ü', 'ab', true, '2024-02-29', '2024-02-29 12:00+02', '1 day 2 hours', '6f1c1fbc-0d0f-4c58-9f3e-3c1b0d5a7e11', '{"a":  1, "a": 2}', '{"a":  1, "a": 2}', '{1,NULL,3}', '{{a,b},{c,NULL}}',
	'(1,"x y")', '{"(1,x)",NULL}', 'ok "so"', '\x00ff', '[1,5)', '10.0.0.1/8', '101', '(1,2)');
INSERT INTO kinds (id) VALUES (2);
SELECT outbox.define_aggregate('post', 'kinds');
DO $$
DECLARE
	c text;
BEGIN
	FOR c IN SELECT attname FROM pg_attribute WHERE attrelid = 'kinds'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum LOOP
		PERFORM outbox.define_event('post', c, 'update', NULL, 'new.' || c);
	END LOOP;
END $$;
SELECT outbox.define_event('post', 'row', 'update', NULL, 'new'), outbox.define_event('post', 'whole', 'update'), outbox.define_event('post', 'record', 'update', NULL, 'ROW(new.id, new.t)'), outbox.define_event('post', 'unknown', 'update', NULL, '''text'''),
	outbox.define_event('post', 'built', 'update', NULL, 'jsonb_build_object(''was'', old.i, ''now'', new.i)'), outbox.define_event('post', 'object', 'update', NULL, 'json_build_object(''was'', old.i)'), outbox.define_event('post', 'where', 'update', NULL, 'new.tableoid::regclass::text');
UPDATE kinds SET i = 2 WHERE id = 1;
SELECT action, payload FROM news();
UPDATE kinds SET i = 3 WHERE id = 2;
SELECT action, payload FROM news();
-- By default the row as row_to_json writes it.
SELECT t.action, count(*) FILTER (WHERE t.payload::jsonb = row_to_json(k)::jsonb) AS same, count(*) FILTER (WHERE t.payload = row_to_json(k)::text) AS equal, count(*)
  FROM told t JOIN kinds k ON k.id::text = t.of AND (k.id = 2) WHERE t.action IN ('row', 'whole') GROUP BY 1 ORDER BY 1;
SELECT t.payload, row_to_json(k) FROM told t JOIN kinds k ON k.id::text = t.of AND k.id = 1 WHERE t.action = 'whole' AND t.payload <> row_to_json(k)::text;
-- Columns added later are in it.
ALTER TABLE kinds ADD COLUMN added integer DEFAULT 7;
DELETE FROM kinds;
SELECT outbox.define_event('post', 'gone', 'delete');
INSERT INTO kinds (id) VALUES (3);
DELETE FROM kinds;
SELECT * FROM news();
SET client_min_messages = warning;
DROP SCHEMA ev CASCADE;
