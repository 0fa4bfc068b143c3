/*
 * survey.c
 *		Looks at every entry of the trail, or of a part of it.
 */
#include "domain/survey.h"

/* Beside an OutboxHolding. */
#define NOT_HEARD (-1)
#define NOT_FOUND (-2) /* at the first look */

static int find(const OutboxSurvey *survey, uint64_t sequence);
static void skip_foreseen(OutboxSurvey *survey);
static void insist(OutboxSurvey *survey);
static void clear_batch(OutboxSurvey *survey);

void
outbox_survey_begin(OutboxSurvey *survey, uint64_t after, uint64_t upto)
{
	survey->running = upto > after;
	survey->upto = upto;
	survey->done = after;
	survey->checked = 0;
	survey->missing = 0;
	clear_batch(survey);
}

void
outbox_survey_interrupt(OutboxSurvey *survey)
{
	clear_batch(survey);
}

void
outbox_survey_supply(OutboxSurvey *survey, int count, const OutboxStreamShape *shape)
{
	clear_batch(survey);
	while (count > 0 && survey->entries[count - 1].sequence > survey->upto)
		count--;
	survey->count = count;
	survey->running = count > 0;
	for (int i = 0; i < count; i++)
	{
		OutboxHolding holding;

		survey->holdings[i] = NOT_HEARD;
		if (!outbox_repair_foresee(shape, &survey->entries[i], &holding))
			continue;
		survey->holdings[i] = (int8_t) holding;
		survey->heard++;
	}
	skip_foreseen(survey);
}

uint64_t
outbox_survey_ask(OutboxSurvey *survey, int most)
{
	uint64_t sequence;

	if (survey->asked == survey->count || survey->waiting >= most)
		return 0;
	sequence = survey->entries[survey->asked++].sequence;
	survey->waiting++;
	skip_foreseen(survey);
	return sequence;
}

bool
outbox_survey_hear(OutboxSurvey *survey, const OutboxStreamShape *shape, uint64_t sequence,
				   const char *message_id, const char *uuid)
{
	int place = find(survey, sequence);
	OutboxHolding holding;

	if (place < 0 || place >= survey->asked || survey->holdings[place] != NOT_HEARD)
		return false;
	holding = outbox_repair_judge(shape, &survey->entries[place], message_id, uuid);
	survey->holdings[place] = (int8_t) holding;
	if (holding == OUTBOX_HOLDING_LOST && message_id[0] == '\0' && !survey->insists)
		survey->holdings[place] = NOT_FOUND;
	survey->heard++;
	survey->waiting--;
	if (survey->heard == survey->count && !survey->insists)
		insist(survey);
	return true;
}

bool
outbox_survey_waits(const OutboxSurvey *survey)
{
	return survey->waiting > 0;
}

bool
outbox_survey_heard(const OutboxSurvey *survey)
{
	return survey->heard == survey->count;
}

bool
outbox_survey_take_gap(OutboxSurvey *survey, uint64_t *first, uint64_t *last)
{
	int *at = &survey->told;

	while (*at < survey->count && survey->holdings[*at] != OUTBOX_HOLDING_LOST)
		(*at)++;
	if (*at == survey->count)
	{
		survey->checked += (uint64_t) survey->count;
		if (survey->count > 0)
			survey->done = survey->entries[survey->count - 1].sequence;
		clear_batch(survey);
		return false;
	}
	*first = survey->entries[*at].sequence;
	for (; *at < survey->count && survey->holdings[*at] == OUTBOX_HOLDING_LOST; (*at)++)
	{
		*last = survey->entries[*at].sequence;
		survey->missing++;
	}
	return true;
}

static int
find(const OutboxSurvey *survey, uint64_t sequence)
{
	int low = 0;
	int high = survey->count - 1;

	while (low <= high)
	{
		int middle = (low + high) / 2;

		if (survey->entries[middle].sequence == sequence)
			return middle;
		if (survey->entries[middle].sequence < sequence)
			low = middle + 1;
		else
			high = middle - 1;
	}
	return -1;
}

/* What needs no look, or has had it, is not asked for. */
static void
skip_foreseen(OutboxSurvey *survey)
{
	while (survey->asked < survey->count && survey->holdings[survey->asked] >= 0)
		survey->asked++;
}

static void
insist(OutboxSurvey *survey)
{
	survey->insists = true;
	survey->asked = 0;
	for (int i = 0; i < survey->count; i++)
	{
		if (survey->holdings[i] != NOT_FOUND)
			continue;
		survey->holdings[i] = NOT_HEARD;
		survey->heard--;
	}
	skip_foreseen(survey);
}

static void
clear_batch(OutboxSurvey *survey)
{
	survey->insists = false;
	survey->count = 0;
	survey->asked = 0;
	survey->waiting = 0;
	survey->heard = 0;
	survey->told = 0;
}
