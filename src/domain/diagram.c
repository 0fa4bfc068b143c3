/*
 * diagram.c
 *		A lifecycle as a picture: the text of a Mermaid state diagram.
 *
 * A lifecycle *mentions* its states in places that are counted from 0: the initial
 * ones, then for each transition the one that it leaves and the one that it reaches.
 */
#include "domain/diagram.h"

#include <stdint.h>
#include <string.h>

#define INDENT "    "

/* Words of Mermaid's, names of its own nodes, and what every object of JavaScript has. */
static const char *const reserved[] = {
	"accdescr",
	"acctitle",
	"as",
	"choice",
	"class",
	"classdef",
	"click",
	"constructor",
	"default",
	"divider",
	"end",
	"fork",
	"graph",
	"hasownproperty",
	"hide",
	"href",
	"isprototypeof",
	"join",
	"note",
	"propertyisenumerable",
	"prototype",
	"root",
	"root_end",
	"root_start",
	"scale",
	"start",
	"state",
	"statediagram",
	"style",
	"subgraph",
	"tolocalestring",
	"tostring",
	"valueof",
};

static int mention_count(const OutboxLifecycle *lifecycle);
static const char *mention(const OutboxLifecycle *lifecycle, int place);
static int first_place(const OutboxLifecycle *lifecycle, const char *state);
static bool is_last(const OutboxLifecycle *lifecycle, const char *state);
static void append_alias(OutboxText *text, const OutboxLifecycle *lifecycle, int place);
static void append_state(OutboxText *text, const OutboxLifecycle *lifecycle, const char *state);
static void append_transition(OutboxText *text, const OutboxLifecycle *lifecycle,
							  const OutboxTransition *transition, const char *guard);
static void append_escaped(OutboxText *text, const char *string);
static bool is_harmless(const char *string, size_t at);
static bool is_word(const char *name);
static bool is_reserved(const char *name);
static bool ends_direction(const char *string, size_t length);
static bool is_letter(char c);
static bool is_digit(char c);
static bool is_same(const char *string, const char *lower, size_t length);

void
outbox_diagram_write(OutboxText *text, const OutboxLifecycle *lifecycle, const char *const *guards)
{
	int places = mention_count(lifecycle);

	outbox_text_append_string(text, "stateDiagram-v2\n");
	for (int i = 0; i < places; i++)
		append_alias(text, lifecycle, i);
	for (int i = 0; i < lifecycle->initial_count; i++)
	{
		outbox_text_append_string(text, INDENT "[*] --> ");
		append_state(text, lifecycle, lifecycle->initial[i]);
		outbox_text_append_char(text, '\n');
	}
	for (int i = 0; i < lifecycle->transition_count; i++)
		append_transition(text, lifecycle, &lifecycle->transitions[i],
						  guards != NULL ? guards[i] : NULL);
	for (int i = 0; i < places; i++)
	{
		const char *state = mention(lifecycle, i);

		if (first_place(lifecycle, state) != i || !is_last(lifecycle, state))
			continue;
		outbox_text_append_string(text, INDENT);
		append_state(text, lifecycle, state);
		outbox_text_append_string(text, " --> [*]\n");
	}
}

static int
mention_count(const OutboxLifecycle *lifecycle)
{
	return lifecycle->initial_count + 2 * lifecycle->transition_count;
}

static const char *
mention(const OutboxLifecycle *lifecycle, int place)
{
	int end;

	if (place < lifecycle->initial_count)
		return lifecycle->initial[place];
	end = place - lifecycle->initial_count;
	return end % 2 == 0 ? lifecycle->transitions[end / 2].from : lifecycle->transitions[end / 2].to;
}

/* Where this state, which is mentioned, is mentioned first. */
static int
first_place(const OutboxLifecycle *lifecycle, const char *state)
{
	int place = 0;

	while (strcmp(mention(lifecycle, place), state) != 0)
		place++;
	return place;
}

static bool
is_last(const OutboxLifecycle *lifecycle, const char *state)
{
	for (int i = 0; i < lifecycle->transition_count; i++)
	{
		if (strcmp(lifecycle->transitions[i].from, state) == 0)
			return false;
	}
	return true;
}

