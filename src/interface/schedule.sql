-- Looking at scheduled events, and taking them back.
CREATE FUNCTION outbox.cancel_scheduled(event_id bigint) RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'outbox_schedule_cancel';
COMMENT ON FUNCTION outbox.cancel_scheduled(bigint) IS
'Takes a scheduled event back when the transaction commits. event_id is what outbox.emit returned. False: it has entered the log already, '
'was taken back before, or was never scheduled. Errors: 22004 a null id, 25006 a read-only transaction.';

CREATE VIEW outbox.scheduled_event AS
SELECT s.id, s.deliver_at, s.emitted_at, s.aggregate, s.aggregate_id, s.aggregate || '.' || s.action AS event_type, s.version,
       pg_catalog.length(s.payload) AS payload_bytes
  FROM outbox.scheduled s;
COMMENT ON VIEW outbox.scheduled_event IS
'Events emitted with deliver_at whose time has not come, or that the relay has not come to: while it is paused, say. id is what outbox.emit '
'returned and what outbox.cancel_scheduled takes.';
