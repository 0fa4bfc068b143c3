-- Lifecycles: the states of an aggregate, and how one follows the other.
CREATE FUNCTION outbox.define_lifecycle(aggregate text, state_column name, initial text[])
RETURNS void LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'outbox_lifecycle_define';
COMMENT ON FUNCTION outbox.define_lifecycle(text, name, text[]) IS
'Gives an aggregate a lifecycle: state_column of its root holds the state, initial are the states in which a row may be inserted. From then on '
'the state changes only as outbox.define_transition allows; else 23514, constraint {aggregate}_lifecycle, with the allowed states in the hint. '
'Rows that exist keep their state. Errors: 22004 a null argument, 22023 no initial state, 42501 not the owner, 42703 no such column, '
'42704 no such aggregate, 42710 it has one already, 22P02 and others where the column''s type has no such value.';

CREATE FUNCTION outbox.undefine_lifecycle(aggregate text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'outbox_lifecycle_undefine';
COMMENT ON FUNCTION outbox.undefine_lifecycle(text) IS
'Removes the lifecycle of an aggregate with its transitions. Errors: 22004 a null argument, 42501 not the owner, 42704 there is none.';

CREATE FUNCTION outbox.define_transition(
	aggregate text, from_state text, to_state text, action text DEFAULT NULL, guard text DEFAULT NULL)
RETURNS void LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'outbox_lifecycle_define_transition';
COMMENT ON FUNCTION outbox.define_transition(text, text, text, text, text) IS
'Lets the state of an aggregate change from one to the other. action: this emits the event {aggregate}.{action} with the row as payload. guard: '
'only where this expression over the rows old and new is true; see outbox.define_invariant for what it may be. '
'Errors: 22004 a null argument, 22023 a state that leads to itself or an illegal action, 42501 not the owner, 42704 no such aggregate or it has no lifecycle, '
'42710 defined already, 42601 and others for the guard.';

CREATE FUNCTION outbox.undefine_transition(aggregate text, from_state text, to_state text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'outbox_lifecycle_undefine_transition';
COMMENT ON FUNCTION outbox.undefine_transition(text, text, text) IS
'Forbids a transition again. Errors: 22004 a null argument, 42501 not the owner, 42704 there is none.';

CREATE FUNCTION outbox.lifecycle_diagram(aggregate text) RETURNS text
LANGUAGE c STABLE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'outbox_lifecycle_diagram';
COMMENT ON FUNCTION outbox.lifecycle_diagram(text) IS
'The lifecycle of an aggregate as a Mermaid state diagram. Errors: 22004 a null argument, 42704 no such aggregate or it has no lifecycle.';
