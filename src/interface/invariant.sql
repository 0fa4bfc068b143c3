-- Invariants: what is always true of an aggregate.
CREATE FUNCTION outbox.define_invariant(
	aggregate text, name text, expression text, message text DEFAULT NULL, check_at text DEFAULT 'row')
RETURNS void LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'outbox_invariant_define';
COMMENT ON FUNCTION outbox.define_invariant(text, text, text, text, text) IS
'States what is always true of an aggregate; who breaks it gets 23514 with the constraint name and the message (by default one that names both). '
'check_at row: judged with each row that is inserted or updated, over its rows old (nulls for an insert) and new, without subqueries. '
'check_at commit: judged once for each aggregate that a transaction has changed, before it commits, over new, the row of the root as it is then; '
'subqueries may look at entities and other tables, and see what others have committed to the aggregate, since its root is locked. '
'SET CONSTRAINTS ALL IMMEDIATE has it judged after each statement. A null passes, as with CHECK. Names are looked up in pg_catalog alone, so others are written with '
'their schema; expressions are evaluated as the table''s owner. Rows that exist must hold it. '
'Errors: 22004 a null argument, 22023 another check_at, 23514 a row does not hold it, 42501 not the owner, 42704 no such aggregate, 42710 defined already, '
'42601 and others for the expression.';

CREATE FUNCTION outbox.undefine_invariant(aggregate text, name text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'outbox_invariant_undefine';
COMMENT ON FUNCTION outbox.undefine_invariant(text, text) IS
'Removes an invariant. Errors: 22004 a null argument, 42501 not the owner, 42704 there is none.';
