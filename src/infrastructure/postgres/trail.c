/*
 * trail.c
 *		The trail as rows of outbox.trail, and what was lost of it as rows of
 *		outbox.lost.
 *
 * Rows are found by their first sequences.  Where events were settled in another
 * order than they are stored, rows may overlap; since none spans more than
 * OUTBOX_TRAIL_SPAN, whatever holds a sequence begins less than that before it.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "infrastructure/postgres/statement.h"
#include "infrastructure/postgres/trail.h"

#define SPAN CppAsString2(OUTBOX_TRAIL_SPAN)

/* A run takes three elements of an array. */
#define RUN_ELEMENTS 3

static OutboxStatement insert = {
	.text = "INSERT INTO outbox.trail (stream, first_sequence, last_sequence, runs, turn)"
			" SELECT $1, $2, $3, $4, pg_catalog.max(turn) FROM outbox.ring",
	.types = {TEXTOID, INT8OID, INT8OID, INT8ARRAYOID},
};

static OutboxStatement read_rows = {
	.text = "SELECT first_sequence, runs FROM outbox.trail"
			" WHERE stream = $1 AND first_sequence > $2 - " SPAN " AND last_sequence > $2"
			" ORDER BY first_sequence LIMIT $3",
	.types = {TEXTOID, INT8OID, INT8OID},
};

static OutboxStatement read_newest = {
	.text = "SELECT first_sequence, runs FROM outbox.trail t WHERE stream = $1"
			"   AND first_sequence > (SELECT pg_catalog.max(first_sequence) - " SPAN
			"                           FROM outbox.trail WHERE stream = $1)",
	.types = {TEXTOID},
};

/* Rows that begin before the range from $2, and reach into it. */
static OutboxStatement take_left = {
	.text = "DELETE FROM outbox.trail WHERE stream = $1 AND first_sequence > $2 - " SPAN
			"   AND first_sequence < $2 AND last_sequence >= $2 RETURNING first_sequence, runs",
	.types = {TEXTOID, INT8OID},
};

/* Rows that begin in the range, and reach beyond it. */
static OutboxStatement take_right = {
	.text = "DELETE FROM outbox.trail WHERE stream = $1 AND first_sequence >= $2"
			"   AND first_sequence <= $3 AND last_sequence > $3 RETURNING first_sequence, runs",
	.types = {TEXTOID, INT8OID, INT8OID},
};

static OutboxStatement move_whole = {
	.text = "WITH moved AS (DELETE FROM outbox.trail WHERE stream = $1 AND first_sequence >= $2"
			"                  AND last_sequence <= $3 RETURNING first_sequence, runs)"
			" INSERT INTO outbox.lost (stream, place, events, runs)"
			" SELECT $1, $4 - 1 + pg_catalog.row_number() OVER (ORDER BY first_sequence),"
			"        (SELECT pg_catalog.sum(runs[i]) FROM pg_catalog.generate_subscripts(runs, 1) i"
			"          WHERE i % 3 = 0), runs"
			"   FROM moved RETURNING events",
	.types = {TEXTOID, INT8OID, INT8OID, INT8OID},
};

static OutboxStatement insert_lost = {
	.text = "INSERT INTO outbox.lost (stream, place, events, runs) VALUES ($1, $2, $3, $4)",
	.types = {TEXTOID, INT8OID, INT8OID, INT8ARRAYOID},
};

static OutboxStatement sum_lost = {
	.text = "SELECT coalesce(pg_catalog.min(place), 0),"
			"       coalesce(pg_catalog.sum(events), 0)::bigint"
			"  FROM outbox.lost WHERE stream = $1",
	.types = {TEXTOID},
};

static OutboxStatement read_lost = {
	.text = "SELECT place, runs FROM (SELECT place, runs, events,"
			"       pg_catalog.sum(events) OVER (ORDER BY place) AS so_far"
			"  FROM outbox.lost WHERE stream = $1) l"
			" WHERE so_far - events < $2 ORDER BY place LIMIT 65536",
	.types = {TEXTOID, INT8OID},
};

static OutboxStatement remove_lost = {
	.text = "DELETE FROM outbox.lost WHERE stream = $1 AND place BETWEEN $2 AND $3",
	.types = {TEXTOID, INT8OID, INT8OID},
};

