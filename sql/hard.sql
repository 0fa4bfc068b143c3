-- Hard cases: every kind of writer and of table.
CREATE SCHEMA hard;
SET search_path = hard;
CREATE FUNCTION attempt(statement text, OUT state text, OUT message text, OUT detail text)
LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	SET CONSTRAINTS ALL IMMEDIATE;
	SET CONSTRAINTS ALL DEFERRED;
EXCEPTION WHEN others THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
END $$;
CREATE VIEW told AS
SELECT aggregate, aggregate_id AS of, action, version, convert_from(payload, 'UTF8') AS payload, id FROM outbox.event;
CREATE TABLE seen (id bigint);
INSERT INTO seen SELECT coalesce(max(id), 0) FROM told;
-- What was told since the last time.
CREATE FUNCTION news(OUT of text, OUT action text, OUT version bigint, OUT payload text) RETURNS SETOF record LANGUAGE sql AS $$
	WITH mark AS (UPDATE hard.seen s SET id = coalesce((SELECT max(t.id) FROM hard.told t), 0) RETURNING (SELECT o.id FROM hard.seen o) AS old)
	SELECT t.of, t.action, t.version, t.payload FROM hard.told t, mark m WHERE t.id > m.old ORDER BY t.id
$$;
\pset null -
\set SHOW_CONTEXT never

-- COPY, MERGE, upserts, common table expressions, WHERE CURRENT OF, RETURNING.
CREATE TABLE stock (id integer PRIMARY KEY, left_over integer DEFAULT 0, state text DEFAULT 'new', version integer);
SELECT outbox.define_aggregate('stock', 'stock', 'id', 'version'), outbox.define_invariant('stock', 'enough', 'new.left_over >= 0'), outbox.define_lifecycle('stock', 'state', '{new}'), outbox.define_transition('stock', 'new', 'used'),
	outbox.define_event('stock', 'in', 'insert', NULL, 'new.left_over'), outbox.define_event('stock', 'changed', 'update', NULL, 'new.left_over'), outbox.define_event('stock', 'out', 'delete', NULL, 'old.left_over');
COPY stock (id, left_over) FROM stdin;
1	5
2	6
\.
COPY stock (id, left_over) FROM stdin;
3	5
4	-1
\.
COPY stock FROM stdin (FORMAT csv);
3,5,used,1
\.
COPY stock FROM stdin (FORMAT csv);
3,5,new,
4,7,new,9
\.
MERGE INTO stock s USING (VALUES (1, 1), (2, NULL), (5, 50)) AS v (id, n) ON s.id = v.id
 WHEN MATCHED AND v.n IS NULL THEN DELETE WHEN MATCHED THEN UPDATE SET left_over = s.left_over + v.n WHEN NOT MATCHED THEN INSERT (id, left_over) VALUES (v.id, v.n);
SELECT attempt($$MERGE INTO stock s USING (VALUES (1, -100)) AS v (id, n) ON s.id = v.id WHEN MATCHED THEN UPDATE SET left_over = s.left_over + v.n$$);
SELECT attempt($$MERGE INTO stock s USING (VALUES (1, 'old')) AS v (id, n) ON s.id = v.id WHEN MATCHED THEN UPDATE SET state = v.n$$);
SELECT attempt($$MERGE INTO stock s USING (VALUES (1, 1)) AS v (id, n) ON s.id = v.id WHEN MATCHED THEN UPDATE SET version = v.n$$);
INSERT INTO stock (id, left_over) VALUES (1, 3), (6, 1) ON CONFLICT (id) DO UPDATE SET left_over = excluded.left_over WHERE stock.id <> 6 RETURNING *;
WITH gone AS (DELETE FROM stock WHERE id = 5 RETURNING *), made AS (INSERT INTO stock SELECT 7, left_over FROM gone RETURNING *) UPDATE stock SET left_over = stock.left_over + made.left_over FROM made WHERE stock.id = 6 RETURNING stock.*;
UPDATE stock SET left_over = left_over + 1 FROM (VALUES (1), (1)) AS twice (id) WHERE stock.id = twice.id RETURNING version;
BEGIN;
DECLARE c CURSOR FOR SELECT * FROM stock WHERE id = 3 FOR UPDATE;
MOVE c;
UPDATE stock SET state = 'used' WHERE CURRENT OF c;
DELETE FROM stock WHERE CURRENT OF c;
COMMIT;
TABLE stock ORDER BY id;
SELECT * FROM news();
-- Exception blocks: what failed left nothing.
DO $$
BEGIN
	UPDATE hard.stock SET left_over = 100 WHERE id = 1;
	BEGIN
		UPDATE hard.stock SET left_over = 200 WHERE id = 1;
		UPDATE hard.stock SET left_over = -1 WHERE id = 1;
	EXCEPTION WHEN check_violation THEN
		RAISE NOTICE 'caught %', SQLERRM;
	END;
	UPDATE hard.stock SET left_over = left_over + 1 WHERE id = 1;
