/*
 * sift.h
 *		The part of the relay that learns from the stream whose it is.
 *
 * *Sifting*: an outbox that was adopted does not know what its former life has
 * published since it was copied.  Before anything is sent, all that the stream
 * holds beyond the floor is read, from the oldest on, a slice at a time; events
 * that are found there are pending no more.  What was sifted is the store's to
 * remember, so a new epoch goes on where the last one ended.
 *
 * A *stranger* is an event of our own outbox, read beyond the floor, that the
 * store has never held: somebody else publishes as this outbox, or this database
 * was set back to an earlier time.  Both have to be decided by a person, so the
 * relay stays offline from then on.
 */
#ifndef OUTBOX_APPLICATION_SIFT_H
#define OUTBOX_APPLICATION_SIFT_H

#include "application/relay.h"

/* Is the stream to be sifted?  Then begins, or goes on, with an epoch. */
extern bool outbox_sift_begin(OutboxRelay *relay);

/* All that the recall asked for is heard: sifts it, or looks for a stranger. */
extern void outbox_sift_heard(OutboxRelay *relay);

#endif
