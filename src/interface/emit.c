/*
 * emit.c
 *		outbox.emit, outbox.emit_bytes and outbox.broadcast.
 *
 * They allocate in the memory of the call, which the executor resets for every
 * row, so that a statement may emit any number of events.
 */
#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "infrastructure/postgres/jsontext.h"
#include "interface/record.h"
#include "interface/report.h"

/* Stands for the value of a header that is left out: its name must be legal all the same. */
#define ABSENT "-"

#define LATEST_US (INT64CONST(3653) * USECS_PER_DAY) /* deliver_at from now: 10 years */

PG_FUNCTION_INFO_V1(outbox_emit);
PG_FUNCTION_INFO_V1(outbox_emit_bytes);
PG_FUNCTION_INFO_V1(outbox_broadcast);

static void take_names(FunctionCallInfo fcinfo, OutboxEvent *event);
static const char *take_text(FunctionCallInfo fcinfo, int argument, const char *name);
static void require(FunctionCallInfo fcinfo, int argument, const char *name);
static void take_json(FunctionCallInfo fcinfo, int argument, OutboxEvent *event);
static void take_version(FunctionCallInfo fcinfo, int argument, OutboxEvent *event);
static int64 record(FunctionCallInfo fcinfo, int argument, OutboxEvent *event,
					OutboxHeaderLines *lines);
static void take_headers(FunctionCallInfo fcinfo, int argument, const OutboxEvent *event,
						 OutboxHeaderLines *lines);
static void take_header(const JsonbValue *key, const JsonbValue *value, const OutboxEvent *event,
						OutboxHeaderLines *lines);
static OutboxFault add_header(OutboxHeaderLines *lines, const OutboxReportFacts *facts,
							  const char *value);
static const char *write_scalar(const JsonbValue *value);
static const char *encode(const JsonbValue *string);

/* (aggregate, aggregate_id, action, payload jsonb, headers jsonb, version, deliver_at) */
Datum
outbox_emit(PG_FUNCTION_ARGS)
{
	OutboxEvent event = {.content_type = "application/json"};
	char room[OUTBOX_HEADER_LINES_MAX + 1];
	OutboxHeaderLines lines;

	outbox_record_require_writable("outbox.emit()");
	take_names(fcinfo, &event);
	take_json(fcinfo, 3, &event);
	outbox_header_begin(&lines, room, sizeof(room));
	take_headers(fcinfo, 4, &event, &lines);
	take_version(fcinfo, 5, &event);
	PG_RETURN_INT64(record(fcinfo, 6, &event, &lines));
}

/* (aggregate, aggregate_id, action, payload bytea, content_type, headers jsonb, version, deliver_at) */
Datum
outbox_emit_bytes(PG_FUNCTION_ARGS)
{
	OutboxEvent event = {0};
	char room[OUTBOX_HEADER_LINES_MAX + 1];
	OutboxHeaderLines lines;
	bytea *payload;

	outbox_record_require_writable("outbox.emit_bytes()");
	take_names(fcinfo, &event);
	require(fcinfo, 3, "payload");
	payload = PG_GETARG_BYTEA_PP(3);
	event.payload = VARDATA_ANY(payload);
	event.payload_length = VARSIZE_ANY_EXHDR(payload);
	event.content_type = take_text(fcinfo, 4, "content_type");
	outbox_header_begin(&lines, room, sizeof(room));
	take_headers(fcinfo, 5, &event, &lines);
	take_version(fcinfo, 6, &event);
	PG_RETURN_INT64(record(fcinfo, 7, &event, &lines));
}

/* (aggregate, aggregate_id, action, payload jsonb, headers jsonb) */
Datum
outbox_broadcast(PG_FUNCTION_ARGS)
{
	OutboxEvent event = {.content_type = "application/json"};
	char room[OUTBOX_HEADER_LINES_MAX + 1];
	OutboxHeaderLines lines;

	PreventCommandIfParallelMode("outbox.broadcast()");
	take_names(fcinfo, &event);
	take_json(fcinfo, 3, &event);
	outbox_header_begin(&lines, room, sizeof(room));
	take_headers(fcinfo, 4, &event, &lines);
	outbox_record_broadcast(&event, &lines);
	PG_RETURN_VOID();
}

static void
take_names(FunctionCallInfo fcinfo, OutboxEvent *event)
{
	event->aggregate = take_text(fcinfo, 0, "aggregate");
	event->aggregate_id = take_text(fcinfo, 1, "aggregate_id");
	event->action = take_text(fcinfo, 2, "action");
}

static const char *
take_text(FunctionCallInfo fcinfo, int argument, const char *name)
{
	text *value;

	require(fcinfo, argument, name);
	value = PG_GETARG_TEXT_PP(argument);
	return outbox_record_encode(text_to_cstring(value), VARSIZE_ANY_EXHDR(value));
}

