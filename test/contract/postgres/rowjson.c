/*
 * rowjson.c
 *		Our JSON of rows against row_to_json, over many types and values.
 *
 * The columns of the table take their values from lists of odd ones and at random; the
 * rows are read from the table, so that long values are toasted.
 */
#include "postgres.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "access/table.h"
#include "access/tableam.h"
#include "executor/tuptable.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "contract/postgres/rowjson.h"
#include "contract/postgres/transaction.h"
#include "infrastructure/postgres/rowjson.h"

#define ROWS "300"

/* A column, and an expression over n, a random number, that gives its values. */
typedef struct Kind
{
	const char *type;
	const char *value;
} Kind;

#define ODD_TEXT                                                                                                           \
	"(ARRAY['', ' ', 'plain', E'\\b\\f\\n\\r\\t\"\\\\/', E'\\x01\\x1f\\x7f', 'caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80'," \
	" '</script>', '{\"a\": 1}', repeat('long \"', 3000), chr(n % 30 + 1) || n])[n % 10 + 1]"

static const Kind kinds[] = {
	{"bool", "n % 2 = 0"},
	{"int2", "n % 65536 - 32768"},
	{"int4", "CASE n % 5 WHEN 0 THEN -2147483648 WHEN 1 THEN 2147483647 ELSE n END"},
	{"int8",
	 "CASE n % 5 WHEN 0 THEN -9223372036854775808 WHEN 1 THEN 9223372036854775807 ELSE n::int8 * 1000000 END"},
	{"float4",
	 "(ARRAY['NaN', 'Infinity', '-Infinity', '-0', '1e-40', '3.4e38', n::text || 'e-5', '0.1'])[n % 8 + 1]"},
	{"float8",
	 "(ARRAY['NaN', 'Infinity', '-Infinity', '-0', '1e-310', '1e308', n::text || 'e-7', '0.1'])[n % 8 + 1]"},
	{"numeric",
	 "(ARRAY['NaN', 'Infinity', '-Infinity', '0.000', '1e-40', '1e100', n::text || 'e-7', '-12.50'])[n % 8 + 1]"},
	{"numeric(12,3)", "n / 7.0"},
	{"text", ODD_TEXT},
	{"varchar", ODD_TEXT},
	{"varchar(7)", "left(" ODD_TEXT ", 7)"},
	{"char(9)", "left(" ODD_TEXT ", 9)"},
	{"\"char\"", "chr(n % 100 + 1)"},
	{"name", "left(" ODD_TEXT ", 60)"},
	{"date",
	 "(ARRAY['infinity', '-infinity', '4713-01-01 BC', '5874897-12-31', '2020-02-29', ('1999-01-01'::date + n % 9999)::text])[n % 6 + 1]"},
	{"time", "'00:00'::time + n * interval '1.7 second'"},
	{"timetz", "('00:00'::time + n * interval '1.7 second') || '+05:30'"},
	{"timestamp",
	 "(ARRAY['infinity', '-infinity', '0044-03-15 BC', '294276-12-31 23:59:59.999999', ('1999-01-01'::timestamp + n * interval '1.000003 second')::text])[n % 5 + 1]"},
	{"timestamp(0)", "'1999-01-01'::timestamp + n * interval '1 hour'"},
	{"timestamptz",
	 "(ARRAY['infinity', '-infinity', '0044-03-15 BC', '1883-11-18 12:00', ('1999-01-01'::timestamp + n * interval '1.000003 second')::text])[n % 5 + 1]"},
	{"interval", "(n || ' month ' || n % 50 - 20 || ' day ' || n || ' second')::interval"},
	{"json",
	 "(ARRAY['{\"a\" :  1,\"a\":2}', '  [1, null]', '\"x\\u00e9\"', 'null', '{\"n\": ' || n || '}'])[n % 5 + 1]"},
	{"jsonb",
	 "(ARRAY['{\"a\" :  1,\"a\":2}', '  [1, null]', '\"x\\u00e9\"', 'null', '{\"n\": ' || n || '}'])[n % 5 + 1]"},
	{"bytea", "decode(md5(n::text), 'hex')"},
	{"uuid", "md5(n::text)"},
	{"inet", "'10.0.0.0'::inet + n"},
	{"cidr", "network(set_masklen('10.0.0.0'::inet + n, 24))"},
	{"macaddr", "substr(md5(n::text), 1, 12)"},
	{"bit(5)", "n::bit(5)"},
	{"varbit", "n::bit(20)"},
	{"money", "n"},
	{"oid", "n"},
	{"regclass", "'pg_class'"},
	{"regtype", "(ARRAY['int', 'text', 'kinds.mood', 'pg_class'])[n % 4 + 1]"},
	{"xid8", "n::text"},
	{"pg_lsn", "'0/' || to_hex(n)"},
	{"point", "point(n, 'NaN')"},
	{"box", "box(point(n, 1), point(2, n))"},
	{"xml", "'<a>' || n || '</a>'"},
	{"tsvector", "to_tsvector('simple', 'fat ''cat'' ' || n)"},
	{"jsonpath", "'$.a[' || n || ']'"},
	{"int4range", "int4range(n, n + 5)"},
	{"tstzmultirange", "tstzmultirange(tstzrange('2020-01-01', NULL))"},
	{"int[]", "ARRAY[n, NULL, 3]"},
	{"int2vector", "n % 99 || ' 2'"},
	{"numeric[][]", "ARRAY[[n, 'NaN'::numeric], [NULL, 1.50]]"},
	{"text[]", "ARRAY[" ODD_TEXT ", NULL]"},
	{"jsonb[]", "ARRAY['{\"a\" : 1}'::jsonb]"},
	{"timestamptz[]", "ARRAY['infinity', '2020-01-01'::timestamptz]"},
	{"kinds.mood", "(ARRAY['good', 'b\"ad', ''])[n % 3 + 1]::kinds.mood"},
	{"kinds.told", "(ARRAY['once', 'twice'])[n % 2 + 1]::kinds.told"},
	{"kinds.told[]", "ARRAY['once', NULL, 'twice']::kinds.told[]"},
	{"kinds.pair", "ROW(n, " ODD_TEXT ", NULL)::kinds.pair"},
	{"kinds.pair[]", "ARRAY[ROW(n, 'x', 'good')::kinds.pair]"},
	{"kinds.posint", "abs(n)"},
	{"kinds.stamp", "'1999-01-01'::timestamp + n * interval '1 hour'"},
	{"kinds.tags", "ARRAY['a', n::text]"},
	{"kinds.couple", "ROW(n, 'x', NULL)::kinds.pair"},
	{"kinds.deep", "abs(n)"},
	{"kinds.heard", "(ARRAY['once', 'twice'])[n % 2 + 1]::kinds.told"},
};

