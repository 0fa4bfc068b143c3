/*
 * version.h
 *		How the version of an aggregate's root goes on.
 *
 * Each change of a row raises its *version* by one.  A writer says which version it
 * has read by writing that one; any other one is *stale*, for somebody else has changed
 * the row since.  A writer that does not mention the version is not checked.
 *
 * The number that follows is accepted, too, since many write it and compare the version
 * they have read in the WHERE clause.  Without that clause it proves nothing: when two
 * have read 7 and both write 8, the second one writes what the row has.
 */
#ifndef OUTBOX_DOMAIN_VERSION_H
#define OUTBOX_DOMAIN_VERSION_H

#include <stdbool.h>
#include <stdint.h>

#include "domain/fault.h"

typedef struct OutboxVersionChange
{
	bool has_old; /* false: the row is new */
	int64_t old; /* 0 where the row has none */
	bool has_new; /* false: the writer has left it out, or set it to null */
	int64_t wanted; /* what the writer has set */
	int64_t greatest; /* of the column's type */
} OutboxVersionChange;

/*
 * The version that the row gets.  A new row keeps what its writer gives, and begins
 * with 1 otherwise.  Returns OUTBOX_FAULT_VERSION_STALE, or
 * OUTBOX_FAULT_VERSION_EXHAUSTED when the old version is the greatest; next is then
 * left alone.
 */
extern OutboxFault outbox_version_next(const OutboxVersionChange *change, int64_t *next);

#endif