static OutboxStatement cut_lost = {
	.text = "UPDATE outbox.lost SET events = $3, runs = $4 WHERE stream = $1 AND place = $2",
	.types = {TEXTOID, INT8OID, INT8OID, INT8ARRAYOID},
};

static OutboxStatement read_deleted = {
	.text = "SELECT deleted FROM outbox.inspection WHERE stream = $1",
	.types = {TEXTOID},
};

static OutboxStatement write_deleted = {
	.text = "INSERT INTO outbox.inspection (stream, deleted) VALUES ($1, $2)"
			" ON CONFLICT (stream) DO UPDATE SET deleted = $2, checked_at = pg_catalog.now()",
	.types = {TEXTOID, INT8OID},
};

static OutboxStatement expire = {
	.text = "DELETE FROM outbox.trail WHERE stream = $1 AND first_sequence < $2"
			"   AND last_sequence < $2",
	.types = {TEXTOID, INT8OID},
};

static OutboxStatement forget = {
	.text = "DELETE FROM outbox.trail WHERE turn < $1",
	.types = {INT8OID},
};

static void insert_row(const char *stream, const OutboxTrailRun *runs, int count);
static uint64 insert_lost_row(const char *stream, int64_t *place, const OutboxTrailRun *runs,
							  int count);
static uint64 take_apart(const char *stream, uint64_t first, uint64_t last, int64_t *place);
static OutboxTrailRun *collect_runs(int *count);
static Datum write_runs(const OutboxTrailRun *runs, int count);
static OutboxTrailRun *read_runs(Datum value, int *count);
static int64 number(uint64 row, int column);
static int64 clip(uint64_t sequence);

void
outbox_trail_write(const char *stream, OutboxTrail *noted)
{
	OutboxTrailRun *row;
	int next = 0;
	int count;

	if (noted->count == 0)
		return;
	row = palloc(sizeof(OutboxTrailRun) * noted->count);
	outbox_trail_sort(noted->runs, noted->count);
	SPI_connect();
	while ((count = outbox_trail_take_row(noted->runs, noted->count, &next, row)) > 0)
		insert_row(stream, row, count);
	SPI_finish();
	pfree(row);
	noted->count = 0;
}

OutboxTrailEntry
outbox_trail_newest(const char *stream)
{
	Datum values[] = {CStringGetTextDatum(stream)};
	OutboxTrailEntry newest = {0, 0};
	OutboxTrailRun *runs;
	int count;

	SPI_connect();
	outbox_statement_run(&read_newest, values);
	runs = collect_runs(&count);
	if (count > 0)
		outbox_trail_unfold(runs, count, outbox_trail_end(&runs[count - 1]) - 1, &newest, 1);
	SPI_finish();
	return newest;
}

/* What begins before the last row read is all read. */
int
outbox_trail_read(const char *stream, uint64_t after, OutboxTrailEntry *entries, int max)
{
	Datum values[] = {CStringGetTextDatum(stream), Int64GetDatum(clip(after)), (Datum) 0};
	int read = 0;

	for (int limit = Min(Max(8, max / 8), 64);; limit *= 2)
	{
		uint64 horizon = PG_INT64_MAX;
		OutboxTrailRun *runs;
		int count;
		bool all;

		values[2] = Int64GetDatum(limit);
		SPI_connect();
		outbox_statement_run(&read_rows, values);
		all = SPI_processed < limit;
		if (!all)
			horizon = (uint64) number(limit - 1, 1) - 1;
		runs = collect_runs(&count);
		count = outbox_trail_slice(runs, count, after + 1, horizon, runs);
		read = outbox_trail_unfold(runs, count, after, entries, max);
		SPI_finish();
		if (read > 0 || all)
			return read;
	}
}

uint64_t
outbox_trail_lose(const char *stream, uint64_t first, uint64_t last, int64_t *place)
{
	Datum values[] = {CStringGetTextDatum(stream), Int64GetDatum(clip(first)),
					  Int64GetDatum(clip(last)), (Datum) 0};
	uint64 moved;

	SPI_connect();
	outbox_statement_run(&take_left, values);
	moved = take_apart(stream, first, last, place);
	values[3] = Int64GetDatum(*place);
	outbox_statement_run(&move_whole, values);
	*place += (int64) SPI_processed;
	for (uint64 i = 0; i < SPI_processed; i++)
		moved += (uint64) number(i, 1);
	outbox_statement_run(&take_right, values);
	moved += take_apart(stream, first, last, place);
	SPI_finish();
	return moved;
}

