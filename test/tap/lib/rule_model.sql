-- The rules of aggregates once more, slowly and plainly: what 050_rules.pl holds the
-- triggers against.
--
-- Schema twin has the same tables as schema live, without rules and with two columns
-- more: rid names a row for life, ticks counts its updates.  model.run executes a
-- statement on twin, compares all rows with those of before, and judges each row that
-- was inserted, updated or deleted by the definitions.  All of it is in tables, so the
-- rollback of a savepoint undoes it, too.
--
-- What must be refused raises an error "refused" with all the reasons that there are,
-- as "SQLSTATE constraint", since it is not said which row is judged first.  "any" is
-- among them where the statement fails by itself, perhaps after a rule was broken.
CREATE SCHEMA model;
CREATE TABLE model.comparison (statement text);
CREATE TABLE model.copy (tab text, rid bigint, ticks int, body jsonb, PRIMARY KEY (tab, rid));
CREATE TABLE model.agg (name text PRIMARY KEY, root text, id text[], version text, highest bigint);
CREATE TABLE model.ent (entity text PRIMARY KEY, agg text, parent text[]);
CREATE TABLE model.life (agg text PRIMARY KEY, col text, initial text[]);
CREATE TABLE model.trans (n serial, agg text, old_state text, new_state text, action text, guard text, PRIMARY KEY (agg, old_state, new_state));
CREATE TABLE model.inv (n serial, agg text, name text, expr text, at text, PRIMARY KEY (agg, name));
CREATE TABLE model.evt (n serial, agg text, action text, op text, source text, cond text, payload text, PRIMARY KEY (agg, action, op, source));
CREATE TABLE model.imm (agg text, col text, PRIMARY KEY (agg, col));
-- What the transaction has done: root changed by it, something to settle, an entity written,
-- the version with which the root was deleted.
CREATE TABLE model.touched (agg text, id text, changed boolean DEFAULT false, due boolean DEFAULT false, written boolean DEFAULT false, gone bigint, PRIMARY KEY (agg, id));
CREATE TABLE model.mode (immediate boolean);
-- Events that must be there; those of one row's change (change) are in order, as are steps.
CREATE TABLE model.expected (n serial, step int, change int, agg text, id text, action text, version bigint, payload jsonb);
CREATE SEQUENCE model.change;
CREATE SEQUENCE model.rid;

-- A mutant has one rule wrong: the test must notice it.
CREATE FUNCTION model.mutant(name text) RETURNS boolean LANGUAGE sql AS
$$ SELECT coalesce(current_setting('model.mutant', true) = name, false) $$;

