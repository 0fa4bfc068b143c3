-- Sending events again; nobody publishes here, since there is no broker, so the cursor is moved by hand.
CREATE FUNCTION publish() RETURNS void LANGUAGE sql AS
'UPDATE outbox.cursor SET old_snapshot = pg_current_snapshot(), new_snapshot = NULL';
TRUNCATE outbox.event;
SELECT coalesce(max(last_value), 0) AS start FROM outbox.event_id_seq \gset
CREATE TEMPORARY VIEW copies AS
SELECT headers, aggregate, aggregate_id, action, version, content_type, convert_from(payload, 'UTF8') AS payload
  FROM outbox.event WHERE headers LIKE '%Outbox-Replay%' ORDER BY id;
-- The number of a copy's original, counted from here.
CREATE FUNCTION original(headers text, start bigint) RETURNS bigint LANGUAGE sql AS
$$ SELECT substring(headers FROM 'Outbox-Replay: [0-9a-f-]{36}-(\d+)')::bigint - start $$;

SET outbox.actor = 'alice';
SELECT outbox.emit('order', '1', 'placed', '{"total": 1}', '{"tenant": "north"}', 1) > 0 AS ok;
RESET outbox.actor;
BEGIN;
SELECT outbox.emit('order', '2', 'placed', '{"total": 2}') > 0 AS ok;
SELECT outbox.emit('order', '1', 'paid', version => 2) > 0 AS ok;
SELECT outbox.emit_bytes('file', '1', 'stored', 'text', 'text/plain') > 0 AS ok;
COMMIT;
-- What is not published comes anyway.
SELECT outbox.replay();
SELECT publish();
SELECT outbox.emit('order', '3', 'placed') > 0 AS ok;

-- All: marked, otherwise as they were, in their order, as one transaction of the caller's.
BEGIN;
SELECT outbox.replay();
SELECT original(headers, :start) AS original, aggregate, aggregate_id, action, version, content_type, payload FROM copies;
SELECT count(*) FILTER (WHERE e.headers LIKE E'%\nOutbox-Actor: alice\n%') AS with_context, count(*) AS all,
       bool_and(e.emitted_at = o.emitted_at) AS same_time, bool_and(e.xid = pg_current_xact_id()) AS one_transaction,
       bool_and(e.headers = 'Outbox-Replay: ' || (SELECT uuid FROM outbox.identity) || '-' || o.id || E'\n' || o.headers) AS marked
  FROM outbox.event e JOIN outbox.event o ON o.id = original(e.headers, 0);
SELECT outbox.replay();
ROLLBACK;
SELECT count(*) AS copies FROM copies;

-- Some.
SELECT outbox.replay(event_types => '{order.placed, file.stored, file.unknown}');
SELECT original(headers, :start) AS original FROM copies;
DELETE FROM outbox.event WHERE headers LIKE '%Outbox-Replay%';
SELECT outbox.replay(aggregate_id => '1');
SELECT original(headers, :start) AS original FROM copies;
DELETE FROM outbox.event WHERE headers LIKE '%Outbox-Replay%';
SELECT emitted_at AS middle FROM outbox.event WHERE action = 'paid' \gset
SELECT outbox.replay(since => :'middle');
SELECT original(headers, :start) AS original FROM copies;
DELETE FROM outbox.event WHERE headers LIKE '%Outbox-Replay%';
SELECT outbox.replay('{order.placed}', NULL, NULL, :'middle');
SELECT original(headers, :start) AS original FROM copies;

-- Copies are not copied, even when they are published; but show as pending until then.
SELECT count(*) FILTER (WHERE replay) AS replays, count(*) AS pending FROM outbox.pending;
SELECT publish();
SELECT outbox.replay('{order.placed}');
DELETE FROM outbox.event WHERE headers LIKE '%Outbox-Replay%';

-- In the order of the relay: a transaction stands where its last event does.
BEGIN;
SELECT outbox.emit('long', '1', 'begun') > 0 AS ok;
SELECT outbox.emit('long', '1', 'ended') > 0 AS ok;
COMMIT;
UPDATE outbox.event SET id = id + 100 WHERE action = 'ended';
SELECT outbox.emit('short', '1', 'done') > 0 AS ok;
SELECT publish();
SELECT outbox.replay('{long.begun, long.ended, short.done}');
SELECT action FROM copies;
DELETE FROM outbox.event WHERE headers LIKE '%Outbox-Replay%';

-- Inside an interval the relay has published up to a position.
SELECT pg_current_snapshot() AS before \gset
BEGIN;
SELECT outbox.emit('half', n::text, 'published') > 0 AS ok FROM generate_series(1, 3) n;
COMMIT;
UPDATE outbox.cursor SET old_snapshot = :'before', new_snapshot = pg_current_snapshot(),
       (last_tx_id, last_id) = (SELECT max(id), max(id) - 1 FROM outbox.event WHERE aggregate = 'half');
SELECT outbox.replay('{half.published}');
SELECT aggregate_id FROM copies;
DELETE FROM outbox.event WHERE headers LIKE '%Outbox-Replay%';
SELECT publish();

-- Neither dead letters nor what waits behind them.
INSERT INTO outbox.dead_letter (event_id, code, reason, blocks, xid, tx_index, tx_count, emitted_at, aggregate, aggregate_id, action,
                                content_type, headers, payload)
SELECT id, 1, 'refused', true, xid, 1, 1, emitted_at, aggregate, aggregate_id, action, content_type, headers, payload
  FROM outbox.event WHERE aggregate = 'half' AND aggregate_id = '1';
INSERT INTO outbox.waiting (event_id, xid, tx_index, tx_count, emitted_at, aggregate, aggregate_id, action, content_type, headers, payload)
SELECT id, xid, 1, 1, emitted_at, aggregate, aggregate_id, action, content_type, headers, payload
  FROM outbox.event WHERE aggregate = 'half' AND aggregate_id = '2';
SELECT outbox.replay('{half.published}');
SELECT aggregate_id FROM copies;
DELETE FROM outbox.dead_letter;
DELETE FROM outbox.waiting;

-- Arguments, transactions, rights.
SELECT outbox.replay(ARRAY['order.placed', NULL]);
SELECT outbox.replay('{}');
BEGIN READ ONLY;
SELECT outbox.replay();
ROLLBACK;
CREATE ROLE regress_outbox_operator;
SELECT outbox.grant_emit('regress_outbox_operator');
SET ROLE regress_outbox_operator;
SELECT outbox.replay();
RESET ROLE;
DROP OWNED BY regress_outbox_operator;
DROP ROLE regress_outbox_operator;
DELETE FROM outbox.event;
UPDATE outbox.cursor SET old_snapshot = '3:3:', new_snapshot = NULL, last_tx_id = 0, last_id = 0;
DROP FUNCTION publish();
DROP FUNCTION original(text, bigint);