/* What the session may have set, and JSON in part depends on. */
static const char *const settings[] = {
	"SET LOCAL timezone = 'UTC'",
	"SET LOCAL timezone = 'Asia/Kolkata'; SET LOCAL datestyle = 'German, DMY'",
	"SET LOCAL timezone = 'America/New_York'; SET LOCAL intervalstyle = 'iso_8601'",
	"SET LOCAL bytea_output = 'escape'; SET LOCAL extra_float_digits = -3",
	"SET LOCAL datestyle = 'SQL, MDY'; SET LOCAL quote_all_identifiers = on",
};

static void
create_types(void)
{
	transaction_run("CREATE SCHEMA kinds");
	transaction_run("CREATE TYPE kinds.mood AS ENUM ('good', 'b\"ad', '')");
	transaction_run("CREATE TYPE kinds.told AS ENUM ('once', 'twice')");
	transaction_run("CREATE FUNCTION kinds.tell(kinds.told) RETURNS json LANGUAGE sql"
					" AS $$ SELECT json_build_object('told', $1::text) $$");
	transaction_run("CREATE CAST (kinds.told AS json) WITH FUNCTION kinds.tell(kinds.told)");
	transaction_run("CREATE TYPE kinds.pair AS (\"a \"\"key\"\"\" int, b text, c kinds.mood)");
	transaction_run("CREATE DOMAIN kinds.posint AS int CHECK (value >= 0)");
	transaction_run("CREATE DOMAIN kinds.deep AS kinds.posint");
	transaction_run("CREATE DOMAIN kinds.stamp AS timestamptz");
	transaction_run("CREATE DOMAIN kinds.tags AS text[]");
	transaction_run("CREATE DOMAIN kinds.couple AS kinds.pair");
	transaction_run("CREATE DOMAIN kinds.heard AS kinds.told");
}

