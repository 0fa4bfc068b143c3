/*
 * survey_test.c
 *		Looking at every entry, batch by batch.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "domain/event.h"
#include "domain/survey.h"

#define UUID "6f1c1fbc-0d0f-4c58-9f3e-3c1b0d5a7e11"

static OutboxSurvey survey;
static const OutboxStreamShape shape = {.first = 3, .last = 900};

/* Supplies entries of event = sequence after done, up to this one. */
static int
supply(uint64_t newest)
{
	int count = 0;

	while (count < OUTBOX_SURVEY_BATCH && survey.done + 1 + (uint64_t) count <= newest)
	{
		uint64_t sequence = survey.done + 1 + (uint64_t) count;

		survey.entries[count++] = (OutboxTrailEntry){sequence, (int64_t) sequence};
	}
	outbox_survey_supply(&survey, count, &shape);
	return count;
}

static bool
hear(uint64_t sequence, bool there)
{
	char id[OUTBOX_MESSAGE_ID_SIZE];

	snprintf(id, sizeof(id), "%s-%llu", UUID, (unsigned long long) sequence);
	return outbox_survey_hear(&survey, &shape, sequence, there ? id : "", UUID);
}

static void
assert_gap(uint64_t first, uint64_t last)
{
	uint64_t from;
	uint64_t to;

	assert_true(outbox_survey_take_gap(&survey, &from, &to));
	assert_int_equal(from, first);
	assert_int_equal(to, last);
}

static void
assert_no_gap(void)
{
	uint64_t from;
	uint64_t to;

	assert_false(outbox_survey_take_gap(&survey, &from, &to));
}

static void
at_most_so_many_looks_are_on_their_way(void **state)
{
	(void) state;
	outbox_survey_begin(&survey, 0, 100);
	supply(100);
	for (uint64_t i = 3; i < 7; i++)
		assert_int_equal(outbox_survey_ask(&survey, 4), i);
	assert_int_equal(outbox_survey_ask(&survey, 4), 0);
	assert_true(outbox_survey_waits(&survey));
	assert_true(hear(5, true));
	assert_int_equal(outbox_survey_ask(&survey, 4), 7);
	assert_int_equal(outbox_survey_ask(&survey, 4), 0);
}

static void
what_was_not_asked_is_not_believed(void **state)
{
	(void) state;
	outbox_survey_begin(&survey, 0, 100);
	supply(100);
	assert_int_equal(outbox_survey_ask(&survey, 1), 3);
	assert_false(hear(4, false));
	assert_false(hear(4000, false));
	assert_true(hear(3, true));
	assert_false(hear(3, false));
	assert_false(outbox_survey_waits(&survey));
}

/* Answers all looks of the batch; those in [first, last] find nothing. */
static void
answer_all(uint64_t first, uint64_t last)
{
	uint64_t sequence;

	while ((sequence = outbox_survey_ask(&survey, 8)) != 0)
		assert_true(hear(sequence, sequence < first || sequence > last));
	assert_true(outbox_survey_heard(&survey));
}

static void
gaps_are_taken_when_all_is_heard(void **state)
{
	(void) state;
	outbox_survey_begin(&survey, 0, 2000);
	supply(1000);
	assert_false(outbox_survey_heard(&survey));
	answer_all(100, 102);
	assert_gap(100, 102);
	assert_no_gap();
	assert_int_equal(survey.checked, OUTBOX_SURVEY_BATCH);
	assert_int_equal(survey.missing, 3);
	assert_int_equal(survey.done, OUTBOX_SURVEY_BATCH);
	/* What is beyond the stream's end needs no look. */
	supply(1000);
	answer_all(513, 513);
	assert_gap(513, 513);
	assert_gap(901, 1000);
	assert_no_gap();
	assert_int_equal(supply(1000), 0);
	assert_false(survey.running);
	assert_int_equal(survey.checked, 1000);
	assert_int_equal(survey.missing, 104);
}

static void
what_was_not_found_is_asked_for_once_more(void **state)
{
	uint64_t sequence;

	(void) state;
	outbox_survey_begin(&survey, 0, 20);
	supply(20);
	while ((sequence = outbox_survey_ask(&survey, 8)) != 0)
	{
		/* One holds another message, which is no question. */
		if (sequence == 9)
			assert_true(outbox_survey_hear(&survey, &shape, 9, UUID "-8", UUID));
		else
			assert_true(hear(sequence, sequence < 5 || sequence > 6));
		if (sequence == 20)
			break;
	}
	assert_false(outbox_survey_heard(&survey));
	assert_int_equal(outbox_survey_ask(&survey, 8), 5);
	assert_int_equal(outbox_survey_ask(&survey, 8), 6);
	assert_int_equal(outbox_survey_ask(&survey, 8), 0);
	assert_false(hear(9, true));
	assert_true(hear(5, true));
	assert_true(hear(6, false));
	assert_true(outbox_survey_heard(&survey));
	assert_int_equal(outbox_survey_ask(&survey, 8), 0);
	assert_gap(6, 6);
	assert_gap(9, 9);
	assert_no_gap();
	assert_int_equal(survey.missing, 2);
}

static void
what_is_beyond_its_end_is_not_looked_at(void **state)
{
	(void) state;
	outbox_survey_begin(&survey, 0, 10);
	supply(100);
	assert_int_equal(survey.count, 10);
	answer_all(1, 0);
	assert_no_gap();
	supply(100);
	assert_false(survey.running);
	outbox_survey_begin(&survey, 10, 10);
	assert_false(survey.running);
}

static void
interrupted_it_repeats_the_batch(void **state)
{
	(void) state;
	outbox_survey_begin(&survey, 0, 2000);
	supply(1000);
	answer_all(1, 0);
	assert_no_gap();
	supply(1000);
	outbox_survey_ask(&survey, 8);
	outbox_survey_interrupt(&survey);
	assert_true(survey.running);
	assert_false(outbox_survey_waits(&survey));
	assert_true(outbox_survey_heard(&survey));
	assert_no_gap();
	assert_int_equal(survey.done, OUTBOX_SURVEY_BATCH);
	supply(1000);
	assert_int_equal(outbox_survey_ask(&survey, 8), OUTBOX_SURVEY_BATCH + 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(at_most_so_many_looks_are_on_their_way),
		cmocka_unit_test(what_was_not_asked_is_not_believed),
		cmocka_unit_test(gaps_are_taken_when_all_is_heard),
		cmocka_unit_test(what_was_not_found_is_asked_for_once_more),
		cmocka_unit_test(what_is_beyond_its_end_is_not_looked_at),
		cmocka_unit_test(interrupted_it_repeats_the_batch),
	};

	return cmocka_run_group_tests_name("survey", tests, NULL, NULL);
}
