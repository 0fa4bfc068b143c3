-- Value objects: domains whose rule says what it means; and which domains PostgreSQL can still alter.
CREATE ROLE regress_outbox_definer;
CREATE ROLE regress_outbox_writer;
CREATE SCHEMA shop AUTHORIZATION regress_outbox_definer;
CREATE SCHEMA "Far off";
-- Runs a statement; what a program sees of its error.
CREATE FUNCTION attempt(statement text, OUT state text, OUT message text, OUT constraint_name text, OUT datatype text, OUT schema text)
LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
EXCEPTION WHEN others THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, constraint_name = CONSTRAINT_NAME,
		datatype = PG_DATATYPE_NAME, schema = SCHEMA_NAME;
END $$;
CREATE VIEW seen AS SELECT name, base, check_expression, message, defined FROM outbox.value_object ORDER BY name COLLATE "C";

-- A value that breaks the rule is refused with the message; a null is not.
SELECT outbox.define_value_object('shop.money', 'numeric', 'VALUE >= 0 AND scale(VALUE) <= 2', 'an amount of money is not negative and has whole cents');
CREATE TABLE shop.price (amount shop.money);
INSERT INTO shop.price VALUES (9.99), (NULL);
\set SHOW_CONTEXT never
SELECT * FROM attempt('INSERT INTO shop.price VALUES (-1)');
INSERT INTO shop.price VALUES (1.001);
SELECT '-1'::shop.money;
COPY shop.price FROM stdin;
-5
\.
SELECT CAST(NULL AS shop.money) IS NULL AS passes;
-- Without a message PostgreSQL's own.
SELECT outbox.define_value_object('shop.quantity', 'integer', 'VALUE > 0');
SELECT 5::shop.quantity;
SELECT * FROM attempt('SELECT 0::shop.quantity');
-- Anything may stand in a message and in a name.
SELECT outbox.define_value_object('"Far off"."An ""odd"" one"', 'text', $$VALUE <> 'it''s' AND VALUE <> E'\\'$$, $$it's 100 % "odd" \ $1 %s$$);
SELECT * FROM attempt($$SELECT 'it''s'::"Far off"."An ""odd"" one"$$);
SELECT outbox.define_value_object(repeat('long', 15) || 'est', 'integer', 'VALUE > 0', 'too small');
SELECT constraint_name FROM attempt(format('SELECT 0::%s', repeat('long', 15) || 'est'));
-- Over an array, a composite type, a range, another value object, types that differ without a length.
CREATE TYPE shop.pair AS (a integer, b integer);
SELECT outbox.define_value_object('shop.steps', 'integer[]', 'cardinality(VALUE) > 0', 'at least one step');
SELECT outbox.define_value_object('shop.ordered', 'shop.pair', '(VALUE).a < (VALUE).b', 'a comes first');
SELECT outbox.define_value_object('shop.span', 'int4range', 'NOT isempty(VALUE)', 'a span has a length');
SELECT outbox.define_value_object('shop.dear', 'shop.money', 'VALUE > 1000', 'that is not dear');
SELECT outbox.define_value_object('shop.bits', 'bit', 'length(VALUE) = 3');
SELECT outbox.define_value_object('shop.padded', 'bpchar', 'length(VALUE) = 3');
SELECT outbox.define_value_object('shop.letter', '"char"', $$VALUE <> 'x'$$);
SELECT '101'::shop.bits, 'abc'::shop.padded;
SELECT * FROM attempt($$SELECT '{}'::shop.steps$$);
SELECT * FROM attempt('SELECT ROW(2, 1)::shop.ordered');
SELECT * FROM attempt($$SELECT 'empty'::shop.span$$);
SELECT * FROM attempt('SELECT 5::shop.dear');
SELECT * FROM attempt('SELECT (-5)::shop.dear');
SELECT * FROM seen;
-- Unqualified: where the caller creates; names as he finds them.
SET search_path = shop, public;
CREATE FUNCTION is_even(integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 % 2 = 0';
SELECT outbox.define_value_object('even', 'integer', 'is_even(VALUE)', 'that is odd');
SET search_path = '';
SELECT state, message, schema FROM public.attempt('SELECT 3::shop.even');
SELECT outbox.define_value_object('nowhere', 'integer', 'VALUE > 0');
\echo :SQLSTATE
RESET search_path;
SELECT outbox.define_value_object('pg_temp.passing', 'integer', 'VALUE > 0', 'no');
SELECT state, message, datatype FROM attempt('SELECT 0::pg_temp.passing');
SELECT outbox.undefine_value_object('pg_temp.passing');

-- The error names the domain as it is called now, and only the one whose rule was broken.
ALTER DOMAIN shop.money RENAME TO amount;
ALTER DOMAIN shop.amount SET SCHEMA "Far off";
ALTER DOMAIN "Far off".amount RENAME CONSTRAINT money_check TO "sound amount";
SELECT * FROM attempt('INSERT INTO shop.price VALUES (-1)');
SELECT outbox.define_value_object('shop.money', 'numeric', 'VALUE > 0', 'an amount of money is not negative and has whole cents');
SELECT * FROM attempt('SELECT (-1)::shop.money');
SELECT * FROM attempt('SELECT (-1)::"Far off".amount');
SELECT outbox.undefine_value_object('shop.money');
ALTER DOMAIN "Far off".amount SET SCHEMA shop;
ALTER DOMAIN shop.amount RENAME TO money;
-- Further rules, by hand, are the domain's as well.
ALTER DOMAIN shop.quantity ADD CONSTRAINT few CHECK (VALUE < 100);
ALTER DOMAIN shop.quantity ADD CONSTRAINT round CHECK (outbox.conforms(VALUE % 5 = 0, 'by the five only', 'shop.quantity'));
ALTER DOMAIN shop.quantity SET NOT NULL;
SELECT * FROM seen WHERE name = 'shop.quantity';
SELECT state, message, constraint_name FROM attempt('SELECT 7::shop.quantity');
ALTER DOMAIN shop.quantity DROP CONSTRAINT quantity_check;
SELECT defined FROM seen WHERE name = 'shop.quantity';
ALTER DOMAIN shop.quantity DROP CONSTRAINT round;
SELECT defined FROM seen WHERE name = 'shop.quantity';
SELECT outbox.undefine_value_object('shop.quantity');
DROP DOMAIN shop.quantity;
SELECT outbox.conforms(false, 'by hand', 'nobody'), outbox.conforms(true, NULL, NULL);
SELECT outbox.conforms(false, NULL, NULL), outbox.conforms(NULL, 'no', 'no');

-- What cannot be defined.
SELECT outbox.define_value_object(NULL, 'integer', 'VALUE > 0');
\echo :SQLSTATE
SELECT outbox.define_value_object('shop.bad', NULL, 'VALUE > 0');
\echo :SQLSTATE
SELECT outbox.define_value_object('shop.bad', 'integer', NULL);
\echo :SQLSTATE
SELECT outbox.undefine_value_object(NULL);
\echo :SQLSTATE
SELECT outbox.define_value_object('shop.money', 'integer', 'VALUE > 0');
\echo :SQLSTATE
SELECT state FROM attempt($$SELECT outbox.define_value_object('shop.pair', 'integer', 'VALUE > 0')$$);
SELECT outbox.define_value_object('no.such.place.bad', 'integer', 'VALUE > 0');
\echo :SQLSTATE
SELECT outbox.define_value_object('', 'integer', 'VALUE > 0');
\echo :SQLSTATE
SELECT outbox.define_value_object('nowhere.bad', 'integer', 'VALUE > 0');
\echo :SQLSTATE
SELECT outbox.define_value_object('shop.bad', '0', 'VALUE > 0');
\echo :SQLSTATE
SELECT state FROM attempt($$SELECT outbox.define_value_object('shop.bad', 'anyelement', 'VALUE IS NULL')$$);
SELECT state FROM attempt($$SELECT outbox.define_value_object('shop.bad', 'integer', 'VALUE > 0', 'a' || chr(10) || 'b')$$);
SELECT message FROM attempt('SELECT 0::shop.bad');
SELECT outbox.undefine_value_object('shop.bad');
-- Expressions that are none, or more than one; the error points into it.
\set SHOW_CONTEXT errors
SELECT outbox.define_value_object('shop.bad', 'integer', 'VALUE >');
\echo :SQLSTATE
SELECT outbox.define_value_object('shop.bad', 'integer', 'true) , CONSTRAINT x CHECK (true');
SELECT outbox.define_value_object('shop.bad', 'integer', 'VALUE > 0; DROP TABLE shop.price');
SELECT outbox.define_value_object('shop.bad', 'integer', 'VALUE = 10 OR amont > 3');
\echo :SQLSTATE
SELECT outbox.define_value_object('shop.bad', 'integer', 'VALUE + 1');
\echo :SQLSTATE
SELECT outbox.define_value_object('shop.bad', 'integer', 'VALUE > (SELECT 1)');
\echo :SQLSTATE
SELECT outbox.define_value_object('shop.bad', 'integer', '');
\echo :SQLSTATE
\set SHOW_CONTEXT never
SELECT expression, a.state, a.message
  FROM unnest(ARRAY[' ', '-- nothing', 'VALUE > 0, true', 'VALUE > 0 AS x', 'VALUE > 0 x', '*', 'VALUE > 0 FROM shop.price', 'true WHERE true',
                    'DISTINCT true', 'ALL true', 'true LIMIT 1', 'true ORDER BY 1', 'true FOR UPDATE', 'true UNION SELECT true', 'SELECT true',
                    'VALUES (true)', 'TABLE shop.price', 'VALUE > 0 /* open', $q$VALUE > 0 AND 'open$q$, 'sum(VALUE) > 0', '$1 > 0', 'value.x > 0',
                    'shop.price.amount > 0', 'generate_series(1, VALUE) > 0', 'true)', '(true', 'VALUE > 0 --)']) WITH ORDINALITY e (expression, n),
       attempt(format('SELECT outbox.define_value_object(''shop.bad'', ''integer'', %L)', expression)) a
 ORDER BY n;
-- A comment at the end hides nothing.
SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE contypid = 'shop.bad'::regtype;
SELECT outbox.undefine_value_object('shop.bad');
SELECT outbox.undefine_value_object('shop.bad');
\echo :SQLSTATE
SELECT outbox.undefine_value_object('shop.pair');
\echo :SQLSTATE
SELECT outbox.undefine_value_object('shop.money');
\echo :SQLSTATE
\set SHOW_CONTEXT errors

-- With outbox.grant_define whoever may create there defines; whoever has no right on schema outbox writes all the same.
SET ROLE regress_outbox_definer;
SELECT outbox.define_value_object('shop.mail', 'text', 'VALUE LIKE ''%@%''', 'a mail address has an "@"');
RESET ROLE;
SELECT outbox.grant_define('regress_outbox_definer');
SET ROLE regress_outbox_definer;
SELECT outbox.define_value_object('shop.mail', 'text', 'VALUE LIKE ''%@%''', 'a mail address has an "@"');
SELECT name, message, alterable FROM outbox.value_object WHERE name = 'shop.mail';
SELECT outbox.emit('order', '42', 'placed');
SELECT state FROM attempt($$SELECT outbox.define_value_object('"Far off".mail', 'text', 'true')$$);
SELECT state FROM attempt($$SELECT outbox.undefine_value_object('"Far off"."An ""odd"" one"')$$);
CREATE TABLE shop.person (mail shop.mail);
GRANT USAGE ON SCHEMA shop TO regress_outbox_writer;
GRANT INSERT, SELECT ON shop.person TO regress_outbox_writer;
SET ROLE regress_outbox_writer;
SELECT has_schema_privilege('outbox', 'USAGE') AS may_use;
INSERT INTO shop.person VALUES ('a@example.org');
INSERT INTO shop.person VALUES ('nobody');
SELECT * FROM attempt($$INSERT INTO shop.person VALUES ('nobody')$$);
RESET ROLE;
BEGIN READ ONLY;
SELECT outbox.define_value_object('shop.late', 'text', 'true');
\echo :SQLSTATE
ROLLBACK;
DROP TABLE shop.person;
SET ROLE regress_outbox_definer;
SELECT outbox.undefine_value_object('shop.mail');
RESET ROLE;
SELECT outbox.revoke_define('regress_outbox_definer');

-- Which domains PostgreSQL can alter: the view says what ALTER DOMAIN does.
SET client_min_messages = warning;
DROP SCHEMA "Far off" CASCADE;
RESET client_min_messages;
CREATE SCHEMA kind;
CREATE FOREIGN DATA WRAPPER regress_outbox_wrapper;
CREATE SERVER regress_outbox_server FOREIGN DATA WRAPPER regress_outbox_wrapper;
-- value: a value object for each way to use one; the statements use it.
CREATE TABLE kind.way (value text, statements text);
INSERT INTO kind.way VALUES
('unused', ''),
('plain', 'CREATE TABLE kind.t_plain (a kind.plain, b kind.plain)'),
('over', 'CREATE DOMAIN kind.d_over AS kind.over; CREATE TABLE kind.t_over (a kind.d_over)'),
('array_of', 'CREATE TABLE kind.t_array (a kind.array_of[])'),
('array_of_over', 'CREATE DOMAIN kind.d_array AS kind.array_of_over; CREATE TABLE kind.t_array_over (a kind.d_array[])'),
('over_array', 'CREATE DOMAIN kind.d_over_array AS kind.over_array[]; CREATE TABLE kind.t_over_array (a kind.d_over_array)'),
('array_free', 'CREATE DOMAIN kind.d_array_free AS kind.array_free[]; CREATE FUNCTION kind.f(kind.array_free[]) RETURNS integer LANGUAGE sql AS ''SELECT 1'''),
('row_free', 'CREATE TYPE kind.r_free AS (a kind.row_free)'),
('row_in', 'CREATE TYPE kind.r_in AS (a kind.row_in); CREATE TABLE kind.t_row (a kind.r_in)'),
('row_array', 'CREATE TYPE kind.r_array AS (a kind.row_array); CREATE TABLE kind.t_row_array (a kind.r_array[])'),
('row_row', 'CREATE TYPE kind.r_row AS (a kind.row_row); CREATE TYPE kind.r_row_2 AS (a kind.r_row); CREATE TABLE kind.t_row_row (a kind.r_row_2)'),
('row_gone', 'CREATE TYPE kind.r_gone AS (a kind.row_gone); CREATE TABLE kind.t_gone (a kind.r_gone, b integer); ALTER TABLE kind.t_gone DROP COLUMN a'),
('typed', 'CREATE TYPE kind.r_typed AS (a kind.typed); CREATE TABLE kind.t_typed OF kind.r_typed'),
('row_of_table', 'CREATE TABLE kind.t_source (a kind.row_of_table); CREATE TABLE kind.t_of_table (a kind.t_source)'),
('row_of_view', 'CREATE VIEW kind.v_source AS SELECT 1::kind.row_of_view AS a; CREATE TABLE kind.t_of_view (a kind.v_source)'),
('range_free', 'CREATE TYPE kind.g_free AS RANGE (subtype = kind.range_free)'),
('range_over', 'CREATE TYPE kind.g_over AS RANGE (subtype = kind.range_over); CREATE TABLE kind.t_range (a kind.g_over)'),
('range_multi', 'CREATE TYPE kind.g_multi AS RANGE (subtype = kind.range_multi); CREATE TABLE kind.t_multi (a kind.g_multi_multirange)'),
('parted', 'CREATE TABLE kind.t_parted (a kind.parted) PARTITION BY RANGE (a); CREATE TABLE kind.t_part PARTITION OF kind.t_parted DEFAULT'),
('parted_array', 'CREATE TABLE kind.t_parted_array (k integer, a kind.parted_array[]) PARTITION BY RANGE (k); CREATE TABLE kind.t_part_array PARTITION OF kind.t_parted_array DEFAULT'),
('parted_empty', 'CREATE TABLE kind.t_parted_empty (k integer, a kind.parted_empty[]) PARTITION BY RANGE (k)'),
('child', 'CREATE TABLE kind.t_parent (a kind.child); CREATE TABLE kind.t_child () INHERITS (kind.t_parent)'),
('view_of', 'CREATE VIEW kind.v_of AS SELECT 1::kind.view_of AS a'),
('view_array', 'CREATE VIEW kind.v_array AS SELECT ARRAY[1::kind.view_array] AS a'),
('matview', 'CREATE MATERIALIZED VIEW kind.m_of AS SELECT 1::kind.matview AS a'),
('matview_array', 'CREATE MATERIALIZED VIEW kind.m_array AS SELECT ARRAY[1::kind.matview_array] AS a'),
('index_on', 'CREATE TABLE kind.t_index (a integer); CREATE INDEX ON kind.t_index ((a::kind.index_on))'),
('index_row', 'CREATE TYPE kind.r_index AS (a kind.index_row); CREATE TABLE kind.t_index_row (a integer); CREATE INDEX ON kind.t_index_row ((ROW(a)::kind.r_index))'),
('index_array', 'CREATE TABLE kind.t_index_array (a integer[]); CREATE INDEX ON kind.t_index_array ((a::kind.index_array[]))'),
('index_expression', 'CREATE TABLE kind.t_index_expression (a integer); CREATE INDEX ON kind.t_index_expression ((ARRAY[a::kind.index_expression]))'),
('parted_by_row', 'CREATE TABLE kind.t_parted_by (a integer) PARTITION BY HASH ((ARRAY[a::kind.parted_by_row]))'),
('statistics', 'CREATE TABLE kind.t_statistics (a integer); CREATE STATISTICS kind.s ON (ARRAY[a::kind.statistics]) FROM kind.t_statistics'),
('foreign_of', 'CREATE FOREIGN TABLE kind.f_of (a kind.foreign_of) SERVER regress_outbox_server'),
('foreign_array', 'CREATE FOREIGN TABLE kind.f_array (a kind.foreign_array[]) SERVER regress_outbox_server'),
('temporary', 'CREATE TEMPORARY TABLE t_temporary (a kind.temporary[])'),
('many', 'CREATE TABLE kind.t_many (a kind.many[], b kind.many[], c kind.many)');
DO $$
DECLARE w record;
BEGIN
	FOR w IN SELECT * FROM kind.way LOOP
		PERFORM outbox.define_value_object('kind.' || w.value, 'integer', 'VALUE > 0');
		EXECUTE w.statements;
	END LOOP;
END $$;
CREATE FUNCTION kind.alters(value text, command text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	BEGIN
		EXECUTE format('ALTER DOMAIN kind.%I %s', value, command);
		RAISE EXCEPTION USING errcode = 'OK000';
	EXCEPTION WHEN sqlstate 'OK000' THEN RETURN true;
		WHEN feature_not_supported THEN RETURN false;
	END;
END $$;
SELECT w.value, v.columns, v.alterable
  FROM kind.way w JOIN outbox.value_object v ON v.name = 'kind.' || w.value
 -- Minor versions of PostgreSQL differ in these.
 WHERE w.value NOT IN ('foreign_array', 'index_expression', 'index_row', 'index_array', 'parted_by_row', 'statistics')
 ORDER BY w.value COLLATE "C";
SELECT count(*) AS ways,
       count(*) FILTER (WHERE v.alterable = a.adds AND a.adds = a.nonnull AND (v.warning IS NULL) = a.adds AND a.unchecked) AS as_postgresql_does
  FROM kind.way w JOIN outbox.value_object v ON v.name = 'kind.' || w.value,
       LATERAL (SELECT kind.alters(w.value, 'ADD CHECK (VALUE < 100)') AS adds, kind.alters(w.value, 'SET NOT NULL') AS nonnull,
                       kind.alters(w.value, 'ADD CHECK (VALUE < 100) NOT VALID') AS unchecked) a;
-- Domains that hold others, made by hand, are judged as well.
SELECT name, base, check_expression, defined, columns, alterable FROM outbox.value_object WHERE name LIKE 'kind.d\_%' ORDER BY name COLLATE "C";
SELECT warning FROM outbox.value_object WHERE name IN ('kind.array_of', 'kind.parted') ORDER BY name COLLATE "C";
SELECT count(*) FROM outbox.value_object WHERE name LIKE 'information_schema.%';

SET client_min_messages = warning;
DROP SCHEMA kind, shop CASCADE;
RESET client_min_messages;
DROP TABLE t_temporary;
DROP DOMAIN longlonglonglonglonglonglonglonglonglonglonglonglonglonglongest;
DROP SERVER regress_outbox_server;
DROP FOREIGN DATA WRAPPER regress_outbox_wrapper;
SELECT * FROM outbox.value_object;
DROP VIEW seen;
DROP FUNCTION attempt(text);
DROP ROLE regress_outbox_definer, regress_outbox_writer;
