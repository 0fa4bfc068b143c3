/*
 * rowjson.h
 *		Writes rows as JSON, as row_to_json does, with all that can be looked up once.
 *
 * A generated column that is virtual is left out: a trigger's row does not have it.
 */
#ifndef OUTBOX_INFRASTRUCTURE_POSTGRES_ROWJSON_H
#define OUTBOX_INFRASTRUCTURE_POSTGRES_ROWJSON_H

struct MemoryContextData;
struct StringInfoData;
struct TupleDescData;
struct TupleTableSlot;

typedef struct OutboxRowWriter OutboxRowWriter;

/*
 * A writer of rows that have these columns, in memory.  It does not keep the
 * descriptor, and serves as long as that is what the rows are like.
 */
extern OutboxRowWriter *outbox_rowjson_prepare(struct TupleDescData *columns,
											   struct MemoryContextData *memory);

/* Appends the row; what it takes besides is left in the current memory context. */
extern void outbox_rowjson_write(OutboxRowWriter *writer, struct TupleTableSlot *row,
								 struct StringInfoData *json);

#endif
