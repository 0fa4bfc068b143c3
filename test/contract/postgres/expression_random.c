/*
 * expression_random.c
 *		Random expressions: the canonical text gives what the written one gives.
 *
 * A grammar of rules "type: words", where $b, $i, $n, $t and $d stand for an expression
 * that is boolean, an integer, a number, a text or a date.
 */
#include "postgres.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include <time.h>

#include "contract/postgres/expression.h"
#include "contract/postgres/orders.h"
#include "contract/postgres/transaction.h"
#include "executor/tuptable.h"
#include "lib/stringinfo.h"
#include "utils/memutils.h"

#define EXPRESSIONS 1500
#define DEPTH 5

static const char *const rules[] = {
	"b: $i < $i",
	"b: $i = $i",
	"b: $n >= $n",
	"b: $t = $t",
	"b: $t > $t",
	"b: $d <= $d",
	"b: $b and $b",
	"b: $b or $b",
	"b: not $b",
	"b: $b is true",
	"b: $b is not unknown",
	"b: $i is null",
	"b: $t is not null",
	"b: $i between $i and $i",
	"b: $t in ($t, $t)",
	"b: $i not in (1, $i, 7)",
	"b: $t like '%a_'",
	"b: $t ~ '^[a-z\\d]+'",
	"b: $t ilike $t",
	"b: ($i, $t) < ($i, $t)",
	"b: row($i, $d) is not distinct from row($i, $d)",
	"b: $i is distinct from $i",
	"b: new.status = 'paid'",
	"b: new.status in ('new', old.status)",
	"b: case $i when 1 then $b when $i then $b else $b end",
	"b: old is null",
	"b: new is not null",
	"b: $t = any (new.tags)",
	"b: $i <> all (array[$i, $i])",
	"b: $t = any (array[$t, $t]::text[])",
	"b: shop.large(new)",
	"b: new.known @> '{\"a\": [1]}'",
	"b: new.known -> 'a' is null",
	"b: new.span > interval '-1 day 2:00'",
	"b: new.ok",
	"b: coalesce($b, $b)",
	"b: $t is normalized",
	"b: ($d, $d) overlaps ($d, $d)",
	"b: shop.each($t, $t)",
	"b: old.tableoid is null",
	"b: new.name = 'x'",
	"b: new.name in ('x', 'Y')",
	"b: ($b) = ($b)",
	"i: new.old",
	"i: old.old",
	"i: new.amount",
	"i: 1",
	"i: -2147483648",
	"i: (-3)",
	"i: +2",
	"i: $i + $i",
	"i: $i - -$i",
	"i: $i * $i",
	"i: $i / $i",
	"i: $i % 7",
	"i: -$i",
	"i: @ $i",
	"i: $i operator(ops.+) $i",
	"i: shop.next($i)",
	"i: shop.times($i)",
	"i: shop.times(b => $i, a => $i)",
	"i: coalesce($i, $i)",
	"i: greatest($i, $i)",
	"i: nullif($i, $i)",
	"i: case when $b then $i else $i end",
	"i: length($t)",
	"i: (new.address).number",
	"i: cardinality(new.tags)",
	"i: $d - $d",
	"i: position($t in $t)",
	"i: ($n)::int",
	"i: cast($i as shop.positive)",
	"i: (array[$i, $i])[1]",
	"i: (row($i, $t)::shop.address).\"number\"",
	"i: extract(day from $d)::int",
	"i: $i::smallint",
	"n: new.total",
	"n: 1.50",
	"n: 1e-3",
	"n: $n * $n",
	"n: $i / 3.0",
	"n: round($n, 1)",
	"n: $i::numeric(9,2)",
	"n: new.ratio::numeric",
	"n: $n ^ 2",
	"n: 'NaN'::numeric",
	"n: greatest($n, $i)",
	"t: new.name",
	"t: old.\"select\"",
	"t: 'a''b'",
	"t: E'\\\\ \\n'",
	"t: ''",
	"t: 'caf\xc3\xa9'",
	"t: $t || $t",
	"t: upper($t)",
	"t: substring($t from $i for 2)",
	"t: overlay($t placing 'x' from 1)",
	"t: trim(both 'a' from $t)",
	"t: $i::text",
	"t: new.status::text",
	"t: coalesce($t, $t)",
	"t: case when $b then $t end",
	"t: $t collate \"C\"",
	"t: ($t collate shop.plain)::varchar(3)",
	"t: $b::text",
	"t: new.tags[$i]",
	"t: ($t)::char(4)",
	"t: concat($t, $i, $d)",
	"t: format('%s', $t)",
	"t: new.known ->> 'a'",
	"t: new.told #>> '{a,0}'",
	"t: (new.address).street",
	"t: array_to_string(new.tags[1:$i], ',')",
	"t: current_user",
	"t: least($t, 'b')",
	"t: array_to_string(array[$t, $t] || $t, '/')",
	"d: new.day",
	"d: '2020-02-29'::date",
	"d: date '1999-12-31'",
	"d: $d + 3",
	"d: new.at::date",
	"d: least($d, $d)",
	"d: ($d + interval '1 month')::date",
};

