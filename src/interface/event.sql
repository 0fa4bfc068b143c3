-- Events that changes of rows emit.
CREATE FUNCTION outbox.define_event(
	aggregate text, action text, on_operation text, condition text DEFAULT NULL, payload text DEFAULT NULL)
RETURNS void LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'outbox_event_define';
COMMENT ON FUNCTION outbox.define_event(text, text, text, text, text) IS
'Has changes of an aggregate emit the event {aggregate}.{action}, with the aggregate''s version. on_operation: insert, update or delete of the root''s row, '
'or of an entity''s, as in ''insert on shop.order_line''. condition: only where this expression over the rows old and new is true. payload: an expression '
'of any type, written as JSON; the row where it is left out. See outbox.define_invariant for what expressions may be. '
'Errors: 22004 a null argument, 22023 an illegal action or operation, 42501 not the owner, 42704 no such aggregate or entity, 42710 defined already, '
'42601 and others for an expression.';

CREATE FUNCTION outbox.undefine_event(aggregate text, action text, on_operation text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'outbox_event_undefine';
COMMENT ON FUNCTION outbox.undefine_event(text, text, text) IS
'Removes an event that outbox.define_event has defined. Errors: 22004 a null argument, 22023 an illegal operation, 42501 not the owner, 42704 there is none.';
