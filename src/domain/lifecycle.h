/*
 * lifecycle.h
 *		The states of an aggregate, and how it may go from one to another.
 *
 * A *lifecycle* names the *initial* states, in which an aggregate may begin, and the
 * *transitions*, each from one state to another one.  What no transition leads out of
 * is a *last* state.  States are compared byte by byte.
 *
 * A state that stays is not judged, even if the lifecycle does not know it: rows may
 * be older than their lifecycle.
 */
#ifndef OUTBOX_DOMAIN_LIFECYCLE_H
#define OUTBOX_DOMAIN_LIFECYCLE_H

#include <stdbool.h>
#include <stddef.h>

#include "domain/fault.h"

typedef struct OutboxTransition
{
	const char *from;
	const char *to;
	const char *action; /* of the event that it emits; NULL: none */
	bool guarded; /* has a condition, which the domain cannot judge */
} OutboxTransition;

typedef struct OutboxLifecycle
{
	const char *const *initial;
	int initial_count;
	const OutboxTransition *transitions;
	int transition_count;
} OutboxLifecycle;

/*
 * May an aggregate begin in this state (NULL: null)?  Returns OUTBOX_FAULT_STATE_NULL
 * or OUTBOX_FAULT_STATE_NOT_INITIAL.
 */
extern OutboxFault outbox_lifecycle_begin(const OutboxLifecycle *lifecycle, const char *state);

/*
 * May it go from one state to another (NULL: null)?  Tells by which transition; -1:
 * by none, for the state stays, or there was none and it begins only now.  Whether the
 * transition's guard is met is left to ask.  Returns OUTBOX_FAULT_NO_TRANSITION or a
 * fault of outbox_lifecycle_begin.
 */
extern OutboxFault outbox_lifecycle_move(const OutboxLifecycle *lifecycle, const char *from,
										 const char *to, int *transition);

/*
 * Writes the states that can follow this one (NULL: the initial states) as
 * "paid", "cancelled": in quotes, in order of definition, each once.  Returns the
 * length of all of it, as snprintf does; where size is too small, only the first
 * states that fit are written.  NUL-terminated unless size is 0.
 */
extern size_t outbox_lifecycle_list(const OutboxLifecycle *lifecycle, const char *from, char *list,
									size_t size);

#endif