END $$;
SELECT * FROM news();
-- Prepared, planned generically.
PREPARE change (integer, integer) AS UPDATE stock SET left_over = $2 WHERE id = $1;
SET plan_cache_mode = force_generic_plan;
EXECUTE change (1, 9);
EXECUTE change (1, -9);
RESET plan_cache_mode;
-- Updatable views; rows that a view's condition hides.
CREATE VIEW few AS SELECT id, left_over, state AS s, version FROM stock WHERE left_over < 50 WITH CHECK OPTION;
INSERT INTO few (id, left_over) VALUES (8, 8);
UPDATE few SET left_over = 9, s = 'used' WHERE id = 8 RETURNING *;
SELECT attempt('UPDATE few SET left_over = 60 WHERE id = 8'), attempt('UPDATE few SET left_over = -1 WHERE id = 8'), attempt($$UPDATE few SET s = 'new' WHERE id = 8$$);
SELECT * FROM news();
DROP VIEW few;
SELECT outbox.undefine_aggregate('stock');
UPDATE stock SET left_over = -1 WHERE id = 8;

-- Partitions of several levels, other orders of columns; rows that move are updated.
CREATE TABLE meter (id integer, region text, y integer DEFAULT 1, state text DEFAULT 'new', version integer, note text, PRIMARY KEY (id, region, y)) PARTITION BY LIST (region);
CREATE TABLE meter_eu PARTITION OF meter FOR VALUES IN ('eu') PARTITION BY RANGE (y);
CREATE TABLE meter_eu1 PARTITION OF meter_eu FOR VALUES FROM (0) TO (10);
CREATE TABLE meter_eu2 (gone text, note text, version integer, y integer NOT NULL DEFAULT 1, state text DEFAULT 'new', id integer NOT NULL, region text NOT NULL);
ALTER TABLE meter_eu2 DROP COLUMN gone;
ALTER TABLE meter_eu ATTACH PARTITION meter_eu2 FOR VALUES FROM (10) TO (20);
CREATE TABLE meter_us (version integer, state text DEFAULT 'new', note text, y integer NOT NULL DEFAULT 1, region text NOT NULL, id integer NOT NULL);
ALTER TABLE meter ATTACH PARTITION meter_us FOR VALUES IN ('us');
SELECT outbox.define_aggregate('meter', 'meter', 'id', 'version'), outbox.define_lifecycle('meter', 'state', '{new}'), outbox.define_transition('meter', 'new', 'on', 'switched-on'), outbox.define_event('meter', 'in', 'insert'), outbox.define_event('meter', 'changed', 'update', NULL, 'ARRAY[old.region || old.y, new.region || new.y]'),
	outbox.define_event('meter', 'out', 'delete'), outbox.define_invariant('meter', 'small', 'new.y < 15 OR old.region = ''us''', NULL);