int64_t
outbox_trail_first_lost(const char *stream, uint64_t *events)
{
	Datum values[] = {CStringGetTextDatum(stream)};
	int64 place;

	SPI_connect();
	outbox_statement_run(&sum_lost, values);
	place = number(0, 1);
	*events = (uint64) number(0, 2);
	SPI_finish();
	return place;
}

OutboxLostRow *
outbox_trail_read_lost(const char *stream, uint64_t events, int *count)
{
	Datum values[] = {CStringGetTextDatum(stream), Int64GetDatum((int64) events)};
	MemoryContext caller = CurrentMemoryContext;
	OutboxLostRow *rows;

	SPI_connect();
	outbox_statement_run(&read_lost, values);
	*count = (int) SPI_processed;
	rows = MemoryContextAlloc(caller, sizeof(OutboxLostRow) * Max(*count, 1));
	for (int i = 0; i < *count; i++)
	{
		bool isnull;
		MemoryContext spi = MemoryContextSwitchTo(caller);

		rows[i].place = number(i, 1);
		rows[i].runs = read_runs(outbox_statement_value(i, 2, &isnull), &rows[i].count);
		MemoryContextSwitchTo(spi);
	}
	SPI_finish();
	return rows;
}

void
outbox_trail_remove_lost(const char *stream, int64_t first, int64_t last)
{
	Datum values[] = {CStringGetTextDatum(stream), Int64GetDatum(first), Int64GetDatum(last)};

	SPI_connect();
	outbox_statement_run(&remove_lost, values);
	SPI_finish();
}

void
outbox_trail_cut_lost(const char *stream, const OutboxLostRow *row, uint64_t entries)
{
	OutboxTrailRun *rest = palloc(sizeof(OutboxTrailRun) * row->count);
	int count = outbox_trail_drop(row->runs, row->count, entries, rest);
	Datum values[] = {CStringGetTextDatum(stream), Int64GetDatum(row->place),
					  Int64GetDatum((int64) outbox_trail_count(rest, count)),
					  write_runs(rest, count)};

	SPI_connect();
	outbox_statement_run(&cut_lost, values);
	SPI_finish();
	pfree(rest);
}

uint64_t
outbox_trail_deleted(const char *stream)
{
	Datum values[] = {CStringGetTextDatum(stream)};
	uint64 deleted = 0;

	SPI_connect();
	outbox_statement_run(&read_deleted, values);
	if (SPI_processed > 0)
		deleted = (uint64) number(0, 1);
	SPI_finish();
	return deleted;
}

void
outbox_trail_set_deleted(const char *stream, uint64_t deleted)
{
	Datum values[] = {CStringGetTextDatum(stream), Int64GetDatum(clip(deleted))};

	SPI_connect();
	outbox_statement_run(&write_deleted, values);
	SPI_finish();
}

void
outbox_trail_expire(const char *stream, uint64_t first)
{
	Datum values[] = {CStringGetTextDatum(stream), Int64GetDatum(clip(first))};

	SPI_connect();
	outbox_statement_run(&expire, values);
	SPI_finish();
}

void
outbox_trail_forget(int64_t turn)
{
	Datum values[] = {Int64GetDatum(turn)};

	SPI_connect();
	outbox_statement_run(&forget, values);
	SPI_finish();
}

static void
insert_row(const char *stream, const OutboxTrailRun *runs, int count)
{
	Datum values[] = {CStringGetTextDatum(stream), Int64GetDatum(clip(runs[0].sequence)),
					  Int64GetDatum(clip(outbox_trail_end(&runs[count - 1]))),
					  write_runs(runs, count)};

	outbox_statement_run(&insert, values);
}

