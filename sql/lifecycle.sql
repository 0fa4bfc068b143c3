-- Lifecycles: the states of an aggregate, and how one follows the other.
CREATE SCHEMA life;
SET search_path = life;
CREATE FUNCTION attempt(statement text, OUT state text, OUT message text, OUT detail text, OUT hint text, OUT place text)
LANGUAGE plpgsql AS $$
DECLARE
	s text; t text; c text; k text;
BEGIN
	EXECUTE statement;
EXCEPTION WHEN others THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT,
		s = SCHEMA_NAME, t = TABLE_NAME, c = COLUMN_NAME, k = CONSTRAINT_NAME;
	place := nullif(concat_ws(' ', nullif(concat_ws('.', nullif(s, ''), nullif(t, ''), nullif(c, '')), ''), nullif(k, '')), '');
END $$;
CREATE VIEW told AS
SELECT aggregate_id, action, version, convert_from(payload, 'UTF8') AS payload FROM outbox.event WHERE aggregate = 'order' ORDER BY id;
\pset null -
\set SHOW_CONTEXT never
CREATE TABLE orders (id integer PRIMARY KEY, state text, total integer NOT NULL DEFAULT 0, version integer);
SELECT outbox.define_aggregate('order', 'orders', 'id', 'version');

-- What cannot be defined.
SELECT call, r.* FROM unnest(ARRAY[$$define_lifecycle(NULL, 'state', '{a}')$$, $$define_lifecycle('order', NULL, '{a}')$$, $$define_lifecycle('order', 'state', NULL)$$, $$define_lifecycle('order', 'state', '{}')$$,
	$$define_lifecycle('order', 'state', '{a,NULL}')$$, $$define_lifecycle('no', 'state', '{a}')$$, $$define_lifecycle('order', 'nothing', '{a}')$$, $$define_lifecycle('order', 'ctid', '{a}')$$, $$define_lifecycle('order', 'total', '{a}')$$,
	$$define_transition('order', 'a', 'b')$$, $$undefine_transition('order', 'a', 'b')$$, $$undefine_lifecycle('order')$$, $$lifecycle_diagram('order')$$, $$undefine_lifecycle(NULL)$$, $$undefine_lifecycle('no')$$, $$lifecycle_diagram(NULL)$$,
	$$lifecycle_diagram('no')$$]) WITH ORDINALITY AS c (call, n), attempt('SELECT outbox.' || call) r ORDER BY n;
INSERT INTO orders VALUES (100, 'ancient');
SELECT outbox.define_lifecycle('order', 'state', '{draft,imported}');
SELECT call, r.* FROM unnest(ARRAY[$$define_lifecycle('order', 'state', '{a}')$$, $$define_transition(NULL, 'a', 'b')$$, $$define_transition('order', NULL, 'b')$$, $$define_transition('order', 'a', NULL)$$, $$define_transition('no', 'a', 'b')$$,
	$$define_transition('order', 'a', 'a')$$, $$define_transition('order', 'a', 'b', '')$$, $$define_transition('order', 'a', 'b', 'x.y')$$, $$define_transition('order', 'a', 'b', NULL, '')$$, $$define_transition('order', 'a', 'b', NULL, 'total > 0')$$,
	$$define_transition('order', 'a', 'b', NULL, 'new.nothing > 0')$$, $$define_transition('order', 'a', 'b', NULL, 'new.total')$$, $$define_transition('order', 'a', 'b', NULL, 'new.total >')$$, $$define_transition('order', 'a', 'b', NULL, 'true; DROP TABLE orders')$$,
	$$define_transition('order', 'a', 'b', NULL, 'EXISTS (SELECT)')$$, $$define_transition('order', 'a', 'b', NULL, 'count(*) > 0')$$, $$define_transition('order', 'a', 'b', NULL, 'row_number() OVER () > 0')$$,
	$$define_transition('order', 'a', 'b', NULL, 'generate_series(1, 2) > 0')$$, $$define_transition('order', 'a', 'b', NULL, 'new.ctid IS NULL')$$, $$define_transition('order', 'a', 'b', NULL, 'true AS x')$$, $$define_transition('order', 'a', 'b', NULL, 'true, true')$$,
	$$define_transition('order', 'a', 'b', NULL, 'true FROM orders')$$, $$define_transition('order', 'a', 'b', NULL, '*')$$, $$define_transition('order', 'a', 'b', NULL, '$1')$$, $$define_transition('order', 'a', 'b', NULL, 'attempt(NULL) IS NULL')$$,
	$$define_transition('order', 'a', 'b', NULL, 'new')$$, $$undefine_transition('order', 'a', 'b')$$, $$undefine_transition('order', NULL, 'b')$$]) WITH ORDINALITY AS c (call, n), attempt('SELECT outbox.' || call) r ORDER BY n;
