/*
 * rename.c
 *		Has rules follow what is renamed.
 *
 * Rules are kept as text.  Before a command that may rename something, all of them are
 * analysed, which ties them to objects instead of names; after it, what reads otherwise
 * now is written down.  A rule that cannot be analysed is left as it is: its table says
 * so to whoever writes to it, and the command may be just what repairs it.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_enum.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "infrastructure/postgres/trial.h"
#include "interface/definer.h"
#include "interface/rename.h"

#define NAME (-1) /* the name of a column */
#define STATE (-2) /* a value of an enum, by its OID */

/* What a rule says, tied to objects. */
typedef struct Noted
{
	char *aggregate;
	char *update; /* writes $1 in its place */
	Oid table;
	char *text;
	int kind; /* OutboxExpressionKind, NAME or STATE */
	AttrNumber column;
	Oid value;
	Node *expression;
	char *before; /* how it was written before */
} Noted;

static List *read_rules(void);
static bool tie(Noted *note);
static char *label_of(Oid value);
static void analyse(void *note);
static void follow(const Noted *note);

/* What rules say; columns: aggregate, update, table, text, kind. */
static const char rules_query[] =
	"SELECT aggregate, format('UPDATE outbox.rule_transition SET guard = $1 WHERE aggregate = %L AND number = %s', aggregate, t.number),"
	" root::oid, guard, 0 FROM outbox.rule_transition t JOIN outbox.rule_aggregate USING (aggregate) WHERE guard IS NOT NULL"
	" UNION ALL SELECT aggregate, format('UPDATE outbox.rule_invariant SET expression = $1 WHERE aggregate = %L AND number = %s', aggregate, i.number),"
	" root, expression, CASE check_at WHEN 'commit' THEN 2 ELSE 0 END FROM outbox.rule_invariant i JOIN outbox.rule_aggregate USING (aggregate)"
	" UNION ALL SELECT aggregate, format('UPDATE outbox.rule_event SET condition = $1 WHERE aggregate = %L AND number = %s', aggregate, number),"
	" source, condition, 0 FROM outbox.rule_event WHERE condition IS NOT NULL"
	" UNION ALL SELECT aggregate, format('UPDATE outbox.rule_event SET payload = $1 WHERE aggregate = %L AND number = %s', aggregate, number),"
	" source, payload, 1 FROM outbox.rule_event WHERE payload IS NOT NULL"
	" UNION ALL SELECT aggregate, format('UPDATE outbox.rule_lifecycle SET state_column = $1::name WHERE aggregate = %L', aggregate),"
	" root, state_column, -1 FROM outbox.rule_lifecycle JOIN outbox.rule_aggregate USING (aggregate)"
	" UNION ALL SELECT aggregate, format('UPDATE outbox.rule_immutable SET column_name = $1::name WHERE aggregate = %L AND number = %s', aggregate, i.number),"
	" root, column_name, -1 FROM outbox.rule_immutable i JOIN outbox.rule_aggregate USING (aggregate)"
	" UNION ALL SELECT aggregate, format('UPDATE outbox.rule_aggregate SET version_column = $1::name WHERE aggregate = %L', aggregate),"
	" root, version_column, -1 FROM outbox.rule_aggregate WHERE version_column IS NOT NULL"
	" UNION ALL SELECT aggregate, format('UPDATE outbox.rule_aggregate SET id_columns[%s] = $1::name WHERE aggregate = %L', n, aggregate),"
	" root, name, -1 FROM outbox.rule_aggregate, unnest(id_columns) WITH ORDINALITY AS c (name, n)"
	" UNION ALL SELECT aggregate, format('UPDATE outbox.rule_entity SET parent_columns[%s] = $1::name WHERE entity = %s', n, entity::oid),"
	" entity, name, -1 FROM outbox.rule_entity, unnest(parent_columns) WITH ORDINALITY AS c (name, n)"
	" UNION ALL SELECT aggregate, update, root, e.oid::text, -2 FROM outbox.rule_lifecycle JOIN outbox.rule_aggregate USING (aggregate)"
	" JOIN pg_attribute a ON a.attrelid = root AND a.attname = state_column JOIN pg_type y ON y.oid = a.atttypid"
	" CROSS JOIN LATERAL (SELECT format('UPDATE outbox.rule_lifecycle SET initial[%s] = $1 WHERE aggregate = %L', n, aggregate), state"
	" FROM unnest(initial) WITH ORDINALITY AS i (state, n) UNION ALL"
	" SELECT format('UPDATE outbox.rule_transition SET %s = $1 WHERE aggregate = %L AND number = %s', name, aggregate, t.number), state"
	" FROM outbox.rule_transition t CROSS JOIN LATERAL (VALUES ('from_state', from_state), ('to_state', to_state)) AS v (name, state)"
	" WHERE t.aggregate = rule_lifecycle.aggregate) AS s (update, state)"
	" JOIN pg_enum e ON e.enumtypid IN (y.oid, y.typbasetype) AND e.enumlabel = s.state";

