-- Inserts that are looked at before the row is written: who is refused, and when, stays the same.
SET client_min_messages = warning;
\set VERBOSITY terse
CREATE SCHEMA judged;
CREATE TABLE judged.item (id bigint PRIMARY KEY, state text NOT NULL DEFAULT 'new', total numeric NOT NULL DEFAULT 1, version int DEFAULT 1);
CREATE TABLE judged.told (LIKE judged.item INCLUDING ALL);
SELECT outbox.define_aggregate('item', 'judged.item', 'id', 'version'), outbox.define_aggregate('told', 'judged.told', 'id', 'version');
SELECT outbox.define_lifecycle('item', 'state', '{new}'), outbox.define_invariant('item', 'positive', 'new.total > 0 AND new.tableoid = ''judged.item''::pg_catalog.regclass');
SELECT outbox.define_lifecycle('told', 'state', '{new}'), outbox.define_event('told', 'made', 'insert');
SELECT tgrelid::regclass, tgqual IS NOT NULL AS filtered FROM pg_trigger WHERE tgname = 'zz_outbox_guard' AND tgrelid IN ('judged.item'::regclass, 'judged.told'::regclass) ORDER BY 1;

INSERT INTO judged.item VALUES (1, 'new', 1), (2, 'new', 2);
INSERT INTO judged.item VALUES (3, 'old', 1);
INSERT INTO judged.item VALUES (3, 'new', 0);
INSERT INTO judged.item (id, version) VALUES (3, NULL), (4, 7);
COPY judged.item (id, state) FROM STDIN;
5	new
6	old
\.
MERGE INTO judged.item i USING (VALUES (1), (6)) v (id) ON i.id = v.id
	WHEN MATCHED THEN UPDATE SET total = i.total + 1 WHEN NOT MATCHED THEN INSERT (id, state) VALUES (v.id, 'old');

-- What becomes nothing, or an update, is not refused as an insert; the next row is all the same.
BEGIN;
INSERT INTO judged.item VALUES (1, 'old') ON CONFLICT DO NOTHING;
INSERT INTO judged.item VALUES (1, 'old', 0) ON CONFLICT (id) DO UPDATE SET total = 10;
INSERT INTO judged.item VALUES (6);
INSERT INTO judged.item VALUES (7, 'old');
ROLLBACK;
BEGIN;
INSERT INTO judged.item VALUES (1) ON CONFLICT DO NOTHING;
INSERT INTO judged.told VALUES (1, 'old');
ROLLBACK;
BEGIN;
INSERT INTO judged.item VALUES (1) ON CONFLICT DO NOTHING;
SAVEPOINT s;
INSERT INTO judged.item VALUES (6, 'old');
ROLLBACK TO s;
INSERT INTO judged.item VALUES (6);
COMMIT;

-- A trigger that comes later, or one of ours that does not fire.
CREATE FUNCTION judged.spoil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.total := 0; RETURN NEW; END $$;
CREATE TRIGGER zzz BEFORE INSERT ON judged.item FOR EACH ROW EXECUTE FUNCTION judged.spoil();
INSERT INTO judged.item VALUES (7);
BEGIN;
ALTER TABLE judged.told DISABLE TRIGGER ALL;
INSERT INTO judged.item VALUES (1) ON CONFLICT DO NOTHING;
INSERT INTO judged.item VALUES (7);
ROLLBACK;
DROP TRIGGER zzz ON judged.item;
ALTER TABLE judged.item DISABLE TRIGGER zz_outbox_version;
INSERT INTO judged.item VALUES (7, 'old');
ALTER TABLE judged.item ENABLE TRIGGER zz_outbox_version;

-- With something to tell of inserts there is no filter any more, and without it again.
SELECT outbox.define_event('item', 'made', 'insert');
SELECT tgqual IS NOT NULL AS filtered FROM pg_trigger WHERE tgname = 'zz_outbox_guard' AND tgrelid = 'judged.item'::regclass;
INSERT INTO judged.item VALUES (7, 'old');
INSERT INTO judged.item VALUES (7);
SELECT outbox.undefine_event('item', 'made', 'insert');
SELECT tgqual IS NOT NULL AS filtered FROM pg_trigger WHERE tgname = 'zz_outbox_guard' AND tgrelid = 'judged.item'::regclass;
INSERT INTO judged.item VALUES (8, 'old');

-- Versions are set in the row itself, wherever the column is.
UPDATE judged.item SET total = 3 WHERE id < 3;
UPDATE judged.item SET version = version + 1, total = 4 WHERE id = 2;
UPDATE judged.item SET version = 1 WHERE id = 2;
UPDATE judged.item SET version = NULL WHERE id = 4;
ALTER TABLE judged.item ADD extra text DEFAULT 'extra';
UPDATE judged.item SET extra = repeat('x', 3000) WHERE id = 1 RETURNING id, version, length(extra);
UPDATE judged.item SET total = total WHERE id = 2 RETURNING *;
SELECT id, state, total, version, length(extra) FROM judged.item ORDER BY id;
SELECT aggregate, aggregate_id, action, version FROM outbox.event WHERE aggregate IN ('item', 'told') ORDER BY id;
SELECT outbox.undefine_aggregate('item'), outbox.undefine_aggregate('told');
DROP SCHEMA judged CASCADE;
