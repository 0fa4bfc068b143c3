/*
 * jsontext.h
 *		Writes JSON as core does, byte for byte.
 */
#ifndef OUTBOX_INFRASTRUCTURE_POSTGRES_JSONTEXT_H
#define OUTBOX_INFRASTRUCTURE_POSTGRES_JSONTEXT_H

struct JsonbContainer;
struct StringInfoData;

/* Appends what JsonbToCString gives of a document that takes so many bytes. */
extern void outbox_jsontext_append(struct StringInfoData *json,
								   const struct JsonbContainer *document, int size);

/* Appends what escape_json gives, of bytes that do not end in a zero. */
extern void outbox_jsontext_append_string(struct StringInfoData *json, const char *bytes,
										  int length);

#endif