static void
require(FunctionCallInfo fcinfo, int argument, const char *name)
{
	if (PG_ARGISNULL(argument))
		ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("%s must not be null", name),
				errdetail("Only headers, version and deliver_at may be null."));
}

static void
take_json(FunctionCallInfo fcinfo, int argument, OutboxEvent *event)
{
	Jsonb *payload;
	StringInfoData json;

	require(fcinfo, argument, "payload");
	payload = PG_GETARG_JSONB_P(argument);
	initStringInfo(&json);
	outbox_jsontext_append(&json, &payload->root, VARSIZE(payload));
	event->payload = outbox_record_encode(json.data, json.len);
	event->payload_length = event->payload == json.data ? json.len : strlen(event->payload);
}

static void
take_version(FunctionCallInfo fcinfo, int argument, OutboxEvent *event)
{
	event->has_version = !PG_ARGISNULL(argument);
	if (event->has_version)
		event->version = PG_GETARG_INT64(argument);
}

/* Now, unless deliver_at, the argument, is later. */
static int64
record(FunctionCallInfo fcinfo, int argument, OutboxEvent *event, OutboxHeaderLines *lines)
{
	TimestampTz now;
	TimestampTz deliver_at;

	if (PG_ARGISNULL(argument))
		return outbox_record_event(event, lines);
	now = GetCurrentTimestamp();
	deliver_at = PG_GETARG_TIMESTAMPTZ(argument);
	if (TIMESTAMP_NOT_FINITE(deliver_at) || deliver_at > now + LATEST_US)
		ereport(ERROR, errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				errmsg("deliver_at \"%s\" is out of range", timestamptz_to_str(deliver_at)),
				errdetail("An event is delivered at most 10 years from now."),
				errhint("Leave deliver_at out to have the event delivered at once."));
	if (deliver_at > now)
		return outbox_record_scheduled(event, lines, deliver_at);
	return outbox_record_event(event, lines);
}

static void
take_headers(FunctionCallInfo fcinfo, int argument, const OutboxEvent *event,
			 OutboxHeaderLines *lines)
{
	Jsonb *headers;
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue key;
	JsonbValue value;

	if (PG_ARGISNULL(argument))
		return;
	headers = PG_GETARG_JSONB_P(argument);
	if (!JB_ROOT_IS_OBJECT(headers))
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("headers must be a JSON object"),
				errhint("Write them as '{\"name\": \"value\"}'."));
	iterator = JsonbIteratorInit(&headers->root);
	(void) JsonbIteratorNext(&iterator, &key, false);
	while ((token = JsonbIteratorNext(&iterator, &key, false)) == WJB_KEY)
	{
		(void) JsonbIteratorNext(&iterator, &value, true);
		take_header(&key, &value, event, lines);
	}
}

static void
take_header(const JsonbValue *key, const JsonbValue *value, const OutboxEvent *event,
			OutboxHeaderLines *lines)
{
	const char *scalar = write_scalar(value);
	OutboxReportFacts facts = {.event = event};
	OutboxFault fault;

	facts.header = encode(key);
	facts.header_length = strlen(facts.header);
	if (scalar == NULL)
		fault = outbox_header_check(facts.header, facts.header_length, ABSENT, strlen(ABSENT));
	else
		fault = add_header(lines, &facts, scalar);
	if (fault != OUTBOX_FAULT_NONE)
		outbox_report_fault(fault, &facts);
	if (value->type == jbvBinary)
		ereport(
			ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("value of header \"%s\" is an array or an object", facts.header),
			errdetail(
				"A header's value is a string, a number, true or false; null leaves the header out."));
}

static OutboxFault
add_header(OutboxHeaderLines *lines, const OutboxReportFacts *facts, const char *value)
{
	size_t length = strlen(value);
	OutboxFault fault = outbox_header_check(facts->header, facts->header_length, value, length);

	if (fault != OUTBOX_FAULT_NONE)
		return fault;
	return outbox_header_append(lines, facts->header, facts->header_length, value, length);
}

/* A header's value in UTF-8; NULL when there is none to send. */
static const char *
write_scalar(const JsonbValue *value)
{
	switch (value->type)
	{
		case jbvBool:
			return value->val.boolean ? "true" : "false";
		case jbvNumeric:
			return DatumGetCString(
				DirectFunctionCall1(numeric_out, NumericGetDatum(value->val.numeric)));
		case jbvString:
			return encode(value);
		default:
			return NULL;
	}
}

static const char *
encode(const JsonbValue *string)
{
	char *copy = pnstrdup(string->val.string.val, string->val.string.len);

	return outbox_record_encode(copy, string->val.string.len);
}
