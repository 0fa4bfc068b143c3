-- Dead letters: sent again, given up; nobody publishes here, since there is no broker.
CREATE FUNCTION bury(event bigint, which text, holds boolean) RETURNS void LANGUAGE sql AS $$
	INSERT INTO outbox.dead_letter (event_id, code, reason, blocks, xid, tx_index, tx_count, emitted_at, aggregate, aggregate_id, action,
	                                content_type, headers, payload)
	VALUES (event, 10054, 'message size exceeds maximum allowed', holds, '900', 1, 1, now(), 'order', which, 'placed', 'text/plain', '', 'x');
	INSERT INTO outbox.blocked (aggregate, aggregate_id) SELECT 'order', which WHERE holds ON CONFLICT DO NOTHING
$$;
SELECT bury(9000001, 'a', true), bury(9000002, 'b', true), bury(9000003, 'c', false);
INSERT INTO outbox.waiting (event_id, xid, tx_index, tx_count, emitted_at, aggregate, aggregate_id, action, content_type, headers, payload)
SELECT 9000010 + n, '901', n, 2, now(), 'order', 'a', 'paid', 'text/plain', '', '' FROM generate_series(1, 2) n;
SELECT aggregate, aggregate_id, since <= now() AS since, event_id, event_type, code, reason, attempts, waiting
  FROM outbox.blocked_aggregate ORDER BY aggregate_id;
SELECT dead_letters, blocked_aggregates, waiting FROM outbox.status;

-- Marked once, and taken back with the transaction.
BEGIN;
SELECT outbox.redrive(9000001);
SELECT outbox.redrive(9000001);
SELECT redrive_at >= now() AS at, redrive_by = session_user AS by_us, attempts FROM outbox.dead_letter WHERE event_id = 9000001;
SELECT outbox.redrive_all();
SELECT outbox.redrive_all();
ROLLBACK;
SELECT count(*) FROM outbox.dead_letter WHERE redrive_at IS NOT NULL;

-- What cannot be done, and what to do.
DO $$ BEGIN PERFORM outbox.redrive(1); EXCEPTION WHEN no_data_found THEN RAISE NOTICE '% %', SQLSTATE, SQLERRM; END $$;
SELECT outbox.redrive(1);
SELECT outbox.discard(1, 'unwanted');
SELECT outbox.redrive(NULL);
SELECT outbox.discard(NULL, 'unwanted');
SELECT outbox.discard(9000002, NULL);
SELECT outbox.discard(9000002, 'a test order');
SELECT event_id, discarded_at <= now() AS at, discarded_by = session_user AS by_us, discard_reason FROM outbox.dead_letter WHERE discarded_at IS NOT NULL;
DO $$
DECLARE
	what text; why text; advice text;
BEGIN
	PERFORM outbox.discard(9000002, 'again');
EXCEPTION WHEN object_not_in_prerequisite_state THEN
	GET STACKED DIAGNOSTICS what = MESSAGE_TEXT, why = PG_EXCEPTION_DETAIL, advice = PG_EXCEPTION_HINT;
	RAISE NOTICE '% % / % / %', SQLSTATE, what, replace(why, session_user, 'We'), advice;
END $$;
DO $$ BEGIN PERFORM outbox.redrive(9000002); EXCEPTION WHEN object_not_in_prerequisite_state THEN RAISE NOTICE '% %', SQLSTATE, SQLERRM; END $$;
SELECT dead_letters FROM outbox.status;
BEGIN;
SELECT outbox.redrive(9000003);
SELECT outbox.discard(9000003, 'too late');
ROLLBACK;
SELECT bury(9000004, 'a', false);
SELECT outbox.redrive(9000004);
BEGIN READ ONLY;
SELECT outbox.redrive(9000001);
ROLLBACK;
BEGIN READ ONLY;
SELECT outbox.redrive_all();
ROLLBACK;
BEGIN READ ONLY;
SELECT outbox.discard(9000001, 'unwanted');
ROLLBACK;

-- Who may emit may not do this.
CREATE ROLE regress_outbox_operator;
SELECT outbox.grant_emit('regress_outbox_operator');
SET ROLE regress_outbox_operator;
SELECT outbox.redrive(9000001);
SELECT outbox.redrive_all();
SELECT outbox.discard(9000001, 'unwanted');
SELECT * FROM outbox.blocked_aggregate;
RESET ROLE;
DROP OWNED BY regress_outbox_operator;
DROP ROLE regress_outbox_operator;

SHOW outbox.on_refusal;
SET outbox.on_refusal = 'ignore';
DELETE FROM outbox.waiting;
DELETE FROM outbox.dead_letter;
DELETE FROM outbox.blocked;
DROP FUNCTION bury(bigint, text, boolean);
