-- Pausing, resuming and waiting; nobody publishes here, since there is no broker.
SELECT outbox.pause('maintenance');
SELECT paused_by = session_user AS by_us, reason FROM outbox.paused;
SELECT state, publishing, reason = 'by ' || session_user || ': maintenance' AS reason, hint FROM outbox.status
 WHERE state <> 'not preloaded';
-- Again replaces the reason; without one there is none.
SELECT outbox.pause();
SELECT reason FROM outbox.paused;
-- A pause belongs to its transaction.
BEGIN;
SELECT outbox.resume();
ROLLBACK;
SELECT count(*) AS paused FROM outbox.paused;
SELECT outbox.resume();
SELECT count(*) AS paused FROM outbox.paused;
SELECT outbox.resume();
BEGIN READ ONLY;
SELECT outbox.pause();
ROLLBACK;
SELECT outbox.wake();

-- Nothing is in safe mode here.
SELECT outbox.set_aside(42);
SELECT outbox.set_aside(NULL);
BEGIN READ ONLY;
SELECT outbox.set_aside(42);
ROLLBACK;

-- Flushing waits for what was committed before, and for nothing else.
BEGIN;
SELECT outbox.emit('flush', '1', 'tested') > 0 AS emitted;
SELECT outbox.flush('0 s') = (SELECT count(*) = 0 FROM outbox.pending p WHERE p.aggregate <> 'flush') AS own_events_do_not_count;
COMMIT;
SELECT outbox.flush('0.1 s') AS published;
SELECT outbox.flush(NULL);
SELECT outbox.flush('-1 s');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT outbox.flush();
ROLLBACK;

-- Verifying needs a relay, and a timeout.
SELECT outbox.verify(NULL);
SELECT outbox.verify('-1 s');

-- Only who was allowed to.
CREATE ROLE regress_outbox_operator;
SET ROLE regress_outbox_operator;
SELECT outbox.pause();
SELECT outbox.set_aside(42);
RESET ROLE;
GRANT USAGE ON SCHEMA outbox TO regress_outbox_operator;
GRANT EXECUTE ON FUNCTION outbox.pause(text), outbox.resume() TO regress_outbox_operator;
SET ROLE regress_outbox_operator;
SELECT outbox.pause('by an operator');
SELECT outbox.resume();
RESET ROLE;
DROP OWNED BY regress_outbox_operator;
DROP ROLE regress_outbox_operator;
