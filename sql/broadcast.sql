-- Broadcasting with outbox.broadcast. No broker is there, so all that commits is dropped and counted.
DO $$
BEGIN
	WHILE (SELECT pid IS NULL FROM outbox.relay_state()) LOOP
		PERFORM pg_sleep(0.02);
	END LOOP;
END $$;
SELECT state, buffer_bytes, waiting_bytes FROM outbox.stat_broadcast;
SELECT dropped_offline AS start FROM outbox.stat_broadcast \gset
SELECT coalesce(max(id), 0) AS last_id FROM outbox.event \gset
CREATE TEMPORARY VIEW counted AS
SELECT dropped_offline - :start AS dropped_offline, sent, dropped - dropped_offline AS dropped_otherwise FROM outbox.stat_broadcast;

-- One, and many; at commit.
SELECT outbox.broadcast('order', '42', 'viewed');
SELECT outbox.broadcast(action => 'viewed', aggregate_id => 'Zürich 北京', aggregate => 'order', payload => '{"by": 7}', headers => '{"tenant": "north", "n": 1, "none": null}');
SELECT * FROM counted;
BEGIN;
SELECT count(outbox.broadcast('order', n::text, 'viewed')) FROM generate_series(1, 1000) n;
SELECT * FROM counted;
COMMIT;
SELECT * FROM counted;

-- What is rolled back is not broadcast.
BEGIN;
SELECT outbox.broadcast('order', '1', 'viewed');
ROLLBACK;
SELECT outbox.broadcast('order', '1', 'viewed'), 1 / 0;
SELECT * FROM counted;
BEGIN;
SELECT outbox.broadcast('order', '1', 'viewed');
SAVEPOINT a;
SELECT outbox.broadcast('order', 'undone', 'viewed');
SAVEPOINT b;
SELECT outbox.broadcast('order', 'undone', 'viewed');
RELEASE b;
SELECT outbox.broadcast('order', 'undone', 'viewed');
ROLLBACK TO a;
SELECT outbox.broadcast('order', '2', 'viewed');
SAVEPOINT c;
SAVEPOINT d;
SELECT outbox.broadcast('order', '3', 'viewed');
RELEASE d;
SAVEPOINT e;
SELECT outbox.broadcast('order', 'undone', 'viewed');
ROLLBACK TO e;
RELEASE c;
COMMIT;
SELECT * FROM counted;
-- Released to a parent that is rolled back.
BEGIN;
SAVEPOINT a;
SAVEPOINT b;
SELECT outbox.broadcast('order', 'undone', 'viewed');
RELEASE b;
SELECT outbox.broadcast('order', 'undone', 'viewed');
ROLLBACK TO a;
COMMIT;
SELECT * FROM counted;
-- Thirty deep; the inner half is rolled back.
CREATE FUNCTION pg_temp.dive(depth integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM outbox.broadcast('order', depth::text, 'viewed');
	IF depth < 30 THEN
		BEGIN
			PERFORM pg_temp.dive(depth + 1);
			IF depth = 15 THEN
				RAISE division_by_zero;
			END IF;
		EXCEPTION WHEN division_by_zero THEN
			NULL;
		END;
	END IF;
END $$;
SELECT pg_temp.dive(1);
SELECT * FROM counted;

-- In a procedure that commits.
CREATE PROCEDURE pg_temp.halves() LANGUAGE plpgsql AS $$
BEGIN
	PERFORM outbox.broadcast('order', '1', 'viewed');
	COMMIT;
	PERFORM outbox.broadcast('order', 'undone', 'viewed');
	ROLLBACK;
	PERFORM outbox.broadcast('order', '2', 'viewed');
END $$;
CALL pg_temp.halves();
SELECT * FROM counted;

-- Nothing is written.
BEGIN READ ONLY;
SELECT outbox.broadcast('order', '42', 'viewed');
SELECT pg_current_xact_id_if_assigned();
COMMIT;
SELECT count(*) FROM outbox.event WHERE id > :last_id;
SELECT * FROM counted;

-- Not in a transaction that is prepared.
BEGIN;
SELECT outbox.broadcast('order', '42', 'viewed');
PREPARE TRANSACTION 'outbox broadcast';
\echo :SQLSTATE
BEGIN;
SAVEPOINT a;
SELECT outbox.broadcast('order', '42', 'viewed');
ROLLBACK TO a;
PREPARE TRANSACTION 'outbox broadcast';
ROLLBACK PREPARED 'outbox broadcast';
SELECT * FROM counted;

-- Illegal is what is illegal for outbox.emit.
SELECT outbox.broadcast(NULL, '42', 'viewed');
\echo :SQLSTATE
SELECT outbox.broadcast('order', '42', 'viewed', NULL);
SELECT outbox.broadcast('or.der', '42', 'viewed');
\echo :SQLSTATE
SELECT outbox.broadcast('order', E'4\n2', 'viewed');
SELECT outbox.broadcast('order', '42', '');
SELECT outbox.broadcast('order', '42', 'viewed', headers => '{"Nats-Msg-Id": "1"}');
\echo :SQLSTATE
SELECT outbox.broadcast('order', '42', 'viewed', headers => '{"a": []}');
SELECT outbox.broadcast('order', '42', 'viewed', to_jsonb(repeat('x', 1048576)));
\echo :SQLSTATE
SET outbox.broadcast_template = 'b.{database}.{aggregate}.{aggregate_id}.{action}';
SELECT outbox.broadcast('order', repeat('x', 250), 'viewed');
RESET outbox.broadcast_template;
SELECT outbox.broadcast('order', repeat('x', 250), 'viewed');
SELECT * FROM counted;

-- One warning, however much is too much; counted when it commits.
BEGIN;
SELECT count(outbox.broadcast('order', n::text, 'viewed', to_jsonb(repeat('x', 100000)))) FROM generate_series(1, 30) n;
SELECT outbox.broadcast('order', 'small', 'viewed');
SELECT * FROM counted;
COMMIT;
SELECT dropped_excess, dropped_full FROM outbox.stat_broadcast;
BEGIN;
SAVEPOINT a;
SELECT count(outbox.broadcast('order', n::text, 'viewed', to_jsonb(repeat('x', 100000)))) FROM generate_series(1, 30) n;
ROLLBACK TO a;
SELECT outbox.broadcast('order', 'small', 'viewed');
COMMIT;
SELECT dropped_excess, dropped_full FROM outbox.stat_broadcast;
SELECT * FROM counted;
