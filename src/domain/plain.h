/*
 * plain.h
 *		Which bytes are plain: need no escape, and no closer look.
 *
 * What is plain depends on where the bytes go.  A *run* is plain bytes one after the
 * other; most text is one run, so whoever writes or judges text goes by runs.
 */
#ifndef OUTBOX_DOMAIN_PLAIN_H
#define OUTBOX_DOMAIN_PLAIN_H

#include <stdbool.h>
#include <stddef.h>

typedef enum OutboxPlain
{
	OUTBOX_PLAIN_TOKEN, /* A-Z a-z 0-9 _ - */
	OUTBOX_PLAIN_URI, /* these, '.' and '~': unreserved in RFC 3986 */
	OUTBOX_PLAIN_HEADER, /* ASCII from '!' to '~' but '"' and '%', as
								  * CloudEvents encodes attributes in headers */
	OUTBOX_PLAIN_MEDIA, /* in the names of a media type: token's, and !#$&^.+ (RFC 6838) */
	OUTBOX_PLAIN_TEXT, /* ASCII from ' ' to '~' but '"' and '\' */
	OUTBOX_PLAIN_JSON /* in a JSON string: all but controls, '"' and '\' */
} OutboxPlain;

extern bool outbox_plain_is(unsigned char byte, OutboxPlain plain);

/* How many of the bytes are plain, from the first one on. */
extern size_t outbox_plain_run(const char *bytes, size_t length, OutboxPlain plain);

#endif
