-- The functions behind the triggers on users' tables; outbox.define_* make the triggers.
CREATE FUNCTION outbox.number() RETURNS trigger
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'outbox_guard_number';
COMMENT ON FUNCTION outbox.number() IS
'Trigger function: numbers the changes of an aggregate''s root, BEFORE INSERT OR UPDATE, and judges updates where no later trigger can change the row; '
'of an entity with partitions it sees which rows move. '
'Errors: 40001 a stale version, 22003 no further version, 55000 a trigger that fires later, and those of outbox.guard.';

CREATE FUNCTION outbox.guard() RETURNS trigger
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'outbox_guard_guard';
COMMENT ON FUNCTION outbox.guard() IS
'Trigger function: holds changes to the rules of an aggregate and emits its events, AFTER INSERT OR UPDATE OR DELETE. Whoever may write the table emits by it. '
'Errors: 23514 a rule is broken, constraint and message say which, 39P01 not such a trigger, 55000 the definition is not there, and those of outbox.emit.';

CREATE FUNCTION outbox.unjudged() RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'outbox_guard_unjudged';
COMMENT ON FUNCTION outbox.unjudged() IS
'WHEN of the trigger with outbox.guard, where nothing is told of an insert: false for a row that outbox.number() has just found to keep the rules.';

CREATE FUNCTION outbox.unsettled() RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'outbox_guard_unsettled';
COMMENT ON FUNCTION outbox.unsettled() IS
'WHEN of the trigger with outbox.settle: true for the first change of a transaction only, since one call settles all of them.';

CREATE FUNCTION outbox.settle() RETURNS trigger
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'outbox_guard_settle';
COMMENT ON FUNCTION outbox.settle() IS
'Trigger function of a deferred constraint trigger: before the commit it raises the versions of aggregates whose entities were changed, and judges their '
'invariants. Errors: 23514 an invariant is broken, 23503 an entity has no root, 21000 an id is that of several rows.';

CREATE FUNCTION outbox.truncated() RETURNS trigger
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'outbox_guard_truncated';
COMMENT ON FUNCTION outbox.truncated() IS
'Trigger function AFTER TRUNCATE: refuses it where events or versions would be missing. Errors: 0A000.';
