/*
 * guard_test.c
 *		What is asked of a change, in which order, and what is emitted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "application/guard.h"

#define LENGTH(array) ((int) (sizeof(array) / sizeof((array)[0])))
#define EACH 3 /* rules of each kind */

/* Answers what the test has laid down, and writes down what it was asked. */
typedef struct FakeRow
{
	bool keeps[EACH];
	OutboxTruth allows[EACH];
	OutboxTruth holds[EACH];
	OutboxTruth happened[EACH];
	char asked[128]; /* a letter of the callback and the index, for each call */
	jmp_buf *leave; /* where to, at the first emission; or NULL */
} FakeRow;

static FakeRow row;
static OutboxBreach breach;

static void
note(FakeRow *it, char letter, int index)
{
	size_t length = strlen(it->asked);

	snprintf(it->asked + length, sizeof(it->asked) - length, "%c%d ", letter, index);
}

static bool
fake_keeps(void *it, int immutable)
{
	note(it, 'k', immutable);
	return ((FakeRow *) it)->keeps[immutable];
}

static OutboxTruth
fake_allows(void *it, int transition)
{
	note(it, 'a', transition);
	return ((FakeRow *) it)->allows[transition];
}

static OutboxTruth
fake_holds(void *it, int invariant)
{
	note(it, 'h', invariant);
	return ((FakeRow *) it)->holds[invariant];
}

static OutboxTruth
fake_happened(void *it, int event)
{
	note(it, '?', event);
	return ((FakeRow *) it)->happened[event];
}

static void
fake_state_transition(void *it, int transition)
{
	FakeRow *fake = it;

	note(fake, 'T', transition);
	if (fake->leave != NULL)
		longjmp(*fake->leave, 1);
}

static void
fake_state_event(void *it, int event)
{
	note(it, 'E', event);
}

static const OutboxGuardRoutine fake_row = {fake_keeps,    fake_allows,           fake_holds,
											fake_happened, fake_state_transition, fake_state_event};

static const char *const initial[] = {"placed"};
static const OutboxTransition transitions[EACH] = {
	{"placed", "paid", "pay", true},
	{"placed", "cancelled", NULL, false},
	{"paid", "shipped", "ship", false},
};
static const OutboxLifecycle lifecycle = {initial, 1, transitions, EACH};

static const OutboxEventRule insert_events[EACH] = {
	{OUTBOX_OPERATION_INSERT, "placed", false},
	{OUTBOX_OPERATION_UPDATE, "changed", false},
	{OUTBOX_OPERATION_INSERT, "large", true},
};
static const OutboxEventRule update_events[EACH] = {
	{OUTBOX_OPERATION_UPDATE, "grown", true},
	{OUTBOX_OPERATION_DELETE, "removed", false},
	{OUTBOX_OPERATION_UPDATE, "changed", false},
};
static const OutboxEventRule delete_events[EACH] = {
	{OUTBOX_OPERATION_DELETE, "lost", true},
	{OUTBOX_OPERATION_DELETE, "removed", false},
	{OUTBOX_OPERATION_INSERT, "placed", false},
};

static const OutboxChange insert = {OUTBOX_OPERATION_INSERT, false, NULL, "placed"};
static const OutboxChange update = {OUTBOX_OPERATION_UPDATE, true, NULL, NULL};
static const OutboxChange pay = {OUTBOX_OPERATION_UPDATE, false, "placed", "paid"};
static const OutboxChange removal = {OUTBOX_OPERATION_DELETE, false, "placed", NULL};

/* All that is asked is as it should be. */
static int
content(void **state)
{
	(void) state;
	memset(&row, 0, sizeof(row));
	for (int i = 0; i < EACH; i++)
	{
		row.keeps[i] = true;
		row.allows[i] = row.holds[i] = row.happened[i] = OUTBOX_TRUTH_TRUE;
	}
	return 0;
}

static OutboxRules
rules_with(const OutboxEventRule *events)
{
	return (OutboxRules){&lifecycle, 2, 2, events, EACH};
}

static bool
judge(const OutboxRules *rules, const OutboxChange *change)
{
	row.asked[0] = '\0';
	breach = (OutboxBreach){OUTBOX_FAULT_SCRATCH_TOO_SMALL, 4711};
	return outbox_guard_judge(rules, change, &fake_row, &row, &breach);
}

static void
check_passes(const OutboxRules *rules, const OutboxChange *change, const char *asked)
{
	assert_true(judge(rules, change));
	assert_string_equal(row.asked, asked);
	assert_int_equal(breach.fault, OUTBOX_FAULT_NONE);
	assert_int_equal(breach.index, -1);
}

