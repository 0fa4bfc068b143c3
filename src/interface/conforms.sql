-- The rule of a value object.
CREATE FUNCTION outbox.conforms(result boolean, message text, name text) RETURNS boolean
LANGUAGE c STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'outbox_conforms';
COMMENT ON FUNCTION outbox.conforms(boolean, text, text) IS
'In the CHECK of a value object, which is known by it: true when result is true or null; otherwise raises 23514 with the message, or '
'returns false when that is null. name is the one that the value object was defined by. Executed by whoever writes a value.';

CREATE FUNCTION outbox.read_check(rule pg_node_tree, OUT check_expression text, OUT message text, OUT defined boolean)
RETURNS record LANGUAGE c STABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'outbox_conforms_read_check';
COMMENT ON FUNCTION outbox.read_check(pg_node_tree) IS
'What a CHECK says, given pg_constraint.conbin; defined: it is the rule of a value object. The source of outbox.value_object.';
