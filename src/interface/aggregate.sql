-- Aggregates and their entities: which tables, and what identifies them.
CREATE FUNCTION outbox.define_aggregate(aggregate text, root regclass, id_column text DEFAULT 'id', version_column name DEFAULT NULL)
RETURNS void LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'outbox_aggregate_define';
COMMENT ON FUNCTION outbox.define_aggregate(text, regclass, text, name) IS
'Makes the rows of a table the roots of an aggregate: from now on its rules, defined by outbox.define_*, hold for every writer of the table. '
'aggregate: 1 to 100 of A-Z a-z 0-9 _ -. id_column: what identifies a row, NOT NULL and unique; several columns of one key with commas. Its value never '
'changes. version_column (smallint, integer or bigint): every change of the row, or of its entities, makes it one more; who sets it must '
'set the value that was read, or the next one, or the write is refused as stale (40001). For the owner of the table, which is locked against '
'writers until the transaction ends. Errors: 22004 a null argument, 22023 an illegal name, 42501 not the owner, 42703 no such column, '
'42804 an unfit type, 42809 no ordinary table, 42830 the id is not unique, 42710 defined already.';

CREATE FUNCTION outbox.undefine_aggregate(aggregate text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'outbox_aggregate_undefine';
COMMENT ON FUNCTION outbox.undefine_aggregate(text) IS
'Removes an aggregate with all its rules and triggers; tables, rows and recorded events stay. DROP TABLE of the root does the same. '
'Errors: 22004 a null argument, 42501 not the owner of its tables, 42704 not defined.';

CREATE FUNCTION outbox.define_entity(aggregate text, entity regclass, parent_column text)
RETURNS void LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'outbox_aggregate_define_entity';
COMMENT ON FUNCTION outbox.define_entity(text, regclass, text) IS
'Makes the rows of a table parts of an aggregate. parent_column holds the id of the root (several columns with commas, in the order of the id). '
'Every change of such a row locks its root until the transaction ends, and raises the root''s version once, when the transaction commits, '
'unless the transaction changes the root itself. Errors: 22004 a null argument, 42501 not the owner, 42703 no such column, 42804 another type '
'or number of columns than the id, 42809 no ordinary table, 42704 no such aggregate, 42710 the table is of an aggregate already.';

CREATE FUNCTION outbox.undefine_entity(aggregate text, entity regclass) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'outbox_aggregate_undefine_entity';
COMMENT ON FUNCTION outbox.undefine_entity(text, regclass) IS
'Makes the rows of a table independent of the aggregate again, and removes the events defined on it. '
'Errors: 22004 a null argument, 42501 not the owner, 42704 no such aggregate or entity.';

CREATE FUNCTION outbox.define_immutable(aggregate text, VARIADIC columns name[])
RETURNS void LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'outbox_aggregate_define_immutable';
COMMENT ON FUNCTION outbox.define_immutable(text, name[]) IS
'Columns of the root keep the value that they were inserted with: an UPDATE that changes one fails with 23514, constraint {aggregate}_immutable. '
'Errors: 22004 a null argument, 42501 not the owner, 42703 no such column, 42704 no such aggregate, 42710 immutable already.';

CREATE FUNCTION outbox.undefine_immutable(aggregate text, VARIADIC columns name[])
RETURNS void LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'outbox_aggregate_undefine_immutable';
COMMENT ON FUNCTION outbox.undefine_immutable(text, name[]) IS
'Lets columns change again. Errors: 22004 a null argument, 42501 not the owner, 42704 no such aggregate, or a column is not immutable.';
