-- Forgetting what published events said.
CREATE FUNCTION outbox.erase(aggregate text, aggregate_id text) RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'outbox_erase';
COMMENT ON FUNCTION outbox.erase(text, text) IS
'Blanks payload and headers, those of the session included, of the published events of one aggregate that are still retained, and of its '
'dead letters, and returns how many. A payload of JSON becomes {}, any other is empty; the header Outbox-Erased marks the event, should it '
'be sent again because the broker lost it. Events that are still to be published, wait behind a dead letter, or are scheduled are left: '
'a NOTICE tells how many. Those of transactions that are still open are not seen. An erased event is not replayed, an erased dead letter not redriven. The old rows stay on disk until VACUUM has '
'run on outbox.event and outbox.dead_letter, and in WAL and backups; what the broker holds is not touched. '
'Errors: 22004 a null argument, 25006 a read-only transaction.';
