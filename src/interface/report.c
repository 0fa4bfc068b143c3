/*
 * report.c
 *		Puts the domain's faults into words and SQLSTATEs.
 *
 * The only place that raises errors for faults, so that each is worded once;
 * breach.c is the part of it for the rules of aggregates.
 * An illegal value is 22023, one over a limit 54000, a name that is not the
 * caller's to use 42939, bytes that are no text 22021.  A message quotes what is
 * at fault, clipped and without control characters; the payload and the values
 * of headers are never shown.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"

#include "domain/header.h"
#include "domain/subject.h"
#include "domain/template.h"
#include "interface/report.h"
#include "interface/settings.h"

#define QUOTE_MAX 64 /* bytes */

#define ILLEGAL ERRCODE_INVALID_PARAMETER_VALUE
#define OVER_LIMIT ERRCODE_PROGRAM_LIMIT_EXCEEDED
#define RESERVED ERRCODE_RESERVED_NAME
#define NO_TEXT ERRCODE_CHARACTER_NOT_IN_REPERTOIRE
#define OUR_BUG ERRCODE_INTERNAL_ERROR

#define NAME_RULE "A name consists of letters A-Z and a-z, digits, \"_\" and \"-\"."
#define NAME_LENGTH "A name has at most " CppAsString2(OUTBOX_TOKEN_MAX) " bytes."
#define NAME_EMPTY "A name has at least one character."
#define CHOOSE_NAME "Choose another name; a dot in it would make two levels of one in the subject."
#define TEMPLATE_HINT "Placeholders are {database}, {aggregate}, {aggregate_id} and {action}."
#define SUBJECT_HINT \
	"Change outbox.subject_template (for a broadcast outbox.broadcast_template), or the names or the id that fill it."
#define SMALLER_HINT \
	"Keep large data elsewhere and emit a reference to it, or raise the limit in the broker."

/* What a message quotes. */
typedef enum Quote
{
	QUOTE_NOTHING,
	QUOTE_AGGREGATE,
	QUOTE_ACTION,
	QUOTE_AGGREGATE_ID,
	QUOTE_CONTENT_TYPE,
	QUOTE_HEADER,
	QUOTE_TEMPLATE
} Quote;

typedef struct Wording
{
	OutboxFault fault;
	int sqlstate;
	Quote quote;
	const char *message; /* holds one %s if there is a quote */
	const char *detail;
	const char *hint;
} Wording;

static const Wording *find_wording(OutboxFault fault);
static const char *find_quoted(Quote quote, const OutboxReportFacts *facts);
static const char *clip(const char *value, size_t length);
static int explain_size(OutboxFault fault, const OutboxReportFacts *facts);

