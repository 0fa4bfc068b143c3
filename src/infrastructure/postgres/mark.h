/*
 * mark.h
 *		What a relay leaves behind for the time after it: whether it ended cleanly,
 *		and what was at hand.
 *
 * A crash takes shared memory with it, so the mark is a small file, one for each
 * database, in the folder of temporary statistics: it outlives the process, and
 * need not outlive the machine.  It is written when a relay starts and ends, and
 * before each event while the relay is careful (domain/suspicion.h); never synced.
 *
 * The end of the whole server, by kill or by power cut, is not the relay's doing:
 * a mark counts only under the postmaster that it was written under.
 *
 * The relay writes its mark while it runs, the launcher while none runs.
 *
 * The HTTP endpoint leaves marks, too, under the name of no database.
 */
#ifndef OUTBOX_INFRASTRUCTURE_POSTGRES_MARK_H
#define OUTBOX_INFRASTRUCTURE_POSTGRES_MARK_H

#include <stdbool.h>
#include <stdint.h>

#include "domain/suspicion.h"

#define OUTBOX_MARK_ENDPOINT 0

typedef struct OutboxMark
{
	OutboxSuspicion suspicion;
	int32_t signal; /* of the last crash, 0: another kind of end */
	int64_t set_aside; /* event to refuse unseen, 0: none */
} OutboxMark;

/* No relay runs: judges how the last one ended; zeros when there is no mark. */
extern void outbox_mark_judge(uint32_t database, OutboxMark *mark);

/* No relay runs, and somebody wants to see it run; without this event, if not 0. */
extern void outbox_mark_pardon(uint32_t database, int64_t set_aside);

/* The database is gone. */
extern void outbox_mark_forget(uint32_t database);

/*
 * The relay begins.  From here on a signal that ends the process is noted; one
 * that the server sends to all of its processes is not blamed on the relay.
 */
extern void outbox_mark_begin(uint32_t database, OutboxMark *mark);

/* This is at hand. */
extern void outbox_mark_attend(int64_t at_hand);

/* This event is still to be refused unseen; 0: none is any more. */
extern void outbox_mark_set_aside(int64_t event);

/* The relay need not be careful any more. */
extern void outbox_mark_relax(void);

/* It has run so long that earlier ends are forgotten. */
extern void outbox_mark_clear(void);

/* The relay's process ends with this exit code. */
extern void outbox_mark_end(int code);

#endif
