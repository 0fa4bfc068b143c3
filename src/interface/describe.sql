-- What is defined, for people to read.
CREATE FUNCTION outbox.describe_aggregate(aggregate text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
WITH calls (kind, number, name, call) AS (
	SELECT 1, 0, '', format('define_aggregate(%L, %L, %L%s)', a.aggregate, a.root, array_to_string(a.id_columns, ','), ', ' || quote_literal(a.version_column))
	  FROM outbox.rule_aggregate a WHERE a.aggregate = $1
	UNION ALL
	SELECT 2, 0, e.entity::text, format('define_entity(%L, %L, %L)', e.aggregate, e.entity, array_to_string(e.parent_columns, ','))
	  FROM outbox.rule_entity e WHERE e.aggregate = $1
	UNION ALL
	SELECT 3, 0, '', format('define_immutable(%L, %s)', $1, string_agg(quote_literal(i.column_name), ', ' ORDER BY i.number))
	  FROM outbox.rule_immutable i WHERE i.aggregate = $1 HAVING count(*) > 0
	UNION ALL
	SELECT 4, 0, '', format('define_lifecycle(%L, %L, %L)', l.aggregate, l.state_column, l.initial)
	  FROM outbox.rule_lifecycle l WHERE l.aggregate = $1
	UNION ALL
	SELECT 5, t.number, '', format('define_transition(%L, %L, %L%s%s)', t.aggregate, t.from_state, t.to_state,
	                               CASE WHEN coalesce(t.action, t.guard) IS NOT NULL THEN ', ' || quote_nullable(t.action) END, ', ' || quote_literal(t.guard))
	  FROM outbox.rule_transition t WHERE t.aggregate = $1
	UNION ALL
	SELECT 6, i.number, '', format('define_invariant(%L, %L, %L%s%s)', i.aggregate, i.name, i.expression,
	                               CASE WHEN i.message IS NOT NULL OR i.check_at <> 'row' THEN ', ' || quote_nullable(i.message) END,
	                               CASE WHEN i.check_at <> 'row' THEN ', ' || quote_literal(i.check_at) END)
	  FROM outbox.rule_invariant i WHERE i.aggregate = $1
	UNION ALL
	SELECT 7, e.number, '', format('define_event(%L, %L, %L%s%s)', e.aggregate, e.action, concat_ws(' on ', e.operation, CASE WHEN e.source <> a.root THEN e.source::text END),
	                               CASE WHEN coalesce(e.condition, e.payload) IS NOT NULL THEN ', ' || quote_nullable(e.condition) END, ', ' || quote_literal(e.payload))
	  FROM outbox.rule_event e JOIN outbox.rule_aggregate a USING (aggregate) WHERE e.aggregate = $1
)
SELECT string_agg('SELECT outbox.' || c.call || E';\n', '' ORDER BY c.kind, c.number, c.name COLLATE "C") FROM calls c
$$;
COMMENT ON FUNCTION outbox.describe_aggregate(text) IS
'The calls of outbox.define_* that make the rules of an aggregate, one a line, always in the same order and spelling; null where there is no such aggregate. '
'They can be run in another database that has the tables, and compared.';

CREATE VIEW outbox.aggregate AS
SELECT a.aggregate, a.root, a.id_columns, a.version_column, a.revision,
       (SELECT pg_catalog.array_agg(e.entity ORDER BY e.entity) FROM outbox.rule_entity e WHERE e.aggregate = a.aggregate) AS entities,
       (SELECT pg_catalog.array_agg(i.column_name ORDER BY i.number) FROM outbox.rule_immutable i WHERE i.aggregate = a.aggregate) AS immutable_columns,
       (SELECT l.state_column FROM outbox.rule_lifecycle l WHERE l.aggregate = a.aggregate) AS state_column,
       (SELECT pg_catalog.count(*) FROM outbox.rule_transition t WHERE t.aggregate = a.aggregate) AS transitions,
       (SELECT pg_catalog.count(*) FROM outbox.rule_invariant i WHERE i.aggregate = a.aggregate) AS invariants,
       (SELECT pg_catalog.count(*) FROM outbox.rule_event e WHERE e.aggregate = a.aggregate) AS events,
       NOT EXISTS (SELECT FROM (SELECT a.root AS id UNION ALL SELECT e.entity FROM outbox.rule_entity e WHERE e.aggregate = a.aggregate) d
                    WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_trigger t WHERE t.tgrelid = d.id AND t.tgname = 'zz_outbox_truncate')
                       OR EXISTS (SELECT FROM pg_catalog.pg_trigger t
                                   WHERE t.tgrelid = d.id AND pg_catalog.starts_with(t.tgname, 'zz_outbox_') AND t.tgenabled NOT IN ('O', 'A'))) AS enforced,
       h.changed_at, h.changed_by
  FROM outbox.rule_aggregate a
  LEFT JOIN LATERAL (SELECT h.changed_at, h.changed_by FROM outbox.rule_history h WHERE h.aggregate = a.aggregate ORDER BY h.id DESC LIMIT 1) h ON true;
COMMENT ON VIEW outbox.aggregate IS
'The aggregates and what is defined about each. enforced: all triggers are there and enabled; false after ALTER TABLE ... DISABLE TRIGGER. '
'revision counts changes of its rules; changed_at and changed_by are of the last one.';

CREATE VIEW outbox.lifecycle AS
SELECT l.aggregate, l.state_column, NULL::text AS from_state, s.state AS to_state, NULL::text AS action, NULL::text AS guard
  FROM outbox.rule_lifecycle l, pg_catalog.unnest(l.initial) AS s (state)
UNION ALL
SELECT l.aggregate, l.state_column, t.from_state, t.to_state, t.action, t.guard
  FROM outbox.rule_lifecycle l JOIN outbox.rule_transition t USING (aggregate);
COMMENT ON VIEW outbox.lifecycle IS
'How the states of aggregates may change; a row without from_state is one in which they may begin.';

CREATE VIEW outbox.invariant AS
SELECT i.aggregate, i.name, i.check_at, i.expression, i.message
  FROM outbox.rule_invariant i;
COMMENT ON VIEW outbox.invariant IS
'The invariants of aggregates.';
