-- Invariants: judged with each row, or once for each aggregate before the commit.
CREATE SCHEMA inv;
SET search_path = inv;
-- Runs a statement and what it has deferred; what a program sees of its error.
CREATE FUNCTION attempt(statement text, OUT state text, OUT message text, OUT detail text, OUT place text)
LANGUAGE plpgsql AS $$
DECLARE
	s text; t text; c text; k text;
BEGIN
	EXECUTE statement;
	SET CONSTRAINTS ALL IMMEDIATE;
	SET CONSTRAINTS ALL DEFERRED;
EXCEPTION WHEN others THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
		s = SCHEMA_NAME, t = TABLE_NAME, c = COLUMN_NAME, k = CONSTRAINT_NAME;
	place := nullif(concat_ws(' ', nullif(concat_ws('.', nullif(s, ''), nullif(t, ''), nullif(c, '')), ''), nullif(k, '')), '');
END $$;
\pset null -
\set SHOW_CONTEXT never
CREATE TABLE account (id text PRIMARY KEY, balance numeric, floor numeric, version integer);
CREATE TABLE posting (account text, n integer PRIMARY KEY, amount numeric);
SELECT outbox.define_aggregate('account', 'account', 'id', 'version');
SELECT outbox.define_entity('account', 'posting', 'account');

-- What cannot be defined.
SELECT call, r.* FROM unnest(ARRAY[$$NULL, 'x', 'true'$$, $$'account', NULL, 'true'$$, $$'account', 'x', NULL$$, $$'account', 'x', 'true', NULL, NULL$$, $$'account', 'x', 'true', NULL, 'later'$$, $$'account', 'x', 'true', NULL, 'ROW'$$,
	$$'no', 'x', 'true'$$, $$'account', '', 'true'$$, $$'account', repeat('x', 64), 'true'$$, $$'account', 'x', ''$$, $$'account', 'x', 'balance > 0'$$, $$'account', 'x', 'new.balance'$$, $$'account', 'x', 'EXISTS (SELECT)'$$,
	$$'account', 'x', 'old.balance > 0', NULL, 'commit'$$, $$'account', 'x', 'balance > 0', NULL, 'commit'$$, $$'account', 'x', 'count(*) > 0', NULL, 'commit'$$, $$'account', 'x', 'new.xmin IS NULL', NULL, 'commit'$$,
	$$'account', 'x', '(SELECT count(*) FROM posting) > 0', NULL, 'commit'$$, $$'account', 'x', '(SELECT 1 FROM inv.posting p WHERE p.account = old.id) > 0', NULL, 'commit'$$,
	$$'account', 'x', '(INSERT INTO inv.posting VALUES (1)) > 0', NULL, 'commit'$$, $$'account', 'x', 'true) OR (true'$$, $$'account', 'x', 'true -- '$$, $$'account', 'y', '(SELECT true FROM inv.posting p FOR UPDATE)', NULL, 'commit'$$]) WITH ORDINALITY AS c (call, n),
	attempt('SELECT outbox.define_invariant(' || call || ')') r ORDER BY n;
SELECT attempt($$SELECT outbox.undefine_invariant('account', 'x')$$);
SELECT attempt($$SELECT outbox.undefine_invariant('account', 'x')$$);
SELECT attempt($$SELECT outbox.undefine_invariant(NULL, 'x')$$);
SELECT attempt($$SELECT outbox.undefine_invariant('account', NULL)$$);
SELECT attempt($$SELECT outbox.undefine_invariant('no', 'x')$$);
SELECT * FROM outbox.invariant;

