/*
 * form.c
 *		How rows of the log get into it: as core would write them, whatever has become
 *		of its tables meanwhile.
 */
#include "postgres.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/resowner.h"

#include "contract/postgres/form.h"
#include "contract/postgres/transaction.h"
#include "infrastructure/postgres/columns.h"
#include "infrastructure/postgres/form.h"
#include "infrastructure/postgres/grip.h"
#include "infrastructure/postgres/log.h"

#define XID 123456789

/* Around what makes a header short, or a text no longer one of the tuple's own. */
static const int lengths[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 125, 126, 127, 128, 129, 3000};

static OutboxDraft
draft_of(int which)
{
	char *text = palloc(lengths[lengthof(lengths) - 1] + 1);
	const char *end = text + lengths[lengthof(lengths) - 1];

	memset(text, 'x', lengths[lengthof(lengths) - 1]);
	text[lengths[lengthof(lengths) - 1]] = '\0';
	return (OutboxDraft){.emitted_at = 42 + which,
						 .aggregate = end - lengths[which % lengthof(lengths)],
						 .aggregate_id = end - lengths[which / 3 % lengthof(lengths)],
						 .action = end - lengths[which / 7 % lengthof(lengths)],
						 .has_version = which % 2 == 0,
						 .version = -which,
						 .content_type = end - lengths[which / 11 % lengthof(lengths)],
						 .headers = end - lengths[which / 17 % lengthof(lengths)],
						 .payload = text,
						 .payload_length = lengths[which / 5 % lengthof(lengths)]};
}

static HeapTuple
form_by_core(TupleDesc columns, int64 id, const OutboxDraft *draft)
{
	bool nulls[OUTBOX_EVENT_COLUMNS] = {false};
	Datum values[OUTBOX_EVENT_COLUMNS];

	values[OUTBOX_EVENT_ID - 1] = Int64GetDatum(id);
	values[OUTBOX_EVENT_XID - 1] = UInt64GetDatum(XID);
	values[OUTBOX_EVENT_EMITTED_AT - 1] = Int64GetDatum(draft->emitted_at);
	values[OUTBOX_EVENT_AGGREGATE - 1] = CStringGetTextDatum(draft->aggregate);
	values[OUTBOX_EVENT_AGGREGATE_ID - 1] = CStringGetTextDatum(draft->aggregate_id);
	values[OUTBOX_EVENT_ACTION - 1] = CStringGetTextDatum(draft->action);
	values[OUTBOX_EVENT_VERSION - 1] = Int64GetDatum(draft->version);
	nulls[OUTBOX_EVENT_VERSION - 1] = !draft->has_version;
	values[OUTBOX_EVENT_CONTENT_TYPE - 1] = CStringGetTextDatum(draft->content_type);
	values[OUTBOX_EVENT_HEADERS - 1] = CStringGetTextDatum(draft->headers);
	values[OUTBOX_EVENT_PAYLOAD - 1] =
		PointerGetDatum(cstring_to_text_with_len(draft->payload, draft->payload_length));
	return heap_form_tuple(columns, values, nulls);
}

/* All but what heap_insert writes. */
static void
compare(HeapTuple ours, HeapTuple core)
{
	size_t from = offsetof(HeapTupleHeaderData, t_hoff);

	assert_int_equal(ours->t_len, core->t_len);
	assert_int_equal(ours->t_data->t_infomask2, core->t_data->t_infomask2);
	assert_int_equal(ours->t_data->t_infomask & ~HEAP_XACT_MASK,
					 core->t_data->t_infomask & ~HEAP_XACT_MASK);
	assert_memory_equal((char *) ours->t_data + from, (char *) core->t_data + from,
						core->t_len - from);
}

static void
rows_are_formed_as_core_forms_them(void **state)
{
	Relation table = table_open(outbox_log_child(0), AccessShareLock);

	(void) state;
	for (int which = 0; which < 5000; which++)
	{
		OutboxDraft draft = draft_of(which);

		compare(outbox_form_row(which, UInt64GetDatum(XID), &draft),
				form_by_core(RelationGetDescr(table), which, &draft));
	}
	table_close(table, NoLock);
}

static bool
fits(const char *table)
{
	Relation relation = table_open(
		transaction_ask_oid(psprintf("SELECT '%s'::regclass::oid", table)), AccessShareLock);
	bool answer = outbox_form_fits(RelationGetDescr(relation));

	table_close(relation, NoLock);
	return answer;
}

static void
tables_that_are_not_as_made_are_seen(void **state)
{
	(void) state;
	assert_true(fits("outbox.event_0"));
	assert_true(fits("outbox.event_2"));
	assert_true(fits("outbox.scheduled"));
	assert_false(fits("pg_catalog.pg_class"));
	transaction_run("ALTER TABLE outbox.event_0 ALTER aggregate SET STORAGE PLAIN");
	assert_false(fits("outbox.event_0"));
	transaction_run("ALTER TABLE outbox.event ADD note text");
	assert_false(fits("outbox.event_2"));
	transaction_run("ALTER TABLE outbox.event DROP note");
	assert_false(fits("outbox.event_2"));
}

/* Appends an event of this aggregate; how many of it a query then sees. */
static int
append(const char *aggregate, const char *way)
{
	OutboxDraft draft = draft_of(1);

	draft.aggregate = aggregate;
	(void) outbox_log_append(&draft);
	transaction_run("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off");
	return atoi(transaction_ask(psprintf("SELECT count(*) FROM outbox.event WHERE %s", way)));
}

