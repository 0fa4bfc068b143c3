-- What becomes of a copy, and what of an outbox is in a dump.
CREATE FUNCTION outbox.adopt(mode text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'outbox_adopt';
COMMENT ON FUNCTION outbox.adopt(text) IS
'Ends the state "fenced copy" when the transaction commits. mode "continue": this is the successor of the outbox that it was copied from, '
'which must not publish any more; it keeps the uuid, reads in the stream what was published since the copy, and publishes the rest. Ids of '
'events go on at the next multiple of 10^12; events recorded here after a restore get new ids. mode "fork": an outbox of its own with a new '
'uuid; what was pending when it was copied is left to the original, a NOTICE says how much. For the extension''s owner and superusers. '
'Errors: 22004 a null mode, 22023 an unknown one, 42501 not the owner, 55000 not fenced, or not one whole dump, 25001 not the first that '
'its transaction writes, or not READ COMMITTED, 55006 the relay does not end, 25006 a read-only transaction, 0A000 when its transaction is prepared.';

-- No view may be used here: pg_dump does not admit them, for they could be anybody's.
CREATE FUNCTION outbox.portable() RETURNS TABLE (kind text, content json)
LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS $$
SELECT r.kind, r.content FROM outbox.restored r
UNION ALL
SELECT o.kind, o.content
  FROM (SELECT 'outbox' AS kind,
               json_build_object('uuid', i.uuid, 'ids_from', i.ids_from, 'last_id', s.last_value,
                                 'stream_sequence', c.stream_sequence, 'stream_created', c.stream_created) AS content
          FROM outbox.identity i, outbox.event_id_seq s, outbox.cursor c
         WHERE c.name = 'relay'
        UNION ALL
        -- As in outbox.pending.
        SELECT 'event', row_to_json(e)
          FROM outbox.event e
          JOIN (SELECT n.id, n.xid, max(n.id) OVER (PARTITION BY n.xid) AS tx_id, c.new_snapshot, c.last_tx_id, c.last_id
                  FROM outbox.cursor c
                  JOIN outbox.event n ON n.xid >= pg_snapshot_xmin(c.old_snapshot)
                                     AND NOT pg_visible_in_snapshot(n.xid, c.old_snapshot)
                 WHERE c.name = 'relay') p ON p.id = e.id
         WHERE p.new_snapshot IS NULL
            OR NOT pg_visible_in_snapshot(p.xid, p.new_snapshot)
            OR (p.tx_id, p.id) > (p.last_tx_id, p.last_id)
        UNION ALL
        SELECT 'dead_letter', row_to_json(d) FROM outbox.dead_letter d
        UNION ALL
        SELECT 'waiting', row_to_json(w) FROM outbox.waiting w
        UNION ALL
        SELECT 'blocked', row_to_json(b) FROM outbox.blocked b
        UNION ALL
        SELECT 'paused', row_to_json(p) FROM outbox.paused p
        UNION ALL
        SELECT 'scheduled', row_to_json(s) FROM outbox.scheduled s) o
 WHERE NOT EXISTS (SELECT FROM outbox.restored)
$$;
COMMENT ON FUNCTION outbox.portable() IS
'What pg_dump takes along of this outbox, as rows of outbox.restored: its identity, events that are not known to be published, dead letters '
'and what waits behind them, scheduled events, a pause. While something restored waits for outbox.adopt, that and nothing else.';

-- The table itself is empty; its data in a dump is what the function returns.
SELECT pg_catalog.pg_extension_config_dump('outbox.restored', 'WHERE false UNION ALL SELECT p.kind, p.content FROM outbox.portable() p');
