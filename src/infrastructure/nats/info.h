/*
 * info.h
 *		A stream, as JetStream's STREAM.INFO and STREAM.CREATE answer it.
 *
 * Pure, like puback.h.  Subjects are not kept but compared on the way with the
 * pattern that the events' subjects will have.
 */
#ifndef OUTBOX_INFRASTRUCTURE_NATS_INFO_H
#define OUTBOX_INFRASTRUCTURE_NATS_INFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "application/sight.h"
#include "infrastructure/nats/puback.h"

typedef struct OutboxNatsInfo
{
	OutboxNatsPubAck refusal; /* its error members, when there is one */
	bool covered; /* it captures all subjects of the pattern */
	bool met; /* it captures some of them */
	bool sealed;
	bool no_ack;
	bool in_memory;
	bool consumed; /* removes what consumers have had */
	bool discard_old; /* when it is full */
	bool clustered; /* the server is one of a cluster */
	int64_t replicas;
	int64_t max_age; /* these five: 0 or less is no limit */
	int64_t max_messages;
	int64_t max_bytes;
	int64_t max_per_subject;
	int64_t max_message_size;
	int64_t duplicate_window; /* nanoseconds */
	uint64_t first_sequence;
	uint64_t last_sequence;
	uint64_t deleted; /* messages missing between them */
	uint64_t messages;
	uint64_t bytes;
	int64_t created; /* nanoseconds since 1970 */
	char server[OUTBOX_SIGHT_VERSION_SIZE]; /* its version, as far as it shows here */
} OutboxNatsInfo;

/* False when the bytes are neither a stream nor an error. */
extern bool outbox_nats_info_parse(const char *bytes, size_t length, const char *pattern,
								   OutboxNatsInfo *info);

/*
 * 0, or a code when events with subjects like pattern can never be published to it.
 * The reason, or a warning, or "" in text.
 */
extern int outbox_nats_info_judge(const OutboxNatsInfo *info, const char *pattern, char *text,
								  size_t size);

/* The stream as people are told of it; max_payload is the server's. */
extern void outbox_nats_info_show(const OutboxNatsInfo *info, int64_t max_payload,
								  OutboxSight *sight);

/* Does the stream drop its oldest messages by itself?  Does it drop any others? */
extern bool outbox_nats_info_expires(const OutboxNatsInfo *info);
extern bool outbox_nats_info_sparse(const OutboxNatsInfo *info);

/* Reads "2026-11-22T20:31:00.5Z" as nanoseconds since 1970. */
extern bool outbox_nats_info_time(const char *text, int64_t *time);

#endif
