/*
 * jsontext.c
 *		Writes JSON as core does, byte for byte.
 *
 * Core's way goes through an iterator that unpacks each value, and writes strings byte by
 * byte; this one reads jsonb as utils/jsonb.h describes it, and writes strings by runs.
 */
#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "domain/plain.h"
#include "infrastructure/postgres/jsontext.h"

/* Deeper ones are left to core, which does not recurse. */
#define DEPTH_MAX 64

/* Of values, the next one: its entry, and where it begins in the bytes. */
typedef struct Reader
{
	const JEntry *entry;
	const char *bytes;
	uint32 offset;
} Reader;

static void write_container(StringInfo json, const JsonbContainer *container, int size, int depth);
static void write_value(StringInfo json, Reader *values, int depth);
static void write_name(StringInfo json, Reader *names);
static uint32 advance(Reader *reader);
static void write_string(StringInfo json, const char *bytes, int length);
static inline void put(StringInfo json, const char *bytes, int length);
static void write_escape(StringInfo json, unsigned char byte);

void
outbox_jsontext_append(struct StringInfoData *json, const struct JsonbContainer *document, int size)
{
	/* about what the text takes, too: in JSON punctuation stands for the entries */
	enlargeStringInfo(json, size);
	write_container(json, document, size, 0);
	json->data[json->len] = '\0';
}

void
outbox_jsontext_append_string(struct StringInfoData *json, const char *bytes, int length)
{
	write_string(json, bytes, length);
	json->data[json->len] = '\0';
}

/* A scalar is an array of one. */
static void
write_container(StringInfo json, const JsonbContainer *container, int size, int depth)
{
	bool object = JsonContainerIsObject(container);
	bool scalar = JsonContainerIsScalar(container);
	int count = JsonContainerSize(container);
	int values_at = object ? count : 0;
	const char *bytes = (const char *) (container->children + values_at + count);
	Reader names = {container->children, bytes, 0};
	Reader values = {container->children + values_at, bytes, 0};

	if (depth == DEPTH_MAX)
	{
		(void) JsonbToCString(json, unconstify(JsonbContainer *, container), size);
		return;
	}
	if (object)
		values.offset = getJsonbOffset(container, values_at);
	if (!scalar)
		put(json, object ? "{" : "[", 1);
	for (int i = 0; i < count; i++)
	{
		if (i > 0)
			put(json, ", ", 2);
		if (object)
			write_name(json, &names);
		write_value(json, &values, depth);
	}
	if (!scalar)
		put(json, object ? "}" : "]", 1);
}

static void
write_name(StringInfo json, Reader *names)
{
	const char *bytes = names->bytes + names->offset;

	write_string(json, bytes, (int) advance(names));
	put(json, ": ", 2);
}

static void
write_value(StringInfo json, Reader *values, int depth)
{
	JEntry entry = *values->entry;
	const char *bytes = values->bytes + values->offset;
	const char *aligned = values->bytes + INTALIGN(values->offset);
	int length = (int) advance(values);
	char *number;

	if (JBE_ISSTRING(entry))
		write_string(json, bytes, length);
	else if (JBE_ISNUMERIC(entry))
	{
		number = DatumGetCString(DirectFunctionCall1(numeric_out, PointerGetDatum(aligned)));
		put(json, number, (int) strlen(number));
	}
	else if (JBE_ISBOOL_TRUE(entry))
		put(json, "true", 4);
	else if (JBE_ISBOOL_FALSE(entry))
		put(json, "false", 5);
	else if (JBE_ISNULL(entry))
		put(json, "null", 4);
	else
		write_container(json, (const JsonbContainer *) aligned, length, depth + 1);
}

/* Goes on to the next one; the length of this one, with what aligns it. */
static uint32
advance(Reader *reader)
{
	uint32 begin = reader->offset;

	JBE_ADVANCE_OFFSET(reader->offset, *reader->entry);
	reader->entry++;
	return reader->offset - begin;
}

static void
write_string(StringInfo json, const char *bytes, int length)
{
	put(json, "\"", 1);
	for (int at = 0;; at++)
	{
		int run = (int) outbox_plain_run(bytes + at, length - at, OUTBOX_PLAIN_JSON);

		put(json, bytes + at, run);
		at += run;
		if (at >= length)
			break;
		write_escape(json, (unsigned char) bytes[at]);
	}
	put(json, "\"", 1);
}

/* Leaves room for a NUL, and writes none. */
static inline void
put(StringInfo json, const char *bytes, int length)
{
	if (length >= json->maxlen - json->len)
		enlargeStringInfo(json, length);
	memcpy(json->data + json->len, bytes, length);
	json->len += length;
}

static void
write_escape(StringInfo json, unsigned char byte)
{
	static const char named[] = "\b\f\n\r\t\"\\";
	static const char letters[] = "bfnrt\"\\";
	const char *found = byte != 0 ? strchr(named, byte) : NULL;

	if (found != NULL)
	{
		put(json, "\\", 1);
		put(json, letters + (found - named), 1);
	}
	else
		appendStringInfo(json, "\\u%04x", byte);
}