-- With each row; in the order of definition; with words of its own.
SELECT outbox.define_invariant('account', 'a floor', 'new.balance >= new.floor', 'You cannot spend what you {do} not have: 100 % of "it".');
SELECT outbox.define_invariant('account', 'round', 'new.balance = round(new.balance)');
SELECT outbox.define_invariant('account', 'steady', 'old IS NULL OR abs(new.balance - old.balance) <= 1000');
SELECT attempt($$SELECT outbox.define_invariant('account', 'round', 'true')$$);
SELECT call, r.* FROM unnest(ARRAY[$$INSERT INTO account VALUES ('a', 10, 0)$$, $$INSERT INTO account VALUES ('b', -1, 0)$$, $$INSERT INTO account VALUES ('b', -0.5, 0)$$, $$INSERT INTO account VALUES ('b', 0.5, 0)$$, $$INSERT INTO account VALUES ('b', 5000)$$,
	$$INSERT INTO account VALUES ('c', NULL, 0)$$, $$UPDATE account SET balance = balance + 1001$$, $$UPDATE account SET balance = balance - 1000$$, $$UPDATE account SET balance = 0 WHERE id = 'c'$$, $$UPDATE account SET balance = NULL, floor = 1 WHERE id = 'c'$$,
	$$INSERT INTO account VALUES ('x"y', 0.1)$$]) WITH ORDINALITY AS c (call, n), attempt(call) r ORDER BY n;
-- One bad row of many, and nothing happens.
SELECT attempt('INSERT INTO account SELECT g::text, CASE g WHEN 77 THEN 0.5 ELSE g END FROM generate_series(1, 100) g');
SELECT attempt('UPDATE account SET balance = balance - 11, floor = 0');
TABLE account ORDER BY id COLLATE "C";
-- Deletions break nothing.
DELETE FROM account WHERE id = 'c';
-- Rows that exist must hold it; nulls do.
SELECT outbox.define_invariant('account', 'poor', 'new.balance < 100');
\echo :SQLSTATE
SELECT attempt($$SELECT outbox.define_invariant('account', 'poor', '(SELECT new.balance < 100)', NULL, 'commit')$$);
SELECT attempt($$SELECT outbox.define_invariant('account', 'broken', '1 / (new.balance - 10) > 0')$$);
SELECT outbox.define_invariant('account', 'floored', 'new.floor < 100');
SELECT outbox.undefine_invariant('account', 'floored'), outbox.undefine_invariant('account', 'round');
INSERT INTO account VALUES ('half', 0.5);
SELECT name, check_at, expression, message FROM outbox.invariant WHERE aggregate = 'account';
-- An error in an expression is the writer's, and says where.
SELECT outbox.define_invariant('account', 'broken', '1 / (new.balance - 3) <> 0');
\set SHOW_CONTEXT errors
INSERT INTO account VALUES ('d', 3, 1);
\set SHOW_CONTEXT never
INSERT INTO account VALUES ('d', 4, 1);
SELECT outbox.undefine_invariant('account', 'broken');

