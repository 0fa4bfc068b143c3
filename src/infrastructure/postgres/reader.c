/*
 * reader.c
 *		Reads events of the log by their places.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "infrastructure/postgres/columns.h"
#include "infrastructure/postgres/decode.h"
#include "infrastructure/postgres/log.h"
#include "infrastructure/postgres/reader.h"

bool
outbox_reader_read(OutboxReader *reader, const OutboxEntry *entry, OutboxEvent *event)
{
	int child = entry->child;
	ItemPointerData place;
	bool isnull;

	if (reader->log[child] == NULL)
	{
		reader->log[child] = table_open(outbox_log_child(child), AccessShareLock);
		reader->slot[child] = table_slot_create(reader->log[child], NULL);
		reader->blocks[child] = RelationGetNumberOfBlocks(reader->log[child]);
	}
	ItemPointerSet(&place, entry->block, entry->offset);
	if (entry->block >= reader->blocks[child] ||
		!table_tuple_fetch_row_version(reader->log[child], &place, GetActiveSnapshot(),
									   reader->slot[child]))
		return false;
	if (DatumGetInt64(slot_getattr(reader->slot[child], OUTBOX_EVENT_ID, &isnull)) !=
		entry->position.id)
		return false;
	slot_getallattrs(reader->slot[child]);
	outbox_decode_event(event, reader->slot[child]->tts_values, reader->slot[child]->tts_isnull);
	return true;
}

void
outbox_reader_close(OutboxReader *reader)
{
	for (int i = 0; i < OUTBOX_RING_CHILDREN; i++)
	{
		if (reader->log[i] == NULL)
			continue;
		ExecDropSingleTupleTableSlot(reader->slot[i]);
		table_close(reader->log[i], AccessShareLock);
	}
}
