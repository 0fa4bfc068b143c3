/*
 * expression_refusals.c
 *		What is no expression over rows, and that it is refused in proper words.
 */
#include "postgres.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "contract/postgres/expression.h"
#include "contract/postgres/orders.h"
#include "contract/postgres/transaction.h"
#include "lib/stringinfo.h"
#include "utils/memutils.h"

#define CONDITION OUTBOX_EXPRESSION_CONDITION
#define DOCUMENT OUTBOX_EXPRESSION_DOCUMENT
#define COMMIT OUTBOX_EXPRESSION_COMMIT

#define GARBAGE 20000 /* texts */

/* A text on its way through transaction_attempt. */
typedef struct Subject
{
	OutboxExpressionKind kind;
	const char *text;
} Subject;

/* Words of the grammar, names that there are and odd ones. */
static const char *const words[] = {
	"new",
	"old",
	"new.total",
	"old.status",
	"new.*",
	"(new)",
	".",
	".id",
	"(",
	")",
	"(",
	")",
	"[",
	"]",
	",",
	"::",
	"int",
	"text",
	"shop.status",
	"numeric(3,1)",
	"'paid'",
	"1",
	"0",
	"-",
	"2.5e3",
	"null",
	"true",
	"and",
	"or",
	"not",
	"is",
	"in",
	"between",
	"like",
	"~",
	"=",
	"<",
	">",
	"<>",
	"+",
	"*",
	"/",
	"%",
	"||",
	"->>",
	"case",
	"when",
	"then",
	"else",
	"end",
	"array[",
	"row(",
	"exists(",
	"select",
	"from",
	"shop.line",
	"where",
	"count(*)",
	"sum(",
	"over()",
	"shop.next(",
	"shop.large(",
	"shop.each(",
	"variadic",
	"cast(",
	"as",
	"collate",
	"\"C\"",
	"shop.plain",
	"operator(ops.+)",
	"any(",
	"all(",
	"coalesce(",
	"greatest(",
	"nullif(",
	"distinct",
	"group by",
	"order by",
	"limit",
	"for update",
	"union",
	"with",
	"values",
	"interval",
	"'1 day'",
	"date",
	"at time zone",
	"$1",
	":=",
	";",
	"--",
	"/*",
	"*/",
	"'",
	"\"",
	"E'\\x",
	"$$",
	"U&'\\00e9'",
	"\xc3\xa9",
	"\x01",
	"xmlelement(name a,",
	"json_build_object(",
	"extract(year from",
	"current_user",
	"grouping(",
	"generate_series(1,",
	"ctid",
	"tableoid",
	"new.nothing",
	"nothing",
	"pg_catalog.",
	"default",
	"overlaps",
	"filter(where",
	"within group(",
	"lateral",
	"tablesample",
	"current of",
	"unique",
	"into",
};

static void
analyse(void *argument)
{
	Subject *subject = argument;

	(void) outbox_expression_analyse(subject->text, subject->kind, orders);
}

/* All that a definition and its first use do. */
static void
define(void *argument)
{
	Subject *subject = argument;
	const char *text = orders_canonical(subject->kind, subject->text);

	(void) outbox_expression_restore(text, subject->kind, orders);
	if (subject->kind != COMMIT)
		outbox_expression_free(
			outbox_expression_compile(text, subject->kind, orders, CurrentMemoryContext));
}

