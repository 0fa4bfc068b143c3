-- Recording events with outbox.emit and outbox.emit_bytes.
SELECT coalesce(max(id), 0) AS start FROM outbox.event \gset
CREATE TEMPORARY VIEW emitted AS
SELECT aggregate, aggregate_id, action, version, content_type, headers, convert_from(payload, 'UTF8') AS payload
  FROM outbox.event WHERE id > :start ORDER BY id;
CREATE PROCEDURE pg_temp.forget() LANGUAGE sql AS 'DELETE FROM outbox.event';

-- An event as given.
SELECT outbox.emit('order', '42', 'placed', '{"total": 9.90, "lines": [1, 2]}', '{"tenant": "north"}', 7) > :start AS later_id;
SELECT * FROM emitted;
-- The id returned is the row's; transaction and time are those of the emitting one.
BEGIN;
SELECT outbox.emit('order', '42', 'paid') AS id \gset
SELECT xid = pg_current_xact_id() AS same_xid,
       emitted_at BETWEEN transaction_timestamp() AND clock_timestamp() AS now
  FROM outbox.event WHERE id = :id;
COMMIT;
CALL pg_temp.forget();

-- Defaults, names instead of positions.
SELECT outbox.emit('order', '42', 'placed') > 0 AS ok;
SELECT outbox.emit(action => 'placed', aggregate_id => '42', aggregate => 'order', version => -1) > 0 AS ok;
SELECT outbox.emit_bytes('file', 'a', 'stored', 'plain text') > 0 AS ok;
SELECT outbox.emit_bytes('file', 'a', 'stored', '', 'text/plain; charset=utf-8', '{"tenant": "south"}', 9223372036854775807) > 0 AS ok;
SELECT * FROM emitted;
SELECT outbox.emit_bytes('file', 'b', 'stored', '\x00ff0a') AS id \gset
SELECT payload FROM outbox.event WHERE id = :id;
CALL pg_temp.forget();

-- Ids of any text; payloads of any JSON.
SELECT outbox.emit('order', id, 'placed', payload) > 0 AS ok
  FROM (VALUES (1, 'a.b*c>d e/f%', '"text"'::jsonb), (2, 'Zürich 北京', '[]'), (3, E'it''s "quoted" \\', 'null'),
               (4, repeat('x', 190), '{"ключ": "значение", "nul": "\\u0000", "quote": "\""}')) v (n, id, payload)
 ORDER BY n;
SELECT aggregate_id, payload FROM emitted;
CALL pg_temp.forget();

-- Headers: strings, numbers and booleans; null leaves one out.
SELECT outbox.emit('order', '42', 'placed', headers => '{"a": "text", "b": 1.50, "c": true, "d": null, "e": "Zürich: a, b"}') > 0 AS ok;
SELECT outbox.emit('order', '42', 'placed', headers => '{}') > 0 AS ok;
SELECT headers FROM emitted;
CALL pg_temp.forget();

-- The session's context travels with the event; the caller's trace headers win.
SET outbox.traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
SET outbox.tracestate = 'vendor=1';
SET outbox.correlation_id = 'cart-7';
SET outbox.causation_id = 'msg-6';
SET outbox.actor = 'alice@example.org';
SELECT outbox.emit('order', '42', 'placed', headers => '{"tenant": "north"}') > 0 AS ok;
SELECT outbox.emit('order', '42', 'placed', headers => '{"TraceParent": "mine"}') > 0 AS ok;
BEGIN;
SET LOCAL outbox.actor = 'bob';
SELECT outbox.emit('order', '42', 'placed') > 0 AS ok;
COMMIT;
RESET outbox.traceparent;
RESET outbox.tracestate;
RESET outbox.correlation_id;
RESET outbox.causation_id;
SELECT outbox.emit_bytes('order', '42', 'placed', '') > 0 AS ok;
RESET outbox.actor;
SELECT outbox.emit('order', '42', 'placed') > 0 AS ok;
SELECT headers FROM emitted;
CALL pg_temp.forget();

