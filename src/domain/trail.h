/*
 * trail.h
 *		Which event is stored at which sequence of the stream.
 *
 * An *entry* says that an event is stored at a sequence.  The *trail* is all the
 * entries that are known; it is what the stream is compared with when the broker
 * may have lost something that it had acknowledged.  Entries whose sequences and
 * event ids both ascend by one are folded into a *run*, so where events are
 * stored one after the other, the trail takes next to no room.
 *
 * Entries are noted in the order in which events are settled, which is almost
 * always the order of their sequences; where somebody else writes to the stream it
 * need not be.  So runs are sorted before they are written down, and cut into
 * *rows*: no row spans OUTBOX_TRAIL_SPAN sequences or more, so that whoever looks
 * for a sequence knows where it can stand.
 */
#ifndef OUTBOX_DOMAIN_TRAIL_H
#define OUTBOX_DOMAIN_TRAIL_H

#include <stdbool.h>
#include <stdint.h>

#define OUTBOX_TRAIL_SPAN 8192

/* Room for what is noted between two writes; it is time to write at half of it. */
#define OUTBOX_TRAIL_RUNS 16384

typedef struct OutboxTrailEntry
{
	uint64_t sequence; /* 0: no entry */
	int64_t event;
} OutboxTrailEntry;

typedef struct OutboxTrailRun
{
	uint64_t sequence; /* of the first entry */
	int64_t event;
	uint64_t count; /* of entries, at least 1 */
} OutboxTrailRun;

typedef struct OutboxTrail
{
	int count;
	OutboxTrailRun runs[OUTBOX_TRAIL_RUNS];
} OutboxTrail;

/* Notes an entry; false: there is no room. */
extern bool outbox_trail_note(OutboxTrail *trail, OutboxTrailEntry entry);

/* Is it time to write down what is noted? */
extern bool outbox_trail_is_full(const OutboxTrail *trail);

/* Sorts runs by their sequences; cheap when they almost are. */
extern void outbox_trail_sort(OutboxTrailRun *runs, int count);

/*
 * Takes the next row of sorted runs: fills row, which has room for count, and
 * returns how many runs it has; 0: there is none.  What is left stands in runs
 * from *next on; *next is 0 at first.
 */
extern int outbox_trail_take_row(OutboxTrailRun *runs, int count, int *next, OutboxTrailRun *row);

/*
 * Copies the part of the runs with sequences from first to last to part, which
 * has room for count; returns how many runs that are.
 */
extern int outbox_trail_slice(const OutboxTrailRun *runs, int count, uint64_t first, uint64_t last,
							  OutboxTrailRun *part);

/* The same without the first so many entries. */
extern int outbox_trail_drop(const OutboxTrailRun *runs, int count, uint64_t entries,
							 OutboxTrailRun *part);

/* Unfolds at most max entries that follow the sequence; returns how many. */
extern int outbox_trail_unfold(const OutboxTrailRun *runs, int count, uint64_t after,
							   OutboxTrailEntry *entries, int max);

/* How many entries the runs have. */
extern uint64_t outbox_trail_count(const OutboxTrailRun *runs, int count);

/* The last sequence of a run. */
extern uint64_t outbox_trail_end(const OutboxTrailRun *run);

#endif
