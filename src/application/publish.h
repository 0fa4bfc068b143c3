/*
 * publish.h
 *		The part of the relay that sends: fetches, recalls, seals, publishes.
 *
 * An event that cannot be sent waits until it is the oldest, and its dead letter
 * is durable before anything after it is sent.  It waits, too, until nothing of an
 * earlier connection straggles (domain/window.h), and where the stream is the relay's
 * alone, an epoch that began after that must have found its place free: it may have
 * been sent when it still could be, and be stored.  What follows is fetched anew,
 * since the store may keep it back.
 *
 * What the store lets go is sent in an epoch that began when nothing of an earlier
 * process straggled: the interval may have been another one then, and the fence
 * (domain/fence.h) has to know all that the stream holds of it.
 */
#ifndef OUTBOX_APPLICATION_PUBLISH_H
#define OUTBOX_APPLICATION_PUBLISH_H

#include "application/relay.h"

/*
 * Sends what has room, at most one slice.  False: the connection turned out to
 * be gone.
 */
extern bool outbox_publish_slice(OutboxRelay *relay, int64_t now);

/* Would outbox_publish_slice do anything now? */
extern bool outbox_publish_is_due(const OutboxRelay *relay, int64_t now);

/* An epoch begins: nothing is in flight, the store is rewound. */
extern void outbox_publish_begin(OutboxRelay *relay, int64_t now);

/* The stream has this message at this sequence. */
extern void outbox_publish_recall(OutboxRelay *relay, uint64_t sequence, const char *message_id,
								  int64_t now);

/* An epoch is over: forgets what was fetched and is not settled. */
extern void outbox_publish_rewind(OutboxRelay *relay);

#endif
