/*
 * diagram_test.c
 *		Any lifecycle makes a legal diagram.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "domain/diagram.h"

#define LENGTH(array) ((int) (sizeof(array) / sizeof((array)[0])))

static char memory[8192];

static const char *
draw(const OutboxLifecycle *lifecycle, const char *const *guards)
{
	OutboxText text = {memory, sizeof(memory), 0};

	outbox_diagram_write(&text, lifecycle, guards);
	outbox_text_append_char(&text, '\0');
	assert_true(outbox_text_fits(&text));
	return memory;
}

/* A lifecycle of one state. */
static const char *
draw_one(const char *name)
{
	OutboxLifecycle lifecycle = {&name, 1, NULL, 0};

	return draw(&lifecycle, NULL);
}

static void
check_word(const char *name)
{
	char expected[256];

	snprintf(expected, sizeof(expected), "stateDiagram-v2\n    [*] --> %s\n    %s --> [*]\n", name,
			 name);
	assert_string_equal(draw_one(name), expected);
}

static void
check_alias(const char *name, const char *shown)
{
	char expected[256];

	snprintf(expected, sizeof(expected),
			 "stateDiagram-v2\n    state \"%s\" as s1\n    [*] --> s1\n    s1 --> [*]\n", shown);
	assert_string_equal(draw_one(name), expected);
}

static void
a_lifecycle_is_drawn_in_order_of_definition(void **state)
{
	static const char *const initial[] = {"draft", "placed"};
	static const OutboxTransition transitions[] = {
		{"draft", "placed", "place", false},          {"placed", "paid", "pay", true},
		{"paid", "in transit", NULL, false},          {"placed", "cancelled", NULL, true},
		{"in transit", "delivered", "arrive", false},
	};
	static const char *const guards[] = {NULL, "new.total > 0", NULL, "new.lines = 0", NULL};
	OutboxLifecycle lifecycle = {initial, 2, transitions, LENGTH(transitions)};

	(void) state;
	assert_string_equal(draw(&lifecycle, guards), "stateDiagram-v2\n"
												  "    state \"in transit\" as s8\n"
												  "    [*] --> draft\n"
												  "    [*] --> placed\n"
												  "    draft --> placed : place\n"
												  "    placed --> paid : pay [new.total #62; 0]\n"
												  "    paid --> s8\n"
												  "    placed --> cancelled : [new.lines = 0]\n"
												  "    s8 --> delivered : arrive\n"
												  "    cancelled --> [*]\n"
												  "    delivered --> [*]\n");
	lifecycle.transition_count = 2;
	assert_string_equal(draw(&lifecycle, NULL), "stateDiagram-v2\n"
												"    [*] --> draft\n"
												"    [*] --> placed\n"
												"    draft --> placed : place\n"
												"    placed --> paid : pay\n"
												"    paid --> [*]\n");
}

static void
an_empty_lifecycle_is_a_diagram(void **state)
{
	OutboxLifecycle lifecycle = {NULL, 0, NULL, 0};

	(void) state;
	assert_string_equal(draw(&lifecycle, NULL), "stateDiagram-v2\n");
}

static void
a_circle_has_no_last_state(void **state)
{
	static const OutboxTransition transitions[] = {{"a", "b", NULL, false},
												   {"b", "a", NULL, false}};
	OutboxLifecycle lifecycle = {NULL, 0, transitions, 2};

	(void) state;
	assert_string_equal(draw(&lifecycle, NULL), "stateDiagram-v2\n    a --> b\n    b --> a\n");
}

static void
words_stand_as_they_are(void **state)
{
	(void) state;
	check_word("placed");
	check_word("in_transit");
	check_word("Paid2");
	check_word("s1x");
	check_word("state_of_grace");
	check_word("ending");
	check_word("directions");
	check_word("S1");
}

static void
names_that_are_no_words_get_an_alias(void **state)
{
	(void) state;
	check_alias("in transit", "in transit");
	check_alias("in-transit", "in-transit");
	check_alias("2nd", "2nd");
	check_alias("_new", "#95;new");
	check_alias("bezahlt \xc3\xbc", "bezahlt \xc3\xbc");
	check_alias("say \"yes\"", "say #34;yes#34;");
	check_alias("a;b:c", "a#59;b#58;c");
	check_alias("a\nb\t\x7f", "a#10;b#9;#127;");
	check_alias("", "#34;#34;");
	check_alias(" ", "#32;");
	check_alias("  x ", "#32; x#32;");
	check_alias("[*]", "#91;#42;#93;");
	check_alias("#35;", "#35;35#59;");
}

static void
words_of_mermaid_get_an_alias(void **state)
{
	static const char *const words[] = {"end",   "state", "State",   "NOTE",     "class",
										"style", "root",  "default", "toString", "constructor"};

	(void) state;
	for (int i = 0; i < LENGTH(words); i++)
		check_alias(words[i], words[i]);
}

