/*
 * notation.h
 *		JSON, as the pages of the HTTP endpoint write it.
 */
#ifndef OUTBOX_INTERFACE_NOTATION_H
#define OUTBOX_INTERFACE_NOTATION_H

#include <stdint.h>

struct StringInfoData;

/* A string, or null for NULL and ""; what is not UTF-8 is replaced. */
extern void outbox_notation_text(struct StringInfoData *json, const char *text);

/* A time as seconds since 1970, or null for 0. */
extern void outbox_notation_time(struct StringInfoData *json, int64_t time);

/* A number, or null for a negative one, which stands for not known. */
extern void outbox_notation_count(struct StringInfoData *json, int64_t count);

#endif
