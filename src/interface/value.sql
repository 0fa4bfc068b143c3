-- Value objects: domains whose rule says what it means.
CREATE FUNCTION outbox.define_value_object(name text, base regtype, check_expression text, message text DEFAULT NULL) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'outbox_value_define';
COMMENT ON FUNCTION outbox.define_value_object(text, regtype, text, text) IS
'Makes a domain over a type, with the caller''s rights: name may be qualified, and check_expression is what CHECK (...) of CREATE DOMAIN '
'holds, an expression over VALUE with names found by search_path. The constraint is called {name}_check. A value that breaks it is refused '
'with 23514, the constraint and the domain in the fields of the error, and with the message, or PostgreSQL''s own when that is null. A null '
'result passes. With a message, pg_input_is_valid and COPY with ON_ERROR ignore raise the error, too. base takes no length, precision '
'or collation: say them in the expression. '
'Errors: 22004 a null argument other than message, 42710 it exists, 42601 and others with the place when check_expression is not one '
'expression that yields a boolean, 42602 no legal name, 3F000 no such schema, 42501 no right to create there.';

CREATE FUNCTION outbox.undefine_value_object(name text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'outbox_value_undefine';
COMMENT ON FUNCTION outbox.undefine_value_object(text) IS
'Drops a value object, with the caller''s rights. '
'Errors: 22004 a null name, 42704 no such value object, 2BP01 something uses it, 42501 not its owner.';
