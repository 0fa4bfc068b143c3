-- outbox.doctor: every misfit that needs no broker, made and found. What depends on the machine is left out.
SELECT d.check, d.status, d.finding FROM outbox.doctor() d
 WHERE d.status <> 'ok' AND d.check NOT IN ('relay', 'disk', 'workers', 'tested versions', 'transactions', 'backlog') ORDER BY 1, 2;
SELECT count(DISTINCT d.check) AS checks, count(*) FILTER (WHERE d.status NOT IN ('ok', 'warning', 'error', 'unknown') OR d.finding IS NULL
       OR (d.status <> 'ok') <> (d.remedy IS NOT NULL)) AS incomplete FROM outbox.doctor() d;
CREATE FUNCTION misfits(which text) RETURNS TABLE (status text, finding text, remedy text) LANGUAGE sql AS
$$ SELECT d.status, replace(d.finding, session_user, 'owner'), replace(d.remedy, session_user, 'owner') FROM outbox.doctor() d
    WHERE d.check = which AND d.status <> 'ok' ORDER BY d.status, d.finding COLLATE "C" $$;
\x on
-- Versions and settings.
BEGIN;
UPDATE pg_extension SET extversion = '0.0.1' WHERE extname = 'cleanoutbox';
SELECT status, regexp_replace(finding, '\d+\.\d+\.\d+', 'x'), remedy FROM misfits('versions');
ROLLBACK;
SET synchronous_commit = off;
SELECT * FROM misfits('durability');
RESET synchronous_commit;
SET outbox.retry_initial = '1min';
SET outbox.hold_time = '10s';
SET outbox.notifier = 'poll';
SET outbox.poll_interval = '1min';
SET outbox.serialize_aggregates = on;
SELECT * FROM misfits('settings');
RESET outbox.retry_initial;
RESET outbox.hold_time;
RESET outbox.notifier;
RESET outbox.poll_interval;
RESET outbox.serialize_aggregates;
SET outbox.publish_after = 'standby';
SELECT * FROM misfits('replication');
RESET outbox.publish_after;
-- What others have made of our tables.
BEGIN;
CREATE ROLE regress_outbox_doctor;
CREATE FUNCTION pg_temp.trap() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER foreign_trigger BEFORE INSERT ON outbox.event_1 FOR EACH ROW EXECUTE FUNCTION pg_temp.trap();
CREATE RULE foreign_rule AS ON DELETE TO outbox.dead_letter DO INSTEAD NOTHING;
CREATE POLICY foreign_policy ON outbox.scheduled USING (false);
ALTER TABLE outbox.waiting ENABLE ROW LEVEL SECURITY;
ALTER TABLE outbox.trail OWNER TO regress_outbox_doctor;
CREATE TABLE outbox.event_3 () INHERITS (outbox.event);
SELECT * FROM misfits('tables');
GRANT SELECT ON outbox.event TO PUBLIC;
GRANT INSERT, DELETE ON outbox.event TO regress_outbox_doctor;
GRANT EXECUTE ON FUNCTION outbox.pause(text) TO PUBLIC;
SELECT * FROM misfits('rights');
ROLLBACK;
BEGIN;
ALTER SEQUENCE outbox.event_id_seq CACHE 10 CYCLE;
SELECT * FROM misfits('sequence');
ALTER SEQUENCE outbox.event_id_seq CACHE 1 NO CYCLE MAXVALUE 1000000000;
SELECT * FROM misfits('sequence');
ROLLBACK;
BEGIN;
INSERT INTO outbox.restored VALUES ('outbox', '{}');
DELETE FROM outbox.identity;
SELECT * FROM misfits('copy');
ROLLBACK;
BEGIN;
SELECT outbox.emit('order', '1', 'placed') > 0 AS ok;
UPDATE outbox.ring SET current = child = 1, left_at = CASE WHEN child <> 1 THEN clock_timestamp() - interval '10 days 1 second' END;
SELECT status, regexp_replace(finding, 'takes .*', 'takes room') AS finding, remedy FROM misfits('rotation');
DELETE FROM outbox.ring WHERE child = 2;
SELECT status, finding FROM misfits('rotation') WHERE status = 'error';
ROLLBACK;
-- What waits.
BEGIN;
SELECT outbox.emit('order', '1', 'placed') > 0 AS ok;
UPDATE outbox.event SET emitted_at = clock_timestamp() - interval '1 hour 0.5 second' WHERE emitted_at > now() - interval '1 minute';
SELECT status, regexp_replace(finding, '^\d+', 'some') AS finding FROM misfits('backlog');
INSERT INTO outbox.dead_letter (event_id, code, reason, blocks, xid, tx_index, tx_count, emitted_at, aggregate, aggregate_id, action, content_type, headers, payload)
VALUES (9100001, 10054, 'too large', true, '900', 1, 1, now(), 'order', 'a', 'placed', 'text/plain', '', 'x');
INSERT INTO outbox.blocked (aggregate, aggregate_id) VALUES ('order', 'a');
SELECT * FROM misfits('dead letters');
UPDATE outbox.cursor SET moved_at = clock_timestamp() + interval '1 day 0.5 second';
UPDATE outbox.ring SET entered_at = clock_timestamp() + interval '1 day 0.5 second';
SELECT * FROM misfits('clock');
ROLLBACK;
SET outbox.retention = 0;
BEGIN;
SELECT outbox.emit('order', '1', 'placed') > 0 AS ok;
PREPARE TRANSACTION 'regress_outbox';
SELECT status, regexp_replace(finding, 'since .*:', 'since then:') AS finding, remedy FROM misfits('transactions') WHERE finding LIKE 'prepared%';
ROLLBACK PREPARED 'regress_outbox';
RESET outbox.retention;
ALTER TABLE outbox.blocked SET (autovacuum_enabled = off);
INSERT INTO outbox.blocked SELECT 'order', 'i' || i FROM generate_series(1, 11000) i;
DELETE FROM outbox.blocked WHERE aggregate_id LIKE 'i%';
SELECT pg_stat_force_next_flush();
SET outbox.retention = 0;
SELECT status, regexp_replace(finding, '\d+ dead rows beside \d+', 'many dead rows beside some') AS finding, remedy FROM misfits('autovacuum') WHERE finding LIKE '%blocked%';
RESET outbox.retention;
ALTER TABLE outbox.blocked RESET (autovacuum_enabled);
VACUUM outbox.blocked;
SELECT * FROM misfits('autovacuum');
-- A check that cannot be made leaves the others alone.
BEGIN;
ALTER TABLE outbox.restored RENAME TO renamed;
SELECT * FROM misfits('copy');
SELECT count(*) > 10 AS others FROM outbox.doctor() d WHERE d.status = 'ok';
ROLLBACK;
\x off
-- It reads only; a monitor may call it, nobody else.
BEGIN READ ONLY;
SELECT count(*) > 20 AS checks FROM outbox.doctor();
COMMIT;
CREATE ROLE regress_outbox_watcher IN ROLE pg_monitor;
CREATE ROLE regress_outbox_nobody;
SET ROLE regress_outbox_watcher;
SELECT count(*) > 20 AS checks FROM outbox.doctor();
SELECT d.* FROM outbox.doctor() d WHERE d.status = 'unknown' AND d.check NOT LIKE 'stream%';
SELECT seen_at FROM outbox.stream_state();
SET ROLE regress_outbox_nobody;
SELECT count(*) FROM outbox.doctor();
SELECT * FROM outbox.stream_state();
SELECT * FROM outbox.backlog_state();
RESET ROLE;
DROP ROLE regress_outbox_watcher, regress_outbox_nobody;
DROP FUNCTION misfits(text);
