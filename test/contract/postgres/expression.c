/*
 * expression.c
 *		The definers' expressions on a real table: what they mean.
 */
#include "postgres.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "nodes/nodes.h"
#include "utils/inval.h"

#include "contract/postgres/expression.h"
#include "contract/postgres/orders.h"
#include "contract/postgres/transaction.h"

#define CONDITION OUTBOX_EXPRESSION_CONDITION
#define DOCUMENT OUTBOX_EXPRESSION_DOCUMENT
#define COMMIT OUTBOX_EXPRESSION_COMMIT

/* What a definer's expression gives for rows in JSON. */
static char *
evaluate(OutboxExpressionKind kind, const char *text, const char *old_row, const char *new_row)
{
	return orders_evaluate(kind, orders_canonical(kind, text), orders_row(old_row),
						   orders_row(new_row));
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

static void
literals_mean_what_they_meant_to_the_definer(void **state)
{
	const char *written =
		"new.day > '01.02.2020' and new.span > '-1 2:00:00' and new.ratio > '0.30000000000000004'::float8"
		" and new.at > '1.2.2020 12:00' and new.tags = '{NULL,a}' and new.name = 'a\\b'";
	char *text;

	(void) state;
	transaction_run("SET LOCAL datestyle = 'German, DMY'");
	transaction_run("SET LOCAL intervalstyle = 'sql_standard'");
	transaction_run("SET LOCAL extra_float_digits = -5");
	transaction_run("SET LOCAL array_nulls = off");
	transaction_run("SET LOCAL timezone = 'Asia/Kolkata'");
	text = orders_canonical(CONDITION, written);
	assert_non_null(strstr(text, "'2020-02-01'::date"));
	assert_non_null(strstr(text, "'-1 days -02:00:00'::interval"));
	assert_non_null(strstr(text, "0.30000000000000004"));
	assert_non_null(strstr(text, "'2020-02-01 12:00:00+05:30'"));
	assert_non_null(strstr(text, "'{\"NULL\",a}'"));
	assert_non_null(strstr(text, "'a\\b'"));
}

static void
no_setting_changes_a_canonical_text(void **state)
{
	static const char *const settings[] = {
		"datestyle = 'SQL, DMY'",
		"intervalstyle = 'sql_standard'",
		"array_nulls = off",
		"timezone = 'UTC'",
		"standard_conforming_strings = off",
		"quote_all_identifiers = on",
		"extra_float_digits = -5",
		"xmloption = document",
	};
	const char *written =
		"new.day > '2020-02-01' and new.span > '-1 day -2:00' and new.ratio > '0.30000000000000004'::float8"
		" and new.at > '2020-02-01 12:00Z' and new.tags = '{NULL,\"NULL\"}' and new.name = 'a\\b'"
		" and '<a/><b/>'::xml is not null";
	char *text;

	(void) state;
	transaction_run("SET LOCAL timezone = 'UTC'");
	text = orders_canonical(CONDITION, written);
	for (int i = 0; i < lengthof(settings); i++)
		transaction_run(psprintf("SET LOCAL %s", settings[i]));
	assert_string_equal(
		outbox_expression_deparse(outbox_expression_restore(text, CONDITION, orders), orders),
		text);
	assert_string_equal(transaction_ask("SHOW datestyle"), "SQL, DMY");
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
a_document_is_json_or_jsonb(void **state)
{
	static const struct
	{
		const char *text;
		Oid type;
	} cases[] = {
		{"new.told", JSONOID},
		{"new.known", JSONBOID},
		{"new.file", JSONBOID},
		{"to_jsonb(new.id)", JSONBOID},
	};

	(void) state;
	for (int i = 0; i < lengthof(cases); i++)
	{
		OutboxExpression *expression =
			outbox_expression_compile(cases[i].text, DOCUMENT, orders, CurrentMemoryContext);

		assert_int_equal(outbox_expression_type(expression), cases[i].type);
		outbox_expression_free(expression);
	}
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

static void
compile_trusting(void *argument)
{
	(void) argument;
	(void) outbox_expression_compile("shop.trusting(1)", CONDITION, orders, CurrentMemoryContext);
}

/* It would be inlined with the writer's function in it, and run as the table's owner. */
static void
an_inlined_function_does_not_see_the_writers_schemas(void **state)
{
	ErrorData *error;

	(void) state;
	transaction_run("CREATE FUNCTION public.helper(int) RETURNS boolean IMMUTABLE LANGUAGE sql"
					" AS 'SELECT true'");
	transaction_run("CREATE FUNCTION shop.trusting(int) RETURNS boolean IMMUTABLE LANGUAGE sql"
					" AS 'SELECT helper($1)'");
	error = transaction_attempt(compile_trusting, NULL);
	assert_non_null(error);
	assert_int_equal(error->sqlerrcode, ERRCODE_UNDEFINED_FUNCTION);
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
	assert_string_equal(
		orders_canonical(COMMIT, "exists (select from pg_class where oid = new.id)"),
		"(EXISTS (SELECT FROM pg_class WHERE (pg_class.oid = (new.id)::oid)))");
}

int
expression_suite_run(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, orders_begin, transaction_roll_back)
	const struct CMUnitTest tests[] = {
		TEST(the_canonical_text_says_all_and_means_the_same),
		TEST(literals_mean_what_they_meant_to_the_definer),
		TEST(no_setting_changes_a_canonical_text),
		TEST(names_are_followed_when_they_change),
		TEST(what_it_names_cannot_be_dropped),
		TEST(rows_are_evaluated),
		TEST(a_document_is_json_or_jsonb),
		TEST(an_error_of_evaluating_names_the_expression),
		TEST(a_replaced_function_makes_it_stale),
		TEST(the_current_user_must_have_the_right_to_its_functions),
		TEST(an_inlined_function_does_not_see_the_writers_schemas),
		TEST(nobody_can_put_something_else_in_the_place_of_a_name),
	};

	return cmocka_run_group_tests_name("expressions", tests, NULL, NULL);
}