-- The error points into the guard.
SELECT outbox.define_transition('order', 'a', 'b', NULL, 'new.total > 0 AND new.nothing');
SELECT outbox.define_transition('order', 'draft', 'placed', 'placed', 'new.total > 0 AND old.total IS NOT DISTINCT FROM new.total');
SELECT outbox.define_transition('order', 'placed', 'paid', 'paid');
SELECT outbox.define_transition('order', 'placed', 'cancelled', NULL, 'NULL');
SELECT outbox.define_transition('order', 'draft', 'cancelled');
SELECT attempt($$SELECT outbox.define_transition('order', 'draft', 'placed')$$);
TABLE outbox.lifecycle;
SELECT outbox.lifecycle_diagram('order');

-- How it begins.
SELECT call, r.* FROM unnest(ARRAY[$$1, 'draft'$$, $$2, 'placed'$$, $$2, NULL$$, $$2, ''$$, $$2, 'Draft'$$, $$2, 'draft '$$, $$2, 'imported'$$]) WITH ORDINALITY AS c (call, n), attempt('INSERT INTO orders VALUES (' || call || ')') r ORDER BY n;
-- How it goes on.
SELECT call, r.* FROM unnest(ARRAY[$$state = 'draft'$$, $$state = 'paid'$$, $$state = 'placed'$$, $$state = 'placed', total = 5$$, $$state = NULL$$, $$total = 5$$, $$state = 'placed'$$, $$state = 'cancelled'$$, $$state = 'draft'$$, $$state = 'no "such" one'$$,
	$$state = 'paid'$$, $$state = 'draft'$$, $$state = NULL$$]) WITH ORDINALITY AS c (call, n), attempt('UPDATE orders SET ' || call || ' WHERE id = 1') r ORDER BY n;
SELECT * FROM told;
-- A row from before keeps its state until it can change; nothing leads out of it.
UPDATE orders SET total = 1 WHERE id = 100 RETURNING state, version;
SELECT attempt($$UPDATE orders SET state = 'draft' WHERE id = 100$$);
SELECT outbox.define_transition('order', 'ancient', 'draft', 'revived');
UPDATE orders SET state = 'draft' WHERE id = 100;
SELECT outbox.undefine_transition('order', 'ancient', 'draft');
-- The version is judged first, then the id, the lifecycle, invariants.
SELECT outbox.define_invariant('order', 'small', 'new.total < 100');
SELECT attempt($$UPDATE orders SET state = 'x', version = 0, id = 5, total = 100 WHERE id = 100$$);
SELECT attempt($$UPDATE orders SET state = 'x', id = 5, total = 100 WHERE id = 100$$);
SELECT attempt($$UPDATE orders SET state = 'x', total = 100 WHERE id = 100$$);
SELECT attempt($$UPDATE orders SET total = 100 WHERE id = 100$$);
-- A null state of a row from before.
ALTER TABLE orders DISABLE TRIGGER USER;
UPDATE orders SET state = NULL WHERE id = 100;
ALTER TABLE orders ENABLE TRIGGER USER;
UPDATE orders SET total = 2 WHERE id = 100;
SELECT attempt($$UPDATE orders SET state = 'draft' WHERE id = 100$$);
-- An upsert begins, or goes on.
INSERT INTO orders VALUES (100, 'draft') ON CONFLICT DO NOTHING;
INSERT INTO orders VALUES (2, 'draft', 7) ON CONFLICT (id) DO UPDATE SET total = excluded.total RETURNING state, total;
SELECT attempt($$INSERT INTO orders VALUES (2, 'paid') ON CONFLICT (id) DO UPDATE SET state = excluded.state$$);
SELECT attempt($$INSERT INTO orders VALUES (2, 'draft') ON CONFLICT (id) DO UPDATE SET state = excluded.state$$);
-- Undefined, everything goes.
SELECT outbox.undefine_transition('order', 'placed', 'paid');
SELECT from_state, to_state FROM outbox.lifecycle WHERE aggregate = 'order';
SELECT outbox.undefine_lifecycle('order');
SELECT count(*) FROM outbox.lifecycle;
INSERT INTO orders VALUES (3, 'anything');
UPDATE orders SET state = 'else' WHERE id = 3;
-- A new one knows nothing of the old one.
SELECT outbox.define_lifecycle('order', 'state', ARRAY['a', E'quo"te\\d, {x}', '']);
SELECT attempt($$INSERT INTO orders VALUES (4, 'z')$$);
INSERT INTO orders VALUES (4, E'quo"te\\d, {x}'), (5, '');
SELECT outbox.define_transition('order', '', E'two\nlines', NULL, 'new.total <> 0 AND ''x'' <> E''a\nb''');
SELECT outbox.define_transition('order', 'a', '[*]');
SELECT outbox.define_transition('order', 'a', repeat('long ', 300));
SELECT outbox.lifecycle_diagram('order');
SELECT attempt(E'UPDATE orders SET state = ''two\nlines'' WHERE id = 5');
INSERT INTO orders VALUES (6, 'a');
SELECT length(hint) FROM attempt($$UPDATE orders SET state = 'b' WHERE id = 6$$);
SELECT outbox.undefine_aggregate('order');

