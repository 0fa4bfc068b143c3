-- Steering the relay.
CREATE FUNCTION outbox.pause(reason text DEFAULT NULL) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'outbox_control_pause';
COMMENT ON FUNCTION outbox.pause(text) IS
'Stops publishing when the transaction commits, until outbox.resume; events go on being recorded, and restarts change nothing. '
'reason is shown in outbox.status. Pausing again replaces the reason. Errors: 25006 a read-only transaction, 0A000 when its transaction is prepared.';

CREATE FUNCTION outbox.resume() RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'outbox_control_resume';
COMMENT ON FUNCTION outbox.resume() IS
'Ends outbox.pause, and safe mode, when the transaction commits; does nothing when publishing is neither paused nor in safe mode. '
'After safe mode the relay publishes one event at a time for a while, and one more crash brings it back there. Errors: 25006 a read-only transaction, 0A000 when its transaction is prepared.';

CREATE FUNCTION outbox.wake() RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'outbox_control_wake';
COMMENT ON FUNCTION outbox.wake() IS
'Makes the relay look for events now instead of after outbox.poll_interval. Nothing has to call it; it saves the wait after COMMIT PREPARED.';

CREATE FUNCTION outbox.flush(timeout interval DEFAULT '10 s') RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'outbox_control_flush';
COMMENT ON FUNCTION outbox.flush(interval) IS
'Waits until all that was committed before the call is published, and says whether it was within the timeout. Does not wait for '
'dead letters, nor for what waits behind them. What the calling '
'transaction itself has emitted is not committed, so not waited for. Errors: 22004 a null timeout, 22023 a negative one, '
'25001 inside a REPEATABLE READ or SERIALIZABLE transaction, which cannot see the relay''s progress.';
