/*
 * reader.h
 *		Reads events of the log by their places.
 *
 * A reader is zeroed before its first use and closed in the same transaction.
 */
#ifndef OUTBOX_INFRASTRUCTURE_POSTGRES_READER_H
#define OUTBOX_INFRASTRUCTURE_POSTGRES_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "domain/event.h"
#include "domain/ring.h"
#include "infrastructure/postgres/interval.h"

/* The log's children, as far as they have been needed. */
typedef struct OutboxReader
{
	struct RelationData *log[OUTBOX_RING_CHILDREN];
	struct TupleTableSlot *slot[OUTBOX_RING_CHILDREN];
	uint32_t blocks[OUTBOX_RING_CHILDREN];
} OutboxReader;

/*
 * Copies the entry's row into the current memory context, without its place in
 * the transaction; false when it is not at its place any more.
 */
extern bool outbox_reader_read(OutboxReader *reader, const OutboxEntry *entry, OutboxEvent *event);

extern void outbox_reader_close(OutboxReader *reader);

#endif
