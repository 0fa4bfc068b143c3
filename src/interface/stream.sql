-- The stream, as the relay saw it when it connected last.
CREATE FUNCTION outbox.stream_state(
	OUT seen_at timestamptz, OUT covered boolean, OUT met boolean, OUT sealed boolean, OUT no_ack boolean, OUT in_memory boolean,
	OUT consumed boolean, OUT discard_old boolean, OUT clustered boolean, OUT replicas bigint, OUT max_age interval, OUT max_messages bigint,
	OUT max_bytes bigint, OUT max_per_subject bigint, OUT max_message_size bigint, OUT max_payload bigint, OUT duplicate_window interval,
	OUT messages numeric, OUT bytes numeric, OUT last_sequence numeric, OUT server_version text)
RETURNS record LANGUAGE c VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'outbox_stream_state';
COMMENT ON FUNCTION outbox.stream_state() IS
'The stream as the relay of this database saw it when it connected last, or tried to; all null when it has not seen it. covered, met: it '
'captures all, or some, of the events'' subjects; consumed: it removes what consumers have had; limits are null where there are none. server_version is '
'that of nats-server, as far as the stream shows it: since 2.10.';
