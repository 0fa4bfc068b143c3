-- Out of safe mode.
CREATE FUNCTION outbox.set_aside(event_id bigint) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'outbox_safety_set_aside';
COMMENT ON FUNCTION outbox.set_aside(bigint) IS
'Ends safe mode when the transaction commits, and makes the event that the relay crashed on, which outbox.status names, a dead letter '
'instead of publishing it: its aggregate is blocked as outbox.on_refusal says, and outbox.redrive or outbox.discard follow. An event that '
'turns out to be in the stream already counts as published. Errors: 55000 '
'not in safe mode, or another event is suspected, 22004 a null id, 25006 a read-only transaction, 0A000 when its transaction is prepared.';
