/*
 * suspicion.h
 *		What the ends of a relay say about the events that it handles.
 *
 * A crash of any worker resets the whole server, so a relay that crashes on an
 * event must not be started for ever.
 *
 * Terms.  What is *at hand* is what a relay is just doing: an event, the log that
 * it reads, or nothing.  An *end* of its process is *clean* (it left by itself, or
 * was told to), a *crash* (a signal that it brought about itself), or it *vanished*
 * (killed from outside without a word: by an operator, or for want of memory).
 * What was at hand at an unclean end is the *suspect*.
 *
 * After an unclean end the relay is *careful*: it handles one event at a time and
 * writes down what is at hand, so a second end names the suspect.  After three in
 * a row it stays down, in *safe mode*, until somebody *pardons* it; one more
 * unclean end then brings it down again.
 *
 * A crash counts always.  Vanishing makes the next run careful, and counts only if
 * it is on the same suspect again: nobody shoots a relay three times on one event
 * by chance.
 */
#ifndef OUTBOX_DOMAIN_SUSPICION_H
#define OUTBOX_DOMAIN_SUSPICION_H

#include <stdbool.h>
#include <stdint.h>

#define OUTBOX_UNCLEAN_ENDS_MAX 3

/* At hand: an event's id, which is positive, or one of these. */
#define OUTBOX_AT_HAND_NOTHING INT64_C(0)
#define OUTBOX_AT_HAND_LOG INT64_C(-1)
#define OUTBOX_AT_HAND_REQUEST INT64_C(-2) /* the HTTP endpoint's */

typedef enum OutboxEnd
{
	OUTBOX_END_CLEAN,
	OUTBOX_END_CRASH,
	OUTBOX_END_VANISHED
} OutboxEnd;

typedef struct OutboxSuspicion
{
	int32_t ends; /* unclean ones in a row */
	int64_t suspect; /* at hand at the last of them that told */
} OutboxSuspicion;

/* The process has ended so, with this at hand. */
extern void outbox_suspicion_judge(OutboxSuspicion *suspicion, OutboxEnd end, int64_t at_hand);

/* Shall the next run be careful? */
extern bool outbox_suspicion_is_careful(const OutboxSuspicion *suspicion);

/* Shall there be no next run? */
extern bool outbox_suspicion_is_grave(const OutboxSuspicion *suspicion);

/* Somebody wants to see it run again. */
extern void outbox_suspicion_pardon(OutboxSuspicion *suspicion);

#endif