-- An event exists if and only if its (sub)transaction has committed.
BEGIN;
SELECT outbox.emit('order', '1', 'placed') > 0 AS ok;
ROLLBACK;
BEGIN;
SELECT outbox.emit('order', '2', 'placed') > 0 AS ok;
SAVEPOINT a;
SELECT outbox.emit('order', '3', 'placed') > 0 AS ok;
SAVEPOINT b;
SELECT outbox.emit('order', '4', 'placed') > 0 AS ok;
RELEASE b;
ROLLBACK TO a;
SELECT outbox.emit('order', '5', 'placed') > 0 AS ok;
RELEASE a;
-- Subtransactions do not show: one transaction, one xid.
SELECT count(DISTINCT xid) AS transactions, bool_and(xid = pg_current_xact_id()) AS top_level FROM outbox.event WHERE id > :start;
COMMIT;
DO $$
BEGIN
	PERFORM outbox.emit('order', '6', 'placed');
	BEGIN
		PERFORM outbox.emit('order', '7', 'placed');
		PERFORM 1 / 0;
	EXCEPTION WHEN division_by_zero THEN
		PERFORM outbox.emit('order', '8', 'placed');
	END;
END $$;
SELECT aggregate_id FROM emitted;
CALL pg_temp.forget();

-- Two-phase commit.
BEGIN;
SELECT outbox.emit('order', '1', 'placed') > 0 AS ok;
PREPARE TRANSACTION 'outbox emit 1';
BEGIN;
SELECT outbox.emit('order', '2', 'placed') > 0 AS ok;
PREPARE TRANSACTION 'outbox emit 2';
SELECT count(*) FROM emitted;
COMMIT PREPARED 'outbox emit 1';
ROLLBACK PREPARED 'outbox emit 2';
SELECT aggregate_id FROM emitted;
CALL pg_temp.forget();

-- From other statements.
CREATE TEMPORARY TABLE item (id int, stock int);
INSERT INTO item VALUES (1, 10), (2, 20);
WITH changed AS (UPDATE item SET stock = stock - 1 RETURNING id, stock)
SELECT count(outbox.emit('item', id::text, 'reserved', jsonb_build_object('stock', stock))) FROM changed;
UPDATE item SET stock = 0 WHERE id = 1 RETURNING outbox.emit('item', id::text, 'emptied') > 0 AS ok;
PREPARE sell (int) AS SELECT outbox.emit('item', $1::text, 'sold') > 0 AS ok;
EXECUTE sell (1);
EXECUTE sell (2);
DEALLOCATE sell;
SELECT aggregate_id, action, payload FROM emitted;
CALL pg_temp.forget();

-- 100,000 events in one statement: all of them, numbered in the order in which they were emitted.
SELECT count(outbox.emit('order', n::text, 'placed', '{"total": 1}')) FROM generate_series(1, 100000) n;
SELECT count(*), count(DISTINCT id) AS ids, count(DISTINCT xid) AS transactions FROM outbox.event WHERE id > :start;
SELECT count(*) AS out_of_order
  FROM (SELECT aggregate_id::int AS n, row_number() OVER (ORDER BY id) AS place FROM outbox.event WHERE id > :start) o
 WHERE n <> place;
CALL pg_temp.forget();

-- With a lock per aggregate; it ends with the transaction.
SET outbox.serialize_aggregates = on;
BEGIN;
SELECT count(outbox.emit('order', n::text, 'placed')) FROM generate_series(1, 3) n;
SELECT count(outbox.emit('order', n::text, 'paid')) FROM generate_series(1, 3) n;
SELECT count(*) AS locks FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid();
COMMIT;
SELECT count(*) AS locks FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid();
RESET outbox.serialize_aggregates;
CALL pg_temp.forget();

-- An index that somebody adds is kept up to date.
CREATE INDEX event_added_idx ON outbox.event (aggregate_id);
SELECT outbox.emit('order', '42', 'placed') > 0 AS ok;
SET enable_seqscan = off;
SELECT aggregate, aggregate_id, action FROM outbox.event WHERE aggregate_id = '42';
RESET enable_seqscan;
DROP INDEX outbox.event_added_idx;
CALL pg_temp.forget();
