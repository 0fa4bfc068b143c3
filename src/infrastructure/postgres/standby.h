/*
 * standby.h
 *		Whether the synchronous standbys have what is visible here.
 *
 * A transaction whose synchronous_commit is off, local or remote_write is visible
 * before the standbys have it, and so is, to the relay, one whose session waits for
 * them in vain.  Nobody waits here: whoever wants to know asks again.
 */
#ifndef OUTBOX_INFRASTRUCTURE_POSTGRES_STANDBY_H
#define OUTBOX_INFRASTRUCTURE_POSTGRES_STANDBY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The position in the WAL behind all that any snapshot has seen before this call.
 * WAL is flushed up to there, so that it is on its way to the standbys.
 */
extern uint64_t outbox_standby_aim(void);

/* Have the synchronous standbys flushed WAL up to there?  No, if there are none. */
extern bool outbox_standby_has(uint64_t position);

/* Words for why they have not. */
extern void outbox_standby_explain(uint64_t position, char *text, size_t size);

#endif
