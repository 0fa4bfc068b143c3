-- outbox.capture(): every change of a table's rows becomes an event.
SELECT coalesce(max(id), 0) AS start FROM outbox.event \gset
CREATE TEMPORARY VIEW captured AS
SELECT aggregate, aggregate_id, action, convert_from(payload, 'UTF8') AS payload
  FROM outbox.event WHERE id > :start ORDER BY id;
CREATE PROCEDURE pg_temp.forget() LANGUAGE sql AS 'DELETE FROM outbox.event';

CREATE TABLE customer (id int PRIMARY KEY, name text, tags text[], since timestamptz);
CREATE TRIGGER captured AFTER INSERT OR UPDATE OR DELETE ON customer
	FOR EACH ROW EXECUTE FUNCTION outbox.capture('customer');
SET timezone = 'UTC';

-- The three actions.
INSERT INTO customer VALUES (1, 'Zoë "Z" Ö''Neil', '{a,b}', '2026-01-02 03:04:05.678+00');
UPDATE customer SET name = NULL WHERE id = 1;
DELETE FROM customer WHERE id = 1;
SELECT * FROM captured;
SELECT DISTINCT content_type, headers, version FROM outbox.event WHERE id > :start;
CALL pg_temp.forget();

-- An UPDATE that changes nothing is told, unless the trigger says otherwise; a new id is the event's.
INSERT INTO customer (id) VALUES (1);
UPDATE customer SET id = id;
DROP TRIGGER captured ON customer;
CREATE TRIGGER captured AFTER UPDATE ON customer
	FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION outbox.capture('customer');
UPDATE customer SET id = id;
UPDATE customer SET id = 2;
SELECT * FROM captured;
DROP TRIGGER captured ON customer;
CREATE TRIGGER captured AFTER INSERT OR UPDATE OR DELETE ON customer
	FOR EACH ROW EXECUTE FUNCTION outbox.capture('customer');
CALL pg_temp.forget();

-- Rolled back, prepared.
BEGIN;
SAVEPOINT a;
INSERT INTO customer (id) VALUES (10);
ROLLBACK TO a;
INSERT INTO customer (id) VALUES (11);
PREPARE TRANSACTION 'outbox capture';
SELECT * FROM captured;
COMMIT PREPARED 'outbox capture';
SELECT aggregate_id, action FROM captured;
CALL pg_temp.forget();

-- COPY, ON CONFLICT, MERGE, set-based statements.
COPY customer (id, name) FROM stdin;
20	copied
21	copied, too
\.
INSERT INTO customer (id, name) VALUES (20, 'again'), (22, 'new') ON CONFLICT (id) DO UPDATE SET name = excluded.name;
INSERT INTO customer (id) VALUES (20) ON CONFLICT DO NOTHING;
MERGE INTO customer c USING (VALUES (20, 'merged'), (21, NULL), (23, 'merged')) m (id, name) ON c.id = m.id
 WHEN MATCHED AND m.name IS NULL THEN DELETE
 WHEN MATCHED THEN UPDATE SET name = m.name
 WHEN NOT MATCHED THEN INSERT (id, name) VALUES (m.id, m.name);
UPDATE customer SET name = upper(name) WHERE id > 20;
SELECT aggregate_id, action FROM captured;
CALL pg_temp.forget();