SELECT outbox.define_immutable('meter', 'note');
INSERT INTO meter VALUES (1, 'eu', 1), (2, 'us', 1), (3, 'eu', 12);
UPDATE meter SET y = y + 1;
UPDATE meter SET y = 13 WHERE id = 1;
UPDATE meter SET region = 'us', state = 'on' WHERE id = 1;
UPDATE meter SET region = 'eu', y = 16, version = version + 1 WHERE id = 1;
SELECT statement, r.* FROM unnest(ARRAY['y = 16 WHERE id = 3', 'y = 100 WHERE id = 3', $$region = 'us', state = 'off' WHERE id = 3$$, $$region = 'us', version = 7 WHERE id = 3$$, $$region = 'us', id = 4 WHERE id = 3$$, $$region = 'us', note = 'x' WHERE id = 3$$, $$region = 'nowhere' WHERE id = 3$$])
	WITH ORDINALITY AS s (statement, n), attempt('UPDATE meter SET ' || statement) r ORDER BY n;
-- Swapped in one statement, and moved to and fro in one transaction.
UPDATE meter SET region = CASE region WHEN 'eu' THEN 'us' ELSE 'eu' END, y = 5;
BEGIN;
UPDATE meter SET region = 'eu' WHERE id = 3;
SAVEPOINT one;
UPDATE meter SET region = 'us', y = 6 WHERE id = 3;
ROLLBACK TO one;
UPDATE meter SET region = 'us', y = 7 WHERE id = 3;
DELETE FROM meter WHERE id = 3;
INSERT INTO meter VALUES (3, 'eu', 1);
COMMIT;
-- Straight to a partition.
UPDATE meter_us SET y = 8;
INSERT INTO meter_eu2 (id, region, y) VALUES (4, 'eu', 11);
SELECT attempt($$INSERT INTO meter_eu2 (id, region, y, state) VALUES (5, 'eu', 11, 'on')$$), attempt('UPDATE meter_us SET id = 9'), attempt('UPDATE meter_eu SET y = 19');
SELECT tableoid::regclass, * FROM meter ORDER BY id;
SELECT * FROM news();
-- New partitions have the rules, detached ones do not.
CREATE TABLE meter_as PARTITION OF meter FOR VALUES IN ('as');
SELECT attempt($$INSERT INTO meter VALUES (6, 'as', 1, 'on')$$);
CREATE TABLE meter_af (LIKE meter INCLUDING DEFAULTS);
ALTER TABLE meter ATTACH PARTITION meter_af FOR VALUES IN ('af');
SELECT attempt($$INSERT INTO meter_af VALUES (6, 'af', 1, 'on')$$);
ALTER TABLE meter DETACH PARTITION meter_us;
INSERT INTO meter_us (id, region, state) VALUES (6, 'us', 'on');
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'meter_us'::regclass AND tgname LIKE 'zz_outbox%';
ALTER TABLE meter ATTACH PARTITION meter_us FOR VALUES IN ('us');
SELECT attempt($$UPDATE meter SET state = 'new' WHERE id = 6$$);
-- A partitioned root without version; a partitioned entity, whose rows move.
CREATE TABLE box (id integer, k integer, v integer, PRIMARY KEY (id, k)) PARTITION BY LIST (k);
CREATE TABLE box1 PARTITION OF box FOR VALUES IN (1);
CREATE TABLE box2 PARTITION OF box FOR VALUES IN (2);
CREATE TABLE thing (box integer, k integer, n integer) PARTITION BY LIST (k);
CREATE TABLE thing1 PARTITION OF thing FOR VALUES IN (1);
CREATE TABLE thing2 PARTITION OF thing FOR VALUES IN (2);
SELECT outbox.define_aggregate('box', 'box'), outbox.define_entity('box', 'thing', 'box'), outbox.define_event('box', 'in', 'insert'), outbox.define_event('box', 'changed', 'update'), outbox.define_event('box', 'out', 'delete'), outbox.define_event('box', 'put', 'insert on thing'), outbox.define_event('box', 'moved', 'update on thing'),
	outbox.define_event('box', 'taken', 'delete on thing'), outbox.define_invariant('box', 'room', '(SELECT count(*) FROM hard.thing t WHERE t.box = new.id) < 3', NULL, 'commit');
