-- Sending published events again.
CREATE FUNCTION outbox.replay(
	event_types text[] DEFAULT NULL,
	aggregate_id text DEFAULT NULL,
	since timestamptz DEFAULT NULL,
	until timestamptz DEFAULT NULL
) RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'outbox_replay';
COMMENT ON FUNCTION outbox.replay(text[], text, timestamptz, timestamptz) IS
'Sends published events that are still retained again when the transaction commits, in their order, as events of this transaction, and '
'returns how many. A null argument restricts nothing; event_types holds {aggregate}.{action}; since <= time of the event < until. '
'A copy has a message id of its own and the header Outbox-Replay with that of the original; time, version, payload and other headers are '
'the original''s. Left out are events that are not known to be published yet (they come anyway), dead letters, copies, and erased events. '
'Errors: 22004 a null event type, 25006 a read-only transaction.';