static void
append_alias(OutboxText *text, const OutboxLifecycle *lifecycle, int place)
{
	const char *state = mention(lifecycle, place);

	if (is_word(state) || first_place(lifecycle, state) != place)
		return;
	outbox_text_append_string(text, INDENT "state \"");
	/* Mermaid takes no empty name. */
	append_escaped(text, state[0] != '\0' ? state : "\"\"");
	outbox_text_append_string(text, "\" as ");
	append_state(text, lifecycle, state);
	outbox_text_append_char(text, '\n');
}

static void
append_state(OutboxText *text, const OutboxLifecycle *lifecycle, const char *state)
{
	if (is_word(state))
	{
		outbox_text_append_string(text, state);
		return;
	}
	outbox_text_append_char(text, 's');
	outbox_text_append_unsigned(text, (uint64_t) first_place(lifecycle, state) + 1);
}

static void
append_transition(OutboxText *text, const OutboxLifecycle *lifecycle,
				  const OutboxTransition *transition, const char *guard)
{
	outbox_text_append_string(text, INDENT);
	append_state(text, lifecycle, transition->from);
	outbox_text_append_string(text, " --> ");
	append_state(text, lifecycle, transition->to);
	if (transition->action != NULL || guard != NULL)
		outbox_text_append_string(text, " :");
	if (transition->action != NULL)
	{
		outbox_text_append_char(text, ' ');
		append_escaped(text, transition->action);
	}
	if (guard != NULL)
	{
		outbox_text_append_string(text, " [");
		append_escaped(text, guard);
		outbox_text_append_char(text, ']');
	}
	outbox_text_append_char(text, '\n');
}

static void
append_escaped(OutboxText *text, const char *string)
{
	for (size_t at = 0; string[at] != '\0'; at++)
	{
		if (is_harmless(string, at))
		{
			outbox_text_append_char(text, string[at]);
			continue;
		}
		outbox_text_append_char(text, '#');
		outbox_text_append_unsigned(text, (unsigned char) string[at]);
		outbox_text_append_char(text, ';');
	}
}

/* May this byte of a label stand as it is? */
static bool
is_harmless(const char *string, size_t at)
{
	char c = string[at];
	char before = at > 0 ? string[at - 1] : '\0';
	char after = string[at + 1];

	switch (c)
	{
		case '(':
		case ',':
		case '=':
		case '/':
		case '\'':
			return true;
		case '.':
		case ')':
			/* else "1. " or "1) " would begin a list */
			return strspn(string, "0123456789") < at;
		case '-':
		case '_':
			/* else it may be an arrow, a list or emphasis */
			return (is_letter(before) || is_digit(before)) && (is_letter(after) || is_digit(after));
		case ' ':
			/* at the ends it would be lost */
			return at > 0 && after != '\0';
		default:
			return (unsigned char) c >= 0x80 || is_digit(c) ||
				   (is_letter(c) && !ends_direction(string, at + 1));
	}
}

/* Is this name read as it is, and is it no alias of ours? */
static bool
is_word(const char *name)
{
	size_t length = strlen(name);

	if (!is_letter(name[0]) || is_reserved(name) || ends_direction(name, length))
		return false;
	for (size_t i = 1; i < length; i++)
	{
		if (!is_letter(name[i]) && !is_digit(name[i]) && name[i] != '_')
			return false;
	}
	return name[0] != 's' || 1 + strspn(name + 1, "0123456789") < length;
}

static bool
is_reserved(const char *name)
{
	size_t length = strlen(name);

	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
	{
		if (strlen(reserved[i]) == length && is_same(name, reserved[i], length))
			return true;
	}
	return false;
}

/* Wherever it stands, the word before "LR" or "TB" turns the diagram. */
static bool
ends_direction(const char *string, size_t length)
{
	static const char word[] = "direction";
	const size_t word_length = sizeof(word) - 1;

	return length >= word_length && is_same(string + length - word_length, word, word_length);
}

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Upper and lower case alike. */
static bool
is_same(const char *string, const char *lower, size_t length)
{
	for (size_t i = 0; i < length; i++)
	{
		char c = string[i] >= 'A' && string[i] <= 'Z' ? (char) (string[i] - 'A' + 'a') : string[i];

		if (c != lower[i])
			return false;
	}
	return true;
}