CREATE FUNCTION model.refuse(reasons text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF cardinality(reasons) > 0 THEN
		RAISE EXCEPTION 'refused %', array_to_string(reasons, ', ');
	END IF;
END $$;

-- Rows of twin count their updates; the model's own are quiet.
CREATE FUNCTION model.tick() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	new.ticks := old.ticks + 1;
	RETURN new;
END $$;
CREATE FUNCTION model.loud() RETURNS boolean LANGUAGE sql AS
$$ SELECT coalesce(current_setting('model.quiet', true), '') <> 'on' $$;

CREATE FUNCTION model.id_text(body jsonb, cols text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	IF cardinality(cols) = 1 THEN
		RETURN body ->> cols[1];
	END IF;
	FOR i IN 1 .. cardinality(cols) LOOP
		IF body ->> cols[i] IS NULL THEN
			RETURN NULL;
		END IF;
		result := concat(result || '/', replace(replace(body ->> cols[i], '%', '%25'), '/', '%2F'));
	END LOOP;
	RETURN result;
END $$;

-- An expression over rows of a table, as JSON.
CREATE FUNCTION model.eval(tab text, expr text, old jsonb, new jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	result jsonb;
BEGIN
	EXECUTE format('SELECT to_jsonb((%s)) FROM jsonb_populate_record(NULL::live.%I, $1) AS old, jsonb_populate_record(NULL::live.%I, $2) AS new',
		replace(expr, '@.', 'twin.'), tab, tab) INTO result USING old, new;
	RETURN result;
END $$;

CREATE FUNCTION model.root_of(a model.agg, id text) RETURNS model.copy LANGUAGE sql AS
$$ SELECT c FROM model.copy c WHERE c.tab = a.root AND model.id_text(c.body, a.id) = root_of.id $$;

CREATE FUNCTION model.touch(agg text, id text, changed boolean, due boolean, written boolean) RETURNS void LANGUAGE sql AS $$
INSERT INTO model.touched VALUES (agg, id, coalesce(changed, false), due, written)
ON CONFLICT ON CONSTRAINT touched_pkey DO UPDATE SET changed = coalesce(touch.changed, touched.changed),
	due = touched.due OR excluded.due, written = touched.written OR excluded.written $$;

CREATE FUNCTION model.expect(step int, change int, agg text, id text, action text, version bigint, payload jsonb) RETURNS void LANGUAGE sql AS
$$ INSERT INTO model.expected (step, change, agg, id, action, version, payload) VALUES (step, change, agg, id, action, version, coalesce(payload, 'null')) $$;

-- The events defined on a change of a table.
CREATE FUNCTION model.tell(step int, change int, a model.agg, source text, op text, id text, version bigint, old jsonb, new jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	e model.evt;
BEGIN
	FOR e IN SELECT * FROM model.evt v WHERE v.agg = a.name AND v.source = tell.source AND v.op = tell.op ORDER BY n LOOP
		CONTINUE WHEN e.cond IS NOT NULL AND model.eval(source, e.cond, old, new) IS DISTINCT FROM 'true';
		PERFORM model.expect(step, change, a.name, id, e.action, version,
			CASE WHEN e.payload IS NULL THEN coalesce(new, old) ELSE model.eval(source, e.payload, old, new) END);
	END LOOP;
END $$;

CREATE FUNCTION model.next_version(a model.agg, op text, old jsonb, new jsonb, OUT fault text, OUT version bigint) LANGUAGE plpgsql AS $$
DECLARE
	o bigint := coalesce((old ->> a.version)::bigint, 0);
	n bigint := (new ->> a.version)::bigint;
BEGIN
	IF op = 'insert' THEN
		version := coalesce(n, 1);
	ELSIF op = 'delete' THEN
		version := (old ->> a.version)::bigint + 1;
	ELSIF n <> o + 1 AND (n <> o OR model.mutant('version')) THEN
		fault := format('40001 %s_version', a.name);
	ELSIF o >= a.highest THEN
		fault := format('22003 %s_version', a.name);
	ELSE
		version := o + 1;
	END IF;
END $$;

CREATE FUNCTION model.lifecycle_fault(a model.agg, op text, old jsonb, new jsonb, OUT fault text, OUT action text) LANGUAGE plpgsql AS $$
DECLARE
	l model.life;
	t model.trans;
	was text;
	becomes text;
BEGIN
	SELECT * INTO l FROM model.life WHERE agg = a.name;
	IF NOT FOUND THEN
		RETURN;
	END IF;
	was := old ->> l.col;
	becomes := new ->> l.col;
	IF op = 'update' AND was IS NOT DISTINCT FROM becomes THEN
		RETURN;
	END IF;
	fault := format('23514 %s_lifecycle', a.name);
	IF op = 'insert' OR was IS NULL THEN
		IF becomes = ANY (l.initial) OR model.mutant('initial') THEN
			fault := NULL;
		END IF;
		RETURN;
	END IF;
	SELECT * INTO t FROM model.trans WHERE agg = a.name AND old_state = was AND new_state = becomes;
	IF FOUND AND (t.guard IS NULL OR model.eval(a.root, t.guard, old, new) = 'true' OR model.mutant('guard')) THEN
		fault := NULL;
		action := t.action;
	END IF;
END $$;

CREATE FUNCTION model.invariant_fault(a model.agg, at text, old jsonb, new jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	i model.inv;
BEGIN
	FOR i IN SELECT * FROM model.inv v WHERE v.agg = a.name AND v.at = invariant_fault.at ORDER BY n LOOP
		IF model.eval(a.root, i.expr, old, new) = 'false' THEN
			RETURN '23514 ' || i.name;
		END IF;
	END LOOP;
	RETURN CASE WHEN at = 'row' AND model.mutant('invariant') AND (new ->> 'n')::int > 20 THEN '23514 mutant' END;
END $$;

CREATE FUNCTION model.judge_root(step int, a model.agg, op text, row_id bigint, old jsonb, new jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	change int := nextval('model.change');
	id text := model.id_text(coalesce(old, new), a.id);
	fault text;
	version bigint;
	action text;
	col text;
BEGIN
	IF a.version IS NOT NULL THEN
		SELECT * INTO fault, version FROM model.next_version(a, op, old, new);
		IF fault IS NOT NULL THEN
			RETURN fault;
		END IF;
		IF op <> 'delete' AND version IS DISTINCT FROM (new ->> a.version)::bigint THEN
			PERFORM set_config('model.quiet', 'on', true);
			EXECUTE format('UPDATE twin.%I t SET %I = $1 WHERE rid = $2 RETURNING to_jsonb(t) - ''rid'' - ''ticks''', a.root, a.version)
				INTO new USING version, row_id;
			PERFORM set_config('model.quiet', 'off', true);
			UPDATE model.copy SET body = new WHERE tab = a.root AND rid = row_id;
		END IF;
	END IF;
	IF op = 'update' THEN
		FOREACH col IN ARRAY a.id || (SELECT coalesce(array_agg(i.col), '{}') FROM model.imm i WHERE agg = a.name) LOOP
			IF model.eval(a.root, format('old.%I IS DISTINCT FROM new.%I', col, col), old, new) = 'true' THEN
				RETURN format('23514 %s_immutable', a.name);
			END IF;
		END LOOP;
	END IF;
	IF op <> 'delete' THEN
		SELECT * INTO fault, action FROM model.lifecycle_fault(a, op, old, new);
		fault := coalesce(fault, model.invariant_fault(a, 'row', old, new));
		IF fault IS NOT NULL THEN
			RETURN fault;
		END IF;
	END IF;
	IF action IS NOT NULL AND NOT model.mutant('event') THEN
		PERFORM model.expect(step, change, a.name, id, action, version, new);
	END IF;
	PERFORM model.tell(step, change, a, a.root, op, id, version, old, new);
	PERFORM model.touch(a.name, id, op <> 'delete', EXISTS (SELECT FROM model.inv WHERE agg = a.name AND at = 'commit'), false);
	UPDATE model.touched t SET gone = version WHERE op = 'delete' AND t.agg = a.name AND t.id = model.id_text(old, a.id);
	RETURN NULL;
EXCEPTION WHEN data_exception THEN
	RETURN SQLSTATE;
END $$;

-- An event of an entity has the version of the root's change that goes with it: the
-- one that this transaction has made, or is yet to make.
CREATE FUNCTION model.judge_entity(step int, e model.ent, op text, old jsonb, new jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	change int := nextval('model.change');
	a model.agg;
	before text := model.id_text(old, e.parent);
	after text := model.id_text(new, e.parent);
	owner text := CASE op WHEN 'delete' THEN before ELSE after END;
	settles boolean;
	version bigint;
	root jsonb;
BEGIN
	SELECT * INTO a FROM model.agg WHERE name = e.agg;
	settles := a.version IS NOT NULL OR EXISTS (SELECT FROM model.inv WHERE agg = a.name AND at = 'commit');
	IF before IS DISTINCT FROM after AND before IS NOT NULL THEN
		PERFORM model.touch(a.name, before, NULL, settles, false);
	END IF;
	IF after IS NOT NULL THEN
		PERFORM model.touch(a.name, after, NULL, settles, settles);
	END IF;
	IF owner IS NULL THEN
		RETURN NULL;
	END IF;
	root := (model.root_of(a, owner)).body;
	IF a.version IS NOT NULL AND root IS NOT NULL THEN
		version := coalesce((root ->> a.version)::bigint, 0);
		IF NOT (SELECT changed FROM model.touched t WHERE t.agg = a.name AND t.id = owner) THEN
			version := version + 1;
		END IF;
	ELSE
		version := (SELECT gone FROM model.touched t WHERE t.agg = a.name AND t.id = owner);
	END IF;
	PERFORM model.tell(step, change, a, e.entity, op, owner, version, old, new);
	RETURN NULL;
EXCEPTION WHEN data_exception THEN
	RETURN SQLSTATE;
END $$;

-- All tables compared with what they were; what they are becomes the copy.
CREATE FUNCTION model.take_tables(tables text[]) RETURNS void LANGUAGE sql AS $$
DELETE FROM model.copy;
DELETE FROM model.comparison;
INSERT INTO model.comparison SELECT string_agg(format('SELECT %L, CASE WHEN c.rid IS NULL THEN ''insert'' WHEN t.rid IS NULL THEN ''delete'' ELSE ''update'' END,
	coalesce(c.rid, t.rid), t.ticks, c.body, CASE WHEN t.rid IS NOT NULL THEN to_jsonb(t) - ''rid'' - ''ticks'' END
	FROM (SELECT * FROM model.copy WHERE tab = %L) c FULL JOIN twin.%I t ON t.rid = c.rid WHERE c.ticks IS DISTINCT FROM t.ticks', t, t, t), ' UNION ALL ')
	FROM unnest(tables) t $$;
CREATE FUNCTION model.compare() RETURNS TABLE (source text, op text, row_id bigint, ticks int, old jsonb, new jsonb) LANGUAGE plpgsql AS $$
DECLARE
	d record;
BEGIN
	FOR source, op, row_id, ticks, old, new IN EXECUTE (SELECT statement FROM model.comparison) LOOP
		IF op = 'delete' THEN
			DELETE FROM model.copy c WHERE tab = source AND rid = row_id;
		ELSE
			INSERT INTO model.copy VALUES (source, row_id, compare.ticks, new)
			ON CONFLICT ON CONSTRAINT copy_pkey DO UPDATE SET ticks = excluded.ticks, body = excluded.body;
		END IF;
		RETURN NEXT;
	END LOOP;
END $$;

-- Judges what has changed; returns the reasons to refuse it.
CREATE FUNCTION model.judge(step int) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
	reasons text[] := '{}';
	d record;
	a model.agg;
	e model.ent;
BEGIN
	FOR d IN SELECT c.*, g.name AS agg FROM model.compare() c LEFT JOIN model.agg g ON g.root = c.source ORDER BY g.name IS NULL LOOP
		SELECT * INTO a FROM model.agg WHERE root = d.source;
		IF FOUND THEN
			reasons := array_append(reasons, model.judge_root(step, a, d.op, d.row_id, d.old, d.new));
		END IF;
		SELECT * INTO e FROM model.ent WHERE entity = d.source;
		IF FOUND THEN
			reasons := array_append(reasons, model.judge_entity(step, e, d.op, d.old, d.new));
		END IF;
	END LOOP;
	RETURN array_remove(reasons, NULL);
END $$;

-- Before the commit: versions raised, invariants judged, roots looked for.
CREATE FUNCTION model.settle(step int) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
	t model.touched;
	a model.agg;
	root model.copy;
	reasons text[] := '{}';
BEGIN
	FOR t IN SELECT * FROM model.touched WHERE due LOOP
		SELECT * INTO a FROM model.agg WHERE name = t.agg;
		CONTINUE WHEN NOT FOUND;
		root := model.root_of(a, t.id);
		IF root.rid IS NULL THEN
			IF t.written AND NOT model.mutant('root') AND EXISTS (SELECT FROM model.copy c JOIN model.ent e ON e.entity = c.tab AND e.agg = a.name WHERE model.id_text(c.body, e.parent) = t.id) THEN
				reasons := reasons || format('23503 %s_root', a.name);
			END IF;
			CONTINUE;
		END IF;
		IF a.version IS NOT NULL AND NOT t.changed AND NOT model.mutant('raise') THEN
			EXECUTE format('UPDATE twin.%I SET %I = %I WHERE rid = %s', a.root, a.version, a.version, root.rid);
			reasons := reasons || model.judge(step);
			root := model.root_of(a, t.id);
		END IF;
		reasons := array_append(reasons, model.invariant_fault(a, 'commit', NULL, root.body));
	END LOOP;
	UPDATE model.touched SET due = false, written = false WHERE due;
	RETURN array_remove(reasons, NULL);
EXCEPTION WHEN data_exception THEN
	RETURN reasons || SQLSTATE::text;
END $$;

-- One statement.
CREATE FUNCTION model.run(step int, statement text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	reasons text[];
	named text;
BEGIN
	BEGIN
		EXECUTE replace(statement, '@.', 'twin.');
	EXCEPTION WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS named = CONSTRAINT_NAME;
		reasons := ARRAY[trim(SQLSTATE || ' ' || named), 'any'];
	END;
	PERFORM model.refuse(reasons);
	reasons := model.judge(step);
	IF EXISTS (SELECT FROM model.mode WHERE immediate) THEN
		reasons := reasons || model.settle(step);
	END IF;
	PERFORM model.refuse(reasons);
END $$;

-- TRUNCATE tells of no row, so it is refused where that would be missed.  tables: all
-- that it empties.
CREATE FUNCTION model.run_truncate(step int, statement text, tables text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	BEGIN
		EXECUTE replace(statement, '@.', 'twin.');
	EXCEPTION WHEN OTHERS THEN
		PERFORM model.refuse(ARRAY[SQLSTATE, '0A000']);
	END;
	PERFORM model.compare();
	IF EXISTS (SELECT FROM model.evt WHERE op = 'delete' AND source = ANY (tables)) OR EXISTS (
		SELECT FROM model.ent e JOIN model.agg a ON a.name = e.agg JOIN model.copy c ON c.tab = a.root WHERE e.entity = ANY (tables)
			AND (a.version IS NOT NULL OR EXISTS (SELECT FROM model.inv i WHERE i.agg = a.name AND at = 'commit'))) THEN
		PERFORM model.refuse(ARRAY['0A000']);
	END IF;
END $$;

CREATE FUNCTION model.set_immediate(step int, wanted boolean) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	reasons text[] := '{}';
BEGIN
	IF wanted THEN
		reasons := model.settle(step) || model.native();
	END IF;
	PERFORM model.refuse(reasons);
	EXECUTE 'SET CONSTRAINTS ALL ' || CASE WHEN wanted THEN 'IMMEDIATE' ELSE 'DEFERRED' END;
	DELETE FROM model.mode;
	INSERT INTO model.mode VALUES (wanted);
END $$;

-- What PostgreSQL itself has to say against a commit.  Always undone: a rollback to a
-- savepoint does not take back SET CONSTRAINTS of a subtransaction that has ended well.
CREATE FUNCTION model.native() RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
	named text;
BEGIN
	SET CONSTRAINTS ALL IMMEDIATE;
	RAISE SQLSTATE 'FINE0';
EXCEPTION WHEN OTHERS THEN
	IF SQLSTATE = 'FINE0' THEN
		RETURN '{}';
	END IF;
	GET STACKED DIAGNOSTICS named = CONSTRAINT_NAME;
	RETURN ARRAY[trim(SQLSTATE || ' ' || named), 'any'];
END $$;

CREATE FUNCTION model.finish(step int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM model.refuse(model.settle(step) || model.native());
	DELETE FROM model.touched;
	DELETE FROM model.mode;
END $$;

-- Definitions.  illegal: the SQLSTATE of what is wrong with it by itself.
CREATE FUNCTION model.need(VARIADIC reasons text[]) RETURNS void LANGUAGE sql AS $$ SELECT model.refuse(array_remove(reasons, NULL)) $$;
CREATE FUNCTION model.missing(agg text) RETURNS text LANGUAGE sql AS $$ SELECT '42704' WHERE NOT EXISTS (SELECT FROM model.agg a WHERE a.name = $1) $$;
CREATE FUNCTION model.taken(tab text) RETURNS text LANGUAGE sql AS $$ SELECT '42710' FROM (SELECT root FROM model.agg UNION ALL SELECT entity FROM model.ent) t WHERE root = $1 LIMIT 1 $$;

CREATE FUNCTION model.define_aggregate(illegal text, agg text, root text, id text[], version text, highest bigint) RETURNS void LANGUAGE plpgsql AS $$
#variable_conflict use_variable
BEGIN
	PERFORM model.need(illegal, model.taken(root), (SELECT '42710' FROM model.agg WHERE name = agg));
	INSERT INTO model.agg VALUES (agg, root, id, version, highest);
END $$;
CREATE FUNCTION model.define_entity(illegal text, agg text, entity text, parent text[]) RETURNS void LANGUAGE plpgsql AS $$
#variable_conflict use_variable
BEGIN
	PERFORM model.need(illegal, model.missing(agg), model.taken(entity));
	INSERT INTO model.ent VALUES (entity, agg, parent);
END $$;
CREATE FUNCTION model.define_lifecycle(illegal text, agg text, col text, initial text[]) RETURNS void LANGUAGE plpgsql AS $$
#variable_conflict use_variable
BEGIN
	PERFORM model.need(illegal, model.missing(agg), (SELECT '42710' FROM model.life l WHERE l.agg = define_lifecycle.agg));
	INSERT INTO model.life VALUES (agg, col, initial);
END $$;
CREATE FUNCTION model.define_transition(illegal text, agg text, old_state text, new_state text, action text, guard text) RETURNS void LANGUAGE plpgsql AS $$
#variable_conflict use_variable
BEGIN
	PERFORM model.need(illegal, CASE WHEN old_state = new_state THEN '22023' END,
		CASE WHEN NOT EXISTS (SELECT FROM model.life l WHERE l.agg = define_transition.agg) THEN '42704' END,
		(SELECT '42710' FROM model.trans t WHERE (t.agg, t.old_state, t.new_state) = (define_transition.agg, define_transition.old_state, define_transition.new_state)));
	INSERT INTO model.trans (agg, old_state, new_state, action, guard) VALUES (agg, old_state, new_state, action, guard);
END $$;
CREATE FUNCTION model.define_invariant(illegal text, agg text, name text, expr text, at text) RETURNS void LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
	c model.copy;
	broken text;
BEGIN
	PERFORM model.need(illegal, model.missing(agg), (SELECT '42710' FROM model.inv i WHERE (i.agg, i.name) = (define_invariant.agg, define_invariant.name)));
	FOR c IN SELECT k.* FROM model.copy k JOIN model.agg a ON a.root = k.tab WHERE a.name = agg LOOP
		BEGIN
			IF model.eval(c.tab, expr, NULL, c.body) = 'false' THEN
				broken := '23514 ' || name;
			END IF;
		EXCEPTION WHEN OTHERS THEN
			PERFORM model.need(SQLSTATE, '23514 ' || name);
		END;
	END LOOP;
	PERFORM model.need(broken);
	INSERT INTO model.inv (agg, name, expr, at) VALUES (agg, name, expr, at);
END $$;
CREATE FUNCTION model.define_event(illegal text, agg text, action text, op text, source text, cond text, payload text) RETURNS void LANGUAGE plpgsql AS $$
#variable_conflict use_variable
BEGIN
	PERFORM model.need(illegal, model.missing(agg),
		CASE WHEN NOT EXISTS (SELECT FROM model.agg a WHERE a.name = agg AND root = source UNION ALL SELECT FROM model.ent e WHERE e.agg = define_event.agg AND entity = source) THEN '42704' END,
		(SELECT '42710' FROM model.evt e WHERE (e.agg, e.action, e.op, e.source) = (define_event.agg, define_event.action, define_event.op, define_event.source)));
	INSERT INTO model.evt (agg, action, op, source, cond, payload) VALUES (agg, action, op, source, cond, payload);
END $$;
CREATE FUNCTION model.define_immutable(illegal text, agg text, col text) RETURNS void LANGUAGE plpgsql AS $$
#variable_conflict use_variable
BEGIN
	PERFORM model.need(illegal, model.missing(agg), (SELECT '42710' FROM model.imm i WHERE (i.agg, i.col) = (define_immutable.agg, define_immutable.col)));
	INSERT INTO model.imm VALUES (agg, col);
END $$;

-- Removes what matches; what does not exist is 42704.
CREATE FUNCTION model.undefine(kind text, condition text) RETURNS void LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
	count int;
BEGIN
	EXECUTE format('DELETE FROM model.%I WHERE %s', kind, condition);
	GET DIAGNOSTICS count = ROW_COUNT;
	PERFORM model.need(CASE WHEN count = 0 THEN '42704' END);
	DELETE FROM model.ent WHERE agg NOT IN (SELECT name FROM model.agg);
	DELETE FROM model.life WHERE agg NOT IN (SELECT name FROM model.agg);
	DELETE FROM model.inv WHERE agg NOT IN (SELECT name FROM model.agg);
	DELETE FROM model.imm WHERE agg NOT IN (SELECT name FROM model.agg);
	DELETE FROM model.trans WHERE agg NOT IN (SELECT agg FROM model.life);
	DELETE FROM model.evt WHERE source NOT IN (SELECT root FROM model.agg UNION ALL SELECT entity FROM model.ent);
END $$;

-- All rows of a schema, and the events that are to be there.
CREATE FUNCTION model.contents(place text, tables text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	t text;
	body text;
	result text;
BEGIN
	FOREACH t IN ARRAY tables LOOP
		EXECUTE format('SELECT string_agg(b, E''\n'' ORDER BY b) FROM (SELECT (to_jsonb(t) - ''rid'' - ''ticks'')::text AS b FROM %I.%I t) x', place, t) INTO body;
		result := concat(result, t, ': ', body, E'\n');
	END LOOP;
	RETURN result;
END $$;