/* One value in seven is null; the columns before and behind are there to be dropped. */
static void
create_rows(void)
{
	StringInfoData table;
	StringInfoData rows;

	initStringInfo(&table);
	initStringInfo(&rows);
	appendStringInfoString(&table, "CREATE TABLE kinds.rows (gone_first int");
	appendStringInfoString(&rows, "INSERT INTO kinds.rows SELECT 1");
	for (int i = 0; i < lengthof(kinds); i++)
	{
		appendStringInfo(&table, ", \"%d of \"\"%s\"\"\" %s", i,
						 kinds[i].type[0] == '"' ? "char" : kinds[i].type, kinds[i].type);
		appendStringInfo(&rows, ", CASE WHEN m %% 7 = %d THEN NULL ELSE (%s)::text END::%s", i % 7,
						 kinds[i].value, kinds[i].type);
		if (i == 20)
		{
			appendStringInfoString(&table, ", gone text");
			appendStringInfoString(&rows, ", 'gone'");
		}
	}
	appendStringInfoString(&table,
						   ", gone_last int, made int GENERATED ALWAYS AS (41 + 1) STORED)");
	appendStringInfoString(
		&rows, ", 2 FROM (SELECT (random() * 1000000)::int AS n, (random() * 1000)::int AS m"
			   " FROM generate_series(1, " ROWS ") OFFSET 0) AS random");
	transaction_run(table.data);
	transaction_run("ALTER TABLE kinds.rows ALTER \"8 of \"\"text\"\"\" SET STORAGE EXTERNAL");
	transaction_run(rows.data);
	transaction_run("ALTER TABLE kinds.rows DROP gone_first, DROP gone, DROP gone_last");
	transaction_run("ALTER TABLE kinds.rows ADD added text DEFAULT 'caf\xc3\xa9', ADD empty int");
	transaction_run("UPDATE kinds.rows SET empty = 1 WHERE random() < 0.5");
}

/* Every row of a table; the number of them. */
static int
compare_rows(const char *table)
{
	Relation relation = table_open(
		transaction_ask_oid(psprintf("SELECT '%s'::regclass::oid", table)), AccessShareLock);
	OutboxRowWriter *writer =
		outbox_rowjson_prepare(RelationGetDescr(relation), CurrentMemoryContext);
	TupleTableSlot *slot = table_slot_create(relation, NULL);
	TableScanDesc scan = table_beginscan(relation, GetActiveSnapshot(), 0, NULL);
	int rows = 0;

	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		StringInfoData json;
		Datum core = DirectFunctionCall1(row_to_json, ExecFetchSlotHeapTupleDatum(slot));

		initStringInfo(&json);
		appendStringInfoString(&json, "before");
		outbox_rowjson_write(writer, slot, &json);
		assert_string_equal(json.data + strlen("before"), TextDatumGetCString(core));
		rows++;
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	table_close(relation, NoLock);
	return rows;
}

static void
rows_are_written_as_row_to_json_writes_them(void **state)
{
	(void) state;
	create_types();
	create_rows();
	for (int i = 0; i < lengthof(settings); i++)
	{
		transaction_run(settings[i]);
		assert_int_equal(compare_rows("kinds.rows"), atoi(ROWS));
	}
}

