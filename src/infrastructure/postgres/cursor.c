/*
 * cursor.c
 *		The relay's cursor as a row of outbox.cursor.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "storage/itemptr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "infrastructure/postgres/cursor.h"
#include "infrastructure/postgres/tally.h"

static const char load_query[] =
	"SELECT old_snapshot::text, new_snapshot::text, last_tx_id, last_id,"
	"       stream_sequence::text, stream_created, highest_id, sifting, ctid"
	"  FROM outbox.cursor WHERE name = 'relay'";

static const char save_query[] =
	"UPDATE outbox.cursor SET old_snapshot = $1::pg_snapshot, new_snapshot = $2::pg_snapshot,"
	"       last_tx_id = $3, last_id = $4, stream_sequence = $5::numeric, stream_created = $6,"
	"       highest_id = $7, sifting = $8, moved_at = pg_catalog.now()"
	" WHERE ctid = $9 AND name = 'relay' RETURNING ctid";

static Datum column(int number, bool *isnull);
static void note_place(OutboxCursor *cursor, int number);
static bool update_row(OutboxCursor *cursor);
static void find_row(OutboxCursor *cursor);
static SPIPlanPtr save_plan(void);

void
outbox_cursor_load(OutboxCursor *cursor)
{
	MemoryContext caller = CurrentMemoryContext;
	bool isnull;
	Datum value;

	SPI_connect();
	if (SPI_execute(load_query, true, 1) != SPI_OK_SELECT || SPI_processed != 1)
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
						errmsg("the relay's row of \"outbox.cursor\" is missing"),
						errhint("Restore the row, or drop and create the extension.")));
	value = column(1, &isnull);
	cursor->old_snapshot = MemoryContextStrdup(caller, TextDatumGetCString(value));
	value = column(2, &isnull);
	cursor->new_snapshot = isnull ? NULL : MemoryContextStrdup(caller, TextDatumGetCString(value));
	cursor->position.last = DatumGetInt64(column(3, &isnull));
	cursor->position.id = DatumGetInt64(column(4, &isnull));
	cursor->sequence = strtoull(TextDatumGetCString(column(5, &isnull)), NULL, 10);
	cursor->created = DatumGetInt64(column(6, &isnull));
	cursor->highest = DatumGetInt64(column(7, &isnull));
	cursor->sifting = DatumGetBool(column(8, &isnull));
	note_place(cursor, 9);
	SPI_finish();
}

void
outbox_cursor_save(OutboxCursor *cursor)
{
	/* Before it can be durable: nothing is behind the cursor that is not in the book. */
	outbox_tally_keep_settled();
	if (cursor->on_save)
		cursor->on_save(cursor->context);
	SPI_connect();
	if (!update_row(cursor))
	{
		/* Somebody else has rewritten the row (VACUUM FULL, a restore). */
		find_row(cursor);
		if (!update_row(cursor))
			ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
							errmsg("could not update the relay's row of \"outbox.cursor\"")));
	}
	SPI_finish();
}

char *
outbox_cursor_current_snapshot(void)
{
	LOCAL_FCINFO(current, 0);
	Datum snapshot;

	InitFunctionCallInfoData(*current, NULL, 0, InvalidOid, NULL, NULL);
	snapshot = pg_current_snapshot(current);
	return DatumGetCString(DirectFunctionCall1(pg_snapshot_out, snapshot));
}

static Datum
column(int number, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, number, isnull);
}

static void
note_place(OutboxCursor *cursor, int number)
{
	bool isnull;
	ItemPointer place = (ItemPointer) DatumGetPointer(column(number, &isnull));

	cursor->block = ItemPointerGetBlockNumber(place);
	cursor->offset = ItemPointerGetOffsetNumber(place);
}

static bool
update_row(OutboxCursor *cursor)
{
	ItemPointerData place;
	char nulls[] = "         ";
	Datum values[9] = {0};

	ItemPointerSet(&place, cursor->block, cursor->offset);
	values[0] = CStringGetTextDatum(cursor->old_snapshot);
	if (cursor->new_snapshot)
		values[1] = CStringGetTextDatum(cursor->new_snapshot);
	else
		nulls[1] = 'n';
	values[2] = Int64GetDatum(cursor->position.last);
	values[3] = Int64GetDatum(cursor->position.id);
	values[4] = CStringGetTextDatum(psprintf(UINT64_FORMAT, cursor->sequence));
	values[5] = Int64GetDatum(cursor->created);
	values[6] = Int64GetDatum(cursor->highest);
	values[7] = BoolGetDatum(cursor->sifting);
	values[8] = PointerGetDatum(&place);
	if (SPI_execute_plan(save_plan(), values, nulls, false, 0) != SPI_OK_UPDATE_RETURNING)
		elog(ERROR, "could not save the relay's cursor");
	if (SPI_processed != 1)
		return false;
	note_place(cursor, 1);
	return true;
}

static void
find_row(OutboxCursor *cursor)
{
	if (SPI_execute(load_query, false, 1) == SPI_OK_SELECT && SPI_processed == 1)
		note_place(cursor, 9);
}

static SPIPlanPtr
save_plan(void)
{
	static SPIPlanPtr plan = NULL;
	Oid types[] = {TEXTOID, TEXTOID, INT8OID, INT8OID, TEXTOID, INT8OID, INT8OID, BOOLOID, TIDOID};

	if (plan == NULL)
	{
		plan = SPI_prepare(save_query, lengthof(types), types);
		if (plan == NULL)
			elog(ERROR, "could not prepare the relay's cursor update");
		SPI_keepplan(plan);
	}
	return plan;
}