INSERT INTO box VALUES (1, 1);
INSERT INTO thing VALUES (1, 1, 1), (1, 2, 2);
UPDATE box SET k = 2;
UPDATE thing SET k = 3 - k;
SELECT attempt('INSERT INTO thing VALUES (1, 1, 3)');
SELECT attempt('INSERT INTO box VALUES (1, 1)');
DELETE FROM box;
SELECT * FROM news();
DROP TABLE meter, box, thing;

-- Inheritance: children are writers of their own, also those that come later.
CREATE TABLE base (id integer PRIMARY KEY, state text DEFAULT 'a', version integer, more text);
CREATE TABLE kid (extra text, PRIMARY KEY (id)) INHERITS (base);
SELECT outbox.define_aggregate('base', 'base', 'id', 'version'), outbox.define_lifecycle('base', 'state', '{a}'), outbox.define_transition('base', 'a', 'b', 'went'), outbox.define_event('base', 'in', 'insert');
INSERT INTO kid (id, extra) VALUES (1, 'x');
CREATE TABLE late (PRIMARY KEY (id)) INHERITS (base);
CREATE TABLE grandkid () INHERITS (kid);
CREATE TABLE adopted (extra text, version integer, more text, state text, id integer NOT NULL PRIMARY KEY);
ALTER TABLE adopted INHERIT base;
INSERT INTO base VALUES (2);
INSERT INTO late VALUES (3);
INSERT INTO grandkid VALUES (4);
INSERT INTO adopted (id, state) VALUES (5, 'a');
SELECT t, attempt(format($$INSERT INTO %s (id, state) VALUES (9, 'b')$$, t)) FROM unnest(ARRAY['base', 'kid', 'late', 'grandkid', 'adopted']) t;
UPDATE base SET state = 'b';
SELECT tableoid::regclass, id, state, version FROM base ORDER BY id;
SELECT * FROM news();
SELECT attempt($$SELECT outbox.define_aggregate('kid', 'kid')$$), attempt($$SELECT outbox.define_entity('base', 'kid', 'id')$$);
ALTER TABLE adopted NO INHERIT base;
UPDATE adopted SET state = 'z';
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'adopted'::regclass AND tgname LIKE 'zz_outbox%';
SELECT outbox.undefine_aggregate('base');
SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE tgname LIKE 'zz_outbox%' ORDER BY 1, 2;
DROP TABLE base CASCADE;
DROP TABLE adopted;

-- Generated and identity columns; columns that were dropped.
CREATE TABLE made (gone1 text, id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, gone2 text, a integer, b integer GENERATED ALWAYS AS (a * 2) STORED, gone3 text, version integer, c integer GENERATED ALWAYS AS (version + 100) STORED, gone4 text);
ALTER TABLE made DROP COLUMN gone1, DROP COLUMN gone2, DROP COLUMN gone4;
SELECT outbox.define_aggregate('made', 'made', 'id', 'version'), outbox.define_invariant('made', 'b_small', 'new.b < 10'), outbox.define_event('made', 'changed', 'update', 'new.b <> old.b'), outbox.define_event('made', 'in', 'insert');
ALTER TABLE made DROP COLUMN gone3;
INSERT INTO made (a) VALUES (1), (2) RETURNING *;
UPDATE made SET a = 3 WHERE id = 1 RETURNING *;
SELECT attempt('UPDATE made SET a = 5'), attempt('INSERT INTO made (a) VALUES (5)');
ALTER TABLE made ADD COLUMN fresh text DEFAULT 'new';
ALTER TABLE made ALTER COLUMN b DROP EXPRESSION;
UPDATE made SET b = 9 WHERE id = 2 RETURNING *;
SELECT attempt('UPDATE made SET b = 10');
SELECT * FROM news();
-- An invariant with a whole row still reads it after columns have come and gone.
SELECT outbox.define_invariant('made', 'whole', 'new IS DISTINCT FROM old OR new IS NULL OR true');
ALTER TABLE made ADD COLUMN more integer, DROP COLUMN fresh;
UPDATE made SET b = 8 WHERE id = 2 RETURNING *;
SELECT payload FROM news();
DROP TABLE made;

