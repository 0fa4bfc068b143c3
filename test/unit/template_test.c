/*
 * template_test.c
 *		outbox.subject_template: what parses, the subjects and patterns it gives.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "domain/subject.h"
#include "domain/template.h"

static OutboxTemplate template;
static char subject[OUTBOX_SUBJECT_SIZE];

static const OutboxEvent event = {.aggregate = "order", .aggregate_id = "4.2", .action = "placed"};

static void
check_fill(const char *text, const char *database, const char *expected)
{
	assert_int_equal(outbox_template_parse(&template, text), OUTBOX_FAULT_NONE);
	assert_int_equal(outbox_template_fill(&template, database, &event, subject, sizeof(subject)),
					 OUTBOX_FAULT_NONE);
	assert_string_equal(subject, expected);
}

static void
check_pattern(const char *text, const char *database, const char *expected)
{
	assert_int_equal(outbox_template_parse(&template, text), OUTBOX_FAULT_NONE);
	assert_int_equal(outbox_template_pattern(&template, database, subject, sizeof(subject)),
					 OUTBOX_FAULT_NONE);
	assert_string_equal(subject, expected);
}

static void
check_refused(const char *text, OutboxFault fault)
{
	assert_int_equal(outbox_template_parse(&template, text), fault);
}

static void
placeholders_become_tokens(void **state)
{
	(void) state;
	check_fill(OUTBOX_TEMPLATE_DEFAULT, "shop", "shop.order.placed");
	check_fill("{aggregate}.{aggregate_id}.{action}", "shop", "order.4%2E2.placed");
	check_fill("evt.{database}.{aggregate}", "my shop", "evt.my%20shop.order");
	check_fill("app-{aggregate}_{action}.x", "shop", "app-order_placed.x");
	check_fill("{aggregate}", "$sys", "order");
	check_fill("{database}.{aggregate}", "$sys", "%24sys.order");
}

static void
malformed_templates_are_refused(void **state)
{
	char text[OUTBOX_TEMPLATE_MAX + 2];

	(void) state;
	check_refused("", OUTBOX_FAULT_TEMPLATE_EMPTY);
	check_refused("a b.{aggregate}", OUTBOX_FAULT_TEMPLATE_ILLEGAL_CHARACTER);
	check_refused("a.%20.{aggregate}", OUTBOX_FAULT_TEMPLATE_ILLEGAL_CHARACTER);
	check_refused("{aggregate}.*", OUTBOX_FAULT_TEMPLATE_ILLEGAL_CHARACTER);
	check_refused("{aggregate}.>", OUTBOX_FAULT_TEMPLATE_ILLEGAL_CHARACTER);
	check_refused("{aggregate}.a\r\n", OUTBOX_FAULT_TEMPLATE_ILLEGAL_CHARACTER);
	check_refused("{aggregate}.\xc3\xa9", OUTBOX_FAULT_TEMPLATE_ILLEGAL_CHARACTER);
	check_refused("a..{aggregate}", OUTBOX_FAULT_TEMPLATE_EMPTY_TOKEN);
	check_refused(".{aggregate}", OUTBOX_FAULT_TEMPLATE_EMPTY_TOKEN);
	check_refused("{aggregate}.", OUTBOX_FAULT_TEMPLATE_EMPTY_TOKEN);
	check_refused("{aggregate", OUTBOX_FAULT_TEMPLATE_OPEN_BRACE);
	check_refused("{{aggregate}}", OUTBOX_FAULT_TEMPLATE_OPEN_BRACE);
	check_refused("aggregate}", OUTBOX_FAULT_TEMPLATE_STRAY_BRACE);
	check_refused("{tenant}.{aggregate}", OUTBOX_FAULT_TEMPLATE_UNKNOWN_PLACEHOLDER);
	check_refused("{}.{aggregate}", OUTBOX_FAULT_TEMPLATE_UNKNOWN_PLACEHOLDER);
	check_refused("{Aggregate}", OUTBOX_FAULT_TEMPLATE_UNKNOWN_PLACEHOLDER);
	check_refused("{database}.{action}", OUTBOX_FAULT_TEMPLATE_NO_AGGREGATE);
	check_refused("{aggregate_id}", OUTBOX_FAULT_TEMPLATE_NO_AGGREGATE);
	check_refused("events", OUTBOX_FAULT_TEMPLATE_NO_AGGREGATE);
	check_refused("$JS.API.{aggregate}", OUTBOX_FAULT_TEMPLATE_RESERVED);
	check_refused("_INBOX.{aggregate}", OUTBOX_FAULT_TEMPLATE_RESERVED);
	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	check_refused(text, OUTBOX_FAULT_TEMPLATE_TOO_LONG);
	memcpy(text, "{aggregate}", strlen("{aggregate}"));
	text[OUTBOX_TEMPLATE_MAX] = '\0';
	check_refused(text, OUTBOX_FAULT_NONE);
}

static void
a_template_of_many_parts_is_parsed(void **state)
{
	char text[OUTBOX_TEMPLATE_MAX + 1] = "";

	(void) state;
	while (strlen(text) + strlen("x{action}") + strlen("{aggregate}") <= OUTBOX_TEMPLATE_MAX)
		strcat(text, "x{action}");
	strcat(text, "{aggregate}");
	check_refused(text, OUTBOX_FAULT_NONE);
	assert_true(template.part_count > 50);
	text[0] = '\0';
	while (strlen(text) + strlen("x.") + strlen("{aggregate}") <= OUTBOX_TEMPLATE_MAX)
		strcat(text, "x.");
	strcat(text, "{aggregate}");
	check_refused(text, OUTBOX_FAULT_TEMPLATE_TOO_LONG);
}

static void
a_template_points_to_nothing_else(void **state)
{
	char text[] = "evt.{aggregate}.{action}";
	OutboxTemplate copy;

	(void) state;
	assert_int_equal(outbox_template_parse(&template, text), OUTBOX_FAULT_NONE);
	memset(text, '#', sizeof(text));
	copy = template;
	memset(&template, 0, sizeof(template));
	assert_int_equal(outbox_template_fill(&copy, "shop", &event, subject, sizeof(subject)),
					 OUTBOX_FAULT_NONE);
	assert_string_equal(subject, "evt.order.placed");
}

static void
illegal_subjects_are_not_written(void **state)
{
	char id[OUTBOX_AGGREGATE_ID_MAX + 1];
	OutboxEvent odd = {.aggregate = "order", .aggregate_id = id, .action = ""};

	(void) state;
	memset(id, '.', sizeof(id));
	id[100] = '\0';
	assert_int_equal(outbox_template_parse(&template, "{aggregate}.{aggregate_id}"),
					 OUTBOX_FAULT_NONE);
	assert_int_equal(outbox_template_fill(&template, "shop", &odd, subject, sizeof(subject)),
					 OUTBOX_FAULT_SUBJECT_TOO_LONG);
	assert_int_equal(outbox_template_fill(&template, "shop", &event, subject, 10),
					 OUTBOX_FAULT_SCRATCH_TOO_SMALL);
	assert_int_equal(outbox_template_fill(&template, "shop", &event, subject, 12),
					 OUTBOX_FAULT_NONE);
	assert_int_equal(outbox_template_parse(&template, OUTBOX_TEMPLATE_DEFAULT), OUTBOX_FAULT_NONE);
	assert_int_equal(outbox_template_fill(&template, "shop", &odd, subject, sizeof(subject)),
					 OUTBOX_FAULT_SUBJECT_EMPTY_TOKEN);
	assert_int_equal(outbox_template_fill(&template, "_INBOX", &event, subject, sizeof(subject)),
					 OUTBOX_FAULT_SUBJECT_RESERVED);
}

static void
a_pattern_captures_one_database(void **state)
{
	(void) state;
	check_pattern(OUTBOX_TEMPLATE_DEFAULT, "shop", "shop.*.*");
	check_pattern("evt.{aggregate}.{aggregate_id}.all", "shop", "evt.*.*.all");
	check_pattern("x-{database}.a-{aggregate}.{action}_z", "a.b", "x-a%2Eb.*.*");
}

static void
a_pattern_never_begins_with_a_wildcard(void **state)
{
	(void) state;
	assert_int_equal(outbox_template_parse(&template, "{aggregate}.{action}"), OUTBOX_FAULT_NONE);
	assert_int_equal(outbox_template_pattern(&template, "shop", subject, sizeof(subject)),
					 OUTBOX_FAULT_TEMPLATE_TOO_WIDE);
	assert_int_equal(outbox_template_parse(&template, "x-{aggregate}"), OUTBOX_FAULT_NONE);
	assert_int_equal(outbox_template_pattern(&template, "shop", subject, sizeof(subject)),
					 OUTBOX_FAULT_TEMPLATE_TOO_WIDE);
	assert_int_equal(outbox_template_parse(&template, OUTBOX_TEMPLATE_DEFAULT), OUTBOX_FAULT_NONE);
	assert_int_equal(outbox_template_pattern(&template, "_INBOX", subject, sizeof(subject)),
					 OUTBOX_FAULT_SUBJECT_RESERVED);
	assert_int_equal(outbox_template_pattern(&template, "shop", subject, 8),
					 OUTBOX_FAULT_SCRATCH_TOO_SMALL);
	assert_int_equal(outbox_template_pattern(&template, "shop", subject, 9), OUTBOX_FAULT_NONE);
}

static bool
surely_fills(const char *text, const char *database, const OutboxEvent *of)
{
	assert_int_equal(outbox_template_parse(&template, text), OUTBOX_FAULT_NONE);
	return outbox_template_surely_fills(&template, database, of);
}

/* Where it can be seen that all is well, and nowhere where it may not be. */
static void
what_surely_fills_is_known_without_filling(void **state)
{
	char database[64];
	char id[256];
	OutboxEvent other = event;

	(void) state;
	assert_true(surely_fills(OUTBOX_TEMPLATE_DEFAULT, "shop", &event));
	assert_true(surely_fills("{aggregate}.{aggregate_id}", "shop", &event));
	assert_false(surely_fills(OUTBOX_TEMPLATE_DEFAULT, "_INBOX", &event));
	assert_false(surely_fills(OUTBOX_TEMPLATE_DEFAULT, "", &event));
	other.aggregate = "_INBOX";
	assert_false(surely_fills("{aggregate}.{action}", "shop", &other));
	assert_false(surely_fills("_{aggregate}", "shop", &event));

	/* 3 bytes for each of the id, 6 for the rest */
	memset(id, 'x', sizeof(id));
	id[83] = '\0';
	other = event;
	other.aggregate_id = id;
	assert_true(surely_fills("{aggregate}.{aggregate_id}", "shop", &other));
	id[83] = 'x';
	id[84] = '\0';
	assert_false(surely_fills("{aggregate}.{aggregate_id}", "shop", &other));
	memset(database, '-', sizeof(database));
	database[63] = '\0';
	assert_true(surely_fills(OUTBOX_TEMPLATE_DEFAULT, database, &event));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(placeholders_become_tokens),
		cmocka_unit_test(malformed_templates_are_refused),
		cmocka_unit_test(a_template_of_many_parts_is_parsed),
		cmocka_unit_test(a_template_points_to_nothing_else),
		cmocka_unit_test(illegal_subjects_are_not_written),
		cmocka_unit_test(a_pattern_captures_one_database),
		cmocka_unit_test(a_pattern_never_begins_with_a_wildcard),
		cmocka_unit_test(what_surely_fills_is_known_without_filling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
