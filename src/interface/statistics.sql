-- What is counted, for as long as nobody resets it.
CREATE FUNCTION outbox.relay_counts(
	OUT published bigint, OUT bytes bigint, OUT acknowledged bigint, OUT recalled bigint, OUT duplicates bigint, OUT refused bigint,
	OUT sent bigint, OUT connections bigint, OUT retries bigint, OUT conflicts bigint, OUT setbacks bigint, OUT checks bigint,
	OUT lost bigint, OUT repaired bigint, OUT gone bigint, OUT latency_count bigint, OUT latency_sum_ms double precision,
	OUT stats_reset timestamptz)
RETURNS record LANGUAGE c VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'outbox_statistics_relay_counts';
COMMENT ON FUNCTION outbox.relay_counts() IS
'What the relays of this database have counted since stats_reset, read from shared memory: the source of outbox.stat_relay. Nulls where '
'the library is not preloaded, or no relay has run since the server started.';

CREATE FUNCTION outbox.relay_latencies(OUT upper_bound_us bigint, OUT events bigint)
RETURNS SETOF record LANGUAGE c VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'outbox_statistics_relay_latencies';
COMMENT ON FUNCTION outbox.relay_latencies() IS
'The histogram of latencies since stats_reset, read from shared memory: the source of outbox.stat_latency. No rows where there are no counts.';

CREATE FUNCTION outbox.event_counts(
	OUT aggregate text, OUT action text, OUT published bigint, OUT bytes bigint, OUT refused bigint, OUT last_published_at timestamptz)
RETURNS SETOF record LANGUAGE c VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'outbox_statistics_event_counts';
COMMENT ON FUNCTION outbox.event_counts() IS
'What the relays of this database have counted for each event type, read from shared memory: the source of outbox.stat_event. At most 500 '
'types; in the row without names are all others.';

CREATE FUNCTION outbox.rule_counts(OUT kind text, OUT aggregate text, OUT names text[], OUT count bigint, OUT stats_reset timestamptz)
RETURNS SETOF record LANGUAGE c VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'outbox_statistics_rule_counts';
COMMENT ON FUNCTION outbox.rule_counts() IS
'What the sessions of this database have counted, read from shared memory: the source of outbox.stat_transition (kind transition, names '
'from and to) and outbox.stat_violation (kind violation, name of the rule). In a row without names is what had no room.';

CREATE FUNCTION outbox.stat_reset() RETURNS void
LANGUAGE c VOLATILE STRICT PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'outbox_statistics_stat_reset';
COMMENT ON FUNCTION outbox.stat_reset() IS
'Sets the counts of outbox.stat_relay, outbox.stat_latency, outbox.stat_event, outbox.stat_transition and outbox.stat_violation to 0 for this '
'database, at once and whatever becomes of the transaction. For the owner of the extension, superusers, and whom EXECUTE was granted. '
'Errors: 55000 where the library is not preloaded, or the launcher has not seen the database yet.';

CREATE VIEW outbox.stat_relay AS
SELECT r.pid, r.worker, r.worker_since, r.failures, r.phase, r.since, r.stream, r.in_flight, c.published, c.duplicates,
       c.refused, c.retries, c.conflicts, c.bytes, r.last_sequence, r.last_ack_at, r.attempt, r.next_retry_at,
       r.max_payload, r.max_message_size, c.checks, c.lost, c.repaired, c.gone, r.to_repair,
       c.acknowledged, c.recalled, c.sent, c.connections, c.setbacks, c.latency_count, c.latency_sum_ms, c.stats_reset
  FROM outbox.relay_state() r, outbox.relay_counts() c;