static const Wording wordings[] = {
	{OUTBOX_FAULT_TOKEN_EMPTY, ILLEGAL, QUOTE_NOTHING, "name is empty", NAME_EMPTY, NULL},
	{OUTBOX_FAULT_TOKEN_TOO_LONG, OVER_LIMIT, QUOTE_NOTHING, "name is too long", NAME_LENGTH, NULL},
	{OUTBOX_FAULT_TOKEN_ILLEGAL_CHARACTER, ILLEGAL, QUOTE_NOTHING, "name is not legal", NAME_RULE,
	 CHOOSE_NAME},

	{OUTBOX_FAULT_AGGREGATE_EMPTY, ILLEGAL, QUOTE_NOTHING, "aggregate is empty", NAME_EMPTY, NULL},
	{OUTBOX_FAULT_AGGREGATE_TOO_LONG, OVER_LIMIT, QUOTE_AGGREGATE, "aggregate \"%s\" is too long",
	 NAME_LENGTH, NULL},
	{OUTBOX_FAULT_AGGREGATE_ILLEGAL_CHARACTER, ILLEGAL, QUOTE_AGGREGATE,
	 "aggregate \"%s\" is not a legal name", NAME_RULE, CHOOSE_NAME},
	{OUTBOX_FAULT_ACTION_EMPTY, ILLEGAL, QUOTE_NOTHING, "action is empty", NAME_EMPTY, NULL},
	{OUTBOX_FAULT_ACTION_TOO_LONG, OVER_LIMIT, QUOTE_ACTION, "action \"%s\" is too long",
	 NAME_LENGTH, NULL},
	{OUTBOX_FAULT_ACTION_ILLEGAL_CHARACTER, ILLEGAL, QUOTE_ACTION,
	 "action \"%s\" is not a legal name", NAME_RULE, CHOOSE_NAME},

	{OUTBOX_FAULT_AGGREGATE_ID_EMPTY, ILLEGAL, QUOTE_NOTHING, "aggregate id is empty",
	 "An aggregate id has at least one character.", NULL},
	{OUTBOX_FAULT_AGGREGATE_ID_TOO_LONG, OVER_LIMIT, QUOTE_AGGREGATE_ID,
	 "aggregate id \"%s\" is too long",
	 "An aggregate id has at most " CppAsString2(OUTBOX_AGGREGATE_ID_MAX) " bytes of UTF-8.", NULL},
	{OUTBOX_FAULT_AGGREGATE_ID_CONTROL_CHARACTER, ILLEGAL, QUOTE_AGGREGATE_ID,
	 "aggregate id \"%s\" is not legal", "An aggregate id holds no control characters.", NULL},
	{OUTBOX_FAULT_AGGREGATE_ID_NOT_UTF8, NO_TEXT, QUOTE_NOTHING, "aggregate id is not text",
	 "An aggregate id is text that UTF-8 can express.", NULL},

	{OUTBOX_FAULT_CONTENT_TYPE_EMPTY, ILLEGAL, QUOTE_NOTHING, "content type is empty",
	 "A content type is type/subtype with optional parameters.",
	 "Use application/octet-stream for bytes of any kind."},
	{OUTBOX_FAULT_CONTENT_TYPE_TOO_LONG, OVER_LIMIT, QUOTE_CONTENT_TYPE,
	 "content type \"%s\" is too long",
	 "A content type has at most " CppAsString2(OUTBOX_CONTENT_TYPE_MAX) " bytes.", NULL},
	{OUTBOX_FAULT_CONTENT_TYPE_ILLEGAL, ILLEGAL, QUOTE_CONTENT_TYPE,
	 "content type \"%s\" is not legal", "A content type is type/subtype with optional parameters.",
	 "Use application/octet-stream for bytes of any kind."},

	{OUTBOX_FAULT_HEADER_KEY_EMPTY, ILLEGAL, QUOTE_NOTHING, "header name is empty",
	 "A header name has at least one character.", NULL},
	{OUTBOX_FAULT_HEADER_KEY_TOO_LONG, OVER_LIMIT, QUOTE_HEADER, "header name \"%s\" is too long",
	 "A header name has at most " CppAsString2(OUTBOX_HEADER_KEY_MAX) " bytes.", NULL},
	{OUTBOX_FAULT_HEADER_KEY_ILLEGAL_CHARACTER, ILLEGAL, QUOTE_HEADER,
	 "header name \"%s\" is not legal",
	 "A header name consists of letters A-Z and a-z, digits and \"-\".", NULL},
	{OUTBOX_FAULT_HEADER_KEY_OF_BROKER, RESERVED, QUOTE_HEADER,
	 "header name \"%s\" is reserved for the broker",
	 "Names that begin with \"Nats-\" or end in \"Nats-Msg-Id\", \"Status\" and \"Description\" mean something to the broker or to its clients.",
	 "Choose another name."},
	{OUTBOX_FAULT_HEADER_KEY_OF_ENVELOPE, RESERVED, QUOTE_HEADER,
	 "header name \"%s\" is reserved for the envelope",
	 "\"Content-Type\" and headers whose names begin with \"ce-\" or \"Outbox-\" are set when the event is sent.",
	 "Choose another name; outbox.emit_bytes takes a content type, and outbox.correlation_id, "
	 "outbox.causation_id and outbox.actor are settings of the session."},
	{OUTBOX_FAULT_HEADER_VALUE_EMPTY, ILLEGAL, QUOTE_HEADER, "value of header \"%s\" is empty",
	 "A header's value has at least one character.", "Leave the header out, or give it as null."},
	{OUTBOX_FAULT_HEADER_VALUE_CONTROL_CHARACTER, ILLEGAL, QUOTE_HEADER,
	 "value of header \"%s\" is not legal", "A header's value holds no control characters.", NULL},
	{OUTBOX_FAULT_HEADER_VALUE_NOT_UTF8, NO_TEXT, QUOTE_HEADER,
	 "value of header \"%s\" is not text", "A header's value is text that UTF-8 can express.",
	 NULL},
	{OUTBOX_FAULT_HEADER_VALUE_OUTER_BLANK, ILLEGAL, QUOTE_HEADER,
	 "value of header \"%s\" is not legal",
	 "A header's value neither begins nor ends with a blank, because readers drop it.", NULL},
	{OUTBOX_FAULT_HEADER_DUPLICATE, ILLEGAL, QUOTE_HEADER, "header \"%s\" is given twice",
	 "Header names are compared without regard to case.", NULL},
	{OUTBOX_FAULT_HEADERS_TOO_MANY, OVER_LIMIT, QUOTE_NOTHING, "event has too many headers",
	 "An event has at most " CppAsString2(
		 OUTBOX_HEADER_COUNT_MAX) " headers, those of the session included.",
	 "Move data into the payload."},
	{OUTBOX_FAULT_HEADERS_TOO_LARGE, OVER_LIMIT, QUOTE_NOTHING, "headers of event are too large",
	 "All headers of an event, those of the session included, take at most " CppAsString2(
		 OUTBOX_HEADER_LINES_MAX) " bytes.",
	 "Move data into the payload."},
	{OUTBOX_FAULT_HEADERS_MALFORMED, OUR_BUG, QUOTE_NOTHING,
	 "stored headers of event are malformed", "Each line is \"Key: value\".", NULL},

	{OUTBOX_FAULT_TEMPLATE_EMPTY, ILLEGAL, QUOTE_NOTHING, "subject template is empty",
	 "A template has at least one character.", TEMPLATE_HINT},
	{OUTBOX_FAULT_TEMPLATE_TOO_LONG, OVER_LIMIT, QUOTE_TEMPLATE,
	 "subject template \"%s\" is too long",
	 "A template has at most " CppAsString2(OUTBOX_TEMPLATE_MAX) " bytes and " CppAsString2(
		 OUTBOX_TEMPLATE_MAX_PARTS) " parts.",
	 NULL},
	{OUTBOX_FAULT_TEMPLATE_ILLEGAL_CHARACTER, ILLEGAL, QUOTE_TEMPLATE,
	 "subject template \"%s\" is not legal",
	 "Outside of placeholders a template consists of letters A-Z and a-z, digits, \"_\", \"-\" and dots.",
	 TEMPLATE_HINT},
	{OUTBOX_FAULT_TEMPLATE_EMPTY_TOKEN, ILLEGAL, QUOTE_TEMPLATE,
	 "subject template \"%s\" is not legal",
	 "A template neither begins nor ends with a dot, nor holds two in a row.", NULL},
	{OUTBOX_FAULT_TEMPLATE_OPEN_BRACE, ILLEGAL, QUOTE_TEMPLATE,
	 "subject template \"%s\" is not legal", "An opening brace is not closed.", TEMPLATE_HINT},
	{OUTBOX_FAULT_TEMPLATE_STRAY_BRACE, ILLEGAL, QUOTE_TEMPLATE,
	 "subject template \"%s\" is not legal", "A closing brace has no opening one.", TEMPLATE_HINT},
	{OUTBOX_FAULT_TEMPLATE_UNKNOWN_PLACEHOLDER, ILLEGAL, QUOTE_TEMPLATE,
	 "subject template \"%s\" is not legal",
	 "Placeholders are {database}, {aggregate}, {aggregate_id} and {action}, no others.", NULL},
	{OUTBOX_FAULT_TEMPLATE_NO_AGGREGATE, ILLEGAL, QUOTE_TEMPLATE,
	 "subject template \"%s\" is not legal", "The placeholder {aggregate} is missing.",
	 TEMPLATE_HINT},
	{OUTBOX_FAULT_TEMPLATE_RESERVED, RESERVED, QUOTE_TEMPLATE,
	 "subject template \"%s\" is reserved for the broker",
	 "A subject does not begin with a token of the broker's own, such as \"_INBOX\".",
	 TEMPLATE_HINT},
	{OUTBOX_FAULT_TEMPLATE_TOO_WIDE, ILLEGAL, QUOTE_TEMPLATE,
	 "subject template \"%s\" is too wide for a stream",
	 "Its first token varies with the event, so the stream would capture subjects of others, too.",
	 "Begin the template with {database} or with a literal."},

	{OUTBOX_FAULT_SUBJECT_EMPTY, ILLEGAL, QUOTE_NOTHING, "subject of event is empty",
	 "A subject has at least one token.", SUBJECT_HINT},
	{OUTBOX_FAULT_SUBJECT_TOO_LONG, OVER_LIMIT, QUOTE_AGGREGATE_ID,
	 "subject of event with aggregate id \"%s\" is too long",
	 "A subject has at most " CppAsString2(
		 OUTBOX_SUBJECT_MAX) " bytes, an encoded byte of an id counting three.",
	 SUBJECT_HINT},
	{OUTBOX_FAULT_SUBJECT_EMPTY_TOKEN, ILLEGAL, QUOTE_NOTHING,
	 "subject of event has an empty token",
	 "A subject neither begins nor ends with a dot, nor holds two in a row.", SUBJECT_HINT},
	{OUTBOX_FAULT_SUBJECT_ILLEGAL_CHARACTER, ILLEGAL, QUOTE_NOTHING,
	 "subject of event is not legal",
	 "A token consists of letters, digits, \"_\", \"-\" and percent-encoded bytes.", SUBJECT_HINT},
	{OUTBOX_FAULT_SUBJECT_RESERVED, RESERVED, QUOTE_NOTHING,
	 "subject of event is reserved for the broker",
	 "A subject does not begin with a token of the broker's own, such as \"_INBOX\".",
	 SUBJECT_HINT},

	{OUTBOX_FAULT_OVER_MAX_PAYLOAD, OVER_LIMIT, QUOTE_AGGREGATE_ID,
	 "event with aggregate id \"%s\" is too large for the broker",
	 "The event is larger than the broker's max_payload.", SMALLER_HINT},
	{OUTBOX_FAULT_OVER_MAX_MESSAGE_SIZE, OVER_LIMIT, QUOTE_AGGREGATE_ID,
	 "event with aggregate id \"%s\" is too large for the stream",
	 "The event is larger than the stream's max_msg_size.", SMALLER_HINT},
	{OUTBOX_FAULT_SCRATCH_TOO_SMALL, OUR_BUG, QUOTE_NOTHING,
	 "message of event does not fit into its memory", "More memory is needed.", NULL},
};

