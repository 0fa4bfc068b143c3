/*
 * form.c
 *		Rows of the log as heap tuples.
 *
 * The columns are known here, so a row is written from its beginning to its end, without
 * what heap_form_tuple has to find out of each: a quarter of what it costs.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/tupdesc.h"
#include "catalog/pg_type.h"

#include "infrastructure/postgres/columns.h"
#include "infrastructure/postgres/form.h"

/* At most what stands before the values, with what aligns the version. */
#define HEAD_ROOM \
	(MAXALIGN(SizeofHeapTupleHeader + BITMAPLEN(OUTBOX_EVENT_COLUMNS)) + MAXIMUM_ALIGNOF)

#define NUMBERS 4

/* A value's length, and what may stand before it: its header, and what aligns that. */
#define ROOM(length) ((length) + 2 * VARHDRSZ)

/* A bit of each column; that of the version is missing where there is none. */
#define ALL_BITS ((1 << OUTBOX_EVENT_COLUMNS) - 1)
#define VERSION_BIT (1 << (OUTBOX_EVENT_VERSION - 1))

static bool is_number(Form_pg_attribute attribute);
static bool is_bytes(Form_pg_attribute attribute);
static char *begin_tuple(HeapTupleHeader header, bool has_version);
static char *put_number(char *at, int64 number);
static char *put_bytes(char *at, const void *bytes, Size length);
static char *align(char *at, Size to);

bool
outbox_form_fits(struct TupleDescData *columns)
{
	if (columns->natts != OUTBOX_EVENT_COLUMNS)
		return false;
	for (int i = 0; i < OUTBOX_EVENT_COLUMNS; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(columns, i);
		bool number = i + 1 <= OUTBOX_EVENT_EMITTED_AT || i + 1 == OUTBOX_EVENT_VERSION;

		if (attribute->attisdropped || !(number ? is_number(attribute) : is_bytes(attribute)))
			return false;
	}
	return true;
}

static bool
is_number(Form_pg_attribute attribute)
{
	return attribute->attbyval && attribute->attlen == sizeof(int64) &&
		   attribute->attalign == TYPALIGN_DOUBLE;
}

/* One whose values may have a short header. */
static bool
is_bytes(Form_pg_attribute attribute)
{
	return (attribute->atttypid == TEXTOID || attribute->atttypid == BYTEAOID) &&
		   attribute->attstorage != TYPSTORAGE_PLAIN;
}

struct HeapTupleData *
outbox_form_row(int64_t id, uintptr_t second, const OutboxDraft *draft)
{
	Size aggregate = strlen(draft->aggregate);
	Size aggregate_id = strlen(draft->aggregate_id);
	Size action = strlen(draft->action);
	Size content_type = strlen(draft->content_type);
	Size headers = strlen(draft->headers);
	Size room = HEAD_ROOM + NUMBERS * sizeof(int64) + ROOM(aggregate) + ROOM(aggregate_id) +
				ROOM(action) + ROOM(content_type) + ROOM(headers) + ROOM(draft->payload_length);
	HeapTuple tuple = palloc(HEAPTUPLESIZE + room);
	char *at;

	tuple->t_data = (HeapTupleHeader) ((char *) tuple + HEAPTUPLESIZE);
	ItemPointerSetInvalid(&tuple->t_self);
	tuple->t_tableOid = InvalidOid;
	at = begin_tuple(tuple->t_data, draft->has_version);
	at = put_number(at, id);
	at = put_number(at, (int64) second);
	at = put_number(at, draft->emitted_at);
	at = put_bytes(at, draft->aggregate, aggregate);
	at = put_bytes(at, draft->aggregate_id, aggregate_id);
	at = put_bytes(at, draft->action, action);
	if (draft->has_version)
		at = put_number(align(at, ALIGNOF_DOUBLE), draft->version);
	at = put_bytes(at, draft->content_type, content_type);
	at = put_bytes(at, draft->headers, headers);
	at = put_bytes(at, draft->payload, draft->payload_length);
	tuple->t_len = at - (char *) tuple->t_data;
	Assert(tuple->t_len <= room);
	return tuple;
}

/* Where the values begin. */
static char *
begin_tuple(HeapTupleHeader header, bool has_version)
{
	Size bitmap = has_version ? 0 : BITMAPLEN(OUTBOX_EVENT_COLUMNS);
	Size length = MAXALIGN(SizeofHeapTupleHeader + bitmap);

	memset(header, 0, length);
	ItemPointerSetInvalid(&header->t_ctid);
	HeapTupleHeaderSetNatts(header, OUTBOX_EVENT_COLUMNS);
	header->t_hoff = length;
	header->t_infomask = HEAP_HASVARWIDTH;
	if (!has_version)
	{
		header->t_infomask |= HEAP_HASNULL;
		header->t_bits[0] = (ALL_BITS & ~VERSION_BIT) & 0xff;
		header->t_bits[1] = ALL_BITS >> BITS_PER_BYTE;
	}
	return (char *) header + length;
}

static char *
put_number(char *at, int64 number)
{
	memcpy(at, &number, sizeof(number));
	return at + sizeof(number);
}

static char *
put_bytes(char *at, const void *bytes, Size length)
{
	if (length + VARHDRSZ_SHORT <= VARATT_SHORT_MAX)
	{
		SET_VARSIZE_SHORT(at, length + VARHDRSZ_SHORT);
		at += VARHDRSZ_SHORT;
	}
	else
	{
		at = align(at, ALIGNOF_INT);
		SET_VARSIZE(at, length + VARHDRSZ);
		at += VARHDRSZ;
	}
	memcpy(at, bytes, length);
	return at + length;
}

/* Tuples and their values begin where anything may, so an address is aligned as its offset is. */
static char *
align(char *at, Size to)
{
	while ((uintptr_t) at % to != 0)
		*at++ = '\0';
	return at;
}
