/*
 * expression.c
 *		The definers' expressions on a real table: what they mean, and what is refused.
 */
#include "postgres.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "contract/postgres/expression.h"
#include "contract/postgres/transaction.h"
#include "infrastructure/postgres/expression.h"

#define CONDITION OUTBOX_EXPRESSION_CONDITION
#define DOCUMENT OUTBOX_EXPRESSION_DOCUMENT
#define COMMIT OUTBOX_EXPRESSION_COMMIT

#define GARBAGE 20000 /* expressions */

/* An expression on its way through one of the functions, for transaction_attempt. */
typedef struct Subject
{
	OutboxExpressionKind kind;
	const char *text;
	Node *tree;
	char *result;
} Subject;

static Oid orders;

static int
begin(void **state)
{
	static const char *const commands[] = {
		"CREATE SCHEMA shop",
		"CREATE SCHEMA ops",
		"CREATE TYPE shop.status AS ENUM ('new', 'paid', 'sent')",
		"CREATE TYPE shop.address AS (street text, number int)",
		"CREATE DOMAIN shop.positive AS int CHECK (value > 0)",
		"CREATE DOMAIN shop.document AS jsonb",
		"CREATE COLLATION shop.plain FROM \"C\"",
		"CREATE TABLE shop.orders (id bigint, gone int, total numeric(10,2), name varchar(20), status shop.status,"
		" address shop.address, amount shop.positive, tags text[], told json, known jsonb, file shop.document,"
		" at timestamptz, day date, span interval, ratio float8, \"select\" text, \"d\"\"q\" int, old int, ok boolean)",
		"ALTER TABLE shop.orders DROP gone",
		"CREATE TABLE shop.line (id int, order_id bigint, quantity int)",
		"CREATE FUNCTION shop.next(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1 + 1'",
		"CREATE FUNCTION shop.large(shop.orders) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RETURN $1.total > 100; END'",
		"CREATE FUNCTION shop.each(VARIADIC text[]) RETURNS boolean LANGUAGE sql AS 'SELECT true'",
		"CREATE FUNCTION shop.times(a int, b int DEFAULT 7) RETURNS int LANGUAGE sql AS 'SELECT $1 * $2'",
		"CREATE OPERATOR ops.+ (FUNCTION = int4mul, LEFTARG = int, RIGHTARG = int)",
	};

	(void) transaction_begin(state);
	for (int i = 0; i < lengthof(commands); i++)
		transaction_run(commands[i]);
	orders = transaction_ask_oid("SELECT 'shop.orders'::regclass::oid");
	return 0;
}

static void
analyse(void *argument)
{
	Subject *subject = argument;

	subject->tree = outbox_expression_analyse(subject->text, subject->kind, orders);
}

/* All that a definition and its first use do. */
static void
define(void *argument)
{
	Subject *subject = argument;

	analyse(subject);
	subject->result = outbox_expression_deparse(subject->tree, orders);
	(void) outbox_expression_restore(subject->result, subject->kind, orders);
	if (subject->kind != COMMIT)
		outbox_expression_free(outbox_expression_compile(subject->result, subject->kind, orders,
														 CurrentMemoryContext));
}

static char *
canonical(OutboxExpressionKind kind, const char *text)
{
	return outbox_expression_deparse(outbox_expression_analyse(text, kind, orders), orders);
}