/* A document of every kind inside each other, so deep, with strings around the length of words. */
static void
documents_are_written_as_core_writes_them(void **state)
{
	(void) state;
	transaction_run("CREATE SCHEMA kinds");
	transaction_run("CREATE TABLE kinds.documents (document jsonb)");
	transaction_run("INSERT INTO kinds.documents SELECT to_jsonb(n) FROM generate_series(-3, 3) n"
					" UNION ALL SELECT to_jsonb(repeat('x', n) || chr(m) || repeat('y', n))"
					" FROM generate_series(0, 17) n, generate_series(1, 300) m"
					" UNION ALL SELECT unnest(ARRAY['{}', '[]', 'null', 'true', 'false', '\"\"',"
					" '[[]]', '[{}]', '{\"\": {}}', '-0.00', '1e100', '1e-40']::jsonb[])");
	for (int i = 0; i < 3; i++)
		transaction_run(
			"INSERT INTO kinds.documents SELECT CASE ceil(random() * 4)"
			" WHEN 1 THEN jsonb_agg(document)"
			" WHEN 2 THEN jsonb_object_agg(left(document::text, 70), document)"
			" WHEN 3 THEN jsonb_build_object('a', jsonb_agg(document), 'b', 12.50, 'c', true)"
			" ELSE jsonb_build_array(1, jsonb_agg(document), null, 'x', jsonb_agg(document)) END"
			" FROM (SELECT document, random() AS place FROM kinds.documents"
			" WHERE octet_length(document::text) < 3000 ORDER BY place LIMIT 1000) AS few"
			" GROUP BY floor(place * 3000)");
	assert_true(compare_rows("kinds.documents") > 5400);
}

/* Beyond what we go into, and what core does. */
static void
documents_may_be_deep(void **state)
{
	(void) state;
	transaction_run("CREATE SCHEMA kinds");
	transaction_run("CREATE TABLE kinds.documents (document jsonb)");
	transaction_run("INSERT INTO kinds.documents SELECT ('[1, ' || repeat('[{\"a\":', n) || '\"x\"'"
					" || repeat('}, 2]', n) || ']')::jsonb FROM generate_series(0, 100) n");
	assert_int_equal(compare_rows("kinds.documents"), 101);
}

static void
rows_without_columns_and_with_one(void **state)
{
	(void) state;
	transaction_run("CREATE TABLE none ()");
	transaction_run("INSERT INTO none DEFAULT VALUES");
	assert_int_equal(compare_rows("none"), 1);
	transaction_run("ALTER TABLE none ADD one int");
	assert_int_equal(compare_rows("none"), 1);
	transaction_run("ALTER TABLE none DROP one");
	assert_int_equal(compare_rows("none"), 1);
}

/* All types that there are, with a value that their input takes or null. */
static void
rows_of_the_catalogs(void **state)
{
	(void) state;
	assert_true(compare_rows("pg_catalog.pg_class") > 100);
	assert_true(compare_rows("pg_catalog.pg_type") > 100);
	assert_true(compare_rows("pg_catalog.pg_proc") > 1000);
	assert_true(compare_rows("pg_catalog.pg_attribute") > 1000);
	assert_true(compare_rows("pg_catalog.pg_rewrite") > 10);
	assert_true(compare_rows("pg_catalog.pg_statistic") >= 0);
}

int
rowjson_suite_run(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(rows_are_written_as_row_to_json_writes_them,
										transaction_begin, transaction_roll_back),
		cmocka_unit_test_setup_teardown(documents_are_written_as_core_writes_them,
										transaction_begin, transaction_roll_back),
		cmocka_unit_test_setup_teardown(documents_may_be_deep, transaction_begin,
										transaction_roll_back),
		cmocka_unit_test_setup_teardown(rows_without_columns_and_with_one, transaction_begin,
										transaction_roll_back),
		cmocka_unit_test_setup_teardown(rows_of_the_catalogs, transaction_begin,
										transaction_roll_back),
	};

	return cmocka_run_group_tests_name("JSON of rows", tests, NULL, NULL);
}