void
outbox_report_fault(OutboxFault fault, const OutboxReportFacts *facts)
{
	const Wording *wording = find_wording(fault);
	bool size =
		fault == OUTBOX_FAULT_OVER_MAX_PAYLOAD || fault == OUTBOX_FAULT_OVER_MAX_MESSAGE_SIZE;

	if (wording == NULL)
		elog(ERROR, "unrecognized fault %d", (int) fault);
	ereport(ERROR, errcode(wording->sqlstate),
			errmsg_internal(wording->message, find_quoted(wording->quote, facts)),
			size ? explain_size(fault, facts) : errdetail_internal("%s", wording->detail),
			wording->hint != NULL ? errhint("%s", wording->hint) : 0);
	pg_unreachable();
}

const char *
outbox_report_explain(OutboxFault fault)
{
	const Wording *wording;

	if (fault == OUTBOX_FAULT_NONE)
		return NULL;
	wording = find_wording(fault);
	return wording != NULL ? wording->detail : "The value is not legal.";
}

char *
outbox_report_quote(const char *value, size_t length, int encoding)
{
	int kept = pg_encoding_mbcliplen(encoding, value, length, QUOTE_MAX);
	char *quoted = palloc(kept + 4);

	memcpy(quoted, value, kept);
	for (int i = 0; i < kept; i++)
		if ((unsigned char) quoted[i] < ' ' || quoted[i] == 0x7f)
			quoted[i] = '?';
	strcpy(quoted + kept, kept < length ? "..." : "");
	return quoted;
}

