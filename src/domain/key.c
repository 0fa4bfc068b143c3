/*
 * key.c
 *		The id of an aggregate whose key has several columns.
 */
#include "domain/key.h"

#include <stddef.h>
#include <string.h>

#define SEPARATOR '/'
#define ESCAPED_SEPARATOR "%2F"
#define ESCAPED_PERCENT "%25"
#define ESCAPED_LENGTH 3

void
outbox_key_append(OutboxText *key, const char *part, bool first)
{
	if (!first)
		outbox_text_append_char(key, SEPARATOR);
	for (; *part != '\0'; part++)
	{
		if (*part == SEPARATOR)
			outbox_text_append_string(key, ESCAPED_SEPARATOR);
		else if (*part == '%')
			outbox_text_append_string(key, ESCAPED_PERCENT);
		else
			outbox_text_append_char(key, *part);
	}
}

char *
outbox_key_take(char **key)
{
	char *part = *key;
	char *read;
	char *written = part;

	if (part == NULL)
		return NULL;
	for (read = part; *read != '\0' && *read != SEPARATOR;)
	{
		bool separator = strncmp(read, ESCAPED_SEPARATOR, ESCAPED_LENGTH) == 0;

		if (separator || strncmp(read, ESCAPED_PERCENT, ESCAPED_LENGTH) == 0)
		{
			*written++ = separator ? SEPARATOR : '%';
			read += ESCAPED_LENGTH;
		}
		else
			*written++ = *read++;
	}
	*key = *read == SEPARATOR ? read + 1 : NULL;
	*written = '\0';
	return part;
}