/* Writes an expression of this type. */
static void
grow(StringInfo text, char type, int depth)
{
	const char *rule;
	int tries = 0;

	/* Near the leaves a rule with nothing to put in is looked for. */
	do
		rule = rules[random() % lengthof(rules)];
	while (rule[0] != type || (strchr(rule, '$') != NULL && depth <= 0 && tries++ < 10000));
	appendStringInfoChar(text, '(');
	for (const char *next = rule + strlen("b: "); *next != '\0'; next++)
	{
		if (*next == '$')
			grow(text, *++next, depth - 1);
		else
			appendStringInfoChar(text, *next);
	}
	appendStringInfoChar(text, ')');
}

/* An expression on its way through transaction_attempt, and what it gives. */
typedef struct Subject
{
	const char *text;
	char *canonical;
	TupleTableSlot *rows[3];
	char *results[3];
} Subject;

static void
write_canonical(void *argument)
{
	Subject *subject = argument;

	subject->canonical = orders_canonical(OUTBOX_EXPRESSION_CONDITION, subject->text);
}

static void
evaluate(void *argument)
{
	Subject *subject = argument;

	for (int i = 0; i < lengthof(subject->rows); i++)
		subject->results[i] = orders_evaluate(OUTBOX_EXPRESSION_CONDITION, subject->text,
											  subject->rows[i], subject->rows[(i + 1) % 3]);
}

static char *
outcome(Subject *subject, const char *text)
{
	ErrorData *error;

	subject->text = text;
	error = transaction_attempt(evaluate, subject);
	if (error != NULL)
		return psprintf("%s %s", unpack_sql_state(error->sqlerrcode), error->message);
	return psprintf("%s %s %s", subject->results[0], subject->results[1], subject->results[2]);
}

static void
the_canonical_text_gives_the_same(void **state)
{
	Subject subject = {
		.rows =
			{orders_row(NULL), orders_row("{}"),
			 orders_row(
				 "{\"id\": 1, \"total\": 12.5, \"name\": \"Ab\", \"status\": \"paid\", \"amount\": 3,"
				 " \"address\": {\"street\": \"x\", \"number\": 2}, \"tags\": [\"x\", null, \"a''b\"],"
				 " \"told\": {\"a\": [5]}, \"known\": {\"a\": [1]}, \"day\": \"2020-02-29\", \"span\": \"1 day\","
				 " \"at\": \"2021-03-04 05:06:07Z\", \"ratio\": 0.1, \"select\": \"s\", \"old\": 4, \"ok\": true}")},
	};
	MemoryContext memory =
		AllocSetContextCreate(CurrentMemoryContext, "expressions", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(memory);
	unsigned seed = (unsigned) time(NULL);
	int values = 0;

	(void) state;
	printf("# random expressions from seed %u\n", seed);
	srandom(seed);
	for (int i = 0; i < EXPRESSIONS; i++)
	{
		StringInfoData text;
		char *canonical;
		char *again;
		char *written;

		initStringInfo(&text);
		grow(&text, 'b', DEPTH);
		subject.text = text.data;
		/* Collations may be at odds. */
		if (transaction_attempt(write_canonical, &subject) != NULL)
			continue;
		canonical = subject.canonical;
		again = orders_canonical(OUTBOX_EXPRESSION_CONDITION, canonical);
		written = outcome(&subject, text.data);
		if (strcmp(outcome(&subject, canonical), written) != 0 ||
			strcmp(orders_canonical(OUTBOX_EXPRESSION_CONDITION, again), again) != 0)
			fail_msg("%s\n%s\n%s: %s, %s", text.data, canonical, again, written,
					 outcome(&subject, canonical));
		if (strchr("tfn", written[0]) != NULL)
			values++;
		MemoryContextReset(memory);
	}
	MemoryContextSwitchTo(caller);
	printf("# %d of %d had values\n", values, EXPRESSIONS);
	assert_true(values > EXPRESSIONS / 10);
}

int
expression_random_run(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_canonical_text_gives_the_same, orders_begin,
										transaction_roll_back),
	};

	return cmocka_run_group_tests_name("random expressions", tests, NULL, NULL);
}
