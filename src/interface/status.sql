-- Is it published, and if not, why, since when, and what to do.
CREATE VIEW outbox.status AS
SELECT s.state, s.cause,
       s.state IN ('publishing', 'idle') AS publishing,
       CASE
         WHEN s.state = 'paused' THEN s.paused_at
         WHEN s.state = 'waiting for a lock' THEN s.lock_since
         WHEN s.worker = 'running' AND s.pid IS NOT NULL THEN s.since
         ELSE s.worker_since
       END AS since,
       CASE s.cause
         WHEN 'paused' THEN pg_catalog.concat_ws(': ', 'by ' || s.paused_by, s.pause_reason)
         WHEN 'repairing' THEN s.to_repair || ' events that the broker has lost are still to be sent again'
         WHEN 'fenced_copy' THEN CASE WHEN s.fenced_copy THEN s.reason ELSE 'an outbox was restored here from a dump' END
         WHEN 'waiting_for_lock' THEN pg_catalog.format('the relay waits for a lock on %s, held by %s', s.lock_on, s.lock_holder)
         WHEN 'waiting_for_rotation_lock' THEN pg_catalog.format('%s is due to be emptied, and kept from it by %s', s.lock_on, s.lock_holder)
         WHEN 'blocked_aggregates' THEN pg_catalog.format('aggregates blocked by dead letters: %s; events that wait behind them: %s', s.blocked_aggregates, s.waiting)
         WHEN 'dead_letters' THEN pg_catalog.format('events that were refused: %s', s.dead_letters)
         WHEN 'failing' THEN pg_catalog.format('the relay has ended by an error, %s times in a row', s.failures)
         WHEN 'disabled' THEN 'outbox.enabled is off in this database'
         WHEN 'excluded' THEN 'outbox.databases does not name this database'
         WHEN 'no_worker_slot' THEN 'all of max_worker_processes are in use'
         WHEN 'not_preloaded' THEN 'cleanoutbox is not in shared_preload_libraries'
         ELSE s.reason
       END AS reason,
       CASE s.cause
         WHEN 'not_preloaded' THEN 'Add cleanoutbox to shared_preload_libraries and restart PostgreSQL.'
         WHEN 'standby' THEN 'Nothing to do: the relay starts when this server is promoted.'
         WHEN 'excluded' THEN 'Name this database in outbox.databases, or clear that setting, and reload.'
         WHEN 'disabled' THEN pg_catalog.format('ALTER DATABASE %I SET outbox.enabled = on, or remove the setting from the configuration and reload it.', pg_catalog.current_database())
         WHEN 'paused' THEN 'SELECT outbox.resume();'
         WHEN 'no_worker_slot' THEN 'Raise max_worker_processes and restart PostgreSQL; each database needs one worker, and the launcher one more.'
         WHEN 'safe_mode' THEN 'The server log has the crashes. SELECT outbox.resume() tries again; SELECT outbox.set_aside(event_id) goes on without the event.'
         WHEN 'failing' THEN 'Look for the relay''s error in the server log; it is started again by itself.'
         WHEN 'fenced_copy' THEN 'If this is the successor of the original, which publishes no more: SELECT outbox.adopt(''continue''); if it is a copy that goes its own way: SELECT outbox.adopt(''fork'').'
         WHEN 'broker_unreachable' THEN 'Check that nats-server runs at outbox.nats_url; the relay tries again by itself and nothing is lost.'
         WHEN 'broker_unready' THEN 'Look at the broker: its cluster may be electing a leader or lack a quorum. The relay tries again by itself.'
         WHEN 'broker_limit' THEN 'Raise the limits of JetStream, or of the account, at the broker.'
         WHEN 'authentication_refused' THEN 'Check the login: outbox.nats_user and outbox.nats_password_file, or outbox.nats_token_file, outbox.nats_nkey_seed_file or outbox.nats_credentials_file; then reload the configuration.'
         WHEN 'permission_missing' THEN pg_catalog.format('At the broker let the user publish to the subjects of the events, to $JS.API.STREAM.INFO.%1$s and to $JS.API.STREAM.MSG.GET.%1$s (with outbox.stream_create also to $JS.API.STREAM.CREATE.%1$s), and subscribe to _INBOX.>.', s.stream)
         WHEN 'no_jetstream' THEN 'Add a jetstream block to the broker''s configuration, or give its account JetStream.'
         WHEN 'no_stream' THEN pg_catalog.format('Create stream %s at the broker, or set outbox.stream_create = on.', s.stream)
         WHEN 'stream_invalid' THEN 'Check outbox.stream and outbox.subject_template: the broker takes no stream of that name with these subjects.'
         WHEN 'stream_taken' THEN 'Another stream has the name or captures the subjects: change that one, outbox.stream or outbox.subject_template.'
         WHEN 'stream_full' THEN pg_catalog.format('Make room in stream %s or on its disk: raise max_msgs, max_bytes or the disk, or let it discard old messages.', s.stream)
         WHEN 'stream_sealed' THEN 'A sealed stream takes nothing for ever: name another one in outbox.stream.'
         WHEN 'subject_not_captured' THEN pg_catalog.format('Add the subjects that the reason names to stream %s, or change outbox.subject_template.', s.stream)
         WHEN 'no_acknowledgements' THEN pg_catalog.format('Set no_ack of stream %s to false.', s.stream)
         WHEN 'stream_conflict' THEN 'Somebody else writes to the stream: keep it away, or set outbox.publish_mode = shared.'
         WHEN 'message_id_taken' THEN 'Ids were given out twice: name a new stream in outbox.stream.'
         WHEN 'tls' THEN 'Check outbox.nats_tls and the outbox.nats_tls_*_file settings against what the broker asks for.'
         WHEN 'settings' THEN 'Correct the setting, or the file, that the reason names; then reload the configuration.'
         WHEN 'waiting_for_standby' THEN 'Look into pg_stat_replication and synchronous_standby_names, or set outbox.publish_after = local; nothing is lost.'
         WHEN 'waiting_for_lock' THEN 'Wait until that transaction ends, or end it: SELECT pg_terminate_backend(pid). Nothing is lost.'
         WHEN 'waiting_for_rotation_lock' THEN 'Publishing goes on, and the log grows. Wait until that transaction ends, or end it: SELECT pg_terminate_backend(pid).'
         WHEN 'repairing' THEN 'Wait: what the broker has lost is sent again first; new events follow. See outbox.stat_relay.'
         WHEN 'blocked_aggregates' THEN 'Events wait behind dead letters: see outbox.blocked_aggregate, then call outbox.redrive or outbox.discard.'
         WHEN 'dead_letters' THEN 'Events were refused: see outbox.dead_letter, then call outbox.redrive or outbox.discard.'
         WHEN 'misconfigured' THEN 'Repair what the reason names, at the broker or in the settings; the relay tries again by itself.'
         WHEN 'starting' THEN 'Wait; if it stays, look into the server log.'
       END AS hint,
       s.backlog, s.backlog_estimated, s.oldest AS oldest_pending,
       CASE WHEN s.oldest IS NOT NULL THEN greatest(pg_catalog.clock_timestamp() - s.oldest, '0') END AS lag,
       s.last_ack_at, s.next_retry_at, s.dead_letters, s.blocked_aggregates, s.waiting
  FROM (SELECT t.*,
               CASE
                 WHEN t.state IN ('not authorized', 'misconfigured', 'broker unreachable')
                   THEN coalesce(t.trouble, CASE t.state WHEN 'not authorized' THEN 'authentication_refused' ELSE pg_catalog.replace(t.state, ' ', '_') END)
                 WHEN t.state NOT IN ('publishing', 'idle')
                   THEN CASE t.state
                     WHEN 'waiting for a lock' THEN 'waiting_for_lock'
                     WHEN 'waiting for a standby' THEN 'waiting_for_standby'
                     WHEN 'no free worker slot' THEN 'no_worker_slot'
                     ELSE pg_catalog.replace(t.state, ' ', '_')
                   END
                 WHEN t.stuck THEN 'waiting_for_rotation_lock'
                 WHEN t.blocked_aggregates > 0 THEN 'blocked_aggregates'
                 WHEN t.dead_letters > 0 THEN 'dead_letters'
                 ELSE t.state
               END AS cause
          FROM (SELECT r.preloaded, r.worker, r.worker_since, r.pid, r.failures, r.fenced_copy, r.since, r.cause AS trouble, r.reason,
                       r.next_retry_at, r.stream, r.last_ack_at, r.to_repair, b.*,
                       CASE
                         WHEN pg_catalog.pg_is_in_recovery() THEN 'standby'
                         WHEN NOT r.preloaded THEN 'not preloaded'
                         WHEN r.worker IN ('excluded', 'disabled', 'no free worker slot', 'safe mode') THEN r.worker
                         WHEN b.paused_at IS NOT NULL THEN 'paused'
                         WHEN r.worker = 'failed' THEN 'failing'
                         WHEN r.worker <> 'running' OR r.pid IS NULL THEN 'starting'
                         WHEN r.fenced_copy OR b.restored THEN 'fenced copy'
                         WHEN b.locked THEN 'waiting for a lock'
                         WHEN r.troubled AND r.verdict = 'unauthorized' THEN 'not authorized'
                         WHEN r.troubled AND r.verdict = 'misconfigured' THEN 'misconfigured'
                         WHEN r.troubled AND r.phase <> 'streaming' THEN 'broker unreachable'
                         WHEN r.phase = 'waiting for a standby' THEN r.phase
                         WHEN r.phase <> 'streaming' THEN 'starting'
                         WHEN r.to_repair > 0 THEN 'repairing'
                         WHEN b.backlog > 0 THEN 'publishing'
                         ELSE 'idle'
                       END AS state
                  FROM outbox.relay_state() r, outbox.backlog_state() b) t) s;
COMMENT ON VIEW outbox.status IS
'One row: is this database''s outbox published, if not why, since when, and what to do. cause is the reason in one word that never changes, for programs; '
'reason and hint are for people. backlog counts the events that are not known to be published, exactly up to 10,000; beyond that it is an estimate, and '
'backlog_estimated is true. lag is the age of the oldest of them, replays apart. dead_letters counts those that have not been given up, waiting the '
'events that wait behind them. What stands in a table that somebody has locked is null.';
