-- Comparing the stream with what it should hold.
CREATE FUNCTION outbox.verify(
	timeout interval DEFAULT '1 min',
	OUT complete boolean, OUT checked bigint, OUT missing bigint, OUT repaired bigint, OUT gone bigint)
RETURNS record LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'outbox_verify';
COMMENT ON FUNCTION outbox.verify(interval) IS
'Has the relay look at every published event that it knows the place of in the stream, beside publishing, and waits until that is done and what '
'is missing is repaired: checked events, how many of them were missing (lost by the broker after it had acknowledged them), how many were sent '
'again and are stored, how many are gone (no longer retained). On a stream with other writers (outbox.publish_mode = shared) nothing is repaired. '
'complete is false when the timeout was over first; then the relay goes on by itself, and the other columns are null. '
'Errors: 22004 a null timeout, 22023 a negative one, 55000 when no relay runs for this database.';
