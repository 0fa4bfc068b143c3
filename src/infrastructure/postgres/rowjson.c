/*
 * rowjson.c
 *		Writes rows as JSON, as row_to_json does.
 *
 * A *manner* is how the values of a column are written.  It is chosen as core's
 * json_categorize_type chooses, which looks the type up again for every value; that is
 * most of the cost of row_to_json.  Arrays and composites are left to core.
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/pg_type.h"
#include "common/jsonapi.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"

#include "infrastructure/postgres/jsontext.h"
#include "infrastructure/postgres/rowjson.h"

/* pg_attribute.attgenerated, since PostgreSQL 18. */
#define GENERATED_VIRTUAL 'v'

typedef enum Manner
{
	MANNER_BOOL,
	MANNER_INT2,
	MANNER_INT4,
	MANNER_INT8,
	MANNER_NUMBER, /* what its function gives, when JSON has such a number */
	MANNER_TEXT,
	MANNER_NAME,
	MANNER_TIME, /* a date, or a date and a time, as ISO 8601 has it */
	MANNER_JSON,
	MANNER_JSONB,
	MANNER_ARRAY,
	MANNER_COMPOSITE,
	MANNER_CAST, /* the json that its function gives */
	MANNER_OTHER /* what its function gives, as a string */
} Manner;

typedef struct Column
{
	char *opening; /* brace or comma, name and colon */
	int opening_length;
	int place; /* in the row */
	Oid type; /* not a domain */
	Manner manner;
	FmgrInfo function;
} Column;

struct OutboxRowWriter
{
	int count;
	Column columns[FLEXIBLE_ARRAY_MEMBER];
};

static void prepare_column(Column *column, Form_pg_attribute attribute, bool first);
static void choose(Column *column);
static void choose_of_users(Column *column);
static void write_value(Column *column, Datum value, StringInfo json);
static void write_digits(StringInfo json, int64 number);
static void append_text(StringInfo json, Datum value);

OutboxRowWriter *
outbox_rowjson_prepare(struct TupleDescData *columns, struct MemoryContextData *memory)
{
	MemoryContext caller = MemoryContextSwitchTo(memory);
	OutboxRowWriter *writer =
		palloc0(offsetof(OutboxRowWriter, columns) + sizeof(Column) * columns->natts);

	for (int i = 0; i < columns->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(columns, i);

		if (!attribute->attisdropped && attribute->attgenerated != GENERATED_VIRTUAL)
		{
			prepare_column(&writer->columns[writer->count], attribute, writer->count == 0);
			writer->count++;
		}
	}
	MemoryContextSwitchTo(caller);
	return writer;
}

void
outbox_rowjson_write(OutboxRowWriter *writer, struct TupleTableSlot *row,
					 struct StringInfoData *json)
{
	slot_getallattrs(row);
	if (writer->count == 0)
		appendStringInfoChar(json, '{');
	for (int i = 0; i < writer->count; i++)
	{
		Column *column = &writer->columns[i];

		appendBinaryStringInfo(json, column->opening, column->opening_length);
		if (row->tts_isnull[column->place])
			appendStringInfoString(json, "null");
		else
			write_value(column, row->tts_values[column->place], json);
	}
	appendStringInfoChar(json, '}');
}

static void
prepare_column(Column *column, Form_pg_attribute attribute, bool first)
{
	StringInfoData opening;

	initStringInfo(&opening);
	appendStringInfoChar(&opening, first ? '{' : ',');
	escape_json(&opening, NameStr(attribute->attname));
	appendStringInfoChar(&opening, ':');
	column->opening = opening.data;
	column->opening_length = opening.len;
	column->place = attribute->attnum - 1;
	column->type = getBaseType(attribute->atttypid);
	choose(column);
}

