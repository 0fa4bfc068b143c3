/*
 * notation.c
 *		JSON, as the pages of the HTTP endpoint write it.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/json.h"
#include "utils/timestamp.h"

#include "interface/notation.h"

#define EPOCH_OFFSET_US \
	((POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * INT64CONST(86400) * INT64CONST(1000000))

static void replace_illegal(char *text);

void
outbox_notation_text(struct StringInfoData *json, const char *text)
{
	char *legal;

	if (text == NULL || text[0] == '\0')
	{
		appendStringInfoString(json, "null");
		return;
	}
	legal = pstrdup(text);
	replace_illegal(legal);
	escape_json(json, legal);
	pfree(legal);
}

void
outbox_notation_time(struct StringInfoData *json, int64_t time)
{
	int64 since_1970 = time + EPOCH_OFFSET_US;

	if (time == 0)
		appendStringInfoString(json, "null");
	else
		appendStringInfo(json, INT64_FORMAT ".%03d", since_1970 / 1000000,
						 (int) (since_1970 / 1000 % 1000));
}

void
outbox_notation_count(struct StringInfoData *json, int64_t count)
{
	if (count < 0)
		appendStringInfoString(json, "null");
	else
		appendStringInfo(json, INT64_FORMAT, count);
}

/* Names and reasons come from databases of any encoding. */
static void
replace_illegal(char *text)
{
	int length = (int) strlen(text);

	for (;;)
	{
		int legal = pg_encoding_verifymbstr(PG_UTF8, text, length);

		if (legal >= length)
			return;
		text[legal] = '?';
		text += legal + 1;
		length -= legal + 1;
	}
}