-- Other triggers: what those before ours change is judged, a version that they write as well.
CREATE TABLE row_of (id integer PRIMARY KEY, a integer, version integer);
SELECT outbox.define_aggregate('row_of', 'row_of', 'id', 'version'), outbox.define_invariant('row_of', 'a_small', 'new.a < 10'), outbox.define_event('row_of', 'changed', 'update', NULL, 'new.a');
INSERT INTO row_of VALUES (1, 1);
CREATE FUNCTION more() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN new.a := new.a + 5; RETURN new; END $$;
CREATE FUNCTION bump() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN new.version := old.version + 1; RETURN new; END $$;
CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN new.version := 77; RETURN new; END $$;
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE FUNCTION again() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF new.a < 5 THEN UPDATE hard.row_of SET a = a + 1 WHERE id = new.id; END IF; RETURN NULL; END $$;
CREATE TRIGGER before BEFORE UPDATE ON row_of FOR EACH ROW EXECUTE FUNCTION more();
UPDATE row_of SET a = 2 RETURNING *;
SELECT attempt('UPDATE row_of SET a = 6');
CREATE TRIGGER zzz_last BEFORE UPDATE ON row_of FOR EACH ROW EXECUTE FUNCTION more();
SELECT attempt('UPDATE row_of SET a = 1');
UPDATE row_of SET a = -5 RETURNING *;
DROP TRIGGER before ON row_of;
DROP TRIGGER zzz_last ON row_of;
CREATE TRIGGER before BEFORE UPDATE ON row_of FOR EACH ROW EXECUTE FUNCTION bump();
UPDATE row_of SET a = 1 RETURNING *;
DROP TRIGGER before ON row_of;
CREATE TRIGGER before BEFORE UPDATE ON row_of FOR EACH ROW EXECUTE FUNCTION spoil();
SELECT attempt('UPDATE row_of SET a = 2');
ALTER TRIGGER before ON row_of RENAME TO zzz_last;
SELECT attempt('UPDATE row_of SET a = 2');
DROP TRIGGER zzz_last ON row_of;
CREATE TRIGGER before BEFORE UPDATE OR DELETE ON row_of FOR EACH ROW EXECUTE FUNCTION nothing();
UPDATE row_of SET a = 3 RETURNING *;
DELETE FROM row_of RETURNING *;
DROP TRIGGER before ON row_of;
CREATE TRIGGER zzz_last BEFORE UPDATE ON row_of FOR EACH ROW EXECUTE FUNCTION nothing();
UPDATE row_of SET a = 3 RETURNING *;
DROP TRIGGER zzz_last ON row_of;
CREATE TRIGGER after AFTER UPDATE ON row_of FOR EACH ROW EXECUTE FUNCTION again();
UPDATE row_of SET a = 2 RETURNING *;
TABLE row_of;
SELECT * FROM news();
DROP TRIGGER after ON row_of;
-- A function of a rule that writes to the table of the rule is refused, whatever it catches; another table it may write.
CREATE TABLE noted (id integer);
CREATE FUNCTION write() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN INSERT INTO hard.row_of VALUES (9, 1); RETURN true; END $$;
CREATE FUNCTION write_safely() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN UPDATE hard.row_of SET a = 4; RETURN true; EXCEPTION WHEN feature_not_supported THEN RETURN true; END $$;
CREATE FUNCTION note(integer) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN INSERT INTO hard.noted VALUES ($1); RETURN true; END $$;
CREATE FUNCTION fail(integer) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no % here', $1; END $$;
TRUNCATE row_of;
SELECT outbox.define_invariant('row_of', 'writes', 'hard.write()');
SELECT attempt('INSERT INTO row_of VALUES (1, 1)');
SELECT outbox.undefine_invariant('row_of', 'writes');
SELECT outbox.define_invariant('row_of', 'writes', 'hard.write_safely() AND hard.note(new.id)');
INSERT INTO row_of VALUES (1, 1);
UPDATE row_of SET a = 2 RETURNING *;
TABLE noted;
SELECT outbox.undefine_invariant('row_of', 'writes');
SELECT outbox.define_invariant('row_of', 'fails', 'new.a < 3 OR hard.fail(new.a)');
SELECT attempt('UPDATE row_of SET a = 3');
SELECT attempt('UPDATE row_of SET a = 3');
UPDATE row_of SET a = 2 RETURNING *;
DO $$ BEGIN UPDATE hard.row_of SET a = 4; EXCEPTION WHEN raise_exception THEN UPDATE hard.row_of SET a = 1; END $$;
TABLE row_of;
DROP TABLE row_of;

