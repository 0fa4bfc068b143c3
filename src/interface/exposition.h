/*
 * exposition.h
 *		The text format of Prometheus, piece by piece.
 *
 * Samples of one name are a *family*: they stand together, under the name's HELP and
 * TYPE.
 */
#ifndef OUTBOX_INTERFACE_EXPOSITION_H
#define OUTBOX_INTERFACE_EXPOSITION_H

#include <stdint.h>

struct StringInfoData;

/* Begins a family. */
extern void outbox_exposition_begin(struct StringInfoData *text, const char *name, const char *type,
									const char *help);

/* Appends name="value", escaped; what is not UTF-8 becomes question marks. */
extern void outbox_exposition_label(struct StringInfoData *text, const char *name,
									const char *value);

/* Appends microseconds as seconds. */
extern void outbox_exposition_seconds(struct StringInfoData *text, int64_t us);

#endif