static void
check_breach(const OutboxRules *rules, const OutboxChange *change, const char *asked,
			 OutboxBreach expected)
{
	assert_false(judge(rules, change));
	assert_string_equal(row.asked, asked);
	assert_int_equal(breach.fault, expected.fault);
	assert_int_equal(breach.index, expected.index);
}

static void
an_insert_begins_and_is_told(void **state)
{
	OutboxRules rules = rules_with(insert_events);

	(void) state;
	check_passes(&rules, &insert, "h0 h1 E0 ?2 E2 ");
}

static void
an_update_goes_on_and_is_told(void **state)
{
	OutboxRules rules = rules_with(update_events);

	(void) state;
	check_passes(&rules, &pay, "k0 k1 a0 h0 h1 T0 ?0 E0 E2 ");
}

static void
a_state_that_is_kept_is_not_looked_at(void **state)
{
	OutboxRules rules = rules_with(update_events);
	OutboxChange change = update;

	(void) state;
	check_passes(&rules, &change, "k0 k1 h0 h1 ?0 E0 E2 ");
	change.old_state = "shipped";
	change.new_state = "placed";
	check_passes(&rules, &change, "k0 k1 h0 h1 ?0 E0 E2 ");
	change.state_kept = false;
	change.old_state = "placed";
	check_passes(&rules, &change, "k0 k1 h0 h1 ?0 E0 E2 ");
}

static void
a_transition_may_have_neither_guard_nor_event(void **state)
{
	OutboxRules rules = rules_with(insert_events);
	OutboxChange change = {OUTBOX_OPERATION_UPDATE, false, "placed", "cancelled"};

	(void) state;
	check_passes(&rules, &change, "k0 k1 h0 h1 E1 ");
	change = (OutboxChange){OUTBOX_OPERATION_UPDATE, false, "paid", "shipped"};
	check_passes(&rules, &change, "k0 k1 h0 h1 T2 E1 ");
	change = (OutboxChange){OUTBOX_OPERATION_UPDATE, false, NULL, "placed"};
	check_passes(&rules, &change, "k0 k1 h0 h1 E1 ");
}

static void
a_delete_is_only_told(void **state)
{
	OutboxRules rules = rules_with(delete_events);

	(void) state;
	memset(row.keeps, 0, sizeof(row.keeps));
	row.holds[0] = OUTBOX_TRUTH_FALSE;
	check_passes(&rules, &removal, "?0 E0 E1 ");
}

static void
without_rules_anything_goes(void **state)
{
	OutboxRules rules = {.lifecycle = NULL};
	OutboxChange change = {OUTBOX_OPERATION_UPDATE, false, "shipped", NULL};

	(void) state;
	check_passes(&rules, &change, "");
	check_passes(&rules, &insert, "");
	check_passes(&rules, &removal, "");
}

static void
an_immutable_column_is_kept(void **state)
{
	OutboxRules rules = rules_with(update_events);

	(void) state;
	row.keeps[1] = false;
	check_breach(&rules, &pay, "k0 k1 ", (OutboxBreach){OUTBOX_FAULT_IMMUTABLE_CHANGED, 1});
	row.keeps[0] = false;
	check_breach(&rules, &pay, "k0 ", (OutboxBreach){OUTBOX_FAULT_IMMUTABLE_CHANGED, 0});
	rules = rules_with(insert_events);
	check_passes(&rules, &insert, "h0 h1 E0 ?2 E2 ");
}

static void
the_lifecycle_is_kept(void **state)
{
	OutboxRules rules = rules_with(update_events);
	OutboxChange change = pay;

	(void) state;
	change.new_state = "shipped";
	check_breach(&rules, &change, "k0 k1 ", (OutboxBreach){OUTBOX_FAULT_NO_TRANSITION, -1});
	change.new_state = NULL;
	check_breach(&rules, &change, "k0 k1 ", (OutboxBreach){OUTBOX_FAULT_STATE_NULL, -1});
	change = insert;
	change.new_state = "paid";
	check_breach(&rules, &change, "", (OutboxBreach){OUTBOX_FAULT_STATE_NOT_INITIAL, -1});
	change.state_kept = true;
	check_breach(&rules, &change, "", (OutboxBreach){OUTBOX_FAULT_STATE_NOT_INITIAL, -1});
	change.new_state = NULL;
	check_breach(&rules, &change, "", (OutboxBreach){OUTBOX_FAULT_STATE_NULL, -1});
}

static void
a_guard_must_be_true(void **state)
{
	OutboxRules rules = rules_with(update_events);

	(void) state;
	row.allows[0] = OUTBOX_TRUTH_FALSE;
	check_breach(&rules, &pay, "k0 k1 a0 ", (OutboxBreach){OUTBOX_FAULT_GUARD_UNMET, 0});
	row.allows[0] = OUTBOX_TRUTH_UNKNOWN;
	check_breach(&rules, &pay, "k0 k1 a0 ", (OutboxBreach){OUTBOX_FAULT_GUARD_UNMET, 0});
}

