/*
 * reader.h
 *		A small strict reader of JSON, enough for the broker's answers.
 *
 * A document is an object.  Whoever reads one gives a callback that reads the
 * value of each member; names that it does not know it skips, so newer servers
 * may say more.  Pure: no allocation, and whatever bytes come are read safely.
 * False from any function means that the text is not what was asked for; the
 * reading is over then.
 */
#ifndef OUTBOX_INFRASTRUCTURE_NATS_READER_H
#define OUTBOX_INFRASTRUCTURE_NATS_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct OutboxNatsReader
{
	const char *at;
	const char *end;
	int depth;
	void *context; /* of the callbacks */
} OutboxNatsReader;

/* Reads one element of an array. */
typedef bool (*OutboxNatsElement)(OutboxNatsReader *reader);

/* Reads the value of one member. */
typedef bool (*OutboxNatsMember)(OutboxNatsReader *reader, const char *name);

extern bool outbox_nats_reader_document(const char *bytes, size_t length, OutboxNatsMember member,
										void *context);

/* An object inside the document. */
extern bool outbox_nats_reader_object(OutboxNatsReader *reader, OutboxNatsMember member);

/* An array. */
extern bool outbox_nats_reader_array(OutboxNatsReader *reader, OutboxNatsElement element);

/*
 * A string, cut to size.  Control characters become blanks, escaped ones beyond
 * ASCII question marks.  The broker escapes also what need not be: ">" comes as
 * "\u003e".
 */
extern bool outbox_nats_reader_string(OutboxNatsReader *reader, char *text, size_t size);

/* A string without escapes, in place. */
extern bool outbox_nats_reader_text(OutboxNatsReader *reader, const char **text, size_t *length);

/* A whole number without sign, at most max. */
extern bool outbox_nats_reader_number(OutboxNatsReader *reader, uint64_t max, uint64_t *number);

/* A whole number with or without sign. */
extern bool outbox_nats_reader_signed(OutboxNatsReader *reader, int64_t *number);

extern bool outbox_nats_reader_int(OutboxNatsReader *reader, int *number);

/* true, false or null, if that comes next. */
extern bool outbox_nats_reader_take_word(OutboxNatsReader *reader, const char *word);

/* Any value. */
extern bool outbox_nats_reader_skip(OutboxNatsReader *reader);

#endif
