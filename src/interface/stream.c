/*
 * stream.c
 *		outbox.stream_state: the stream, as the relay saw it when it connected last.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "infrastructure/postgres/sight.h"

#define COLUMNS 21

PG_FUNCTION_INFO_V1(outbox_stream_state);

static void fill(Datum *values, bool *nulls, const OutboxSighting *sighting);
static Datum number(uint64 value);
static Datum duration(int64 nanoseconds);

/* One row; all null when nothing was seen. */
Datum
outbox_stream_state(PG_FUNCTION_ARGS)
{
	TupleDesc description;
	Datum values[COLUMNS] = {0};
	bool nulls[COLUMNS];
	OutboxSighting sighting;

	if (get_call_result_type(fcinfo, NULL, &description) != TYPEFUNC_COMPOSITE ||
		description->natts != COLUMNS)
		elog(ERROR, "could not match the declaration of outbox.stream_state()");
	memset(nulls, true, sizeof(nulls));
	if (outbox_sight_read(&sighting) && sighting.stream.looked)
		fill(values, nulls, &sighting);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(description), values, nulls));
}

static void
fill(Datum *values, bool *nulls, const OutboxSighting *sighting)
{
	const OutboxSight *seen = &sighting->stream;
	const int64 limits[] = {seen->max_messages, seen->max_bytes, seen->max_per_subject,
							seen->max_message_size, seen->max_payload};
	int i = 0;

	memset(nulls, false, sizeof(bool) * COLUMNS);
	values[i++] = TimestampTzGetDatum(sighting->seen_at);
	values[i++] = BoolGetDatum(seen->covered);
	values[i++] = BoolGetDatum(seen->met);
	values[i++] = BoolGetDatum(seen->sealed);
	values[i++] = BoolGetDatum(seen->no_ack);
	values[i++] = BoolGetDatum(seen->in_memory);
	values[i++] = BoolGetDatum(seen->consumed);
	values[i++] = BoolGetDatum(seen->discard_old);
	values[i++] = BoolGetDatum(seen->clustered);
	values[i++] = Int64GetDatum(seen->replicas);
	nulls[i] = seen->max_age <= 0;
	values[i++] = duration(seen->max_age);
	for (int limit = 0; limit < lengthof(limits); limit++)
	{
		nulls[i] = limits[limit] <= 0;
		values[i++] = Int64GetDatum(limits[limit]);
	}
	values[i++] = duration(seen->duplicate_window);
	values[i++] = number(seen->messages);
	values[i++] = number(seen->bytes);
	values[i++] = number(seen->last_sequence);
	nulls[i] = seen->server[0] == '\0';
	values[i++] = CStringGetTextDatum(seen->server);
}

static Datum
number(uint64 value)
{
	return DirectFunctionCall1(int8_numeric, Int64GetDatum((int64) Min(value, PG_INT64_MAX)));
}

static Datum
duration(int64 nanoseconds)
{
	Interval *interval = palloc0(sizeof(Interval));

	interval->time = nanoseconds / 1000;
	return IntervalPGetDatum(interval);
}
