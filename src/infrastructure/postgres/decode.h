/*
 * decode.h
 *		Rows of the log as the domain's events.
 */
#ifndef OUTBOX_INFRASTRUCTURE_POSTGRES_DECODE_H
#define OUTBOX_INFRASTRUCTURE_POSTGRES_DECODE_H

#include <stdbool.h>
#include <stdint.h>

#include "domain/event.h"

/*
 * Copies a row, its values in the order of columns.h, into the current memory
 * context.  Leaves position, tx_index and tx_count alone.
 */
extern void outbox_decode_event(OutboxEvent *event, const uintptr_t *values, const bool *nulls);

/* A text in UTF-8, whatever the database's encoding. */
extern const char *outbox_decode_text(uintptr_t value);

#endif
