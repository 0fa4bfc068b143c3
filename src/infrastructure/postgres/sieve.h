/*
 * sieve.h
 *		Compares events that were found in the stream with those of the database.
 */
#ifndef OUTBOX_INFRASTRUCTURE_POSTGRES_SIEVE_H
#define OUTBOX_INFRASTRUCTURE_POSTGRES_SIEVE_H

#include <stdint.h>

#include "infrastructure/postgres/cursor.h"

/*
 * Of these events (0 and less: none) the highest that is above what was ever settled
 * and neither pending in the log nor kept back; 0: there is none.  Inside a transaction.
 */
extern int64_t outbox_sieve_find_stranger(const OutboxCursor *cursor, const int64_t *events,
										  int count);

/*
 * Removes these events from whatever would have them published.  Inside a
 * transaction.
 */
extern void outbox_sieve_remove(const int64_t *events, int count);

#endif