-- Of other types: an enum, fixed and limited lengths, a number, a boolean, a domain.
CREATE TYPE phase AS ENUM ('new', 'in "use"', 'old');
CREATE DOMAIN word AS text CHECK (VALUE <> 'never');
CREATE TABLE thing (id integer PRIMARY KEY, phase phase DEFAULT 'new', fixed char(5) DEFAULT 'a', short varchar(3) DEFAULT 'a', number integer DEFAULT 1, flag boolean DEFAULT false, word word DEFAULT 'a', j jsonb DEFAULT '{"a": 1}');
SELECT outbox.define_aggregate('thing', 'thing');
DO $$
DECLARE
	c record;
BEGIN
	FOR c IN SELECT * FROM (VALUES ('phase', 'new', 'in "use"', 'old'), ('fixed', 'a', 'b', 'c'), ('short', 'a', 'b', 'c'), ('number', '1', '+02', '3'), ('flag', 'f', 'yes', 'f'), ('word', 'a', 'b', 'c'),
		('j', '{"a":1}', '{}', '[]')) AS c (name, a, b, c) LOOP
		PERFORM outbox.define_lifecycle('thing', c.name, ARRAY[c.a]);
		PERFORM outbox.define_transition('thing', c.a, c.b, 'went_' || c.name);
		DELETE FROM thing;
		INSERT INTO thing VALUES (1);
		EXECUTE format('UPDATE thing SET %I = %L', c.name, c.b);
		RAISE NOTICE '%', attempt(format('UPDATE thing SET %I = %L', c.name, c.c));
		RAISE NOTICE '%', outbox.lifecycle_diagram('thing');
		PERFORM outbox.undefine_transition('thing', c.a, c.b);
		PERFORM outbox.undefine_lifecycle('thing');
	END LOOP;
END $$;
SELECT call, r.* FROM unnest(ARRAY[$$'phase', '{nowhere}'$$, $$'fixed', '{abcdef}'$$, $$'short', '{abcd}'$$, $$'number', '{x}'$$, $$'number', '{99999999999}'$$, $$'flag', '{x}'$$, $$'word', '{never}'$$]) WITH ORDINALITY AS c (call, n),
	attempt('SELECT outbox.define_lifecycle(''thing'', ' || call || ')') r ORDER BY n;
SELECT action, count(*) FROM outbox.event WHERE aggregate = 'thing' GROUP BY action ORDER BY action COLLATE "C";
SET client_min_messages = warning;
DROP SCHEMA life CASCADE;