/* A row of the table, from JSON; of nulls without. */
static TupleTableSlot *
make_row(Relation table, const char *json)
{
	TupleTableSlot *slot = table_slot_create(table, NULL);
	HeapTuple tuple;

	if (json == NULL)
		return ExecStoreAllNullTuple(slot);
	SPI_connect();
	if (SPI_execute(psprintf("SELECT * FROM jsonb_populate_record(NULL::shop.orders, '%s')", json),
					true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not make a row");
	tuple = SPI_tuptable->vals[0];
	ExecClearTuple(slot);
	/* The one dropped column stands third from the left and in no query. */
	for (int i = 0, from = 0; i < RelationGetNumberOfAttributes(table); i++)
	{
		Form_pg_attribute column = TupleDescAttr(RelationGetDescr(table), i);

		slot->tts_isnull[i] = true;
		if (!column->attisdropped)
		{
			Datum value = heap_getattr(tuple, ++from, SPI_tuptable->tupdesc, &slot->tts_isnull[i]);

			if (!slot->tts_isnull[i])
				slot->tts_values[i] = SPI_datumTransfer(value, column->attbyval, column->attlen);
		}
	}
	SPI_finish();
	return ExecStoreVirtualTuple(slot);
}

/* What a definer's expression gives for these rows, as text; thrice, as its caches see it. */
static char *
evaluate(OutboxExpressionKind kind, const char *text, const char *old_row, const char *new_row)
{
	Relation table = table_open(orders, AccessShareLock);
	OutboxExpression *expression =
		outbox_expression_compile(canonical(kind, text), kind, orders, CurrentMemoryContext);
	ExprContext *context = CreateStandaloneExprContext();
	char *result = NULL;
	Oid output;
	bool flag;

	context->ecxt_innertuple = make_row(table, old_row);
	context->ecxt_outertuple = make_row(table, new_row);
	getTypeOutputInfo(outbox_expression_type(expression), &output, &flag);
	for (int i = 0; i < 3; i++)
	{
		bool isnull;
		Datum value;

		ResetExprContext(context);
		value = outbox_expression_evaluate(expression, context, &isnull);
		result = isnull ? "null" : OidOutputFunctionCall(output, value);
	}
	assert_true(outbox_expression_current(expression));
	outbox_expression_free(expression);
	ExecDropSingleTupleTableSlot(context->ecxt_innertuple);
	ExecDropSingleTupleTableSlot(context->ecxt_outertuple);
	table_close(table, NoLock);
	return result;
}

static void
the_canonical_text_says_all_and_means_the_same(void **state)
{
	static const struct
	{
		OutboxExpressionKind kind;
		const char *written;
		const char *canonical;
	} cases[] = {
		{CONDITION, "new.total>0 and old.total is null",
		 "((new.total > (0)::numeric) AND (old.total IS NULL))"},
		{CONDITION, "null", "NULL::boolean"},
		{CONDITION, "old.* is distinct from new", "(old.* IS DISTINCT FROM new.*)"},
		{CONDITION, "new.status in ('paid', 'sent')",
		 "(new.status = ANY (ARRAY['paid'::shop.status, 'sent'::shop.status]))"},
		{CONDITION, "(new.address).street is null and (new).address.number > 3",
		 "(((new.address).street IS NULL) AND ((new.address).number > 3))"},
		{CONDITION, "shop.next(new.amount) operator(ops.+) 3 > 1",
		 "((shop.next((new.amount)::integer) OPERATOR(ops.+) 3) > 1)"},
		{CONDITION, "shop.large(new) and shop.large(old.*)",
		 "(shop.large(new.*) AND shop.large(old.*))"},
		{CONDITION, "case new.status when 'new' then true else old.amount > 3 end",
		 "CASE new.status WHEN 'new'::shop.status THEN true ELSE ((old.amount)::integer > 3) END"},
		{CONDITION, "shop.each(new.name, 'a') and shop.times(b => 1, a => new.amount) > 1",
		 "(shop.each(VARIADIC ARRAY[(new.name)::text, 'a'::text]) AND"
		 " (shop.times(b => 1, a => (new.amount)::integer) > 1))"},
		{CONDITION, "new.name collate shop.plain > 'a' and new.tags[1] = any (new.tags)",
		 "((((new.name)::text COLLATE shop.plain) > 'a'::text) AND (new.tags[1] = ANY (new.tags)))"},
		{CONDITION, "new.\"select\" = new.name and old.\"d\"\"q\" = old.old",
		 "((new.\"select\" = (new.name)::text) AND (old.\"d\"\"q\" = old.old))"},
		{CONDITION, "new.tableoid = 'shop.line'::regclass",
		 "(new.tableoid = ('shop.line'::regclass)::oid)"},
		{CONDITION, "extract(year from new.at) > 2000 and new.day <= current_date",
		 "((EXTRACT(year FROM new.at) > (2000)::numeric) AND (new.day <= CURRENT_DATE))"},
		{DOCUMENT, "new", "to_jsonb(new.*)"},
		{DOCUMENT, "new.*", "to_jsonb(new.*)"},
		{DOCUMENT, "old.id", "to_jsonb(old.id)"},
		{DOCUMENT, "'x'", "to_jsonb('x'::text)"},
		{DOCUMENT, "null", "to_jsonb(NULL::text)"},
		{DOCUMENT, "new.told", "new.told"},
		{DOCUMENT, "new.known", "new.known"},
		{DOCUMENT, "new.file", "new.file"},
		{DOCUMENT, "json_build_object('id', new.id, 'was', row(old.amount, 1))",
		 "json_build_object('id', new.id, 'was', ROW(old.amount, 1))"},
		{COMMIT, "new.total > (select sum(quantity) from shop.line where order_id = new.id)",
		 "(new.total > ((SELECT sum(line.quantity) AS sum FROM shop.line"
		 " WHERE (line.order_id = new.id)))::numeric)"},
		{COMMIT,
		 "(with l as (select * from shop.line old where old.order_id = new.id)"
		 " select bool_and(l.id > (select new.amount)) from l where exists (select from shop.line new where new.id = l.id))",
		 "(WITH l AS (SELECT old_1.id, old_1.order_id, old_1.quantity FROM shop.line old_1"
		 " WHERE (old_1.order_id = new.id)) SELECT bool_and((l.id > ((SELECT new.amount))::integer))"
		 " AS bool_and FROM l WHERE (EXISTS (SELECT FROM shop.line new_1 WHERE (new_1.id = l.id))))"},
	};

	(void) state;
	for (int i = 0; i < lengthof(cases); i++)
	{
		Node *tree;
		Node *restored;
		char *text;

		tree = outbox_expression_analyse(cases[i].written, cases[i].kind, orders);
		text = outbox_expression_deparse(tree, orders);
		restored = outbox_expression_restore(text, cases[i].kind, orders);
		assert_string_equal(text, cases[i].canonical);
		assert_string_equal(outbox_expression_deparse(restored, orders), text);
		assert_true(cases[i].kind == COMMIT || equal(tree, restored));
	}
}

/* The text is kept, read in a session with other settings, and has to be found again. */
static void
literals_mean_what_they_meant_to_the_definer(void **state)
{
	const char *written =
		"new.day > '01.02.2020' and new.span > '-1 2:00:00' and new.ratio > 0.30000000000000004::float8"
		" and new.at > '1.2.2020 12:00' and new.tags = '{NULL,a}' and new.name = 'a\\b'";
	char *text;

	(void) state;
	transaction_run("SET LOCAL datestyle = 'German, DMY'");
	transaction_run("SET LOCAL intervalstyle = 'sql_standard'");
	transaction_run("SET LOCAL extra_float_digits = -5");
	transaction_run("SET LOCAL array_nulls = off");
	transaction_run("SET LOCAL timezone = 'Asia/Kolkata'");
	text = canonical(CONDITION, written);
	assert_non_null(strstr(text, "'2020-02-01'::date"));
	assert_non_null(strstr(text, "'-1 days -02:00:00'::interval"));
	assert_non_null(strstr(text, "0.30000000000000004"));
	assert_non_null(strstr(text, "'2020-02-01 12:00:00+05:30'"));
	assert_non_null(strstr(text, "'{\"NULL\",a}'"));
	assert_non_null(strstr(text, "'a\\b'"));
	transaction_run("SET LOCAL datestyle = 'SQL, MDY'");
	transaction_run("SET LOCAL intervalstyle = 'iso_8601'");
	transaction_run("SET LOCAL array_nulls = on");
	transaction_run("SET LOCAL timezone = 'Asia/Kolkata'");
	transaction_run("SET LOCAL standard_conforming_strings = off");
	assert_string_equal(
		outbox_expression_deparse(outbox_expression_restore(text, CONDITION, orders), orders),
		text);
	assert_string_equal(transaction_ask("SHOW datestyle"), "SQL, MDY");
}

static void
names_are_followed_when_they_change(void **state)
{
	Node *row = outbox_expression_analyse("shop.next(new.amount) OPERATOR(ops.+) old.amount > 1 and"
										  " new.status = 'paid' and shop.large(new)",
										  CONDITION, orders);
	Node *commit = outbox_expression_analyse(
		"exists (select from shop.line where quantity > new.amount)", COMMIT, orders);

	(void) state;
	transaction_run("ALTER TABLE shop.orders RENAME amount TO \"Amount\"");
	transaction_run("ALTER TABLE shop.orders RENAME TO purchase");
	transaction_run("ALTER TABLE shop.line RENAME quantity TO pieces");
	transaction_run("ALTER TABLE shop.line RENAME TO position");
	transaction_run("ALTER TYPE shop.status RENAME VALUE 'paid' TO 'settled'");
	transaction_run("ALTER TYPE shop.status RENAME TO state");
	transaction_run("ALTER FUNCTION shop.next(int) RENAME TO successor");
	transaction_run("ALTER SCHEMA shop RENAME TO store");
	transaction_run("ALTER SCHEMA ops RENAME TO operators");
	assert_string_equal(
		outbox_expression_deparse(row, orders),
		"(((store.successor((new.\"Amount\")::integer) OPERATOR(operators.+) (old.\"Amount\")::integer) > 1)"
		" AND (new.status = 'settled'::store.state) AND store.large(new.*))");
	assert_string_equal(
		outbox_expression_deparse(commit, orders),
		"(EXISTS (SELECT FROM store.\"position\" WHERE (\"position\".pieces > (new.\"Amount\")::integer)))");
}

static void
what_it_names_cannot_be_dropped(void **state)
{
	uint32_t trigger;

	(void) state;
	transaction_run(
		"CREATE FUNCTION shop.fire() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'");
	transaction_run(
		"CREATE TRIGGER fire AFTER UPDATE ON shop.orders FOR EACH ROW EXECUTE FUNCTION shop.fire()");
	trigger = transaction_ask_oid("SELECT oid FROM pg_trigger WHERE tgname = 'fire'");
	outbox_expression_depend(
		outbox_expression_analyse("shop.next(old.old) > new.id", CONDITION, orders), orders,
		trigger);
	outbox_expression_depend(
		outbox_expression_analyse("exists (select from shop.line where quantity > new.total)",
								  COMMIT, orders),
		orders, trigger);
	CommandCounterIncrement();
	assert_string_equal(
		transaction_ask(
			"SELECT string_agg(pg_describe_object(refclassid, refobjid, refobjsubid), ', ' ORDER BY"
			" pg_describe_object(refclassid, refobjid, refobjsubid)) FROM pg_depend"
			" WHERE classid = 'pg_trigger'::regclass AND deptype = 'n'"
			" AND objid = (SELECT oid FROM pg_trigger WHERE tgname = 'fire')"),
		"column id of table shop.orders, column old of table shop.orders,"
		" column quantity of table shop.line, column total of table shop.orders,"
		" function shop.fire(), function shop.next(integer)");
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

static void
rows_are_evaluated(void **state)
{
	static const struct
	{
		OutboxExpressionKind kind;
		const char *text;
		const char *old_row;
		const char *new_row;
		const char *result;
	} cases[] = {
		{CONDITION, "new.total > old.total", "{\"total\": 1}", "{\"total\": 2}", "t"},
		{CONDITION, "new.total > old.total", "{\"total\": 2}", "{\"total\": 1}", "f"},
		{CONDITION, "new.total > old.total", NULL, "{\"total\": 1}", "null"},
		{CONDITION, "old is null and new is not null", NULL, "{}", "f"},
		{CONDITION, "old is null and old.id is null", NULL, "{}", "t"},
		{CONDITION, "row(old.id) is distinct from row(new.id)", "{\"id\": 1}", "{\"id\": 1}", "f"},
		{CONDITION, "shop.large(new) and not shop.large(old)", "{\"total\": 1}", "{\"total\": 101}",
		 "t"},
		{CONDITION, "(new.address).number = shop.next((old).address.number)",
		 "{\"address\": {\"number\": 1}}", "{\"address\": {\"number\": 2}}", "t"},
		{CONDITION, "new.name in ('a', 'b')", NULL, "{\"name\": \"b\"}", "t"},
		{CONDITION, "shop.times(new.amount) OPERATOR(ops.+) 2 = 42", NULL, "{\"amount\": 3}", "t"},
		{DOCUMENT, "new.total", NULL, "{\"total\": 1}", "1.00"},
		{DOCUMENT, "new.told", NULL, "{\"told\": [ 1]}", "[1]"},
		{DOCUMENT, "new.file", NULL, "{\"file\": {}}", "{}"},
		{DOCUMENT, "new.file", NULL, NULL, "null"},
		{DOCUMENT, "new.address", NULL, "{\"address\": {\"street\": \"x\"}}",
		 "{\"number\": null, \"street\": \"x\"}"},
		{DOCUMENT, "to_jsonb(new) ->> 'd\"q'", NULL, "{\"d\\\"q\": 7}", "\"7\""},
	};

	(void) state;
	for (int i = 0; i < lengthof(cases); i++)
		assert_string_equal(
			evaluate(cases[i].kind, cases[i].text, cases[i].old_row, cases[i].new_row),
			cases[i].result);
}

static void
divide(void *argument)
{
	(void) evaluate(CONDITION, "1 / new.old = 1", NULL, argument);
}

static void
an_error_of_evaluating_names_the_expression(void **state)
{
	ErrorData *error = transaction_attempt(divide, "{\"old\": 0}");

	(void) state;
	assert_non_null(error);
	assert_int_equal(error->sqlerrcode, ERRCODE_DIVISION_BY_ZERO);
	assert_non_null(strstr(error->context, "expression \"((1 / new.old) = 1)\""));
}

/* Inlined or not: what has been looked up of a function is not used on. */
static void
a_replaced_function_makes_it_stale(void **state)
{
	OutboxExpression *inlined = outbox_expression_compile("shop.next(new.old) > 1", CONDITION,
														  orders, CurrentMemoryContext);
	OutboxExpression *called =
		outbox_expression_compile("shop.large(new)", CONDITION, orders, CurrentMemoryContext);

	(void) state;
	assert_true(outbox_expression_current(inlined));
	transaction_run(
		"CREATE OR REPLACE FUNCTION shop.next(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1 + 2'");
	AcceptInvalidationMessages();
	assert_false(outbox_expression_current(inlined));
	assert_true(outbox_expression_current(called));
	transaction_run("ALTER FUNCTION shop.large(shop.orders) SECURITY DEFINER");
	AcceptInvalidationMessages();
	assert_false(outbox_expression_current(called));
	outbox_expression_free(inlined);
	outbox_expression_free(called);
}

static void
compile_as_stranger(void *argument)
{
	(void) argument;
	transaction_run("SET LOCAL ROLE stranger");
	(void) outbox_expression_compile("shop.large(new)", CONDITION, orders, CurrentMemoryContext);
}

static void
the_current_user_must_have_the_right_to_its_functions(void **state)
{
	ErrorData *error;

	(void) state;
	transaction_run("CREATE ROLE stranger");
	transaction_run("GRANT USAGE ON SCHEMA shop TO stranger");
	transaction_run("REVOKE EXECUTE ON FUNCTION shop.large(shop.orders) FROM PUBLIC");
	error = transaction_attempt(compile_as_stranger, NULL);
	assert_non_null(error);
	assert_int_equal(error->sqlerrcode, ERRCODE_INSUFFICIENT_PRIVILEGE);
}

/* A function of the same name in a schema that comes first takes part in nothing. */
static void
nobody_can_put_something_else_in_the_place_of_a_name(void **state)
{
	(void) state;
	transaction_run(
		"CREATE FUNCTION public.lower(varchar) RETURNS text LANGUAGE sql AS $$ SELECT 'taken' $$");
	transaction_run(
		"CREATE FUNCTION public.same(varchar, text) RETURNS boolean LANGUAGE sql AS 'SELECT true'");
	transaction_run(
		"CREATE OPERATOR public.= (FUNCTION = public.same, LEFTARG = varchar, RIGHTARG = text)");
	transaction_run("CREATE TABLE pg_temp.pg_class (id int)");
	transaction_run("SET LOCAL search_path = public, pg_catalog");
	assert_string_equal(evaluate(CONDITION, "lower(new.name) = 'a'", NULL, "{\"name\": \"A\"}"),
						"t");
	assert_string_equal(evaluate(CONDITION, "new.name = 'a'::text", NULL, "{\"name\": \"A\"}"),
						"f");
	assert_string_equal(canonical(COMMIT, "exists (select from pg_class where oid = new.id)"),
						"(EXISTS (SELECT FROM pg_class WHERE (pg_class.oid = (new.id)::oid)))");
}

/* Words of the grammar, names that there are and odd ones, in any order. */
static char *
make_garbage(void)
{
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
expression_suite_run(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, begin, transaction_roll_back)
	const struct CMUnitTest tests[] = {
		TEST(the_canonical_text_says_all_and_means_the_same),
		TEST(literals_mean_what_they_meant_to_the_definer),
		TEST(names_are_followed_when_they_change),
		TEST(what_it_names_cannot_be_dropped),
		TEST(what_is_no_expression_over_rows_is_refused),
		TEST(rows_are_evaluated),
		TEST(an_error_of_evaluating_names_the_expression),
		TEST(a_replaced_function_makes_it_stale),
		TEST(the_current_user_must_have_the_right_to_its_functions),
		TEST(nobody_can_put_something_else_in_the_place_of_a_name),
		TEST(garbage_is_refused_properly),
	};

	return cmocka_run_group_tests_name("expressions", tests, NULL, NULL);
}
