/*
 * survey.h
 *		Looks at every entry of the trail, or of a part of it.
 *
 * Entries are taken a *batch* at a time: the caller supplies the batch, asks the
 * broker for what the survey wants to know, and takes the *gaps*, the entries in a
 * row that are lost, when all of the batch is heard.  What needs no look is judged
 * without one.  What was not found is asked for once more, when the rest is heard: a
 * server that notices a damaged file (2.10 does) does not find what it was asked for as it
 * noticed, though it has it.  A survey that is interrupted goes on after the last batch that was
 * finished.
 */
#ifndef OUTBOX_DOMAIN_SURVEY_H
#define OUTBOX_DOMAIN_SURVEY_H

#include <stdbool.h>
#include <stdint.h>

#include "domain/repair.h"
#include "domain/trail.h"

#define OUTBOX_SURVEY_BATCH 512

typedef struct OutboxSurvey
{
	bool running;
	uint64_t upto; /* entries beyond are not looked at */
	uint64_t done; /* all up to here has been looked at */
	uint64_t checked; /* entries */
	uint64_t missing; /* of them lost */

	/* the batch */
	OutboxTrailEntry entries[OUTBOX_SURVEY_BATCH];
	int8_t holdings[OUTBOX_SURVEY_BATCH]; /* OutboxHolding, or see survey.c */
	bool insists; /* asks once more for what was not found */
	int count;
	int asked; /* looked at, or judged without a look */
	int waiting; /* looks on their way */
	int heard;
	int told; /* its gaps are taken up to here */
} OutboxSurvey;

/* A survey of the entries after one sequence, up to another. */
extern void outbox_survey_begin(OutboxSurvey *survey, uint64_t after, uint64_t upto);

/* Nothing that was asked will be answered. */
extern void outbox_survey_interrupt(OutboxSurvey *survey);

/*
 * The batch: entries holds so many that follow done; none ends the survey.
 */
extern void outbox_survey_supply(OutboxSurvey *survey, int count, const OutboxStreamShape *shape);

/*
 * The next sequence to look at; 0: none now.  At most so many are asked for and not
 * answered at a time.
 */
extern uint64_t outbox_survey_ask(OutboxSurvey *survey, int most);

/* A look has found this message id; false: the survey did not ask. */
extern bool outbox_survey_hear(OutboxSurvey *survey, const OutboxStreamShape *shape,
							   uint64_t sequence, const char *message_id, const char *uuid);

/* Is an answer awaited? */
extern bool outbox_survey_waits(const OutboxSurvey *survey);

/* Is all of the batch heard, if there is one? */
extern bool outbox_survey_heard(const OutboxSurvey *survey);

/* Takes the next gap of a batch that is heard; false: none is left, the batch is done. */
extern bool outbox_survey_take_gap(OutboxSurvey *survey, uint64_t *first, uint64_t *last);

#endif
