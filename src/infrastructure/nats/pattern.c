/*
 * pattern.c
 *		Comparing patterns token by token.
 */
#include "infrastructure/nats/pattern.h"

#include <stddef.h>
#include <string.h>

typedef struct Token
{
	const char *text;
	size_t length;
} Token;

/* Takes the next token; NULL in *pattern is the end. */
static bool
take(const char **pattern, Token *token)
{
	const char *dot;

	if (*pattern == NULL)
		return false;
	dot = strchr(*pattern, '.');
	token->text = *pattern;
	token->length = dot ? (size_t) (dot - *pattern) : strlen(*pattern);
	*pattern = dot ? dot + 1 : NULL;
	return true;
}

static bool
is(const Token *token, char wildcard)
{
	return token->length == 1 && token->text[0] == wildcard;
}

static bool
equal(const Token *a, const Token *b)
{
	return a->length == b->length && memcmp(a->text, b->text, a->length) == 0;
}

bool
outbox_nats_pattern_covers(const char *outer, const char *inner)
{
	Token o;
	Token i;

	while (take(&outer, &o))
	{
		if (!take(&inner, &i))
			return false;
		if (is(&o, '>'))
			return true;
		if (is(&i, '>') || (!is(&o, '*') && !equal(&o, &i)))
			return false;
	}
	return inner == NULL;
}

bool
outbox_nats_pattern_meets(const char *a, const char *b)
{
	Token at;
	Token bt;

	while (take(&a, &at))
	{
		if (!take(&b, &bt))
			return false;
		if (is(&at, '>') || is(&bt, '>'))
			return true;
		if (!is(&at, '*') && !is(&bt, '*') && !equal(&at, &bt))
			return false;
	}
	return b == NULL;
}
