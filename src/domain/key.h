/*
 * key.h
 *		The id of an aggregate whose key has several columns.
 *
 * Its parts are joined by '/'; in a part '%' and '/' are written "%25" and "%2F", so
 * that no two keys have the same id.  The id of a key of one column is that column's
 * text as it is.
 */
#ifndef OUTBOX_DOMAIN_KEY_H
#define OUTBOX_DOMAIN_KEY_H

#include <stdbool.h>

#include "domain/text.h"

/* Appends the next part of a key. */
extern void outbox_key_append(OutboxText *key, const char *part, bool first);

/* Takes the first part off a key, decoded where it stands; NULL: there is none left. */
extern char *outbox_key_take(char **key);

#endif
