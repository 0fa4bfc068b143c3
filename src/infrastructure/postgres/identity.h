/*
 * identity.h
 *		Which outbox this is, and whether this is the place that it belongs to.
 */
#ifndef OUTBOX_INFRASTRUCTURE_POSTGRES_IDENTITY_H
#define OUTBOX_INFRASTRUCTURE_POSTGRES_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

#include "domain/origin.h"

#define OUTBOX_UUID_SIZE 37

typedef struct OutboxIdentity
{
	char uuid[OUTBOX_UUID_SIZE];
	OutboxOrigin origin;
	int64_t ids_from; /* ids of events began here at the place noted */
	bool noted; /* the place is written down as it is */
} OutboxIdentity;

/* Reads outbox.identity, as it was committed last; not during recovery. */
extern void outbox_identity_load(OutboxIdentity *identity);

/*
 * Where ids have to go on since the outbox is not where it was seen last; 0: it
 * is.  Whoever asks needs no privilege.
 */
extern int64_t outbox_identity_next_ids(void);

/*
 * Writes down that the outbox is this one, at the place where it is now, with ids
 * from ids_from on.
 */
extern void outbox_identity_settle(const char *uuid, int64_t ids_from);

/* Do rows of a dump wait for outbox.adopt? */
extern bool outbox_identity_is_restored(void);

/* Why a copy is fenced. */
extern const char *outbox_identity_explain(OutboxOrigin origin);

#endif