List *
outbox_rename_note(void)
{
	List *rules = read_rules();
	List *notes = NIL;
	ListCell *cell;

	foreach(cell, rules)
		if (tie(lfirst(cell)))
			notes = lappend(notes, lfirst(cell));
	return notes;
}

void
outbox_rename_follow(List *notes)
{
	ListCell *cell;

	foreach(cell, notes)
		follow(lfirst(cell));
}

static List *
read_rules(void)
{
	MemoryContext memory = CurrentMemoryContext;
	List *rules = NIL;

	SPI_connect();
	if (SPI_execute(rules_query, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read rules");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple row = SPI_tuptable->vals[i];
		TupleDesc columns = SPI_tuptable->tupdesc;
		MemoryContext before = MemoryContextSwitchTo(memory);
		Noted *note = palloc0(sizeof(Noted));

		note->aggregate = pstrdup(SPI_getvalue(row, columns, 1));
		note->update = pstrdup(SPI_getvalue(row, columns, 2));
		note->table = atooid(SPI_getvalue(row, columns, 3));
		note->text = pstrdup(SPI_getvalue(row, columns, 4));
		note->kind = atoi(SPI_getvalue(row, columns, 5));
		rules = lappend(rules, note);
		MemoryContextSwitchTo(before);
	}
	SPI_finish();
	return rules;
}

/* False: it cannot be. */
static bool
tie(Noted *note)
{
	switch (note->kind)
	{
		case NAME:
			note->column = get_attnum(note->table, note->text);
			note->before = note->text;
			return note->column > 0;
		case STATE:
			note->value = atooid(note->text);
			note->before = note->text = label_of(note->value);
			return note->text != NULL;
		default:
			return outbox_trial(analyse, note, false);
	}
}

static void
analyse(void *note)
{
	Noted *it = note;

	it->expression = outbox_expression_restore(it->text, it->kind, it->table);
	it->before = outbox_expression_deparse(it->expression, it->table);
}

/* Of a value of an enum; NULL: there is none such. */
static char *
label_of(Oid value)
{
	HeapTuple tuple = SearchSysCache1(ENUMOID, ObjectIdGetDatum(value));
	char *label;

	if (!HeapTupleIsValid(tuple))
		return NULL;
	label = pstrdup(NameStr(((Form_pg_enum) GETSTRUCT(tuple))->enumlabel));
	ReleaseSysCache(tuple);
	return label;
}

static void
follow(const Noted *note)
{
	const char *now;
	Datum value;

	if (get_rel_name(note->table) == NULL)
		return;
	if (note->kind == NAME)
		now = get_attname(note->table, note->column, true);
	else if (note->kind == STATE)
		now = label_of(note->value);
	else
		now = outbox_expression_deparse(note->expression, note->table);
	if (now == NULL || strcmp(now, note->before) == 0)
		return;
	value = CStringGetTextDatum(now);
	(void) outbox_definition_write(note->update, 1, &(Oid){TEXTOID}, &value, NULL);
	outbox_definer_record(note->aggregate, psprintf("-- %s became %s", note->text, now));
	outbox_definer_refresh(note->aggregate);
}