static void
choose(Column *column)
{
	static const struct
	{
		Oid type;
		Manner manner;
	} known[] = {
		{BOOLOID, MANNER_BOOL},      {INT2OID, MANNER_INT2},        {INT4OID, MANNER_INT4},
		{INT8OID, MANNER_INT8},      {FLOAT4OID, MANNER_NUMBER},    {FLOAT8OID, MANNER_NUMBER},
		{NUMERICOID, MANNER_NUMBER}, {TEXTOID, MANNER_TEXT},        {VARCHAROID, MANNER_TEXT},
		{BPCHAROID, MANNER_TEXT},    {NAMEOID, MANNER_NAME},        {DATEOID, MANNER_TIME},
		{TIMESTAMPOID, MANNER_TIME}, {TIMESTAMPTZOID, MANNER_TIME}, {JSONOID, MANNER_JSON},
		{JSONBOID, MANNER_JSONB},
	};
	Oid function;
	bool varlena;

	column->manner = MANNER_OTHER;
	for (int i = 0; i < lengthof(known); i++)
	{
		if (known[i].type == column->type)
			column->manner = known[i].manner;
	}
	if (column->manner == MANNER_OTHER)
		choose_of_users(column);
	if (column->manner == MANNER_OTHER || column->manner == MANNER_NUMBER)
	{
		getTypeOutputInfo(column->type, &function, &varlena);
		fmgr_info(function, &column->function);
	}
}

/* Only types that users may have made can be more than what they look like. */
static void
choose_of_users(Column *column)
{
	Oid cast;

	if (OidIsValid(get_element_type(column->type)) || column->type == RECORDARRAYOID ||
		column->type == ANYARRAYOID)
		column->manner = MANNER_ARRAY;
	else if (type_is_rowtype(column->type))
		column->manner = MANNER_COMPOSITE;
	else if (column->type >= FirstNormalObjectId &&
			 find_coercion_pathway(JSONOID, column->type, COERCION_EXPLICIT, &cast) ==
				 COERCION_PATH_FUNC)
	{
		column->manner = MANNER_CAST;
		fmgr_info(cast, &column->function);
	}
}

static void
write_value(Column *column, Datum value, StringInfo json)
{
	char time[MAXDATELEN + 1];
	char *output;
	text *string;
	Jsonb *document;

	switch (column->manner)
	{
		case MANNER_BOOL:
			appendStringInfoString(json, DatumGetBool(value) ? "true" : "false");
			break;
		case MANNER_INT2:
			write_digits(json, DatumGetInt16(value));
			break;
		case MANNER_INT4:
			write_digits(json, DatumGetInt32(value));
			break;
		case MANNER_INT8:
			write_digits(json, DatumGetInt64(value));
			break;
		case MANNER_NUMBER:
			output = OutputFunctionCall(&column->function, value);
			if (IsValidJsonNumber(output, strlen(output)))
				appendStringInfoString(json, output);
			else
				outbox_jsontext_append_string(json, output, strlen(output));
			break;
		case MANNER_TEXT:
			string = DatumGetTextPP(value);
			outbox_jsontext_append_string(json, VARDATA_ANY(string), VARSIZE_ANY_EXHDR(string));
			break;
		case MANNER_NAME:
			output = NameStr(*DatumGetName(value));
			outbox_jsontext_append_string(json, output, strlen(output));
			break;
		case MANNER_TIME:
			JsonEncodeDateTime(time, value, column->type, NULL);
			outbox_jsontext_append_string(json, time, strlen(time));
			break;
		case MANNER_JSON:
			append_text(json, value);
			break;
		case MANNER_JSONB:
			document = DatumGetJsonbP(value);
			outbox_jsontext_append(json, &document->root, VARSIZE(document));
			break;
		case MANNER_ARRAY:
			append_text(json, DirectFunctionCall1(array_to_json, value));
			break;
		case MANNER_COMPOSITE:
			append_text(json, DirectFunctionCall1(row_to_json, value));
			break;
		case MANNER_CAST:
			append_text(json, FunctionCall1(&column->function, value));
			break;
		case MANNER_OTHER:
			output = OutputFunctionCall(&column->function, value);
			outbox_jsontext_append_string(json, output, strlen(output));
			break;
	}
}

static void
write_digits(StringInfo json, int64 number)
{
	char digits[MAXINT8LEN + 1];

	appendBinaryStringInfo(json, digits, pg_lltoa(number, digits));
}

static void
append_text(StringInfo json, Datum value)
{
	text *written = DatumGetTextPP(value);

	appendBinaryStringInfo(json, VARDATA_ANY(written), VARSIZE_ANY_EXHDR(written));
}
