/*
 * header.h
 *		Which headers a caller may set, and how the log keeps them.
 *
 * A header is a *key* and a *value*.  Keys are A-Z a-z 0-9 - and compare without
 * regard to case.  Values are UTF-8 without control characters, not empty, and
 * neither begin nor end with a blank: libnats, reading an empty value, takes the
 * next line for it, and all clients drop outer blanks.
 *
 * Not for callers are keys *of the broker*: Nats-xxx and xxxNats-Msg-Id command
 * the server, and a message without body that has Status or Description passes
 * for one of the server's own with its clients; and keys *of the envelope*:
 * ce-xxx, Outbox-xxx, Content-Type.
 *
 * The log keeps an event's headers as *lines* "Key: value\n", "" when there are
 * none.  Lines hold what the caller gave and the *context* of his session:
 * traceparent, tracestate and the OUTBOX_HEADER_xxx below, which are written by
 * emit from settings and never from the caller's headers.  They also hold *marks*,
 * which the outbox sets when it handles an event again, after emit has judged its
 * size: so marks count neither as headers nor towards their size.
 */
#ifndef OUTBOX_DOMAIN_HEADER_H
#define OUTBOX_DOMAIN_HEADER_H

#include <stdbool.h>
#include <stddef.h>

#include "domain/fault.h"

#define OUTBOX_HEADER_KEY_MAX 100 /* bytes */
#define OUTBOX_HEADER_COUNT_MAX 64
#define OUTBOX_HEADER_LINES_MAX 16384 /* bytes of all lines */

/* The keys of a session's context. */
#define OUTBOX_HEADER_TRACEPARENT "traceparent"
#define OUTBOX_HEADER_TRACESTATE "tracestate"
#define OUTBOX_HEADER_CORRELATION_ID "Outbox-Correlation-Id"
#define OUTBOX_HEADER_CAUSATION_ID "Outbox-Causation-Id"
#define OUTBOX_HEADER_ACTOR "Outbox-Actor"

/* The marks, and the most bytes that the value of one has. */
#define OUTBOX_HEADER_SCHEDULED_ID "Outbox-Scheduled-Id" /* what emit returned */
#define OUTBOX_HEADER_REPLAY "Outbox-Replay" /* message id of the original */
#define OUTBOX_HEADER_ERASED "Outbox-Erased" /* payload and headers are gone */
#define OUTBOX_HEADER_MARK_MAX 64

/* A header as it is sent. */
typedef struct OutboxHeaderField
{
	const char *key;
	const char *value;
} OutboxHeaderField;

/* A header as it stands in the lines; not NUL-terminated. */
typedef struct OutboxHeaderLine
{
	const char *key;
	size_t key_length;
	const char *value;
	size_t value_length;
} OutboxHeaderLine;

/* Lines being written into memory of the caller, always NUL-terminated. */
typedef struct OutboxHeaderLines
{
	char *text;
	size_t size; /* of text; OUTBOX_HEADER_LINES_MAX + 1 is enough */
	size_t length; /* written so far */
	size_t marks; /* of that, marks */
	int count; /* lines so far, without marks */
} OutboxHeaderLines;

/* May a caller set this header? */
extern OutboxFault outbox_header_check(const char *key, size_t key_length, const char *value,
									   size_t value_length);

/* Begins with no lines; size must not be 0. */
extern void outbox_header_begin(OutboxHeaderLines *lines, char *text, size_t size);

/*
 * Adds a line, a mark or of the context as well as of the caller (whose key must
 * have passed outbox_header_check before).  With a fault nothing is written.
 */
extern OutboxFault outbox_header_append(OutboxHeaderLines *lines, const char *key,
										size_t key_length, const char *value, size_t value_length);

/*
 * Reads the next line and moves on; *at starts at the lines' first byte.  False
 * at the end and where the text is not a line.
 */
extern bool outbox_header_next(const char **at, OutboxHeaderLine *line);

/* The value of this key in the lines, *length bytes; NULL when it is not there. */
extern const char *outbox_header_find(const char *lines, const char *key, size_t key_length,
									  size_t *length);

/* Are these lines what outbox_header_append could have written? */
extern OutboxFault outbox_header_check_lines(const char *lines);

#endif