COMMENT ON VIEW outbox.stat_relay IS
'The relay, and what the relays of this database have counted since stats_reset. They go on from where they were after a restart and after a '
'crash of a process, each event counted once; a crash of the machine may set them back; another server begins anew, outbox.stat_reset does, and so does '
'outbox.adopt(''fork''). published: events settled because they are stored; of them acknowledged (their own answer came) and recalled (found stored '
'after a connection was lost, not sent again). bytes of their messages, headers and payload, without those recalled. duplicates: answers that '
'the broker had the message already. refused: events now in outbox.dead_letter. sent: messages, also again. connections opened, retries (connections '
'or tries that ended in trouble), conflicts (the stream did not stand where it should), setbacks (streams found to lack what they had acknowledged), '
'checks (comparisons of the stream with what it should hold), lost (events that the broker lost after it had acknowledged them), repaired (of them sent '
'again and stored), gone (of them no longer retained). latency_count: acknowledged events, replays apart, and latency_sum_ms their milliseconds from emit to '
'acknowledgement, which include the rest of their transaction; see outbox.stat_latency. All others tell of the relay that runs, and are null without: to_repair '
'(lost events still to be sent again); the broker''s limits are in bytes.';

CREATE VIEW outbox.stat_latency AS
SELECT l.upper_bound_us, l.events, pg_catalog.sum(l.events) OVER (ORDER BY l.upper_bound_us NULLS LAST)::bigint AS cumulative
  FROM outbox.relay_latencies() l;
COMMENT ON VIEW outbox.stat_latency IS
'The histogram of the latencies that outbox.stat_relay sums up: events whose time from emit to acknowledgement was at most upper_bound_us '
'microseconds, and more than the bound before; null: more than all bounds. cumulative counts those before as well.';

CREATE VIEW outbox.stat_event AS
SELECT e.aggregate, e.action, coalesce(e.aggregate || '.' || e.action, '(other)') AS event_type, e.published, e.bytes, e.refused,
       e.last_published_at, c.stats_reset
  FROM outbox.event_counts() e, outbox.relay_counts() c;
COMMENT ON VIEW outbox.stat_event IS
'What was published of each event type since stats_reset, counted as in outbox.stat_relay: events, bytes of their messages, events refused, and when '
'one was published last. The first 500 types have rows; (other), without names, counts all later ones together. Events are counted when they are settled, not when they are emitted.';

CREATE VIEW outbox.stat_consumer AS
SELECT c.name, c.highest_id, c.stream_sequence, c.moved_at, p.pending_events, p.pending_bytes, p.oldest_pending,
       pg_catalog.clock_timestamp() - p.oldest_pending AS lag
  FROM outbox.cursor c,
       (SELECT pg_catalog.count(*) AS pending_events, coalesce(pg_catalog.sum(p.payload_bytes), 0)::bigint AS pending_bytes,
               pg_catalog.min(p.emitted_at) FILTER (WHERE NOT p.replay) AS oldest_pending
          FROM outbox.pending p) p
 WHERE c.name = 'relay';
COMMENT ON VIEW outbox.stat_consumer IS
'How far each reader of the log has got; the relay is the only one. No event above highest_id is settled, the last one stands at stream_sequence, '
'and the cursor was written at moved_at. Pending, counted exactly in outbox.pending: events, bytes of payload, when the oldest was emitted, and how long ago that is (replays apart).';

CREATE VIEW outbox.stat_transition AS
SELECT r.aggregate, r.names[1] AS from_state, r.names[2] AS to_state, r.count AS transitions, r.stats_reset
  FROM outbox.rule_counts() r WHERE r.kind = 'transition';
COMMENT ON VIEW outbox.stat_transition IS
'How often aggregates went from one state to another since stats_reset, which a crash of any process sets, too; also in transactions that were rolled back later. '
'Names are cut to 63 bytes. The row without names counts what had no room: there is room for 2,048 rows of this view and outbox.stat_violation in all databases together.';

CREATE VIEW outbox.stat_violation AS
SELECT r.aggregate, r.names[1] AS rule, r.count AS violations, r.stats_reset
  FROM outbox.rule_counts() r WHERE r.kind = 'violation';
COMMENT ON VIEW outbox.stat_violation IS
'How often rules of aggregates were violated since stats_reset, which a crash of any process sets, too. The row without names counts what had no room, as in outbox.stat_transition.';

CREATE FUNCTION outbox.prometheus() RETURNS text
LANGUAGE c VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'outbox_prometheus';
COMMENT ON FUNCTION outbox.prometheus() IS
'The metrics of all databases of this server in the text format of Prometheus (0.0.4), read from shared memory alone. '
'Errors: 22P05 when this database''s encoding lacks a character of another database''s name.';