/* Returns how many events it has. */
static uint64
insert_lost_row(const char *stream, int64_t *place, const OutboxTrailRun *runs, int count)
{
	uint64 events = outbox_trail_count(runs, count);
	Datum values[] = {CStringGetTextDatum(stream), Int64GetDatum(*place),
					  Int64GetDatum((int64) events), write_runs(runs, count)};

	outbox_statement_run(&insert_lost, values);
	(*place)++;
	return events;
}

/*
 * Of the rows that were taken out, moves what is inside the range and puts the rest
 * back.  Returns how many events have moved.
 */
static uint64
take_apart(const char *stream, uint64_t first, uint64_t last, int64_t *place)
{
	SPITupleTable *rows = SPI_tuptable;
	uint64 count = SPI_processed;
	uint64 moved = 0;

	for (uint64 i = 0; i < count; i++)
	{
		bool isnull;
		int runs;
		OutboxTrailRun *row =
			read_runs(SPI_getbinval(rows->vals[i], rows->tupdesc, 2, &isnull), &runs);
		OutboxTrailRun *part = palloc(sizeof(OutboxTrailRun) * runs);
		int taken;

		if ((taken = outbox_trail_slice(row, runs, 0, first - 1, part)) > 0)
			insert_row(stream, part, taken);
		if ((taken = outbox_trail_slice(row, runs, first, last, part)) > 0)
			moved += insert_lost_row(stream, place, part, taken);
		if (last < UINT64_MAX &&
			(taken = outbox_trail_slice(row, runs, last + 1, UINT64_MAX, part)) > 0)
			insert_row(stream, part, taken);
	}
	return moved;
}

/* The runs of all rows of the result, in column 2, sorted. */
static OutboxTrailRun *
collect_runs(int *count)
{
	OutboxTrailRun *all = NULL;
	uint64 rows = SPI_processed;

	*count = 0;
	for (uint64 i = 0; i < rows; i++)
	{
		bool isnull;
		int more;
		OutboxTrailRun *runs = read_runs(outbox_statement_value(i, 2, &isnull), &more);
		Size size = sizeof(OutboxTrailRun) * (*count + more);

		all = all ? repalloc_huge(all, size) : palloc_extended(size, MCXT_ALLOC_HUGE);
		memcpy(all + *count, runs, sizeof(OutboxTrailRun) * more);
		*count += more;
	}
	outbox_trail_sort(all, *count);
	return all;
}

static Datum
write_runs(const OutboxTrailRun *runs, int count)
{
	Datum *elements = palloc(sizeof(Datum) * RUN_ELEMENTS * count);

	for (int i = 0; i < count; i++)
	{
		elements[RUN_ELEMENTS * i] = Int64GetDatum(clip(runs[i].sequence));
		elements[RUN_ELEMENTS * i + 1] = Int64GetDatum(runs[i].event);
		elements[RUN_ELEMENTS * i + 2] = Int64GetDatum((int64) runs[i].count);
	}
	return PointerGetDatum(construct_array(elements, RUN_ELEMENTS * count, INT8OID, sizeof(int64),
										   FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

static OutboxTrailRun *
read_runs(Datum value, int *count)
{
	ArrayType *array = DatumGetArrayTypeP(value);
	const int64 *elements = (const int64 *) ARR_DATA_PTR(array);
	OutboxTrailRun *runs;

	if (ARR_NDIM(array) != 1 || ARR_HASNULL(array) || ARR_DIMS(array)[0] % RUN_ELEMENTS != 0)
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("\"outbox.trail\" is malformed"),
						errhint("Empty outbox.trail and outbox.lost.")));
	*count = ARR_DIMS(array)[0] / RUN_ELEMENTS;
	runs = palloc(sizeof(OutboxTrailRun) * *count);
	for (int i = 0; i < *count; i++)
		runs[i] =
			(OutboxTrailRun){(uint64) elements[RUN_ELEMENTS * i], elements[RUN_ELEMENTS * i + 1],
							 (uint64) elements[RUN_ELEMENTS * i + 2]};
	return runs;
}

static int64
number(uint64 row, int column)
{
	bool isnull;

	return DatumGetInt64(outbox_statement_value(row, column, &isnull));
}

/* Sequences of streams end far below. */
static int64
clip(uint64_t sequence)
{
	return sequence > PG_INT64_MAX ? PG_INT64_MAX : (int64) sequence;
}
