/*
 * breach.c
 *		Puts breaches of an aggregate's rules into words and SQLSTATEs.
 *
 * The part of report.c for these faults, and the only other place that raises errors
 * for faults.  A *breach* is a change that a rule forbids.  Its message may reach the
 * people who use an application, so it speaks of the aggregate and not of its table.
 *
 * A stale version is 40001, so that callers try again; one that is used up is 22003, a
 * missing root 23503, all others 23514.  Table, column and constraint are told as
 * fields, as the server does for constraints of its own.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/lsyscache.h"

#include "infrastructure/postgres/statistics.h"
#include "interface/report.h"

#define WHICH "{aggregate} \"{id}\""
#define FOLLOWERS "From \"{old_state}\" it can go to {allowed}."
#define BEGINNINGS "It can begin as {allowed}."

/*
 * Texts in which {names} stand for what the breach is about.  Of two, the first one is
 * taken of which all is known; detail and hint are left out if there is none.
 */
typedef struct Wording
{
	OutboxFault fault;
	int sqlstate;
	const char *messages[2];
	const char *details[2];
	const char *hints[2];
} Wording;

static const Wording *find_wording(OutboxFault fault);
static const char *fill(const char *const *texts, const OutboxReportBreach *breach);
static bool append_filled(StringInfo filled, const char *text, const OutboxReportBreach *breach);
static const char *find_value(const char *name, size_t length, const OutboxReportBreach *breach);
static const char *quote(const char *value);
static int name_place(const OutboxReportBreach *breach, const char *schema, const char *table);

static const Wording wordings[] = {
	{OUTBOX_FAULT_VERSION_STALE,
	 ERRCODE_T_R_SERIALIZATION_FAILURE,
	 {WHICH " has been changed by somebody else"},
	 {"The row has version {old_version}, and version {new_version} was written."},
	 {"Read it again and repeat the change."}},
	{OUTBOX_FAULT_VERSION_EXHAUSTED,
	 ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
	 {WHICH " has used up its versions"},
	 {"Column \"{column}\" cannot hold a version greater than {old_version}."},
	 {"Give the column a larger type."}},

	{OUTBOX_FAULT_STATE_NULL,
	 ERRCODE_CHECK_VIOLATION,
	 {WHICH " has no state"},
	 {"Column \"{column}\" is null."},
	 {FOLLOWERS, BEGINNINGS}},
	{OUTBOX_FAULT_STATE_NOT_INITIAL,
	 ERRCODE_CHECK_VIOLATION,
	 {WHICH " cannot begin as \"{new_state}\""},
	 {NULL},
	 {BEGINNINGS}},
	{OUTBOX_FAULT_NO_TRANSITION,
	 ERRCODE_CHECK_VIOLATION,
	 {WHICH " cannot go from \"{old_state}\" to \"{new_state}\""},
	 {NULL},
	 {FOLLOWERS, "From \"{old_state}\" it can go nowhere."}},
	{OUTBOX_FAULT_GUARD_UNMET,
	 ERRCODE_CHECK_VIOLATION,
	 {WHICH " cannot go from \"{old_state}\" to \"{new_state}\" yet"},
	 {"The transition's condition, {guard}, is not met."},
	 {NULL}},

	{OUTBOX_FAULT_IMMUTABLE_CHANGED,
	 ERRCODE_CHECK_VIOLATION,
	 {"column \"{column}\" of " WHICH " cannot be changed"},
	 {"It keeps the value that the row was inserted with."},
	 {NULL}},
	{OUTBOX_FAULT_INVARIANT_BROKEN,
	 ERRCODE_CHECK_VIOLATION,
	 {"{message}", WHICH " violates invariant \"{invariant}\""},
	 {"Invariant \"{invariant}\" of " WHICH " is false."},
	 {NULL}},
	{OUTBOX_FAULT_ROOT_MISSING,
	 ERRCODE_FOREIGN_KEY_VIOLATION,
	 {WHICH " does not exist"},
	 {"Table \"{table}\" has a row that belongs to it."},
	 {NULL}},
};

