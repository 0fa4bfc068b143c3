-- Which domains PostgreSQL can still alter.
CREATE FUNCTION outbox.check_alterable(domain regtype) RETURNS text
LANGUAGE c STABLE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'outbox_alterable_check';
COMMENT ON FUNCTION outbox.check_alterable(regtype) IS
'Why ALTER DOMAIN would refuse a further constraint that is checked, or NOT NULL, in PostgreSQL''s words; null if it would not. Waits for '
'whoever has locked a table that uses the domain exclusively. The source of outbox.value_object.';

-- What holds a domain: domains over it, arrays, ranges, row types, and what holds those.
CREATE VIEW outbox.value_object AS
WITH RECURSIVE domain AS (
	SELECT t.oid, t.typname, n.nspname, t.typbasetype, t.typtypmod
	  FROM pg_catalog.pg_type t
	  JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
	 WHERE t.typtype = 'd' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
	   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e
	                    WHERE e.classid = 'pg_catalog.pg_type'::regclass AND e.objid = t.oid AND e.deptype = 'e')
), holder (domain, type) AS (
	SELECT d.oid, d.oid FROM domain d
	UNION
	SELECT h.domain, coalesce(t.oid, c.reltype)
	  FROM holder h
	  JOIN pg_catalog.pg_depend p ON p.refclassid = 'pg_catalog.pg_type'::regclass AND p.refobjid = h.type
	  LEFT JOIN pg_catalog.pg_type t ON p.classid = 'pg_catalog.pg_type'::regclass AND t.oid = p.objid
	  LEFT JOIN pg_catalog.pg_class c ON p.classid = 'pg_catalog.pg_class'::regclass AND c.oid = p.objid AND p.objsubid > 0
	 WHERE coalesce(t.oid, c.reltype) <> 0
)
SELECT pg_catalog.quote_ident(d.nspname) || '.' || pg_catalog.quote_ident(d.typname) AS name,
       pg_catalog.format_type(d.typbasetype, d.typtypmod) AS base,
       r.check_expression, r.message, coalesce(r.defined, false) AS defined,
       (SELECT pg_catalog.count(DISTINCT (p.objid, p.objsubid))
          FROM holder h
          JOIN pg_catalog.pg_depend p ON p.refclassid = 'pg_catalog.pg_type'::regclass AND p.refobjid = h.type
                                     AND p.classid = 'pg_catalog.pg_class'::regclass AND p.objsubid > 0
          JOIN pg_catalog.pg_class c ON c.oid = p.objid AND c.relkind IN ('r', 'p', 'm', 'f') AND NOT c.relispartition
         WHERE h.domain = d.oid) AS columns,
       w.warning IS NULL AS alterable, w.warning
  FROM domain d
 CROSS JOIN LATERAL (
	SELECT pg_catalog.string_agg(k.check_expression, ' AND ' ORDER BY c.conname) AS check_expression,
	       pg_catalog.string_agg(k.message, '; ' ORDER BY c.conname) AS message,
	       pg_catalog.bool_or(k.defined) AS defined
	  FROM pg_catalog.pg_constraint c
	 CROSS JOIN LATERAL outbox.read_check(c.conbin) k
	 WHERE c.conrelid = 0 AND c.contypid = d.oid AND c.contype = 'c') r
 CROSS JOIN LATERAL outbox.check_alterable(d.oid) w (warning);
COMMENT ON VIEW outbox.value_object IS
'Every domain of the database that belongs to no extension: its rules and their messages; defined: by outbox.define_value_object; how many '
'columns of tables use it, also by domains over it or inside other types. alterable: whether PostgreSQL admits a further constraint that is checked, '
'or NOT NULL; it does not once something stores the domain inside an array, a range or a row type, and warning says what. '
'ADD CONSTRAINT ... NOT VALID works even then, for values that are written later.';
