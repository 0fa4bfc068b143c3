/*
 * exposition.c
 *		The text format of Prometheus, piece by piece.
 */
#include "postgres.h"

#include "datatype/timestamp.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"

#include "interface/exposition.h"

void
outbox_exposition_begin(struct StringInfoData *text, const char *name, const char *type,
						const char *help)
{
	appendStringInfo(text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void
outbox_exposition_label(struct StringInfoData *text, const char *name, const char *value)
{
	const char *end = value + strlen(value);

	appendStringInfo(text, "%s=\"", name);
	while (value < end)
	{
		int length = pg_utf_mblen((const unsigned char *) value);

		if (length > end - value || !pg_utf8_islegal((const unsigned char *) value, length))
		{
			appendStringInfoChar(text, '?');
			value++;
			continue;
		}
		if (*value == '\n')
			appendStringInfoString(text, "\\n");
		else
		{
			if (*value == '"' || *value == '\\')
				appendStringInfoChar(text, '\\');
			appendBinaryStringInfo(text, value, length);
		}
		value += length;
	}
	appendStringInfoChar(text, '"');
}

void
outbox_exposition_seconds(struct StringInfoData *text, int64_t us)
{
	appendStringInfo(text, "%s" INT64_FORMAT ".%06d", us < 0 ? "-" : "",
					 (int64) ((us < 0 ? -us : us) / USECS_PER_SEC),
					 (int) ((us < 0 ? -us : us) % USECS_PER_SEC));
}
