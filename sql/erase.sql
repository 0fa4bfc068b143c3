-- Forgetting what events said; nobody publishes here, since there is no broker, so the cursor is moved by hand.
CREATE FUNCTION publish() RETURNS void LANGUAGE sql AS
'UPDATE outbox.cursor SET old_snapshot = pg_current_snapshot(), new_snapshot = NULL';
CREATE FUNCTION bury(which text, redrive boolean, discard boolean, holds boolean) RETURNS void LANGUAGE sql AS $$
	INSERT INTO outbox.dead_letter (event_id, code, reason, blocks, xid, tx_index, tx_count, emitted_at, aggregate, aggregate_id, action,
	                                content_type, headers, payload, redrive_at, discarded_at)
	SELECT id, 1, 'refused', holds, xid, 1, 1, emitted_at, aggregate, aggregate_id, action, content_type, headers, payload,
	       CASE WHEN redrive THEN now() END, CASE WHEN discard THEN now() END
	  FROM outbox.event WHERE action = which
$$;
TRUNCATE outbox.event;
CREATE TEMPORARY VIEW said AS
SELECT action, version, content_type, headers, convert_from(payload, 'UTF8') AS payload FROM outbox.event ORDER BY id;

SET outbox.actor = 'alice';
SELECT outbox.emit('person', '7', 'moved', '{"street": "Main"}', '{"mail": "a@example.org"}', 1) > 0 AS ok;
SELECT outbox.emit_bytes('person', '7', 'painted', 'face', 'image/png') > 0 AS ok;
SELECT outbox.emit_bytes('person', '7', 'wrote', '{"a": 1}', 'application/vnd.letter+JSON; charset=utf-8') > 0 AS ok;
SELECT outbox.emit('person', '8', 'moved', '{"street": "Side"}') > 0 AS ok;
SELECT outbox.emit('animal', '7', 'moved', '{"street": "Wood"}') > 0 AS ok;
RESET outbox.actor;
UPDATE outbox.event SET headers = E'Outbox-Scheduled-Id: 5\n' || headers WHERE action = 'wrote';

-- What is not published is left.
SELECT outbox.erase('person', '7');
SELECT payload FROM said;
SELECT publish();
SELECT outbox.emit('person', '7', 'called', '{"number": 1}', deliver_at => now() + interval '1 h') AS call \gset
SELECT outbox.emit('person', '7', 'left', '{"street": "Last"}') > 0 AS ok;
SELECT outbox.erase('person', '7');
SELECT * FROM said;
SELECT convert_from(payload, 'UTF8') AS payload FROM outbox.scheduled;
-- Nothing is erased twice.
SELECT publish();
SELECT outbox.cancel_scheduled(:call);
SELECT outbox.erase('person', '7');
SELECT outbox.erase('person', '7');
SELECT outbox.erase('person', '9');
SELECT count(*) AS marked FROM outbox.event WHERE headers LIKE E'Outbox-Erased: true\n%';

-- A rolled-back erasure is none.
BEGIN;
SELECT outbox.erase('person', '8');
ROLLBACK;
SELECT payload FROM said WHERE headers NOT LIKE 'Outbox-Erased%';

-- Erased events are not sent again; copies are erased, too.
SELECT outbox.replay(aggregate_id => '7');
SELECT publish();
SELECT outbox.replay(aggregate_id => '8');
SELECT publish();
SELECT outbox.erase('person', '8');
SELECT count(*) AS copies FROM outbox.event WHERE headers ~ E'^Outbox-Erased: true\nOutbox-Replay: \\S+\n$' AND payload = '{}';
SELECT outbox.replay();
DELETE FROM outbox.event;

-- Inside an interval the relay has published up to a position.
SELECT publish();
SELECT pg_current_snapshot() AS before \gset
BEGIN;
SELECT outbox.emit('person', '1', 'said', to_jsonb(n)) > 0 AS ok FROM generate_series(1, 4) n;
COMMIT;
UPDATE outbox.cursor SET old_snapshot = :'before', new_snapshot = pg_current_snapshot(),
       (last_tx_id, last_id) = (SELECT max(id), max(id) - 2 FROM outbox.event);
SELECT outbox.erase('person', '1');
SELECT payload FROM said;
-- What is left is pending as before.
SELECT event_type, count(*) FROM outbox.pending GROUP BY event_type;
DELETE FROM outbox.event;
SELECT publish();

-- Dead letters: those that are the relay's, to be sent again or just given up, are left, as is what waits.
SELECT outbox.emit('person', '2', action, '{"secret": 1}') > 0 AS ok
  FROM unnest('{refused,redriven,discarded,gone,waiting}'::text[]) action;
SELECT publish();
SELECT bury('refused', false, false, true), bury('redriven', true, false, true), bury('discarded', false, true, true), bury('gone', false, true, false);
INSERT INTO outbox.waiting (event_id, xid, tx_index, tx_count, emitted_at, aggregate, aggregate_id, action, content_type, headers, payload)
SELECT id, xid, 1, 1, emitted_at, aggregate, aggregate_id, action, content_type, headers, payload FROM outbox.event WHERE action = 'waiting';
SELECT outbox.erase('person', '2');
SELECT action, convert_from(payload, 'UTF8') AS payload, headers FROM outbox.dead_letter ORDER BY event_id;
SELECT action, payload FROM said;
SELECT event_id AS refused FROM outbox.dead_letter WHERE action = 'refused' \gset
SELECT outbox.redrive_all();
DO $$
DECLARE
	what text; why text; advice text;
BEGIN
	PERFORM outbox.redrive(event_id) FROM outbox.dead_letter WHERE action = 'refused';
EXCEPTION WHEN object_not_in_prerequisite_state THEN
	GET STACKED DIAGNOSTICS what = MESSAGE_TEXT, why = PG_EXCEPTION_DETAIL, advice = PG_EXCEPTION_HINT;
	RAISE NOTICE '% % / % / %', SQLSTATE, regexp_replace(what, '\d+', 'N'), why, advice;
END $$;
SELECT outbox.discard(:refused, 'erased');
-- A dead letter whose event is no longer in the log.
DELETE FROM outbox.waiting;
DELETE FROM outbox.dead_letter;
UPDATE outbox.event SET headers = '', payload = '{"secret": 2}' WHERE action = 'gone';
SELECT bury('gone', false, false, false);
DELETE FROM outbox.event;
SELECT outbox.erase('person', '2');
SELECT convert_from(payload, 'UTF8') AS payload FROM outbox.dead_letter;
DELETE FROM outbox.dead_letter;

-- Arguments, transactions, rights.
SELECT outbox.erase(NULL, '1');
SELECT outbox.erase('person', NULL);
BEGIN READ ONLY;
SELECT outbox.erase('person', '1');
ROLLBACK;
CREATE ROLE regress_outbox_operator;
SELECT outbox.grant_emit('regress_outbox_operator');
SET ROLE regress_outbox_operator;
SELECT outbox.erase('person', '1');
RESET ROLE;
DROP OWNED BY regress_outbox_operator;
DROP ROLE regress_outbox_operator;
UPDATE outbox.cursor SET old_snapshot = '3:3:', new_snapshot = NULL, last_tx_id = 0, last_id = 0;
DROP FUNCTION publish();
DROP FUNCTION bury(text, boolean, boolean, boolean);
