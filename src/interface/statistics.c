/*
 * statistics.c
 *		What is counted, for the views.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "infrastructure/postgres/shared.h"
#include "infrastructure/postgres/statistics.h"
#include "infrastructure/postgres/tally.h"

#define COUNT_COLUMNS 18
#define EVENT_COLUMNS 6
#define RULE_COLUMNS 5

PG_FUNCTION_INFO_V1(outbox_statistics_relay_counts);
PG_FUNCTION_INFO_V1(outbox_statistics_relay_latencies);
PG_FUNCTION_INFO_V1(outbox_statistics_event_counts);
PG_FUNCTION_INFO_V1(outbox_statistics_rule_counts);
PG_FUNCTION_INFO_V1(outbox_statistics_stat_reset);

static bool read_own(OutboxTallyReading *reading, int *slot);
static void fill_counts(Datum *values, const OutboxTallyCounts *counts);
static void put_event(ReturnSetInfo *result, const OutboxTallyType *type);
static void put_rule(ReturnSetInfo *result, int slot, const OutboxStatisticsEntry *entry);
static Datum wall_time(int64_t unix_us);

/* outbox.relay_counts(): one row. */
Datum
outbox_statistics_relay_counts(PG_FUNCTION_ARGS)
{
	TupleDesc description;
	Datum values[COUNT_COLUMNS] = {0};
	bool nulls[COUNT_COLUMNS];
	OutboxTallyReading reading;
	int slot;
	bool counted = read_own(&reading, &slot);

	if (get_call_result_type(fcinfo, NULL, &description) != TYPEFUNC_COMPOSITE ||
		description->natts != COUNT_COLUMNS)
		elog(ERROR, "could not match the declaration of outbox.relay_counts()");
	memset(nulls, !counted, sizeof(nulls));
	if (counted)
		fill_counts(values, &reading.counts);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(description), values, nulls));
}

/* outbox.relay_latencies(): one row for each bucket. */
Datum
outbox_statistics_relay_latencies(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	OutboxTallyReading reading;
	int slot;

	InitMaterializedSRF(fcinfo, 0);
	if (!read_own(&reading, &slot))
		PG_RETURN_NULL();
	for (int i = 0; i < OUTBOX_TALLY_BUCKETS; i++)
	{
		Datum values[2];
		bool nulls[2] = {0};

		nulls[0] = outbox_tally_bound(i) == PG_INT64_MAX;
		values[0] = Int64GetDatum(outbox_tally_bound(i));
		values[1] = Int64GetDatum((int64) reading.counts.latencies[i]);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	PG_RETURN_NULL();
}

/* outbox.event_counts(): one row for each type, and one for the others if there are any. */
Datum
outbox_statistics_event_counts(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	OutboxTallyReading reading;
	OutboxTallyType *types;
	int slot;
	int count;

	InitMaterializedSRF(fcinfo, 0);
	if (!read_own(&reading, &slot))
		PG_RETURN_NULL();
	types = palloc(sizeof(OutboxTallyType) * (OUTBOX_TALLY_TYPES + 1));
	count = outbox_tally_read_types(slot, types);
	for (int i = 0; i < count; i++)
		put_event(result, &types[i]);
	PG_RETURN_NULL();
}

/* outbox.rule_counts(): one row for each thing that sessions have counted. */
Datum
outbox_statistics_rule_counts(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	int slot = outbox_shared_find(MyDatabaseId);

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; slot != OUTBOX_NO_SLOT && i < outbox_statistics_limit(); i++)
	{
		OutboxStatisticsEntry entry;

		if (outbox_statistics_read(slot, i, &entry))
			put_rule(result, slot, &entry);
	}
	PG_RETURN_NULL();
}

/* outbox.stat_reset() */
Datum
outbox_statistics_stat_reset(PG_FUNCTION_ARGS)
{
	int slot = outbox_shared_find(MyDatabaseId);

	if (slot == OUTBOX_NO_SLOT)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("there are no statistics of this database"),
						errhint("Add cleanoutbox to \"shared_preload_libraries\" and restart the "
								"server.")));
	outbox_tally_reset(slot, MyDatabaseId);
	outbox_statistics_reset(slot);
	PG_RETURN_VOID();
}

/* This database's; false: there is nothing. */
static bool
read_own(OutboxTallyReading *reading, int *slot)
{
	*slot = outbox_shared_find(MyDatabaseId);
	return *slot != OUTBOX_NO_SLOT && outbox_tally_read(*slot, reading) && reading->counted;
}

static void
fill_counts(Datum *values, const OutboxTallyCounts *counts)
{
	const uint64_t columns[] = {
		counts->published,  counts->bytes,     counts->acknowledged, counts->recalled,
		counts->duplicates, counts->refused,   counts->sent,         counts->connections,
		counts->retries,    counts->conflicts, counts->setbacks,     counts->checks,
		counts->lost,       counts->repaired,  counts->gone,         counts->timed,
	};

	for (int i = 0; i < lengthof(columns); i++)
		values[i] = Int64GetDatum((int64) columns[i]);
	values[COUNT_COLUMNS - 2] = Float8GetDatum((double) counts->latency / 1000.0);
	values[COUNT_COLUMNS - 1] = wall_time(counts->since);
}

static void
put_event(ReturnSetInfo *result, const OutboxTallyType *type)
{
	Datum values[EVENT_COLUMNS];
	bool nulls[EVENT_COLUMNS] = {0};

	if (type->published == 0 && type->refused == 0)
		return;
	nulls[0] = nulls[1] = type->aggregate[0] == '\0';
	values[0] = CStringGetTextDatum(type->aggregate);
	values[1] = CStringGetTextDatum(type->action);
	values[2] = Int64GetDatum((int64) type->published);
	values[3] = Int64GetDatum((int64) type->bytes);
	values[4] = Int64GetDatum((int64) type->refused);
	values[5] = wall_time(type->last_published_at);
	nulls[5] = type->last_published_at == 0;
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

static void
put_rule(ReturnSetInfo *result, int slot, const OutboxStatisticsEntry *entry)
{
	Datum values[RULE_COLUMNS];
	bool nulls[RULE_COLUMNS] = {0};
	Datum names[2];
	bool transition = entry->kind == OUTBOX_STATISTICS_TRANSITION;

	for (int i = 0; i < 2; i++)
		names[i] = CStringGetTextDatum(entry->names[i + 1]);
	nulls[1] = nulls[2] = entry->names[0][0] == '\0';
	values[0] = CStringGetTextDatum(transition ? "transition" : "violation");
	values[1] = CStringGetTextDatum(entry->names[0]);
	values[2] = PointerGetDatum(
		construct_array(names, transition ? 2 : 1, TEXTOID, -1, false, TYPALIGN_INT));
	values[3] = Int64GetDatum((int64) entry->count);
	values[4] = TimestampTzGetDatum(outbox_statistics_since(slot));
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

static Datum
wall_time(int64_t unix_us)
{
	return TimestampTzGetDatum(unix_us - (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY);
}
