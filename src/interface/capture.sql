-- Events from the changes of a table's rows.
CREATE FUNCTION outbox.capture() RETURNS trigger
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'outbox_capture';
COMMENT ON FUNCTION outbox.capture() IS
'Trigger function for AFTER INSERT OR UPDATE OR DELETE ... FOR EACH ROW: capture(aggregate [, id_column]) emits inserted, updated or deleted '
'with payload {"old": row or null, "new": row or null}; id_column, "id" when not given, holds the aggregate''s id. '
'An UPDATE that changes nothing is told, too, unless the trigger says WHEN (OLD.* IS DISTINCT FROM NEW.*); '
'a row that moves to another partition is told as deleted and inserted. Whoever may write the table emits by it. '
'Errors: 39P01 not such a trigger, 42703 no such column, 22004 a null id, and those of outbox.emit.';
