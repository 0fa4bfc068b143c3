-- What is counted: shapes, rights, and zeros. No broker is there, so nothing is published.
DO $$
BEGIN
	WHILE (SELECT pid IS NULL FROM outbox.relay_state()) OR (SELECT published IS NULL FROM outbox.relay_counts()) LOOP
		PERFORM pg_sleep(0.02);
	END LOOP;
END $$;

-- Shapes.
SELECT c.relname AS view, a.attname AS column, format_type(a.atttypid, a.atttypmod) AS type
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'outbox'
       JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
 WHERE c.relname IN ('stat_relay', 'stat_latency', 'stat_event', 'stat_consumer', 'stat_transition', 'stat_violation')
 ORDER BY c.relname COLLATE "C", a.attnum;
SELECT p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ') ' || pg_get_function_result(p.oid) AS function
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace AND n.nspname = 'outbox'
 WHERE p.proname IN ('stat_reset', 'prometheus') ORDER BY p.proname COLLATE "C";

-- Nothing is published yet; the histogram has all of its buckets.
SELECT published, bytes, acknowledged, recalled, duplicates, refused, sent, connections, conflicts, setbacks, lost, repaired, gone,
       latency_count, latency_sum_ms, stats_reset <= now() AS reset FROM outbox.stat_relay \gx
SELECT * FROM outbox.stat_latency ORDER BY upper_bound_us NULLS LAST;
SELECT * FROM outbox.stat_event;
SELECT name FROM outbox.stat_consumer;

-- Transitions, and rules that were violated, also of transactions that are rolled back.
CREATE SCHEMA counted;
CREATE TABLE counted.parcel (id int PRIMARY KEY, state text NOT NULL, weight int NOT NULL, version int);
SELECT outbox.define_aggregate('parcel', 'counted.parcel', 'id', 'version'), outbox.define_lifecycle('parcel', 'state', '{packed}'),
       outbox.define_transition('parcel', 'packed', 'sent'), outbox.define_invariant('parcel', 'heavy', 'new.weight > 0');
INSERT INTO counted.parcel VALUES (1, 'packed', 5), (2, 'packed', 5);
UPDATE counted.parcel SET weight = 6;
UPDATE counted.parcel SET state = 'sent';
UPDATE counted.parcel SET state = 'lost';
UPDATE counted.parcel SET weight = 0;
UPDATE counted.parcel SET version = 99;
INSERT INTO counted.parcel VALUES (3, 'sent', 5);
SELECT aggregate, from_state, to_state, transitions FROM outbox.stat_transition WHERE aggregate = 'parcel';
SELECT aggregate, rule, violations FROM outbox.stat_violation WHERE aggregate = 'parcel' ORDER BY rule COLLATE "C";
SELECT (regexp_matches(outbox.prometheus(), '^(outbox_(?:transitions|rule_violations)_total)[{]database="regression",(aggregate="parcel".*)$', 'gn')) AS told ORDER BY 1;
DROP SCHEMA counted CASCADE;

-- What waits for the broker.
SELECT pending_events AS events, pending_bytes AS bytes FROM outbox.stat_consumer \gset
BEGIN;
SELECT count(outbox.emit('order', n::text, 'placed', '{"n": 1}')) FROM generate_series(1, 10) n;
SELECT pending_events - :events AS events, pending_bytes - :bytes AS bytes, lag > '0' AS lag, oldest_pending <= clock_timestamp() AS oldest FROM outbox.stat_consumer;
ROLLBACK;
SELECT pending_events - :events AS events, pending_bytes - :bytes AS bytes FROM outbox.stat_consumer;

-- A reset holds at once, also when it is rolled back.
SELECT stats_reset AS before FROM outbox.stat_relay \gset
BEGIN;
SELECT outbox.stat_reset();
ROLLBACK;
SELECT stats_reset > :'before' AS reset, stats_reset <= clock_timestamp() AS past, published FROM outbox.stat_relay;

-- Metrics: names and types. Other databases of this server may have the extension, too.
SELECT count(*) AS families, count(DISTINCT line) AS distinct_families,
       count(*) FILTER (WHERE line ~ ' counter$') AS counters, count(*) FILTER (WHERE line ~ ' histogram$') AS histograms,
       bool_and(line !~ ' counter$' OR line ~ '_total counter$') AS counters_are_totals,
       bool_and(line ~ ' counter$' OR line !~ '_total ') AS totals_are_counters
  FROM regexp_split_to_table(outbox.prometheus(), E'\n') line WHERE line ~ '^# TYPE outbox_[a-z_]+ (counter|gauge|histogram)$';
SELECT count(*) AS astray FROM regexp_split_to_table(outbox.prometheus(), E'\n') line
 WHERE line !~ '^# (HELP|TYPE) outbox_' AND line !~ '^outbox_[a-z_]+({.*})? -?[0-9.]+$' AND line <> '';
SELECT count(*) FROM regexp_split_to_table(outbox.prometheus(), E'\n') line
 WHERE line LIKE format('outbox_relay_state{database="%s",state=%%', current_database()) AND line LIKE '% 1';

-- Members of pg_monitor look, and reset nothing; others do not even look.
CREATE ROLE regress_outbox_app LOGIN;
CREATE ROLE regress_outbox_monitor LOGIN IN ROLE pg_monitor;
SELECT outbox.grant_emit('regress_outbox_app');
SET ROLE regress_outbox_monitor;
SELECT count(*) FROM outbox.stat_relay;
SELECT count(*) FROM outbox.stat_latency;
SELECT count(*) FROM outbox.stat_event;
SELECT count(*) FROM outbox.stat_consumer;
SELECT count(*) > 0 AS some FROM outbox.stat_transition;
SELECT count(*) > 0 AS some FROM outbox.stat_violation;
SELECT length(outbox.prometheus()) > 1000 AS metrics;
SELECT outbox.stat_reset();
\echo :SQLSTATE
SET ROLE regress_outbox_app;
SELECT * FROM outbox.stat_event;
SELECT * FROM outbox.event_counts();
SELECT outbox.prometheus();
\echo :SQLSTATE
SELECT outbox.stat_reset();
RESET ROLE;
GRANT EXECUTE ON FUNCTION outbox.stat_reset() TO regress_outbox_app;
SET ROLE regress_outbox_app;
SELECT outbox.stat_reset();
RESET ROLE;
REVOKE EXECUTE ON FUNCTION outbox.stat_reset() FROM regress_outbox_app;
SELECT outbox.revoke_emit('regress_outbox_app');
DROP ROLE regress_outbox_app, regress_outbox_monitor;
