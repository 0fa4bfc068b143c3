/*
 * event.c
 *		A fact that an aggregate states.
 */
#include "domain/event.h"

#include <string.h>

#include "domain/header.h"
#include "domain/subject.h"
#include "domain/text.h"

OutboxFault
outbox_event_check_aggregate(const char *aggregate)
{
	switch (outbox_token_check(aggregate))
	{
		case OUTBOX_FAULT_NONE:
			return OUTBOX_FAULT_NONE;
		case OUTBOX_FAULT_TOKEN_EMPTY:
			return OUTBOX_FAULT_AGGREGATE_EMPTY;
		case OUTBOX_FAULT_TOKEN_TOO_LONG:
			return OUTBOX_FAULT_AGGREGATE_TOO_LONG;
		default:
			return OUTBOX_FAULT_AGGREGATE_ILLEGAL_CHARACTER;
	}
}

OutboxFault
outbox_event_check_action(const char *action)
{
	switch (outbox_token_check(action))
	{
		case OUTBOX_FAULT_NONE:
			return OUTBOX_FAULT_NONE;
		case OUTBOX_FAULT_TOKEN_EMPTY:
			return OUTBOX_FAULT_ACTION_EMPTY;
		case OUTBOX_FAULT_TOKEN_TOO_LONG:
			return OUTBOX_FAULT_ACTION_TOO_LONG;
		default:
			return OUTBOX_FAULT_ACTION_ILLEGAL_CHARACTER;
	}
}

OutboxFault
outbox_event_check_id(const char *aggregate_id)
{
	size_t length = strlen(aggregate_id);

	if (length == 0)
		return OUTBOX_FAULT_AGGREGATE_ID_EMPTY;
	if (length > OUTBOX_AGGREGATE_ID_MAX)
		return OUTBOX_FAULT_AGGREGATE_ID_TOO_LONG;
	switch (outbox_text_find_flaw(aggregate_id, length))
	{
		case OUTBOX_TEXT_NOT_UTF8:
			return OUTBOX_FAULT_AGGREGATE_ID_NOT_UTF8;
		case OUTBOX_TEXT_CONTROL_CHARACTER:
			return OUTBOX_FAULT_AGGREGATE_ID_CONTROL_CHARACTER;
		case OUTBOX_TEXT_CLEAN:
			break;
	}
	return OUTBOX_FAULT_NONE;
}

OutboxFault
outbox_event_check_content_type(const char *content_type)
{
	size_t length = strlen(content_type);
	size_t at;
	size_t subtype;

	/* nearly all have this one */
	if (strcmp(content_type, "application/json") == 0)
		return OUTBOX_FAULT_NONE;
	at = outbox_plain_run(content_type, length, OUTBOX_PLAIN_MEDIA);
	if (length == 0)
		return OUTBOX_FAULT_CONTENT_TYPE_EMPTY;
	if (length > OUTBOX_CONTENT_TYPE_MAX)
		return OUTBOX_FAULT_CONTENT_TYPE_TOO_LONG;
	if (at == 0 || content_type[at] != '/')
		return OUTBOX_FAULT_CONTENT_TYPE_ILLEGAL;
	at++;
	subtype = outbox_plain_run(content_type + at, length - at, OUTBOX_PLAIN_MEDIA);
	at += subtype;
	if (subtype == 0)
		return OUTBOX_FAULT_CONTENT_TYPE_ILLEGAL;
	if (at == length)
		return OUTBOX_FAULT_NONE;
	at += strspn(content_type + at, " ");
	if (content_type[at] != ';' || content_type[length - 1] == ' ')
		return OUTBOX_FAULT_CONTENT_TYPE_ILLEGAL;
	for (; at < length; at++)
	{
		if (content_type[at] < ' ' || content_type[at] > '~')
			return OUTBOX_FAULT_CONTENT_TYPE_ILLEGAL;
	}
	return OUTBOX_FAULT_NONE;
}

OutboxFault
outbox_event_check(const OutboxEvent *event)
{
	OutboxFault fault = outbox_event_check_aggregate(event->aggregate);

	if (fault == OUTBOX_FAULT_NONE)
		fault = outbox_event_check_id(event->aggregate_id);
	if (fault == OUTBOX_FAULT_NONE)
		fault = outbox_event_check_action(event->action);
	if (fault == OUTBOX_FAULT_NONE)
		fault = outbox_event_check_content_type(event->content_type);
	if (fault == OUTBOX_FAULT_NONE && event->headers[0] != '\0')
		fault = outbox_header_check_lines(event->headers);
	return fault;
}

size_t
outbox_event_type(const OutboxEvent *event, char *type, size_t size)
{
	OutboxText text = {type, size, 0};

	outbox_text_append_string(&text, event->aggregate);
	outbox_text_append_char(&text, '.');
	outbox_text_append_string(&text, event->action);
	outbox_text_append_char(&text, '\0');
	return text.length - 1;
}

size_t
outbox_event_message_id(const OutboxEvent *event, const char *uuid, char *message_id, size_t size)
{
	OutboxText text = {message_id, size, 0};

	outbox_text_append_encoded(&text, uuid, strlen(uuid), OUTBOX_PLAIN_TOKEN);
	outbox_text_append_char(&text, '-');
	outbox_text_append_signed(&text, event->id);
	outbox_text_append_char(&text, '\0');
	return text.length - 1;
}

int64_t
outbox_event_of_message_id(const char *message_id, const char *uuid)
{
	size_t length = strlen(uuid);
	int64_t event = 0;
	const char *digit;

	if (strncmp(message_id, uuid, length) != 0 || message_id[length] != '-')
		return 0;
	for (digit = message_id + length + 1; *digit >= '0' && *digit <= '9'; digit++)
	{
		if (event > (INT64_MAX - 9) / 10)
			return 0;
		event = event * 10 + (*digit - '0');
	}
	return *digit == '\0' ? event : 0;
}