/* In one transaction, which has opened the table before each of the changes. */
static void
a_table_may_change_between_two_events(void **state)
{
	const char *by_xid = "aggregate = 'a' AND xid = pg_catalog.pg_current_xact_id()";

	(void) state;
	assert_int_equal(append("a", by_xid), 1);
	assert_int_equal(append("a", by_xid), 2);
	transaction_run("ALTER TABLE outbox.event ADD note text");
	assert_int_equal(append("a", by_xid), 3);
	transaction_run("CREATE INDEX further ON outbox.event_0 (aggregate)");
	assert_int_equal(append("b", "aggregate = 'b'"), 1);
	transaction_run("DROP INDEX outbox.further; CREATE INDEX further ON outbox.event_0 (id)");
	assert_int_equal(append("a", by_xid), 4);
	transaction_run("DROP INDEX outbox.further; DROP INDEX outbox.event_0_xid_idx");
	assert_int_equal(append("a", by_xid), 5);
	transaction_run("CREATE INDEX event_0_xid_idx ON outbox.event_0 (xid)");
	assert_int_equal(append("a", by_xid), 6);
	transaction_run("TRUNCATE outbox.event");
	assert_int_equal(append("a", by_xid), 1);
	assert_int_equal(append("a", by_xid), 2);
}

/* A subtransaction that is rolled back takes its rows, and the locks it was first to take. */
static void
append_and_fail(void *argument)
{
	(void) argument;
	assert_int_equal(append("sub", "aggregate = 'sub'"), 1);
	ereport(ERROR, errmsg("as it should be"));
}

static const char *
locks_held(void)
{
	return transaction_ask("SELECT string_agg(DISTINCT relation::regclass::text, ' '"
						   " ORDER BY relation::regclass::text) FROM pg_catalog.pg_locks"
						   " WHERE pid = pg_catalog.pg_backend_pid() AND mode = 'RowExclusiveLock'"
						   " AND relation::regclass::text LIKE 'outbox.event%'");
}

static void
locks_are_taken_again_after_a_rollback(void **state)
{
	const char *all = "outbox.event_0 outbox.event_0_xid_idx outbox.event_id_seq";

	(void) state;
	assert_non_null(transaction_attempt(append_and_fail, NULL));
	assert_int_equal(append("top", "aggregate = 'top'"), 1);
	assert_string_equal(locks_held(), all);
	assert_non_null(transaction_attempt(append_and_fail, NULL));
	assert_int_equal(append("top", "aggregate = 'top'"), 2);
	assert_int_equal(append("top", "aggregate = 'sub' OR aggregate = 'top'"), 3);
	assert_string_equal(locks_held(), all);
}

static void
succeed(void *argument)
{
	*(OutboxGrip *) argument = outbox_grip_take();
}

static void
complain(void *argument)
{
	ereport(ERROR, errmsg("as it should be"));
}

static void
a_grip_ends_with_what_it_covers(void **state)
{
	OutboxGrip none = {0};
	OutboxGrip grip = outbox_grip_take();

	(void) state;
	assert_false(outbox_grip_holds(&none));
	assert_false(outbox_grip_knows(&none));
	assert_true(outbox_grip_holds(&grip));
	transaction_run("SELECT 1");
	assert_true(outbox_grip_holds(&grip));
	assert_null(transaction_attempt(succeed, &grip));
	assert_true(outbox_grip_holds(&grip));
	assert_non_null(transaction_attempt(complain, NULL));
	assert_false(outbox_grip_holds(&grip));
	assert_false(outbox_grip_knows(&grip));

	grip = outbox_grip_take();
	transaction_run("CREATE TABLE anything ()");
	assert_false(outbox_grip_holds(&grip));
	assert_false(outbox_grip_knows(&grip));

	grip = outbox_grip_take();
	transaction_run("CREATE SCHEMA anywhere");
	assert_false(outbox_grip_holds(&grip));
	assert_false(outbox_grip_knows(&grip));
}

static void
a_grip_ends_with_its_transaction(void **state)
{
	OutboxGrip grip = outbox_grip_take();

	transaction_roll_back(state);
	transaction_begin(state);
	assert_false(outbox_grip_holds(&grip));
	assert_true(outbox_grip_knows(&grip));
}

static int
begin(void **state)
{
	transaction_begin(state);
	transaction_run("SET LOCAL client_min_messages = warning");
	transaction_run("CREATE EXTENSION IF NOT EXISTS cleanoutbox");
	return 0;
}

int
form_suite_run(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(rows_are_formed_as_core_forms_them, begin,
										transaction_roll_back),
		cmocka_unit_test_setup_teardown(tables_that_are_not_as_made_are_seen, begin,
										transaction_roll_back),
		cmocka_unit_test_setup_teardown(a_table_may_change_between_two_events, begin,
										transaction_roll_back),
		cmocka_unit_test_setup_teardown(locks_are_taken_again_after_a_rollback, begin,
										transaction_roll_back),
		cmocka_unit_test_setup_teardown(a_grip_ends_with_what_it_covers, begin,
										transaction_roll_back),
		cmocka_unit_test_setup_teardown(a_grip_ends_with_its_transaction, transaction_begin,
										transaction_roll_back),
	};

	return cmocka_run_group_tests_name("rows of the log", tests, NULL, NULL);
}