-- Before the commit: over the row as it is then, and all that belongs to it.
DELETE FROM account;
SELECT outbox.define_invariant('account', 'balanced', 'new.balance = (SELECT coalesce(sum(p.amount), 0) FROM inv.posting p WHERE p.account = new.id)', 'The postings of an account make its balance.', 'commit');
SELECT outbox.define_invariant('account', 'short', 'NOT EXISTS (SELECT FROM inv.posting p WHERE p.account = new.id OFFSET 3)', NULL, 'commit');
SELECT outbox.define_invariant('account', 'unknown', 'NULL', NULL, 'commit');
BEGIN;
INSERT INTO posting VALUES ('a', 1, 5);
INSERT INTO account VALUES ('a', 5);
COMMIT;
INSERT INTO posting VALUES ('a', 2, 5);
UPDATE account SET balance = 6;
\set VERBOSITY sqlstate
DELETE FROM posting;
\set VERBOSITY default
SELECT attempt('UPDATE posting SET amount = 6');
SELECT attempt($$INSERT INTO account VALUES ('b', 1)$$);
SELECT attempt($$UPDATE account SET balance = 8; INSERT INTO posting VALUES ('a', 2, 1), ('a', 3, 1), ('a', 4, 1)$$);
-- Broken in between is not broken; a savepoint that is rolled back leaves nothing.
BEGIN;
UPDATE account SET balance = 10;
INSERT INTO posting VALUES ('a', 2, 5);
COMMIT;
BEGIN;
SAVEPOINT one;
UPDATE account SET balance = 100;
ROLLBACK TO one;
INSERT INTO posting VALUES ('a', 3, 0);
COMMIT;
BEGIN;
INSERT INTO posting VALUES ('a', 4, 0);
SAVEPOINT one;
DELETE FROM posting WHERE n = 4;
ROLLBACK TO one;
COMMIT;
BEGIN;
SAVEPOINT one;
UPDATE account SET balance = 100;
RELEASE one;
SAVEPOINT two;
UPDATE account SET balance = 10;
ROLLBACK TO two;
COMMIT;
SELECT id, balance, version FROM account;
-- Judged at once where constraints are immediate: what a statement leaves.
BEGIN;
SET CONSTRAINTS ALL IMMEDIATE;
INSERT INTO posting VALUES ('a', 4, 0);
ROLLBACK;
BEGIN;
SET CONSTRAINTS ALL IMMEDIATE;
UPDATE posting SET amount = CASE n WHEN 1 THEN 2 WHEN 2 THEN 7 ELSE 1 END;
WITH moved AS (UPDATE posting SET amount = amount + 1 WHERE n = 1) UPDATE account SET balance = balance + 1;
COMMIT;
BEGIN;
UPDATE account SET balance = 12;
SET CONSTRAINTS ALL IMMEDIATE;
ROLLBACK;
BEGIN;
UPDATE account SET balance = 12;
SET CONSTRAINTS inv.zz_outbox_settle IMMEDIATE;
ROLLBACK;
BEGIN;
UPDATE account SET balance = 12;
SAVEPOINT one;
SET CONSTRAINTS ALL IMMEDIATE;
ROLLBACK TO one;
UPDATE posting SET amount = amount + 1 WHERE n = 1;
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
UPDATE account SET balance = 0;
UPDATE posting SET amount = 0;
COMMIT;
SELECT id, balance, version FROM account;
-- Before PREPARE TRANSACTION.
BEGIN;
UPDATE account SET balance = 1;
PREPARE TRANSACTION 'outbox_inv';
\echo :SQLSTATE
BEGIN;
UPDATE account SET balance = 1;
UPDATE posting SET amount = 1 WHERE n = 1;
PREPARE TRANSACTION 'outbox_inv';
COMMIT PREPARED 'outbox_inv';
SELECT id, balance, version FROM account;
-- Moved to another aggregate: both are judged. The root deleted: nothing is.
INSERT INTO account VALUES ('b', 0);
SELECT attempt($$UPDATE posting SET account = 'b' WHERE n = 1$$);
SELECT attempt($$UPDATE posting SET account = 'b' WHERE n = 1; UPDATE account SET balance = 1 - balance$$);
SELECT id, balance, version FROM account ORDER BY id COLLATE "C";
SELECT attempt($$UPDATE posting SET amount = 1000; DELETE FROM account WHERE id = 'b'; UPDATE account SET balance = 2000$$);
SELECT attempt($$DELETE FROM account WHERE id = 'b'; INSERT INTO account VALUES ('b', 1)$$);
SELECT attempt($$DELETE FROM account WHERE id = 'b'; INSERT INTO account VALUES ('b', 999)$$);
-- An entity before its root, with a deferred foreign key.
ALTER TABLE posting ADD FOREIGN KEY (account) REFERENCES account ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED NOT VALID;
BEGIN;
INSERT INTO posting VALUES ('z', 9, 4);
INSERT INTO account VALUES ('z', 4);
COMMIT;
BEGIN;
INSERT INTO posting VALUES ('y', 10, 4);
COMMIT;
\echo :SQLSTATE
ALTER TABLE posting DROP CONSTRAINT posting_account_fkey;
SELECT attempt($$INSERT INTO posting VALUES ('y', 10, 4)$$);
SELECT attempt($$INSERT INTO posting VALUES ('y', 10, 4); DELETE FROM posting WHERE n = 10$$);
-- Many aggregates in one statement; only the bad one is named.
DELETE FROM account;
DELETE FROM posting;
BEGIN;
INSERT INTO account SELECT g::text, g FROM generate_series(1, 200) g;
INSERT INTO posting SELECT g::text, g, g FROM generate_series(1, 200) g;
COMMIT;
SELECT attempt('UPDATE posting SET amount = amount + CASE n WHEN 123 THEN 1 ELSE 0 END');
SELECT min(version), max(version) FROM account;
-- Other triggers that act before the commit are judged, too.
CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE inv.posting SET amount = amount + 1 WHERE n = new.n; RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER zzz_late AFTER UPDATE ON posting DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (new.n = 5 AND pg_trigger_depth() = 0) EXECUTE FUNCTION meddle();
BEGIN;
UPDATE posting SET amount = amount WHERE n = 5;
COMMIT;
DROP TRIGGER zzz_late ON posting;
-- Nobody gets around it: not by saying that it is judged already, nor by a disabled trigger.
BEGIN;
SELECT outbox.unsettled();
UPDATE account SET balance = 0 WHERE id = '1';
COMMIT;
\echo :SQLSTATE
BEGIN;
SELECT outbox.unsettled();
UPDATE posting SET amount = 0 WHERE n = 1;
PREPARE TRANSACTION 'outbox_inv';
ALTER TABLE account DISABLE TRIGGER zz_outbox_settle;
SELECT enforced FROM outbox.aggregate WHERE aggregate = 'account';
UPDATE account SET balance = 0 WHERE id = '1';
ALTER TABLE account ENABLE TRIGGER zz_outbox_settle;
-- A function in it may not write what has to be judged.
CREATE FUNCTION write() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN UPDATE inv.account SET balance = balance; RETURN true; END $$;
CREATE FUNCTION see(text) RETURNS numeric LANGUAGE sql STABLE AS 'SELECT sum(amount) FROM inv.posting WHERE account = $1';
SELECT attempt($$SELECT outbox.define_invariant('account', 'writes', 'inv.write()', NULL, 'commit')$$);
SELECT attempt($$SELECT outbox.define_invariant('account', 'writes', 'inv.write()')$$);
SELECT outbox.undefine_invariant('account', 'balanced');
SELECT outbox.define_invariant('account', 'balanced', 'new.balance = inv.see(new.id)', NULL, 'commit');
SELECT attempt($$UPDATE account SET balance = 0 WHERE id = '1'$$);
SELECT attempt($$UPDATE account SET balance = 0 WHERE id = '1'; UPDATE posting SET amount = 0 WHERE n = 1$$);
SELECT outbox.describe_aggregate('account');
-- Rules that change within a transaction: what was written before is held to the old ones.
BEGIN;
UPDATE account SET balance = balance + 1 WHERE id = '2';
SELECT outbox.undefine_invariant('account', 'balanced');
ROLLBACK;
BEGIN;
UPDATE posting SET amount = 3 WHERE n = 2;
UPDATE account SET balance = 3 WHERE id = '2';
SELECT outbox.undefine_invariant('account', 'balanced'), outbox.undefine_invariant('account', 'short'), outbox.undefine_invariant('account', 'unknown');
UPDATE account SET balance = 4 WHERE id = '2';
COMMIT;
BEGIN;
UPDATE posting SET amount = 4 WHERE n = 3;
SELECT outbox.undefine_entity('account', 'posting');
UPDATE posting SET amount = 5 WHERE n = 3;
COMMIT;
BEGIN;
SELECT outbox.define_entity('account', 'posting', 'account'), outbox.define_invariant('account', 'other', 'EXISTS (SELECT FROM inv.posting p WHERE p.account = new.id)', NULL, 'commit');
UPDATE posting SET amount = 6 WHERE n = 3;
SELECT outbox.undefine_aggregate('account');
COMMIT;
SELECT id, balance, version FROM account WHERE id IN ('2', '3') ORDER BY id;
SET client_min_messages = warning;
DROP SCHEMA inv CASCADE;
