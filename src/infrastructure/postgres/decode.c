/*
 * decode.c
 *		Rows of the log as the domain's events.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "infrastructure/postgres/columns.h"
#include "infrastructure/postgres/decode.h"

void
outbox_decode_event(OutboxEvent *event, const uintptr_t *values, const bool *nulls)
{
	bytea *payload;

	event->again = false;
	event->let_go = false;
	event->id = DatumGetInt64(values[OUTBOX_EVENT_ID - 1]);
	event->xid = DatumGetUInt64(values[OUTBOX_EVENT_XID - 1]);
	event->emitted_at = DatumGetTimestampTz(values[OUTBOX_EVENT_EMITTED_AT - 1]) +
						(POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;
	event->aggregate = TextDatumGetCString(values[OUTBOX_EVENT_AGGREGATE - 1]);
	event->aggregate_id = outbox_decode_text(values[OUTBOX_EVENT_AGGREGATE_ID - 1]);
	event->action = TextDatumGetCString(values[OUTBOX_EVENT_ACTION - 1]);
	event->has_version = !nulls[OUTBOX_EVENT_VERSION - 1];
	event->version = event->has_version ? DatumGetInt64(values[OUTBOX_EVENT_VERSION - 1]) : 0;
	event->content_type = outbox_decode_text(values[OUTBOX_EVENT_CONTENT_TYPE - 1]);
	event->headers = outbox_decode_text(values[OUTBOX_EVENT_HEADERS - 1]);
	payload = DatumGetByteaPCopy(values[OUTBOX_EVENT_PAYLOAD - 1]);
	event->payload = VARDATA(payload);
	event->payload_length = VARSIZE(payload) - VARHDRSZ;
}

const char *
outbox_decode_text(uintptr_t value)
{
	char *text_in_database = TextDatumGetCString(value);

	if (GetDatabaseEncoding() == PG_UTF8)
		return text_in_database;
	return pg_server_to_any(text_in_database, strlen(text_in_database), PG_UTF8);
}
