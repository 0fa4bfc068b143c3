/*
 * announcement.h
 *		Tells listeners (LISTEN) how far publishing has got.
 */
#ifndef OUTBOX_INFRASTRUCTURE_POSTGRES_ANNOUNCEMENT_H
#define OUTBOX_INFRASTRUCTURE_POSTGRES_ANNOUNCEMENT_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Announces on the channel that the stream is published up to this sequence, in a
 * transaction of its own.  False, with a warning in the log, when it cannot: a
 * listener that does not read can fill the server's queue of notifications, and
 * that must not stop publishing.
 */
extern bool outbox_announcement_send(const char *channel, uint64_t sequence);

#endif