static const Wording *
find_wording(OutboxFault fault)
{
	StaticAssertStmt(lengthof(wordings) == OUTBOX_FAULT_SCRATCH_TOO_SMALL - OUTBOX_FAULT_BREACHES,
					 "every fault but OUTBOX_FAULT_NONE and the breaches has its wording");

	for (int i = 0; i < lengthof(wordings); i++)
		if (wordings[i].fault == fault)
			return &wordings[i];
	return NULL;
}

static const char *
find_quoted(Quote quote, const OutboxReportFacts *facts)
{
	const char *quoted = NULL;

	if (quote == QUOTE_HEADER && facts->header != NULL)
		return clip(facts->header, facts->header_length);
	if (quote == QUOTE_TEMPLATE)
		quoted = outbox_settings.subject_template;
	else if (facts->event != NULL && quote == QUOTE_AGGREGATE)
		quoted = facts->event->aggregate;
	else if (facts->event != NULL && quote == QUOTE_ACTION)
		quoted = facts->event->action;
	else if (facts->event != NULL && quote == QUOTE_AGGREGATE_ID)
		quoted = facts->event->aggregate_id;
	else if (facts->event != NULL && quote == QUOTE_CONTENT_TYPE)
		quoted = facts->event->content_type;
	return quoted != NULL ? clip(quoted, strlen(quoted)) : "";
}

/* The beginning of UTF-8 text in the database's encoding, without control characters. */
static const char *
clip(const char *value, size_t length)
{
	const char *quoted = outbox_report_quote(value, length, PG_UTF8);

	return pg_any_to_server(quoted, strlen(quoted), PG_UTF8);
}

static int
explain_size(OutboxFault fault, const OutboxReportFacts *facts)
{
	size_t payload = facts->event != NULL ? facts->event->payload_length : 0;
	const char *limit = fault == OUTBOX_FAULT_OVER_MAX_PAYLOAD ? "max_payload" : "max_msg_size";

	if (facts->limit_assumed)
		return errdetail(
			"The payload has %zu bytes; headers included the message may have " INT64_FORMAT
			" bytes, NATS's default for %s (the broker's own limit is not known yet).",
			payload, facts->limit, limit);
	return errdetail(
		"The payload has %zu bytes; headers included the message may have " INT64_FORMAT
		" bytes (%s).",
		payload, facts->limit, limit);
}