void
outbox_report_breach(OutboxFault fault, const OutboxReportBreach *breach)
{
	const Wording *wording = find_wording(fault);
	const char *table = get_rel_name(breach->table);
	const char *schema =
		table != NULL ? get_namespace_name(get_rel_namespace(breach->table)) : NULL;
	const char *message = wording != NULL ? fill(wording->messages, breach) : NULL;
	const char *detail;
	const char *hint;

	if (message == NULL)
		elog(ERROR, "no words for fault %d", (int) fault);
	detail = fill(wording->details, breach);
	if (fault == OUTBOX_FAULT_INVARIANT_BROKEN && breach->message == NULL)
		detail = NULL; /* the message says it already */
	hint = fill(wording->hints, breach);
	outbox_statistics_count_violation(breach->aggregate, breach->constraint);
	ereport(ERROR, errcode(wording->sqlstate), errmsg_internal("%s", message),
			detail != NULL ? errdetail_internal("%s", detail) : 0,
			hint != NULL ? errhint("%s", hint) : 0, name_place(breach, schema, table));
	pg_unreachable();
}

static const Wording *
find_wording(OutboxFault fault)
{
	StaticAssertStmt(lengthof(wordings) == OUTBOX_FAULT_BREACHES, "every breach has its wording");

	for (int i = 0; i < lengthof(wordings); i++)
		if (wordings[i].fault == fault)
			return &wordings[i];
	return NULL;
}

/* NULL: of neither text all is known. */
static const char *
fill(const char *const *texts, const OutboxReportBreach *breach)
{
	for (int i = 0; i < 2 && texts[i] != NULL; i++)
	{
		StringInfoData filled;

		initStringInfo(&filled);
		if (append_filled(&filled, texts[i], breach))
			return filled.data;
	}
	return NULL;
}

static bool
append_filled(StringInfo filled, const char *text, const OutboxReportBreach *breach)
{
	while (*text != '\0')
	{
		size_t plain = strcspn(text, "{");
		size_t name;
		const char *value;

		appendBinaryStringInfo(filled, text, plain);
		text += plain;
		if (*text == '\0')
			break;
		name = strcspn(++text, "}");
		value = find_value(text, name, breach);
		if (value == NULL)
			return false;
		appendStringInfoString(filled, value);
		text += name + 1;
	}
	return true;
}

/* NULL: not known, or there is nothing to be said. */
static const char *
find_value(const char *name, size_t length, const OutboxReportBreach *breach)
{
	bool allows = breach->allowed != NULL && breach->allowed[0] != '\0';
	const struct
	{
		const char *name;
		const char *value;
	} values[] = {
		{"aggregate", breach->aggregate},
		{"id", quote(breach->aggregate_id)},
		{"table", get_rel_name(breach->table)},
		{"column", breach->column},
		{"message", breach->message},
		{"old_version", psprintf(INT64_FORMAT, breach->old_version)},
		{"new_version", psprintf(INT64_FORMAT, breach->new_version)},
		{"old_state", quote(breach->old_state)},
		{"new_state", quote(breach->new_state)},
		{"allowed", allows ? breach->allowed : NULL},
		{"guard", breach->guard},
		{"invariant", breach->invariant},
	};

	for (int i = 0; i < lengthof(values); i++)
		if (strlen(values[i].name) == length && strncmp(values[i].name, name, length) == 0)
			return values[i].value;
	return NULL;
}

static const char *
quote(const char *value)
{
	return value != NULL ? outbox_report_quote(value, strlen(value), GetDatabaseEncoding()) : NULL;
}

static int
name_place(const OutboxReportBreach *breach, const char *schema, const char *table)
{
	const struct
	{
		int field;
		const char *name;
	} names[] = {
		{PG_DIAG_SCHEMA_NAME, schema},
		{PG_DIAG_TABLE_NAME, table},
		{PG_DIAG_COLUMN_NAME, breach->column},
		{PG_DIAG_CONSTRAINT_NAME, breach->constraint},
	};

	for (int i = 0; i < lengthof(names); i++)
		if (names[i].name != NULL)
			err_generic_string(names[i].field, names[i].name);
	return 0;
}
