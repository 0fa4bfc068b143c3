/*
 * json.h
 *		Is this JSON, and how text becomes a JSON string.
 */
#ifndef OUTBOX_DOMAIN_JSON_H
#define OUTBOX_DOMAIN_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include "domain/text.h"

#define OUTBOX_JSON_MAX_DEPTH 512

/*
 * Is this one JSON value in UTF-8 (RFC 8259), with nothing but white space
 * around it?  False also when arrays and objects nest beyond
 * OUTBOX_JSON_MAX_DEPTH.
 */
extern bool outbox_json_check(const void *bytes, size_t length);

/* Does this media type say that the content is JSON: .../json or ...+json? */
extern bool outbox_json_is_type(const char *content_type);

/* Appends the UTF-8 text as a JSON string with its quotes. */
extern void outbox_json_append_string(OutboxText *text, const char *string);

#endif
