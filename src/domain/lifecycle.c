/*
 * lifecycle.c
 *		The states of an aggregate, and how it may go from one to another.
 */
#include "domain/lifecycle.h"

#include <string.h>

#include "domain/text.h"

static const char *follower(const OutboxLifecycle *lifecycle, const char *from, int place);
static bool is_repeated(const OutboxLifecycle *lifecycle, const char *from, int place);

OutboxFault
outbox_lifecycle_begin(const OutboxLifecycle *lifecycle, const char *state)
{
	if (state == NULL)
		return OUTBOX_FAULT_STATE_NULL;
	for (int i = 0; i < lifecycle->initial_count; i++)
	{
		if (strcmp(lifecycle->initial[i], state) == 0)
			return OUTBOX_FAULT_NONE;
	}
	return OUTBOX_FAULT_STATE_NOT_INITIAL;
}

OutboxFault
outbox_lifecycle_move(const OutboxLifecycle *lifecycle, const char *from, const char *to,
					  int *transition)
{
	*transition = -1;
	if (from == to || (from != NULL && to != NULL && strcmp(from, to) == 0))
		return OUTBOX_FAULT_NONE;
	if (from == NULL)
		return outbox_lifecycle_begin(lifecycle, to);
	if (to == NULL)
		return OUTBOX_FAULT_STATE_NULL;
	for (int i = 0; i < lifecycle->transition_count; i++)
	{
		const OutboxTransition *candidate = &lifecycle->transitions[i];

		if (strcmp(candidate->from, from) == 0 && strcmp(candidate->to, to) == 0)
		{
			*transition = i;
			return OUTBOX_FAULT_NONE;
		}
	}
	return OUTBOX_FAULT_NO_TRANSITION;
}

size_t
outbox_lifecycle_list(const OutboxLifecycle *lifecycle, const char *from, char *list, size_t size)
{
	int places = from == NULL ? lifecycle->initial_count : lifecycle->transition_count;
	OutboxText text = {list, size, 0};
	size_t whole = 0;

	for (int i = 0; i < places; i++)
	{
		const char *state = follower(lifecycle, from, i);

		if (state == NULL || is_repeated(lifecycle, from, i))
			continue;
		outbox_text_append_string(&text, text.length > 0 ? ", \"" : "\"");
		outbox_text_append_string(&text, state);
		outbox_text_append_char(&text, '"');
		if (text.length < size)
			whole = text.length;
	}
	if (size > 0)
		list[whole] = '\0';
	return text.length;
}

/* The state that the definition at this place lets follow; NULL: it is of another state. */
static const char *
follower(const OutboxLifecycle *lifecycle, const char *from, int place)
{
	const OutboxTransition *transition;

	if (from == NULL)
		return lifecycle->initial[place];
	transition = &lifecycle->transitions[place];
	return strcmp(transition->from, from) == 0 ? transition->to : NULL;
}

static bool
is_repeated(const OutboxLifecycle *lifecycle, const char *from, int place)
{
	const char *state = follower(lifecycle, from, place);

	for (int i = 0; i < place; i++)
	{
		const char *earlier = follower(lifecycle, from, i);

		if (earlier != NULL && strcmp(earlier, state) == 0)
			return true;
	}
	return false;
}
