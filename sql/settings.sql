-- The settings: defaults and limits, and what they refuse.
LOAD 'cleanoutbox';
SELECT name, boot_val, unit, context, min_val, max_val, enumvals
  FROM pg_settings WHERE name LIKE 'outbox.%' ORDER BY name COLLATE "C";
SELECT name AS unexplained FROM pg_settings WHERE name LIKE 'outbox.%' AND coalesce(short_desc, '') NOT LIKE '%.';

-- Server level: from the configuration file alone.
SET outbox.nats_url = 'nats://example.org';
SET outbox.broadcast_buffer = '1MB';
ALTER SYSTEM SET outbox.nats_url = '';
ALTER SYSTEM SET outbox.nats_url = 'nats://alice:secret@example.org';
ALTER SYSTEM SET outbox.nats_url = 'a', '', 'b';
ALTER SYSTEM SET outbox.nats_url = 'http://example.org';
ALTER SYSTEM SET outbox.nats_url = 'nats://';
ALTER SYSTEM SET outbox.nats_url = 'nats://example.org:0';
ALTER SYSTEM SET outbox.nats_url = 'nats://example.org:65536';
ALTER SYSTEM SET outbox.nats_url = 'nats://example.org:';
ALTER SYSTEM SET outbox.nats_url = 'nats://example.org:42x';
ALTER SYSTEM SET outbox.nats_url = '::1';
ALTER SYSTEM SET outbox.nats_url = '[::1';
ALTER SYSTEM SET outbox.nats_url = 'nats://example.org/path';
ALTER SYSTEM SET outbox.nats_url = 'two words';
ALTER SYSTEM SET outbox.nats_url = 'nats://a.example.org:4222', 'tls://[2001:db8::1]:4443', 'c_d-e';
ALTER SYSTEM RESET outbox.nats_url;
ALTER SYSTEM SET outbox.nats_password_file = 'relative/path';
ALTER SYSTEM SET outbox.nats_password_file = '/some/where';
ALTER SYSTEM RESET outbox.nats_password_file;
ALTER SYSTEM SET outbox.databases = '"open';
ALTER SYSTEM SET outbox.databases = 'shop', '"Shop 2"';
ALTER SYSTEM RESET outbox.databases;

-- Per database: for superusers.
SET outbox.subject_template = '';
SET outbox.subject_template = '{database}.{aggregate}.{actions}';
SET outbox.subject_template = '{database}.{action}';
SET outbox.subject_template = '{database}..{aggregate}';
SET outbox.subject_template = '{database}.{aggregate';
SET outbox.subject_template = '{database}.aggregate}';
SET outbox.subject_template = '{database}.>.{aggregate}';
SET outbox.subject_template = '$JS.{aggregate}';
SET outbox.subject_template = '_INBOX.{aggregate}';
SET outbox.subject_template = '{aggregate_id}.{aggregate}';
RESET outbox.subject_template;
SELECT set_config('outbox.subject_template', repeat('x', 256), false);
SET outbox.subject_template = 'shop.{aggregate}.{aggregate_id}';
RESET outbox.subject_template;
SET outbox.broadcast_template = '{aggregate}.{action}';
SET outbox.broadcast_template = 'live.{action}';
SET outbox.broadcast_template = '{database}-live.{aggregate}';
RESET outbox.broadcast_template;
SET outbox.stream = 'a.b';
SET outbox.stream = 'a {database}';
SELECT set_config('outbox.stream', repeat('x', 129), false);
SET outbox.stream = 'EVENTS_{database}-1';
SET outbox.stream = '';
RESET outbox.stream;
SET outbox.notify_channel = E'a\nb';
SELECT set_config('outbox.notify_channel', repeat('x', 64), false);
SET outbox.notify_channel = 'orders';
RESET outbox.notify_channel;
SET outbox.envelope = 'xml';
SET outbox.publish_after = 'never';
SET outbox.publish_mode = 'maybe';
SET outbox.notifier = 'listen';
SET outbox.batch_size = 0;
-- The versions word these differently: 22023 is invalid_parameter_value.
\set VERBOSITY sqlstate
SET outbox.max_in_flight_bytes = '32kB';
SET outbox.poll_interval = '1ms';
\set VERBOSITY default
SET outbox.poll_interval = '2s';
SHOW outbox.poll_interval;
RESET outbox.poll_interval;

-- Per session: for everybody.
SET outbox.traceparent = 'x';
SET outbox.traceparent = '00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01';
SET outbox.traceparent = '00-00000000000000000000000000000000-b7ad6b7169203331-01';
SET outbox.traceparent = '00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01';
SET outbox.traceparent = '01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
SET outbox.traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0';
SET outbox.traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
SET outbox.traceparent = '';
SET outbox.tracestate = E'a=1\r\nNats-Rollup: all';
SELECT set_config('outbox.tracestate', repeat('x', 513), false);
SET outbox.actor = E'a\tb';
SET outbox.actor = ' a';
SELECT set_config('outbox.actor', repeat('x', 256), false);
SET outbox.correlation_id = E'\n';
SET outbox.causation_id = E'\x7f';

-- What others may see and set.
CREATE ROLE regress_outbox_somebody;
SET ROLE regress_outbox_somebody;
SELECT count(*) AS secrets FROM pg_settings
 WHERE name IN ('outbox.nats_credentials_file', 'outbox.nats_nkey_seed_file', 'outbox.nats_password_file',
                'outbox.nats_tls_key_file', 'outbox.nats_token_file', 'outbox.nats_user');
SET outbox.stream = 'MINE';
SET outbox.enabled = off;
SET outbox.subject_template = 'mine.{aggregate}';
SET outbox.actor = 'somebody';
SHOW outbox.actor;
SET outbox.serialize_aggregates = on;
RESET ROLE;
DROP ROLE regress_outbox_somebody;
RESET outbox.actor;
RESET outbox.serialize_aggregates;

-- What a database sets counts in the next session, also before the library is loaded.
SELECT current_database() AS this \gset
ALTER DATABASE :"this" SET outbox.actor = 'the database';
\c -
SELECT outbox.emit('order', '42', 'placed') AS id \gset
SELECT headers FROM outbox.event WHERE id = :id;
ALTER DATABASE :"this" RESET outbox.actor;
\c -
DELETE FROM outbox.event;