static void
an_invariant_must_not_be_false(void **state)
{
	OutboxRules rules = rules_with(insert_events);

	(void) state;
	row.holds[0] = row.holds[1] = OUTBOX_TRUTH_UNKNOWN;
	check_passes(&rules, &insert, "h0 h1 E0 ?2 E2 ");
	row.holds[1] = OUTBOX_TRUTH_FALSE;
	check_breach(&rules, &insert, "h0 h1 ", (OutboxBreach){OUTBOX_FAULT_INVARIANT_BROKEN, 1});
	check_breach(&rules, &update, "k0 k1 h0 h1 ", (OutboxBreach){OUTBOX_FAULT_INVARIANT_BROKEN, 1});
	row.holds[0] = OUTBOX_TRUTH_FALSE;
	check_breach(&rules, &insert, "h0 ", (OutboxBreach){OUTBOX_FAULT_INVARIANT_BROKEN, 0});
}

static void
a_condition_must_be_true(void **state)
{
	OutboxRules rules = rules_with(insert_events);

	(void) state;
	row.happened[2] = OUTBOX_TRUTH_FALSE;
	check_passes(&rules, &insert, "h0 h1 E0 ?2 ");
	row.happened[2] = OUTBOX_TRUTH_UNKNOWN;
	check_passes(&rules, &insert, "h0 h1 E0 ?2 ");
}

static void
a_callback_may_leave(void **state)
{
	OutboxRules rules = rules_with(update_events);
	jmp_buf leave;

	(void) state;
	row.leave = &leave;
	if (setjmp(leave) == 0)
	{
		judge(&rules, &pay);
		fail();
	}
	assert_string_equal(row.asked, "k0 k1 a0 h0 h1 T0 ");
	row.leave = NULL;
	check_passes(&rules, &update, "k0 k1 h0 h1 ?0 E0 E2 ");
}

/*
 * Whatever the answers are: something is emitted exactly if nothing is broken, and what
 * is broken is the first thing that was answered badly.
 */
static void
nothing_is_told_of_what_is_refused(void **state)
{
	static const OutboxTruth truths[] = {OUTBOX_TRUTH_UNKNOWN, OUTBOX_TRUTH_FALSE,
										 OUTBOX_TRUTH_TRUE};
	OutboxRules rules = rules_with(update_events);

	(void) state;
	for (int draw = 0; draw < 2 * 2 * 3 * 3 * 3; draw++)
	{
		OutboxFault expected = OUTBOX_FAULT_NONE;

		row.keeps[0] = draw % 2 == 0;
		row.keeps[1] = draw / 2 % 2 == 0;
		row.allows[0] = truths[draw / 4 % 3];
		row.holds[0] = truths[draw / 12 % 3];
		row.holds[1] = truths[draw / 36 % 3];
		if (!row.keeps[0] || !row.keeps[1])
			expected = OUTBOX_FAULT_IMMUTABLE_CHANGED;
		else if (row.allows[0] != OUTBOX_TRUTH_TRUE)
			expected = OUTBOX_FAULT_GUARD_UNMET;
		else if (row.holds[0] == OUTBOX_TRUTH_FALSE || row.holds[1] == OUTBOX_TRUTH_FALSE)
			expected = OUTBOX_FAULT_INVARIANT_BROKEN;
		assert_int_equal(judge(&rules, &pay), expected == OUTBOX_FAULT_NONE);
		assert_int_equal(breach.fault, expected);
		assert_int_equal(strpbrk(row.asked, "TE") != NULL, expected == OUTBOX_FAULT_NONE);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(an_insert_begins_and_is_told, content),
		cmocka_unit_test_setup(an_update_goes_on_and_is_told, content),
		cmocka_unit_test_setup(a_state_that_is_kept_is_not_looked_at, content),
		cmocka_unit_test_setup(a_transition_may_have_neither_guard_nor_event, content),
		cmocka_unit_test_setup(a_delete_is_only_told, content),
		cmocka_unit_test_setup(without_rules_anything_goes, content),
		cmocka_unit_test_setup(an_immutable_column_is_kept, content),
		cmocka_unit_test_setup(the_lifecycle_is_kept, content),
		cmocka_unit_test_setup(a_guard_must_be_true, content),
		cmocka_unit_test_setup(an_invariant_must_not_be_false, content),
		cmocka_unit_test_setup(a_condition_must_be_true, content),
		cmocka_unit_test_setup(a_callback_may_leave, content),
		cmocka_unit_test_setup(nothing_is_told_of_what_is_refused, content),
	};

	return cmocka_run_group_tests_name("guard", tests, NULL, NULL);
}
