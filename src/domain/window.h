/*
 * window.h
 *		What is in flight: sent, and not yet settled.
 *
 * Every message takes a *slot* in a ring, in the order of sending, named by its
 * *token*.  Answers may come in any order; slots leave from the *head*, so what
 * has left is a prefix of what was sent.  Tokens ascend for ever, so the answer
 * to a message of an earlier epoch never finds a slot.
 *
 * A message *travels* until the broker has judged it, whatever its answer says.
 * What travels when its connection is dropped *straggles*: the broker may store it
 * still, after the next connection has looked at the stream.  We assume that it
 * stores nothing of a dropped connection later than an answer would be overdue;
 * the caller names that time.  While something travels or straggles, what is sent
 * may be sent again, but in no other order: the fence (fence.h) lets a straggler
 * pass in its old place, ahead of what has been put before it.
 *
 * *Gates* keep at most one unanswered event of an aggregate in flight, where a
 * stream is shared.  They are counters by hash: two aggregates that meet in one
 * only wait for each other.
 */
#ifndef OUTBOX_DOMAIN_WINDOW_H
#define OUTBOX_DOMAIN_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "domain/cursor.h"
#include "domain/event.h"

#define OUTBOX_WINDOW_MAX 4096
#define OUTBOX_WINDOW_GATES 4096

typedef struct OutboxSlot
{
	OutboxPosition position;
	size_t bytes; /* what it counts against the limit */
	int64_t sent_at;
	uint64_t expected_last; /* what it was sent with */
	uint64_t sequence; /* where it is stored, once answered */
	int64_t emitted_at; /* of its event, microseconds since 1970; 0: not to be timed */
	uint16_t type; /* of its event (tally.h) */
	uint16_t gate;
	bool gated; /* holds its gate */
	bool judged; /* it does not travel any more, or never did */
	bool answered; /* it is stored */
	bool duplicate; /* stored by an earlier epoch */
	bool recalled; /* not sent, found stored */
	bool again; /* was stored before, and lost */
	bool unreadable; /* it is lost still, though the broker says that it is stored */
} OutboxSlot;

typedef struct OutboxWindow
{
	uint64_t head_token; /* of the oldest slot, or of the next message */
	int head; /* its place in the ring */
	int count;
	size_t bytes;
	int travelling; /* of count */
	int64_t straggle_until; /* nothing straggles from then on */
	OutboxSlot slots[OUTBOX_WINDOW_MAX];
	uint8_t gates[OUTBOX_WINDOW_GATES]; /* closed: 1 */
} OutboxWindow;

extern void outbox_window_init(OutboxWindow *window);

/*
 * Forgets all slots, since their connection is dropped; their tokens are never
 * given again.  What travels straggles until then.
 */
extern void outbox_window_clear(OutboxWindow *window, int64_t until);

/* Something that is not known here may be stored until then. */
extern void outbox_window_straggle(OutboxWindow *window, int64_t until);

/*
 * Is there room for a message of so many bytes?  An empty window has room for
 * any message.
 */
extern bool outbox_window_has_room(const OutboxWindow *window, int max_slots, size_t max_bytes,
								   size_t bytes);

/* The token of the next message. */
extern uint64_t outbox_window_next_token(const OutboxWindow *window);

/* Takes a slot for the next message; the caller has asked for room. */
extern OutboxSlot *outbox_window_push(OutboxWindow *window, OutboxPosition position, size_t bytes,
									  int64_t now);

/* The slot of this token that is not judged yet, or NULL. */
extern OutboxSlot *outbox_window_find(OutboxWindow *window, uint64_t token);

/* The broker has answered the message, and nothing else will become of it. */
extern void outbox_window_judge(OutboxWindow *window, OutboxSlot *slot);

/* The message is stored there, and judged; opens its gate. */
extern void outbox_window_answer(OutboxWindow *window, OutboxSlot *slot, uint64_t sequence,
								 bool duplicate);

/* The oldest slot, or NULL. */
extern const OutboxSlot *outbox_window_head(const OutboxWindow *window);

/* The oldest slot that travels, or NULL. */
extern const OutboxSlot *outbox_window_oldest_travelling(const OutboxWindow *window);

/* Is all judged that was ever sent? */
extern bool outbox_window_is_quiet(const OutboxWindow *window, int64_t now);

/* Was the message of this slot sent when nothing straggled? */
extern bool outbox_window_sent_in_quiet(const OutboxWindow *window, const OutboxSlot *slot);

/* Drops the oldest slot. */
extern void outbox_window_pop(OutboxWindow *window);

/* Which gate the events of this event's aggregate pass. */
extern uint16_t outbox_window_gate(const OutboxEvent *event);

extern bool outbox_window_gate_open(const OutboxWindow *window, uint16_t gate);

/* Closes the gate until the slot is answered. */
extern void outbox_window_close_gate(OutboxWindow *window, OutboxSlot *slot, uint16_t gate);

#endif
