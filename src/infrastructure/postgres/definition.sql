-- What is defined about users' tables: read by the triggers on them, written by outbox.define_* and outbox.undefine_* alone.
CREATE TABLE outbox.rule_aggregate (
	aggregate text PRIMARY KEY,
	root regclass NOT NULL UNIQUE,
	id_columns name[] NOT NULL,
	version_column name,
	revision bigint NOT NULL DEFAULT 0
);
COMMENT ON TABLE outbox.rule_aggregate IS
'Aggregates: the table of each one''s root, the columns of its id and of its version. revision counts the changes of its rules.';

CREATE TABLE outbox.rule_entity (
	entity regclass PRIMARY KEY,
	aggregate text NOT NULL,
	parent_columns name[] NOT NULL
);
COMMENT ON TABLE outbox.rule_entity IS
'Tables whose rows are parts of an aggregate; parent_columns hold the id of the root.';

CREATE TABLE outbox.rule_lifecycle (
	aggregate text PRIMARY KEY,
	state_column name NOT NULL,
	initial text[] NOT NULL
);
COMMENT ON TABLE outbox.rule_lifecycle IS
'The column of an aggregate''s state, and the states in which it may begin.';

CREATE TABLE outbox.rule_transition (
	aggregate text,
	number integer NOT NULL,
	from_state text,
	to_state text,
	action text,
	guard text,
	PRIMARY KEY (aggregate, from_state, to_state)
);
COMMENT ON TABLE outbox.rule_transition IS
'How an aggregate''s state may change, the action of the event that this emits, and the condition for it. number: order of definition.';

CREATE TABLE outbox.rule_immutable (
	aggregate text,
	number integer NOT NULL,
	column_name name,
	PRIMARY KEY (aggregate, column_name)
);
COMMENT ON TABLE outbox.rule_immutable IS
'Columns of an aggregate''s root that keep their first value. number: order of definition.';

CREATE TABLE outbox.rule_invariant (
	aggregate text,
	number integer NOT NULL,
	name text,
	expression text NOT NULL,
	message text,
	check_at text NOT NULL,
	PRIMARY KEY (aggregate, name)
);
COMMENT ON TABLE outbox.rule_invariant IS
'What is always true of an aggregate, judged with each row (check_at row) or when the transaction commits. number: order of definition.';

CREATE TABLE outbox.rule_event (
	aggregate text,
	number integer NOT NULL,
	action text,
	operation text,
	source regclass,
	condition text,
	payload text,
	PRIMARY KEY (aggregate, action, operation, source)
);
COMMENT ON TABLE outbox.rule_event IS
'Events that changes of an aggregate''s rows emit: operation (insert, update, delete) of a row of source, its root or an entity. number: order of definition.';

CREATE SEQUENCE outbox.rule_history_id_seq AS bigint;
CREATE TABLE outbox.rule_history (
	id bigint PRIMARY KEY DEFAULT pg_catalog.nextval('outbox.rule_history_id_seq'),
	changed_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
	changed_by name NOT NULL,
	aggregate text NOT NULL,
	revision bigint,
	call text NOT NULL
);
COMMENT ON TABLE outbox.rule_history IS
'Every change of a rule: when, by whom, and the call that made it; revision is that of the aggregate after it. Only outbox.undefine_aggregate leaves the history in place.';

SELECT pg_catalog.pg_extension_config_dump('outbox.rule_aggregate', '');
SELECT pg_catalog.pg_extension_config_dump('outbox.rule_entity', '');
SELECT pg_catalog.pg_extension_config_dump('outbox.rule_lifecycle', '');
SELECT pg_catalog.pg_extension_config_dump('outbox.rule_transition', '');
SELECT pg_catalog.pg_extension_config_dump('outbox.rule_immutable', '');
SELECT pg_catalog.pg_extension_config_dump('outbox.rule_invariant', '');
SELECT pg_catalog.pg_extension_config_dump('outbox.rule_event', '');
SELECT pg_catalog.pg_extension_config_dump('outbox.rule_history', '');
SELECT pg_catalog.pg_extension_config_dump('outbox.rule_history_id_seq', '');
