-- Recording events.
CREATE FUNCTION outbox.emit(
	aggregate text,
	aggregate_id text,
	action text,
	payload jsonb DEFAULT '{}',
	headers jsonb DEFAULT NULL,
	version bigint DEFAULT NULL,
	deliver_at timestamptz DEFAULT NULL
) RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'outbox_emit';
COMMENT ON FUNCTION outbox.emit(text, text, text, jsonb, jsonb, bigint, timestamptz) IS
'Records the event {aggregate}.{action} of one aggregate and returns its id; it is published when the transaction has committed. '
'aggregate and action: 1 to 100 of A-Z a-z 0-9 _ -. aggregate_id: 1 to 255 bytes without control characters. '
'headers: an object of strings, numbers and booleans, at most 64 headers and 16 KiB with those of the session; null leaves a header out; '
'traceparent and tracestate win over the session''s. Payload and headers fit into the broker''s max_payload. '
'Emit while holding the aggregate''s row lock, or set outbox.serialize_aggregates, so that its events keep the order of the commits. '
'deliver_at: not before this time, by the server''s clock, at most 10 years ahead; the event waits in outbox.scheduled and enters the log '
'then, with an id of its own; the one returned here is its header Outbox-Scheduled-Id. '
'Errors: 22004 a null argument, 22023 an illegal value, 22008 an illegal time, 54000 over a limit, 42939 a reserved header, 25006 a read-only transaction.';

CREATE FUNCTION outbox.emit_bytes(
	aggregate text,
	aggregate_id text,
	action text,
	payload bytea,
	content_type text DEFAULT 'application/octet-stream',
	headers jsonb DEFAULT NULL,
	version bigint DEFAULT NULL,
	deliver_at timestamptz DEFAULT NULL
) RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'outbox_emit_bytes';
COMMENT ON FUNCTION outbox.emit_bytes(text, text, text, bytea, text, jsonb, bigint, timestamptz) IS
'Like outbox.emit, for a payload of any bytes. content_type: type/subtype with optional parameters, at most 255 bytes. '
'Errors: as outbox.emit.';

CREATE FUNCTION outbox.broadcast(
	aggregate text,
	aggregate_id text,
	action text,
	payload jsonb DEFAULT '{}',
	headers jsonb DEFAULT NULL
) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'outbox_broadcast';
COMMENT ON FUNCTION outbox.broadcast(text, text, text, jsonb, jsonb) IS
'Sends the event {aggregate}.{action} to those who listen on core NATS at this moment, when the transaction commits: at most once, kept '
'nowhere, under the subject of outbox.broadcast_template. Arguments and context are those of outbox.emit. Writes nothing, so read-only '
'transactions may call it; what is rolled back, also to a savepoint, is not sent. While no relay is connected, while the buffer '
'(outbox.broadcast_buffer) is full, or beyond what it holds for one transaction, events are dropped and counted in outbox.stat_broadcast. '
'Errors: 22004 a null argument, 22023 an illegal value, 54000 over a limit, 42939 a reserved header, 0A000 when its transaction is prepared.';