-- Foreign keys that cascade are writers: to entities, to roots, to a root from itself.
CREATE TABLE maker (id integer PRIMARY KEY, name text UNIQUE);
CREATE TABLE car (id integer PRIMARY KEY, maker text REFERENCES maker (name) ON UPDATE CASCADE ON DELETE SET NULL, of integer REFERENCES car ON DELETE CASCADE, version integer);
CREATE TABLE wheel (car integer REFERENCES car ON DELETE CASCADE, n integer, maker text REFERENCES maker (name) ON UPDATE CASCADE);
SELECT outbox.define_aggregate('car', 'car', 'id', 'version'), outbox.define_entity('car', 'wheel', 'car'), outbox.define_event('car', 'changed', 'update', NULL, 'new.maker'), outbox.define_event('car', 'gone', 'delete', NULL, '0'), outbox.define_event('car', 'wheeled', 'update on wheel', NULL, 'new.n'),
	outbox.define_event('car', 'unwheeled', 'delete on wheel', NULL, 'old.n'), outbox.define_invariant('car', 'maker', 'new.maker <> ''bad''');
INSERT INTO maker VALUES (1, 'a');
INSERT INTO car VALUES (1, 'a', NULL), (2, NULL, 1);
INSERT INTO wheel VALUES (1, 1, 'a'), (2, 2, 'a');
UPDATE maker SET name = 'b';
SELECT attempt($$UPDATE maker SET name = 'bad'$$);
SELECT id, maker, version FROM car ORDER BY id;
DELETE FROM car WHERE id = 1;
SELECT count(*) FROM car, wheel;
SELECT * FROM news();
DROP TABLE car, wheel, maker;

-- Wide rows and long values.
CREATE TABLE wide (id integer PRIMARY KEY, long text, longer text, version integer);
DO $$ BEGIN EXECUTE 'ALTER TABLE hard.wide ' || (SELECT string_agg(format('ADD COLUMN c%s integer', n), ', ') FROM generate_series(1, 1000) n); END $$;
ALTER TABLE wide ALTER COLUMN long SET STORAGE EXTERNAL;
SELECT outbox.define_aggregate('wide', 'wide', 'id', 'version'), outbox.define_immutable('wide', 'long'), outbox.define_invariant('wide', 'longs', 'length(new.longer) = 100000 AND new.c1000 = new.c1'), outbox.define_event('wide', 'changed', 'update', 'new.longer = old.longer'), outbox.define_event('wide', 'gone', 'delete', NULL, 'length(old.long)');
INSERT INTO wide (id, long, longer) VALUES (1, repeat('a', 100000), repeat('b', 100000));
UPDATE wide SET c1 = 1, c1000 = 1, long = repeat('a', 100000);
UPDATE wide SET c2 = 2, longer = longer;
SELECT attempt($$UPDATE wide SET long = repeat('a', 99999) || 'b'$$), attempt('UPDATE wide SET longer = repeat(longer, 2)');
SELECT state FROM attempt('UPDATE wide SET c1 = 2');
DELETE FROM wide;
SELECT of, action, version, length(payload) FROM news();
DROP TABLE wide;