-- Foreign keys that cascade.
CREATE TABLE address (no bigint PRIMARY KEY, customer_id int REFERENCES customer ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TRIGGER captured AFTER INSERT OR UPDATE OR DELETE ON address
	FOR EACH ROW EXECUTE FUNCTION outbox.capture('address', 'no');
INSERT INTO address VALUES (5000000000, 20), (5000000001, 22);
UPDATE customer SET id = 30 WHERE id = 20;
DELETE FROM customer WHERE id = 22;
SELECT aggregate, aggregate_id, action, payload::json #>> '{new,customer_id}' AS customer_id FROM captured
 ORDER BY aggregate COLLATE "C", aggregate_id, action;
CALL pg_temp.forget();

-- Columns dropped, added with a default, renamed, generated.
ALTER TABLE address DROP COLUMN customer_id;
ALTER TABLE address ADD COLUMN city text DEFAULT 'Köln', ADD COLUMN twice bigint GENERATED ALWAYS AS (no * 2) STORED;
ALTER TABLE address ADD COLUMN country text DEFAULT 'DE';
UPDATE address SET no = no + 1;
SELECT payload FROM captured;
ALTER TABLE address RENAME COLUMN no TO number;
UPDATE address SET number = number + 1;
\echo :SQLSTATE
ALTER TABLE address RENAME COLUMN number TO no;
CALL pg_temp.forget();

-- Partitions whose columns stand elsewhere; a row that moves.
CREATE TABLE shipment (region text NOT NULL, id uuid NOT NULL, weight numeric) PARTITION BY LIST (region);
CREATE TABLE shipment_north PARTITION OF shipment FOR VALUES IN ('north');
CREATE TABLE shipment_south (gone int, weight numeric, id uuid NOT NULL, region text NOT NULL);
ALTER TABLE shipment_south DROP COLUMN gone;
ALTER TABLE shipment ATTACH PARTITION shipment_south FOR VALUES IN ('south');
CREATE TRIGGER captured AFTER INSERT OR UPDATE OR DELETE ON shipment
	FOR EACH ROW EXECUTE FUNCTION outbox.capture('shipment');
INSERT INTO shipment VALUES ('north', '00000000-0000-0000-0000-000000000001', 1.50), ('south', '00000000-0000-0000-0000-000000000002', NULL);
UPDATE shipment SET weight = 2 WHERE region = 'south';
UPDATE shipment SET region = 'south' WHERE region = 'north';
DELETE FROM shipment_south WHERE id = '00000000-0000-0000-0000-000000000001';
SELECT * FROM captured;
CALL pg_temp.forget();

-- Deferred, and large values that are stored out of line.
CREATE TABLE document (id text, body text);
ALTER TABLE document ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE CONSTRAINT TRIGGER captured AFTER INSERT OR UPDATE ON document DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW EXECUTE FUNCTION outbox.capture('document');
BEGIN;
INSERT INTO document VALUES ('a/b c', repeat('0123456789', 1000));
SELECT count(*) FROM captured;
COMMIT;
UPDATE document SET id = 'd';
SELECT aggregate_id, action, length(payload::json #>> '{old,body}') AS old_length,
       length(payload::json #>> '{new,body}') AS new_length FROM captured;
CALL pg_temp.forget();

-- Types that write themselves in their own way.
CREATE TYPE mood AS ENUM ('calm', 'cross');
CREATE TYPE place AS (x int, y int);
CREATE DOMAIN positive AS int CHECK (value > 0);
CREATE TABLE zoo (id positive, m mood, p place, j jsonb, b bytea, n numeric, d double precision, i interval, nothing text);
CREATE TRIGGER captured AFTER INSERT ON zoo FOR EACH ROW EXECUTE FUNCTION outbox.capture('zoo');
INSERT INTO zoo VALUES (1, 'calm', '(1,2)', '{"a": [1, null]}', '\x00ff', 'NaN', 1e300, '1 day 2 hours');
SELECT aggregate_id, payload FROM captured;
CALL pg_temp.forget();

-- The session's context goes along; a replica's apply does not fire.
SET outbox.actor = 'alice';
INSERT INTO customer (id) VALUES (40);
RESET outbox.actor;
SET session_replication_role = replica;
INSERT INTO customer (id) VALUES (41);
RESET session_replication_role;
SELECT aggregate_id, headers FROM outbox.event WHERE id > :start;
CALL pg_temp.forget();

-- 100,000 rows.
CREATE TABLE counted (id int);
CREATE TRIGGER captured AFTER INSERT ON counted FOR EACH ROW EXECUTE FUNCTION outbox.capture('counted');
INSERT INTO counted SELECT generate_series(1, 100000);
SELECT count(*), count(DISTINCT aggregate_id) AS ids FROM captured;
CALL pg_temp.forget();

-- Misuse.
SELECT outbox.capture();
\echo :SQLSTATE
CREATE TABLE misused (id int, parent int);
CREATE TRIGGER early BEFORE INSERT ON misused FOR EACH ROW EXECUTE FUNCTION outbox.capture('misused');
INSERT INTO misused VALUES (1);
\echo :SQLSTATE
DROP TRIGGER early ON misused;
CREATE TRIGGER statement AFTER INSERT ON misused FOR EACH STATEMENT EXECUTE FUNCTION outbox.capture('misused');
INSERT INTO misused VALUES (1);
\echo :SQLSTATE
DROP TRIGGER statement ON misused;
CREATE TRIGGER truncated AFTER TRUNCATE ON misused FOR EACH STATEMENT EXECUTE FUNCTION outbox.capture('misused');
TRUNCATE misused;
\echo :SQLSTATE
DROP TRIGGER truncated ON misused;
CREATE VIEW seen AS SELECT * FROM misused;
CREATE TRIGGER instead INSTEAD OF INSERT ON seen FOR EACH ROW EXECUTE FUNCTION outbox.capture('misused');
INSERT INTO seen VALUES (1);
\echo :SQLSTATE
DROP VIEW seen;
CREATE TRIGGER bare AFTER INSERT ON misused FOR EACH ROW EXECUTE FUNCTION outbox.capture();
INSERT INTO misused VALUES (1);
\echo :SQLSTATE
DROP TRIGGER bare ON misused;
CREATE TRIGGER more AFTER INSERT ON misused FOR EACH ROW EXECUTE FUNCTION outbox.capture('misused', 'id', 'parent');
INSERT INTO misused VALUES (1);
\echo :SQLSTATE
DROP TRIGGER more ON misused;
CREATE TRIGGER missing AFTER INSERT ON misused FOR EACH ROW EXECUTE FUNCTION outbox.capture('misused', 'no_such_column');
INSERT INTO misused VALUES (1);
\echo :SQLSTATE
DROP TRIGGER missing ON misused;
CREATE TRIGGER system AFTER INSERT ON misused FOR EACH ROW EXECUTE FUNCTION outbox.capture('misused', 'ctid');
INSERT INTO misused VALUES (1);
\echo :SQLSTATE
DROP TRIGGER system ON misused;
CREATE TRIGGER unknown AFTER INSERT ON misused FOR EACH ROW EXECUTE FUNCTION outbox.capture('misused', 'parent');
INSERT INTO misused VALUES (1);
\echo :SQLSTATE
DROP TRIGGER unknown ON misused;
CREATE TRIGGER named AFTER INSERT ON misused FOR EACH ROW EXECUTE FUNCTION outbox.capture('mis.used');
INSERT INTO misused VALUES (1);
\echo :SQLSTATE
DROP TRIGGER named ON misused;
SELECT count(*) AS captured FROM captured;
SELECT count(*) AS written FROM misused;

DROP TABLE address, customer, shipment, document, zoo, counted, misused;
DROP TYPE mood;
DROP TYPE place;
DROP DOMAIN positive;
