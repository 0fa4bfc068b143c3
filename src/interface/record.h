/*
 * record.h
 *		Records an event in the current transaction.
 */
#ifndef OUTBOX_INTERFACE_RECORD_H
#define OUTBOX_INTERFACE_RECORD_H

#include <stdint.h>

#include "domain/event.h"
#include "domain/header.h"

/* Errors unless this transaction may write; command is what the error names. */
extern void outbox_record_require_writable(const char *command);

/*
 * Checks and records an event, given by its names, aggregate id, version,
 * content type and payload; lines hold the caller's headers, to which the
 * session's are added.  All text is UTF-8.  Returns the event's id; raises the
 * error of what is illegal.
 */
extern int64_t outbox_record_event(OutboxEvent *event, OutboxHeaderLines *lines);

/* The same for an event that enters the log at this time, TimestampTz. */
extern int64_t outbox_record_scheduled(OutboxEvent *event, OutboxHeaderLines *lines,
									   int64_t deliver_at);

/*
 * Checks an event in the same way, and broadcasts it when the current transaction
 * commits.  Needs no right to write.
 */
extern void outbox_record_broadcast(OutboxEvent *event, OutboxHeaderLines *lines);

/* Text of the database as UTF-8; the same memory where it is UTF-8 already. */
extern const char *outbox_record_encode(const char *value, size_t length);

#endif
