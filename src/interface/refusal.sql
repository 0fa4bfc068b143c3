-- What to do with dead letters.
CREATE FUNCTION outbox.redrive(event_id bigint) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'outbox_refusal_redrive';
COMMENT ON FUNCTION outbox.redrive(bigint) IS
'Sends a dead letter again when the transaction commits, with the same message id, and when the broker takes it, the events that wait '
'behind it, in order. Refused again, it stays a dead letter, counts one attempt more, and '
'holds what it held before. Does nothing when it is being sent again '
'already. Errors: P0002 no such dead letter, 55000 given up by outbox.discard, erased by outbox.erase, or behind another dead letter of its '
'aggregate, 22004 a null id, 25006 a read-only transaction.';

CREATE FUNCTION outbox.redrive_all() RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'outbox_refusal_redrive_all';
COMMENT ON FUNCTION outbox.redrive_all() IS
'Does what outbox.redrive does for every dead letter that has been neither given up nor erased, and returns how many that are; those that are being '
'sent again already do not count. Errors: 25006 a read-only transaction.';

CREATE FUNCTION outbox.discard(event_id bigint, reason text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'outbox_refusal_discard';
COMMENT ON FUNCTION outbox.discard(bigint, text) IS
'Gives a dead letter up for good when the transaction commits: it is never sent, and the events that wait behind it go on, in order. Its '
'row stays in outbox.dead_letter, with who did it, when and why. Errors: P0002 no such dead letter, 55000 given up before, or being sent '
'again, 22004 a null argument, 25006 a read-only transaction.';

CREATE VIEW outbox.blocked_aggregate AS
SELECT b.aggregate, b.aggregate_id, b.since, d.event_id, d.aggregate || '.' || d.action AS event_type, d.code, d.reason, d.attempts,
       (SELECT pg_catalog.count(*) FROM outbox.waiting w WHERE w.aggregate = b.aggregate AND w.aggregate_id = b.aggregate_id) AS waiting
  FROM outbox.blocked b
  LEFT JOIN LATERAL (SELECT l.* FROM outbox.dead_letter l
                      WHERE l.aggregate = b.aggregate AND l.aggregate_id = b.aggregate_id AND l.blocks AND l.discarded_at IS NULL
                      ORDER BY l.event_id LIMIT 1) d ON true;
COMMENT ON VIEW outbox.blocked_aggregate IS
'Aggregates whose events wait behind a dead letter: since when, which event was refused and why, and how many wait. event_id is null '
'while the dead letter has been dealt with and those behind it are being published.';
