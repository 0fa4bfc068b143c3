/*
 * journal.c
 *		The server's log, as the launcher and the relays write it.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"

#include "domain/text.h"
#include "interface/journal.h"
#include "interface/settings.h"

static void write_text(const OutboxJournalEntry *entry, int level);
static void write_json(const OutboxJournalEntry *entry, int level);
static void add_name(StringInfo json, const char *name);
static void add_text(StringInfo json, const char *name, const char *value);
static void add_number(StringInfo json, const char *name, int64 value);
static void add_escaped(StringInfo json, const char *value);

bool
outbox_journal_is_structured(void)
{
	return outbox_settings.log_format == OUTBOX_LOG_JSON;
}

void
outbox_journal_write(const OutboxJournalEntry *entry, bool grave)
{
	if (outbox_journal_is_structured())
		write_json(entry, grave ? WARNING : LOG);
	else
		write_text(entry, grave ? WARNING : LOG);
}

static void
write_text(const OutboxJournalEntry *entry, int level)
{
	ereport(level, (errmsg_internal("%s", entry->message),
					entry->detail ? errdetail_internal("%s", entry->detail) : 0,
					entry->hint ? errhint("%s", entry->hint) : 0));
}

static void
write_json(const OutboxJournalEntry *entry, int level)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	add_text(&json, "change", entry->change);
	add_text(&json, "message", entry->message);
	add_text(&json, "detail", entry->detail);
	add_text(&json, "hint", entry->hint);
	add_text(&json, "database", entry->database);
	add_text(&json, "outbox", entry->outbox);
	add_text(&json, "stream", entry->stream);
	add_text(&json, "verdict", entry->verdict);
	add_text(&json, "cause", entry->cause);
	add_number(&json, "code", entry->code);
	add_text(&json, "reason", entry->reason);
	add_number(&json, "event_id", entry->event_id);
	add_text(&json, "traceparent", entry->trace);
	add_number(&json, "sequence", (int64) entry->sequence);
	add_number(&json, "attempt", entry->attempt);
	add_number(&json, "count", (int64) entry->count);
	add_number(&json, "gone", (int64) entry->gone);
	appendStringInfoChar(&json, '}');
	ereport(level, (errmsg_internal("%s", json.data)));
	pfree(json.data);
}

static void
add_name(StringInfo json, const char *name)
{
	appendStringInfo(json, "%s\"%s\": ", json->len > 1 ? ", " : "", name);
}

static void
add_text(StringInfo json, const char *name, const char *value)
{
	if (value == NULL || value[0] == '\0')
		return;
	add_name(json, name);
	appendStringInfoChar(json, '"');
	add_escaped(json, value);
	appendStringInfoChar(json, '"');
}

static void
add_number(StringInfo json, const char *name, int64 value)
{
	if (value <= 0)
		return;
	add_name(json, name);
	appendStringInfo(json, INT64_FORMAT, value);
}

/* ASCII, so that no encoding of database or log changes it. */
static void
add_escaped(StringInfo json, const char *value)
{
	const char *end = value + strlen(value);

	while (value < end)
	{
		unsigned char byte = (unsigned char) *value;
		size_t length = outbox_text_utf8_length(value, (size_t) (end - value));

		if (byte >= ' ' && byte < 0x7F)
		{
			if (byte == '"' || byte == '\\')
				appendStringInfoChar(json, '\\');
			appendStringInfoChar(json, (char) byte);
			value++;
			continue;
		}
		if (length == 0)
			appendStringInfoString(json, "\\ufffd");
		else
		{
			pg_wchar code = utf8_to_unicode((const unsigned char *) value);

			if (code < 0x10000)
				appendStringInfo(json, "\\u%04x", code);
			else
				appendStringInfo(json, "\\u%04x\\u%04x", 0xD800 + ((code - 0x10000) >> 10),
								 0xDC00 + ((code - 0x10000) & 0x3FF));
		}
		value += length > 0 ? length : 1;
	}
}
