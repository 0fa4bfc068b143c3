/*
 * text.h
 *		Writing text into memory of somebody else; what UTF-8 is.
 *
 * A *text* counts on when its room is used up, and writes nothing any more.  So
 * the same code writes and measures, and whether all of it fitted is asked once,
 * at the end.  A text is not NUL-terminated unless a NUL is appended.
 */
#ifndef OUTBOX_DOMAIN_TEXT_H
#define OUTBOX_DOMAIN_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "domain/plain.h"

typedef struct OutboxText
{
	char *bytes; /* may be NULL when size is 0 */
	size_t size;
	size_t length; /* written, or needed if that is more than size */
} OutboxText;

typedef enum OutboxTextFlaw
{
	OUTBOX_TEXT_CLEAN,
	OUTBOX_TEXT_NOT_UTF8,
	OUTBOX_TEXT_CONTROL_CHARACTER
} OutboxTextFlaw;

extern bool outbox_text_fits(const OutboxText *text);
extern void outbox_text_append(OutboxText *text, const void *bytes, size_t length);
extern void outbox_text_append_string(OutboxText *text, const char *string);
extern void outbox_text_append_char(OutboxText *text, char c);
extern void outbox_text_append_unsigned(OutboxText *text, uint64_t number);
extern void outbox_text_append_signed(OutboxText *text, int64_t number);

/* Percent-encoded: "%" and two upper-case hex digits for what is not plain. */
extern void outbox_text_append_encoded(OutboxText *text, const char *bytes, size_t length,
									   OutboxPlain plain);
extern void outbox_text_append_base64(OutboxText *text, const void *bytes, size_t length);

/*
 * RFC 3339 in UTC with microseconds, always 27 bytes, of microseconds since 1970.
 * Times outside the years 0000 (from March) to 9999, which it cannot say, become the nearest.
 */
extern void outbox_text_append_time(OutboxText *text, int64_t time);

/*
 * Length of the well-formed UTF-8 character that the bytes begin with, 0 if they
 * do not.  length is at least 1.
 */
extern size_t outbox_text_utf8_length(const char *bytes, size_t length);

/* The first flaw of these bytes, as text for people: C0 and C1 are controls. */
extern OutboxTextFlaw outbox_text_find_flaw(const char *bytes, size_t length);

#endif