static void
our_aliases_are_not_taken_for_names(void **state)
{
	static const char *const initial[] = {"a b", "s1"};
	OutboxLifecycle lifecycle = {initial, 2, NULL, 0};

	(void) state;
	check_alias("s1", "s1");
	check_alias("s42", "s42");
	assert_string_equal(draw(&lifecycle, NULL), "stateDiagram-v2\n"
												"    state \"a b\" as s1\n"
												"    state \"s1\" as s2\n"
												"    [*] --> s1\n"
												"    [*] --> s2\n"
												"    s1 --> [*]\n"
												"    s2 --> [*]\n");
}

/* Its rule reaches over blanks and the ends of lines. */
static void
the_word_direction_is_never_written(void **state)
{
	(void) state;
	check_alias("direction", "directio#110;");
	check_alias("wind_direction", "wind_directio#110;");
	check_alias("DIRECTION LR", "DIRECTIO#78; LR");
	check_alias("a direction\xc2\xa0tb", "a directio#110;\xc2\xa0tb");
}

static void
what_would_be_markdown_is_escaped(void **state)
{
	(void) state;
	check_alias("1. open", "1#46; open");
	check_alias("1) open", "1#41; open");
	check_alias("v1.5", "v1.5");
	check_alias("f(1) = a/b, 'c'", "f(1) = a/b, 'c'");
	check_alias("- open", "#45; open");
	check_alias("a--b", "a#45;#45;b");
	check_alias("*a* _b_ `c`", "#42;a#42; #95;b#95; #96;c#96;");
	check_alias("<b>&\\n|$", "#60;b#62;#38;#92;n#124;#36;");
}

static void
labels_are_escaped_like_names(void **state)
{
	static const OutboxTransition transition = {"a", "b", "pay-now", true};
	static const char *const guard = "new.x[1] <> '%';\n";
	OutboxLifecycle lifecycle = {NULL, 0, &transition, 1};

	(void) state;
	assert_string_equal(draw(&lifecycle, &guard),
						"stateDiagram-v2\n"
						"    a --> b : pay-now [new.x#91;1#93; #60;#62; '#37;'#59;#10;]\n"
						"    b --> [*]\n");
}

/* Undoes the codes; fails where anything stands that Mermaid could misread. */
static void
check_shown(const char *from, size_t length, const char *name)
{
	size_t at = 0;

	for (const char *c = from; c < from + length; c++, at++)
	{
		unsigned long shown = (unsigned char) *c;
		char *end;

		assert_null(strchr("\"\n:;%{}[]<>*`\\&|$~", *c));
		if (*c == '#')
		{
			shown = strtoul(c + 1, &end, 10);
			assert_int_equal(*end, ';');
			c = end;
		}
		assert_int_equal(shown, (unsigned char) name[at]);
	}
	assert_int_equal(name[at], '\0');
}

/* Every name is shown as it is, whatever it is made of. */
static void
any_name_can_be_read_again(void **state)
{
	static const char *const pieces[] = {
		"a",  " ", "-",   "\"",         "#",  ";",  ":", "1",  ".", "_",        "\n",
		"%%", "{", "-->", "direction ", "TB", "\\", "<", "[*", "`", "\xc3\xa9", ")"};
	uint32_t seed = 1;

	(void) state;
	for (int round = 0; round < 5000; round++)
	{
		char name[128] = "!";
		const char *first;
		const char *last;

		for (int i = 0; i < 1 + round % 8; i++)
		{
			seed = seed * 1664525 + 1013904223;
			strcat(name, pieces[(seed >> 16) % LENGTH(pieces)]);
		}
		first = strchr(draw_one(name), '"') + 1;
		last = strstr(first, "\" as s1\n");
		assert_non_null(last);
		check_shown(first, (size_t) (last - first), name);
		assert_string_equal(last, "\" as s1\n    [*] --> s1\n    s1 --> [*]\n");
	}
}

static void
it_is_measured_where_there_is_no_room(void **state)
{
	static const char *const name = "in transit";
	OutboxLifecycle lifecycle = {&name, 1, NULL, 0};
	OutboxText text = {NULL, 0, 0};

	(void) state;
	outbox_diagram_write(&text, &lifecycle, NULL);
	assert_int_equal(text.length, strlen(draw(&lifecycle, NULL)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_lifecycle_is_drawn_in_order_of_definition),
		cmocka_unit_test(an_empty_lifecycle_is_a_diagram),
		cmocka_unit_test(a_circle_has_no_last_state),
		cmocka_unit_test(words_stand_as_they_are),
		cmocka_unit_test(names_that_are_no_words_get_an_alias),
		cmocka_unit_test(words_of_mermaid_get_an_alias),
		cmocka_unit_test(our_aliases_are_not_taken_for_names),
		cmocka_unit_test(the_word_direction_is_never_written),
		cmocka_unit_test(what_would_be_markdown_is_escaped),
		cmocka_unit_test(labels_are_escaped_like_names),
		cmocka_unit_test(any_name_can_be_read_again),
		cmocka_unit_test(it_is_measured_where_there_is_no_room),
	};

	return cmocka_run_group_tests_name("diagram", tests, NULL, NULL);
}