static void
what_is_no_expression_over_rows_is_refused(void **state)
{
	static const struct
	{
		OutboxExpressionKind kind;
		const char *text;
		int code;
		int position; /* in the text; 0: nowhere */
		const char *hint;
	} cases[] = {
		{CONDITION, "", ERRCODE_SYNTAX_ERROR, 0, NULL},
		{CONDITION, "-- nothing", ERRCODE_SYNTAX_ERROR, 0, NULL},
		{CONDITION, "new.ok;", ERRCODE_SYNTAX_ERROR, 7, NULL},
		{CONDITION, "true); drop table shop.line; --", ERRCODE_SYNTAX_ERROR, 5, NULL},
		{CONDITION, "true, false", ERRCODE_SYNTAX_ERROR, 7, NULL},
		{CONDITION, "new.ok as fine", ERRCODE_SYNTAX_ERROR, 1, NULL},
		{CONDITION, "*", ERRCODE_SYNTAX_ERROR, 1, "new"},
		{CONDITION, "distinct true", ERRCODE_SYNTAX_ERROR, 0, NULL},
		{CONDITION, "true from shop.line", ERRCODE_SYNTAX_ERROR, 11, NULL},
		{CONDITION, "true where true", ERRCODE_SYNTAX_ERROR, 12, NULL},
		{CONDITION, "true group by 1", ERRCODE_SYNTAX_ERROR, 15, NULL},
		{CONDITION, "true having true", ERRCODE_SYNTAX_ERROR, 13, NULL},
		{CONDITION, "true order by 1", ERRCODE_SYNTAX_ERROR, 15, NULL},
		{CONDITION, "true limit 1", ERRCODE_SYNTAX_ERROR, 12, NULL},
		{CONDITION, "true offset 1", ERRCODE_SYNTAX_ERROR, 13, NULL},
		{CONDITION, "true for update", ERRCODE_SYNTAX_ERROR, 0, NULL},
		{CONDITION, "true window w as ()", ERRCODE_SYNTAX_ERROR, 18, NULL},
		{CONDITION, "true union select true", ERRCODE_SYNTAX_ERROR, 6, NULL},
		{CONDITION, "default", ERRCODE_SYNTAX_ERROR, 1, NULL},
		{CONDITION, "new.total", ERRCODE_DATATYPE_MISMATCH, 1, NULL},
		{CONDITION, "new.old", ERRCODE_DATATYPE_MISMATCH, 1, NULL},
		{COMMIT, "new.name", ERRCODE_DATATYPE_MISMATCH, 1, NULL},
		{CONDITION, "new.name collate \"C\" > new.name collate shop.plain",
		 ERRCODE_COLLATION_MISMATCH, 33, NULL},
		{CONDITION, "new.id = $1", ERRCODE_UNDEFINED_PARAMETER, 10, NULL},
		{CONDITION, "new.id = new.nothing", ERRCODE_UNDEFINED_COLUMN, 10, NULL},
		{CONDITION, "total > 1", ERRCODE_UNDEFINED_COLUMN, 1, "old.total or new.total"},
		{COMMIT, "(select order_id = id from shop.line where \"d\"\"q\" = 1)",
		 ERRCODE_UNDEFINED_COLUMN, 44, "Write new.\"d\"\"q\"."},
		{CONDITION, "next(new.old) = 1", ERRCODE_UNDEFINED_FUNCTION, 1, "qualified"},
		{CONDITION, "(old).large", ERRCODE_UNDEFINED_COLUMN, 2, NULL},
		{CONDITION, "new.status = 'x'::status", ERRCODE_UNDEFINED_OBJECT, 19, "qualified"},
		{CONDITION, "new.status = 'x'", ERRCODE_INVALID_TEXT_REPRESENTATION, 14, NULL},
		{CONDITION, "new.name > 'a' collate plain", ERRCODE_UNDEFINED_OBJECT, 16, "qualified"},
		{COMMIT, "exists (select from line)", ERRCODE_UNDEFINED_TABLE, 21, "qualified"},
		{CONDITION, "new.id in (select id from shop.line)", ERRCODE_FEATURE_NOT_SUPPORTED, 8, NULL},
		{DOCUMENT, "array(select 1)", ERRCODE_FEATURE_NOT_SUPPORTED, 1, NULL},
		{CONDITION, "count(*) > 1", ERRCODE_GROUPING_ERROR, 1, NULL},
		{COMMIT, "(select count(new.id) from shop.line) > 1", ERRCODE_GROUPING_ERROR, 9, NULL},
		{COMMIT, "1 < sum(new.id)", ERRCODE_GROUPING_ERROR, 5, NULL},
		{CONDITION, "rank() over () > 1", ERRCODE_WINDOWING_ERROR, 1, NULL},
		{COMMIT, "generate_series(1, 2) > 1", ERRCODE_FEATURE_NOT_SUPPORTED, 1, NULL},
		{DOCUMENT, "1 + unnest(array[1])", ERRCODE_FEATURE_NOT_SUPPORTED, 5, NULL},
		{CONDITION, "new.ctid is null", ERRCODE_INVALID_COLUMN_REFERENCE, 1, NULL},
		{COMMIT, "exists (select from shop.line where line.xmin = (new).xmin)",
		 ERRCODE_INVALID_COLUMN_REFERENCE, 50, NULL},
		{COMMIT, "old.id = 1", ERRCODE_UNDEFINED_TABLE, 1, "new"},
		{COMMIT, "exists (select old.*)", ERRCODE_UNDEFINED_TABLE, 16, "new"},
		{COMMIT, "(with x as (delete from shop.line returning 1) select true from x)",
		 ERRCODE_FEATURE_NOT_SUPPORTED, 7, NULL},
		{COMMIT, "(select true into shop.x)", ERRCODE_SYNTAX_ERROR, 19, NULL},
	};

	(void) state;
	for (int i = 0; i < lengthof(cases); i++)
	{
		Subject subject = {.kind = cases[i].kind, .text = cases[i].text};
		ErrorData *error = transaction_attempt(analyse, &subject);

		if (error == NULL || error->sqlerrcode != cases[i].code ||
			error->internalpos != cases[i].position || error->cursorpos != 0)
			fail_msg("\"%s\": %s %s at %d", cases[i].text,
					 error ? unpack_sql_state(error->sqlerrcode) : "taken",
					 error ? error->message : "", error ? error->internalpos : 0);
		assert_string_equal(error->internalpos > 0 ? error->internalquery : error->context,
							error->internalpos > 0 ? cases[i].text
												   : psprintf("expression \"%s\"", cases[i].text));
		if (cases[i].hint != NULL)
			assert_non_null(strstr(error->hint, cases[i].hint));
	}
	assert_string_equal(transaction_ask("SHOW search_path"), "\"$user\", public");
}

