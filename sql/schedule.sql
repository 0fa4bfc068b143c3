-- Events that are delivered later: they wait in outbox.scheduled; their time does not come here.
SELECT coalesce(max(id), 0) AS start FROM outbox.event \gset
CREATE TEMPORARY VIEW emitted AS
SELECT aggregate, aggregate_id, action, version, content_type, headers, convert_from(payload, 'UTF8') AS payload
  FROM outbox.event WHERE id > :start ORDER BY id;
CREATE TEMPORARY VIEW later AS
SELECT aggregate, aggregate_id, action, version, content_type, headers, convert_from(payload, 'UTF8') AS payload
  FROM outbox.scheduled ORDER BY id;

-- With no time, or one that has come, an event enters the log.
SELECT outbox.emit('order', '1', 'placed', deliver_at => NULL) > 0 AS ok;
SELECT outbox.emit('order', '2', 'placed', deliver_at => now()) > 0 AS ok;
SELECT outbox.emit('order', '3', 'placed', deliver_at => '0044-03-15 12:00 BC') > 0 AS ok;
SELECT outbox.emit_bytes('order', '4', 'placed', 'x', deliver_at => now() - interval '1 h') > 0 AS ok;
SELECT * FROM emitted;
SELECT count(*) AS scheduled FROM outbox.scheduled;
DELETE FROM outbox.event;

-- Otherwise it waits, with all that it was given and the session's context.
SET outbox.actor = 'alice';
SELECT outbox.emit('order', '42', 'reminded', '{"total": 9.90}', '{"tenant": "north"}', 7, now() + interval '1 h') AS id \gset
RESET outbox.actor;
SELECT outbox.emit_bytes('order', '42', 'called', 'hello', 'text/plain', NULL, NULL, now() + interval '9 years') > :id AS next_id;
SELECT * FROM later;
SELECT count(*) FROM emitted;
SELECT id = :id AS id, deliver_at > now() + interval '59 min' AS at, emitted_at <= clock_timestamp() AS emitted,
       aggregate, aggregate_id, event_type, version, payload_bytes
  FROM outbox.scheduled_event WHERE event_type = 'order.reminded';
SELECT count(*) AS pending FROM outbox.pending WHERE id > :start;

-- Taken back: once, and with its transaction.
BEGIN;
SELECT outbox.cancel_scheduled(:id);
SELECT outbox.cancel_scheduled(:id);
ROLLBACK;
SELECT outbox.cancel_scheduled(:id);
SELECT outbox.cancel_scheduled(:id);
SELECT outbox.cancel_scheduled(-1);
SELECT outbox.cancel_scheduled(NULL);
BEGIN READ ONLY;
SELECT outbox.cancel_scheduled(:id);
ROLLBACK;
SELECT action FROM later;
DELETE FROM outbox.scheduled;

-- It exists if and only if its (sub)transaction has committed.
BEGIN;
SELECT outbox.emit('order', '1', 'placed', deliver_at => now() + interval '1 h') > 0 AS ok;
ROLLBACK;
BEGIN;
SELECT outbox.emit('order', '2', 'placed', deliver_at => now() + interval '1 h') > 0 AS ok;
SAVEPOINT a;
SELECT outbox.emit('order', '3', 'placed', deliver_at => now() + interval '1 h') > 0 AS ok;
ROLLBACK TO a;
SELECT outbox.emit('order', '4', 'placed', deliver_at => now() + interval '1 h') > 0 AS ok;
COMMIT;
BEGIN;
SELECT outbox.emit('order', '5', 'placed', deliver_at => now() + interval '1 h') > 0 AS ok;
PREPARE TRANSACTION 'outbox schedule 1';
BEGIN;
SELECT outbox.emit('order', '6', 'placed', deliver_at => now() + interval '1 h') > 0 AS ok;
PREPARE TRANSACTION 'outbox schedule 2';
SELECT aggregate_id FROM later;
COMMIT PREPARED 'outbox schedule 1';
ROLLBACK PREPARED 'outbox schedule 2';
SELECT aggregate_id FROM later;
DELETE FROM outbox.scheduled;

-- Checked when it is emitted, as any other.
SELECT outbox.emit('order', '1', 'not legal', deliver_at => now() + interval '1 h');
SELECT outbox.emit('order', '1', 'placed', headers => '{"Outbox-Replay": "1"}', deliver_at => now() + interval '1 h');
SELECT outbox.emit('order', '1', 'placed', deliver_at => 'infinity');
SELECT outbox.emit_bytes('order', '1', 'placed', '', deliver_at => '-infinity');
DO $$ BEGIN PERFORM outbox.emit('order', '1', 'placed', deliver_at => now() + interval '11 years');
EXCEPTION WHEN datetime_field_overflow THEN RAISE NOTICE '%', SQLSTATE; END $$;
BEGIN READ ONLY;
SELECT outbox.emit('order', '1', 'placed', deliver_at => now() + interval '1 h');
ROLLBACK;
SELECT count(*) AS scheduled FROM outbox.scheduled;

-- Who may emit may schedule, and nothing else.
CREATE ROLE regress_outbox_planner;
SELECT outbox.grant_emit('regress_outbox_planner');
SET ROLE regress_outbox_planner;
SELECT outbox.emit('order', '1', 'placed', deliver_at => now() + interval '1 h') AS id \gset
SELECT outbox.cancel_scheduled(:id);
SELECT count(*) FROM outbox.scheduled;
SELECT count(*) FROM outbox.scheduled_event;
RESET ROLE;
GRANT EXECUTE ON FUNCTION outbox.cancel_scheduled(bigint) TO regress_outbox_planner;
SET ROLE regress_outbox_planner;
SELECT outbox.cancel_scheduled(:id);
RESET ROLE;
DROP OWNED BY regress_outbox_planner;
DROP ROLE regress_outbox_planner;
