/*
 * log.h
 *		The log of events, outbox.event: its children, and how to append.
 */
#ifndef OUTBOX_INFRASTRUCTURE_POSTGRES_LOG_H
#define OUTBOX_INFRASTRUCTURE_POSTGRES_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An event that has no id yet. */
typedef struct OutboxDraft
{
	const char *aggregate;
	const char *aggregate_id;
	const char *action;
	bool has_version;
	int64_t version;
	const char *content_type;
	const char *headers; /* as OutboxEvent.headers: "Key: value\n" lines */
	const void *payload;
	size_t payload_length;
} OutboxDraft;

/*
 * Appends an event in the current transaction and returns its id.  The caller
 * has checked the draft and that the transaction may write.  Checks no
 * privilege: the right to emit is EXECUTE on outbox.emit.
 */
extern int64_t outbox_log_append(const OutboxDraft *draft);

/*
 * Locks all children against being rewritten or truncated, until the transaction
 * ends.  A snapshot taken after that sees all that is committed, wherever a
 * rewrite has put it.
 */
extern void outbox_log_lock(void);

/* Oids of a child and of its index on xid. */
extern uint32_t outbox_log_child(int child);
extern uint32_t outbox_log_child_index(int child);

#endif
