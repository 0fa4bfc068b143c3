/*
 * row.h
 *		Inserts events into the tables that hold them.
 */
#ifndef OUTBOX_INFRASTRUCTURE_POSTGRES_ROW_H
#define OUTBOX_INFRASTRUCTURE_POSTGRES_ROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An event that has no id yet; text in the database's encoding. */
typedef struct OutboxDraft
{
	int64_t emitted_at; /* TimestampTz; 0: now */
	const char *aggregate;
	const char *aggregate_id;
	const char *action;
	bool has_version;
	int64_t version;
	const char *content_type;
	const char *headers; /* as OutboxEvent.headers: "Key: value\n" lines */
	const void *payload;
	size_t payload_length;
} OutboxDraft;

/*
 * Inserts an event into a table whose columns are those of columns.h; second is
 * the value of its second column.  Takes its lock until the transaction ends.
 */
extern void outbox_row_insert(uint32_t table, int64_t id, uintptr_t second,
							  const OutboxDraft *draft);

/* The draft of a row, its values in the order of columns.h, which must stay. */
extern void outbox_row_draft(OutboxDraft *draft, const uintptr_t *values, const bool *nulls);

#endif
