/*
 * fence.h
 *		Which stream sequence the next message must find.
 *
 * The *floor* is a sequence at or below which no event is stored that is not
 * settled.  It is kept with the settled position.  Where the stream is the
 * relay's alone, all that it holds beyond the floor are the next events, in
 * order: the n-th event after the settled position is stored at floor + n, or
 * belongs there.  So every message *predicts* its place: it expects the stream
 * to stand one below.
 *
 *	- Not stored yet: it is stored exactly there, or, if an earlier one was lost,
 *	  nowhere.  It never overtakes.
 *	- Stored already: the broker knows its id and answers with exactly that place,
 *	  so sending again what is stored costs no epoch and harms no prediction.
 *	- Stored already, and the id forgotten: a conflict, not a second copy.
 *
 * Messages beyond the floor are *doubtful* until they are answered as duplicates:
 * were one of them not the event that belongs there, that event would be refused
 * and the first one after the stream's end would overtake it.  So at the stream's
 * end, the *edge*, sending waits until all before are answered.
 *
 * A conflict therefore means that the stream holds what was not expected there:
 * events whose ids the broker has forgotten, or that were sent in another order
 * by a process that crashed, or what somebody else wrote.  Then, when the next
 * epoch begins, what is beyond the floor is *recalled* (recall.h): events that
 * are found there are settled without being sent, and predictions start at the
 * stream's end.  So does the first epoch of every process, which cannot know who
 * was here since the floor was written down.  They start at the floor again when all
 * is settled, or when the stream ends there.
 *
 * One message that a former process has sent may still be on its way: of several, the
 * order is durable, so they fit in where they belong or nowhere, but not of a single
 * one (infrastructure/postgres/stretch.h).  It expects what the first message of the
 * next process expects, so only one of the two is stored.  Were more sent behind that
 * first message, those would be stored without it.  So it travels *alone*.
 *
 * So does the first new message of every epoch: what an earlier epoch has sent may
 * arrive after the look at the stream, and where somebody else has written in between,
 * not where it was predicted.  Of many that are sent at once, one would find the
 * stream as it expects it and be stored a second time; one alone has a conflict.
 *
 * A server may give a stream another identity when it is configured and started
 * again, and every stream that replaces a lost one has another.  So a floor that is
 * given up since the identity differs is *recognised* once the stream is seen to hold
 * what it held.
 *
 * On a shared stream only the floor counts.
 */
#ifndef OUTBOX_DOMAIN_FENCE_H
#define OUTBOX_DOMAIN_FENCE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct OutboxFence
{
	bool astray; /* predictions start at the stream's end */
	bool alone; /* this epoch has stored nothing new yet */
	uint64_t floor;
	int64_t created; /* of the stream that floor belongs to */
	uint64_t former; /* the floor that was given up; 0: none, or not to be had again */
	bool former_astray;
	uint64_t last; /* where the stream stood when the epoch began */
	uint64_t base; /* what the epoch's first message expects */
	uint64_t next; /* what the next message expects */
	uint64_t highest; /* the highest sequence seen */
} OutboxFence;

/* What the look at the stream told. */
typedef enum OutboxFenceFinding
{
	OUTBOX_FENCE_SAME, /* the stream, holding what was settled */
	OUTBOX_FENCE_NEW, /* another stream */
	OUTBOX_FENCE_SETBACK /* the stream has lost what it had acknowledged */
} OutboxFenceFinding;

/* floor and created as they were settled last. */
extern void outbox_fence_init(OutboxFence *fence, uint64_t floor, int64_t created);

/* An epoch begins, the stream stands at last. */
extern OutboxFenceFinding outbox_fence_open(OutboxFence *fence, uint64_t last, int64_t created);

/*
 * The stream of this epoch, in which nothing is sent yet, holds what it is known to
 * hold, in its place: whatever its identity, it is the one that it was.
 */
extern void outbox_fence_recognise(OutboxFence *fence);

/* Must all that is in flight be answered before the next message is sent? */
extern bool outbox_fence_at_edge(const OutboxFence *fence);

/*
 * Had the stream nothing in the place of the next message, when the epoch began?
 * If it had, the next event may be stored already.
 */
extern bool outbox_fence_is_free(const OutboxFence *fence);

/* A message that expected fence->next has been sent. */
extern void outbox_fence_advance(OutboxFence *fence);

/*
 * May an event that is not settled be stored at this sequence, as the answer
 * `duplicate` says?  If not, the id was taken in another life of the outbox.
 */
extern bool outbox_fence_admits(const OutboxFence *fence, uint64_t sequence, bool fenced);

/* An event that is stored at this sequence is settled. */
extern void outbox_fence_settle(OutboxFence *fence, uint64_t sequence);

/* An epoch ended with a prediction that was wrong. */
extern void outbox_fence_conflict(OutboxFence *fence);

/*
 * All that is stored up to this sequence is known and settled, and nothing of the
 * epoch has been sent.
 */
extern void outbox_fence_sifted(OutboxFence *fence, uint64_t sequence);

/*
 * Nothing is sent yet in this epoch, and what comes next need not be what the stream
 * holds beyond the floor: predictions start at its end.
 */
extern void outbox_fence_doubt(OutboxFence *fence);

/* All events are settled, nothing is in flight. */
extern void outbox_fence_drained(OutboxFence *fence);

#endif
