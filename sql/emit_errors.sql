-- What outbox.emit and outbox.emit_bytes refuse: each fault once, with SQLSTATE, detail and hint.
SELECT count(*) AS before FROM outbox.event \gset

-- Null arguments.
SELECT outbox.emit(NULL, '42', 'placed');
\echo :SQLSTATE
SELECT outbox.emit('order', NULL, 'placed');
\echo :SQLSTATE
SELECT outbox.emit('order', '42', NULL);
\echo :SQLSTATE
SELECT outbox.emit('order', '42', 'placed', NULL);
\echo :SQLSTATE
SELECT outbox.emit_bytes('order', '42', 'placed', NULL);
\echo :SQLSTATE
SELECT outbox.emit_bytes('order', '42', 'placed', '', NULL);
\echo :SQLSTATE

-- Names.
SELECT outbox.emit('', '42', 'placed');
\echo :SQLSTATE
SELECT outbox.emit(repeat('a', 101), '42', 'placed');
\echo :SQLSTATE
SELECT outbox.emit('sales.order', '42', 'placed');
\echo :SQLSTATE
SELECT outbox.emit(E'order\r\nPUB x 0', '42', 'placed');
\echo :SQLSTATE
SELECT outbox.emit('order', '42', '');
\echo :SQLSTATE
SELECT outbox.emit('order', '42', repeat('ä', 60));
\echo :SQLSTATE
SELECT outbox.emit('order', '42', 'was placed');
\echo :SQLSTATE
SELECT outbox.emit('order', '42', '*');
\echo :SQLSTATE
SELECT outbox.emit('order', '42', '>');
\echo :SQLSTATE

-- The aggregate id.
SELECT outbox.emit('order', '', 'placed');
\echo :SQLSTATE
SELECT outbox.emit('order', repeat('北', 86), 'placed');
\echo :SQLSTATE
SELECT outbox.emit('order', E'4\t2\n', 'placed');
\echo :SQLSTATE

-- The content type.
SELECT outbox.emit_bytes('order', '42', 'placed', '', '');
\echo :SQLSTATE
SELECT outbox.emit_bytes('order', '42', 'placed', '', 'text/' || repeat('x', 255));
\echo :SQLSTATE
SELECT outbox.emit_bytes('order', '42', 'placed', '', 'text');
\echo :SQLSTATE
SELECT outbox.emit_bytes('order', '42', 'placed', '', E'text/plain\r\nNats-Rollup: all');
\echo :SQLSTATE

-- Headers.
SELECT outbox.emit('order', '42', 'placed', headers => '[]');
\echo :SQLSTATE
SELECT outbox.emit('order', '42', 'placed', headers => '"tenant"');
\echo :SQLSTATE
SELECT outbox.emit('order', '42', 'placed', headers => '{"tenant": {"name": "north"}}');
\echo :SQLSTATE
SELECT outbox.emit('order', '42', 'placed', headers => '{"tenant": ["north"]}');
\echo :SQLSTATE
SELECT outbox.emit('order', '42', 'placed', headers => '{"": "north"}');
\echo :SQLSTATE
SELECT outbox.emit('order', '42', 'placed', headers => jsonb_build_object(repeat('k', 101), 'north'));
\echo :SQLSTATE
SELECT outbox.emit('order', '42', 'placed', headers => '{"tenant name": "north"}');
\echo :SQLSTATE
SELECT outbox.emit('order', '42', 'placed', headers => '{"nats-rollup": "all"}');
\echo :SQLSTATE
SELECT outbox.emit('order', '42', 'placed', headers => '{"Nats-Msg-Id": null}');
\echo :SQLSTATE
SELECT outbox.emit('order', '42', 'placed', headers => '{"ce-id": "1"}');
\echo :SQLSTATE
SELECT outbox.emit('order', '42', 'placed', headers => '{"Outbox-Actor": "root"}');
\echo :SQLSTATE
SELECT outbox.emit('order', '42', 'placed', headers => '{"content-type": "text/plain"}');
\echo :SQLSTATE
SELECT outbox.emit('order', '42', 'placed', headers => '{"tenant": ""}');
\echo :SQLSTATE
SELECT outbox.emit('order', '42', 'placed', headers => '{"tenant": "north\r\nNats-Rollup: all"}');
\echo :SQLSTATE
SELECT outbox.emit('order', '42', 'placed', headers => '{"tenant": " north"}');
\echo :SQLSTATE
SELECT outbox.emit('order', '42', 'placed', headers => '{"tenant": "north", "Tenant": "south"}');
\echo :SQLSTATE
SELECT outbox.emit('order', '42', 'placed', headers => jsonb_object_agg('h' || n, 'x')) FROM generate_series(1, 65) n;
\echo :SQLSTATE
SELECT outbox.emit('order', '42', 'placed', headers => jsonb_build_object('large', repeat('x', 16400)));
\echo :SQLSTATE
-- The session's headers count.
SET outbox.actor = 'alice';
SELECT outbox.emit('order', '42', 'placed', headers => jsonb_object_agg('h' || n, 'x')) FROM generate_series(1, 64) n;
\echo :SQLSTATE
RESET outbox.actor;

-- The subject and the size.
SET outbox.subject_template = '{database}.{aggregate}.{aggregate_id}.{action}';
SELECT outbox.emit('order', repeat('.', 80), 'placed');
\echo :SQLSTATE
RESET outbox.subject_template;
SELECT outbox.emit('order', '42', 'placed', to_jsonb(repeat('x', 1048576)));
\echo :SQLSTATE
SELECT outbox.emit_bytes('order', '42', 'placed', convert_to(repeat('x', 1048576), 'UTF8'));
\echo :SQLSTATE

-- Where nothing may be written.
BEGIN READ ONLY;
SELECT outbox.emit('order', '42', 'placed');
\echo :SQLSTATE
ROLLBACK;
SET default_transaction_read_only = on;
SELECT outbox.emit_bytes('order', '42', 'placed', '');
\echo :SQLSTATE
RESET default_transaction_read_only;

-- A value never appears in a message; nor does anything of all this in the log.
SELECT outbox.emit('order', '42', 'placed', '{"password": "hunter2"}', '{"tenant": "hunter2\n"}');
SELECT count(*) - :before AS recorded FROM outbox.event;
