/*
 * log.h
 *		The log of events, outbox.event: its children, and how to append.
 */
#ifndef OUTBOX_INFRASTRUCTURE_POSTGRES_LOG_H
#define OUTBOX_INFRASTRUCTURE_POSTGRES_LOG_H

#include <stdint.h>

#include "infrastructure/postgres/row.h"

/*
 * Appends an event in the current transaction and returns its id.  The caller
 * has checked the draft and that the transaction may write.  Checks no
 * privilege: the right to emit is EXECUTE on outbox.emit.
 */
extern int64_t outbox_log_append(const OutboxDraft *draft);

/*
 * A new id; at another place than before it is beyond all that were given out there
 * (domain/origin.h).  It locks the sequence, which has to come before any lock of a table,
 * since DROP EXTENSION locks in that order; whoever needs a table first locks the
 * sequence before it.
 */
extern int64_t outbox_log_draw_id(void);
extern void outbox_log_lock_ids(void);

/* Ids go on at this one, if they are not beyond it yet; at once, for everybody. */
extern void outbox_log_raise_ids(int64_t ids_from);

/* Does every id exceed all that were given out before?  Not if sessions cache some. */
extern bool outbox_log_ids_ascend(void);

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