static char *
make_garbage(void)
{
	StringInfoData text;
	int length = 1 + random() % 12;

	initStringInfo(&text);
	for (int i = 0; i < length; i++)
		appendStringInfo(&text, "%s%s", words[random() % lengthof(words)], random() % 4 ? " " : "");
	return text.data;
}

static void
garbage_is_refused_properly(void **state)
{
	MemoryContext memory =
		AllocSetContextCreate(CurrentMemoryContext, "garbage", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(memory);
	int taken = 0;

	(void) state;
	for (int i = 0; i < GARBAGE; i++)
	{
		Subject subject = {.kind = i % 3, .text = make_garbage()};
		ErrorData *error = transaction_attempt(define, &subject);

		if (error == NULL)
			taken++;
		else if (error->sqlerrcode == ERRCODE_INTERNAL_ERROR)
			fail_msg("\"%s\": %s", subject.text, error->message);
		MemoryContextReset(memory);
	}
	MemoryContextSwitchTo(caller);
	printf("# %d of %d were expressions\n", taken, GARBAGE);
	assert_true(taken > 0);
}

int
expression_refusals_run(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_no_expression_over_rows_is_refused, orders_begin,
										transaction_roll_back),
		cmocka_unit_test_setup_teardown(garbage_is_refused_properly, orders_begin,
										transaction_roll_back),
	};

	return cmocka_run_group_tests_name("refused expressions", tests, NULL, NULL);
}
