/*
 * cursor.h
 *		The relay's cursor as a row of outbox.cursor.
 */
#ifndef OUTBOX_INFRASTRUCTURE_POSTGRES_CURSOR_H
#define OUTBOX_INFRASTRUCTURE_POSTGRES_CURSOR_H

#include <stdbool.h>
#include <stdint.h>

#include "domain/cursor.h"

typedef struct OutboxCursor
{
	char *old_snapshot; /* pg_snapshot as text */
	char *new_snapshot; /* NULL: no interval is open */
	OutboxPosition position; /* settled in the open interval */
	uint64_t sequence; /* of the last settled event in the stream */
	int64_t created; /* which stream that is */
	int64_t highest; /* no event with a higher id has been settled */
	bool sifting; /* the stream is to be sifted before anything is sent */
	uint32_t block; /* where the row is: it is found without an index, */
	uint16_t offset; /* however many old versions a snapshot keeps alive */
	void (*on_save)(void *context); /* writes what belongs to it; NULL: nothing does */
	void *context;
} OutboxCursor;

/* Reads the row, inside a transaction; text lives in the current context. */
extern void outbox_cursor_load(OutboxCursor *cursor);

/* Writes the row, inside a transaction, and takes note of its new place. */
extern void outbox_cursor_save(OutboxCursor *cursor);

/* The snapshot that is active, as text in the current context. */
extern char *outbox_cursor_current_snapshot(void);

#endif