-- Row security: rules see all rows, the writer sees his.
CREATE ROLE regress_outbox_owner;
CREATE ROLE regress_outbox_tenant;
GRANT USAGE ON SCHEMA hard TO regress_outbox_owner, regress_outbox_tenant;
CREATE TABLE house (id integer PRIMARY KEY, tenant text, rooms integer, version integer);
CREATE TABLE room (house integer, n integer PRIMARY KEY, secret boolean DEFAULT false);
SELECT outbox.define_aggregate('house', 'house', 'id', 'version'), outbox.define_entity('house', 'room', 'house'), outbox.define_invariant('house', 'counted', 'new.rooms >= (SELECT count(*) FROM hard.room r WHERE r.house = new.id)', NULL, 'commit'),
	outbox.define_event('house', 'changed', 'update', NULL, 'new.rooms'), outbox.define_event('house', 'entered', 'insert on room', NULL, 'new.n');
ALTER TABLE house OWNER TO regress_outbox_owner;
ALTER TABLE room OWNER TO regress_outbox_owner;
GRANT ALL ON house, room TO regress_outbox_tenant;
INSERT INTO house VALUES (1, 'regress_outbox_tenant', 2), (2, 'else', 2);
INSERT INTO room VALUES (1, 1, true), (2, 2, false);
ALTER TABLE house ENABLE ROW LEVEL SECURITY;
ALTER TABLE house FORCE ROW LEVEL SECURITY;
ALTER TABLE room ENABLE ROW LEVEL SECURITY;
ALTER TABLE room FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON house FOR SELECT TO regress_outbox_tenant USING (tenant = current_user);
CREATE POLICY change ON house FOR UPDATE TO regress_outbox_tenant USING (tenant = current_user) WITH CHECK (rooms < 10);
CREATE POLICY open ON room TO regress_outbox_tenant USING (NOT secret) WITH CHECK (true);
SET ROLE regress_outbox_tenant;
UPDATE house SET rooms = 3 RETURNING id, version;
UPDATE house SET rooms = 11;
INSERT INTO room VALUES (1, 3), (2, 4);
INSERT INTO room VALUES (1, 5);
INSERT INTO room VALUES (1, 7);
DELETE FROM room WHERE n = 1;
RESET ROLE;
-- Also when it is planned anew, and when the rows that exist are looked at.
ALTER TABLE room ADD COLUMN more integer;
SET ROLE regress_outbox_tenant;
INSERT INTO room VALUES (2, 8), (2, 9);
RESET ROLE;
SELECT attempt($$SELECT outbox.define_invariant('house', 'one', '(SELECT count(*) FROM hard.room r WHERE r.house = new.id) = 1', NULL, 'commit')$$);
SELECT attempt($$SELECT outbox.define_invariant('house', 'none', 'new.rooms < 1')$$);
SELECT id, rooms, version FROM house ORDER BY id;
SELECT * FROM news();
SELECT outbox.undefine_aggregate('house');
DROP TABLE house, room;
DROP OWNED BY regress_outbox_owner, regress_outbox_tenant;
DROP ROLE regress_outbox_owner, regress_outbox_tenant;

-- One statement, 100,000 rows.
CREATE TABLE bulk (id integer PRIMARY KEY, a integer, state text DEFAULT 'new', version integer);
CREATE TABLE bit (bulk integer, a integer);
INSERT INTO bulk SELECT g, g, 'new', 1 FROM generate_series(1, 100000) g;
INSERT INTO bit SELECT g, 1 FROM generate_series(1, 2000) g;
SELECT outbox.define_aggregate('bulk', 'bulk', 'id', 'version'), outbox.define_entity('bulk', 'bit', 'bulk'), outbox.define_lifecycle('bulk', 'state', '{new}'), outbox.define_transition('bulk', 'new', 'old', NULL, 'new.a > 0'), outbox.define_invariant('bulk', 'positive', 'new.a > 0'), outbox.define_event('bulk', 'few', 'update', 'new.id % 10000 = 0', 'new.a');
UPDATE bulk SET state = 'old', a = a + 1;
SELECT attempt('UPDATE bulk SET a = a - 2');
UPDATE bit SET a = 2;
SELECT version, count(*) FROM bulk GROUP BY 1 ORDER BY 1;
SELECT * FROM news();
SET client_min_messages = warning;
DROP SCHEMA hard CASCADE;
SELECT count(*) FROM outbox.aggregate;
