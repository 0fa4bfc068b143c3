/*
 * envelope.c
 *		How an event looks on the wire: subject, headers, body.
 *
 * One pass writes the message into a text (text.h), which only counts where it
 * has no room.  So measuring a message is sealing it into nothing.
 */
#include "domain/envelope.h"

#include <string.h>

#include "domain/json.h"
#include "domain/subject.h"
#include "domain/text.h"

/* "NATS/1.0" before the headers and an empty line after them. */
#define FRAME_BYTES 12

/* Per header ": " and the line's end. */
#define FIELD_BYTES 4

/* More than what the wire has beside scratch and payload: keys, constants, and frames. */
#define KEY_BYTES_MAX 1024

typedef struct Sealing
{
	OutboxEnvelope *envelope;
	const OutboxEvent *event;
	const OutboxEnvelopeOptions *options;
	OutboxText text;
	size_t start; /* of the string being written */
} Sealing;

/* The string that was begun at start; nothing of use when it did not fit. */
static const char *
string_at(const Sealing *sealing, size_t start)
{
	return outbox_text_fits(&sealing->text) ? sealing->text.bytes + start : "";
}

static void
add_field(Sealing *sealing, const char *key, const char *value, size_t value_length)
{
	OutboxEnvelope *envelope = sealing->envelope;

	envelope->fields[envelope->field_count++] = (OutboxHeaderField){key, value};
	envelope->header_bytes += strlen(key) + value_length + FIELD_BYTES;
}

static void
add_constant(Sealing *sealing, const char *key, const char *value)
{
	add_field(sealing, key, value, strlen(value));
}

static OutboxText *
begin_value(Sealing *sealing)
{
	sealing->start = sealing->text.length;
	return &sealing->text;
}

static void
end_value(Sealing *sealing, const char *key)
{
	size_t length = sealing->text.length - sealing->start;

	outbox_text_append_char(&sealing->text, '\0');
	add_field(sealing, key, string_at(sealing, sealing->start), length);
}

/* Adds the value of the header added last under another key. */
static void
repeat_value(Sealing *sealing, const char *key)
{
	size_t length = sealing->text.length - sealing->start - 1;

	add_field(sealing, key, string_at(sealing, sealing->start), length);
}

static void
add_unsigned(Sealing *sealing, const char *key, uint64_t number)
{
	outbox_text_append_unsigned(begin_value(sealing), number);
	end_value(sealing, key);
}

static void
add_encoded(Sealing *sealing, const char *key, const char *value)
{
	outbox_text_append_encoded(begin_value(sealing), value, strlen(value), OUTBOX_PLAIN_HEADER);
	end_value(sealing, key);
}

/* Marks the text as not fitting, for what it should hold cannot be made. */
static void
give_up(OutboxText *text)
{
	text->length = text->size + 1;
}

/* A broadcast's number is not one of the log's. */
static void
append_broadcast_id(OutboxText *text, const Sealing *sealing)
{
	const char *uuid = sealing->options->uuid;

	outbox_text_append_encoded(text, uuid, strlen(uuid), OUTBOX_PLAIN_TOKEN);
	outbox_text_append_string(text, "-b");
	outbox_text_append_signed(text, sealing->event->id);
}

static void
append_message_id(OutboxText *text, const Sealing *sealing)
{
	char id[OUTBOX_MESSAGE_ID_SIZE];
	size_t length = outbox_event_message_id(sealing->event, sealing->options->uuid, id, sizeof(id));

	if (sealing->options->broadcast)
		append_broadcast_id(text, sealing);
	else if (length < sizeof(id))
		outbox_text_append(text, id, length);
	else
		give_up(text);
}

static void
append_type(OutboxText *text, const OutboxEvent *event)
{
	char type[OUTBOX_EVENT_TYPE_SIZE];

	outbox_text_append(text, type, outbox_event_type(event, type, sizeof(type)));
}

static void
append_source(OutboxText *text, const char *database)
{
	outbox_text_append_char(text, '/');
	outbox_text_append_encoded(text, database, strlen(database), OUTBOX_PLAIN_URI);
}

/* The source in a header: its escapes are escaped once more. */
static void
append_source_encoded(OutboxText *text, const char *database)
{
	char source[1 + 3 * OUTBOX_DATABASE_MAX];
	OutboxText uri = {source, sizeof(source), 0};

	append_source(&uri, database);
	if (outbox_text_fits(&uri))
		outbox_text_append_encoded(text, source, uri.length, OUTBOX_PLAIN_HEADER);
	else
		give_up(text);
}

/* What all modes say in headers. */
static void
add_common(Sealing *sealing)
{
	const OutboxEvent *event = sealing->event;

	if (sealing->options->broadcast)
	{
		add_constant(sealing, "Outbox-Delivery", "best-effort");
		return;
	}
	if (event->has_version)
	{
		outbox_text_append_signed(begin_value(sealing), event->version);
		end_value(sealing, "Outbox-Aggregate-Version");
	}
	add_unsigned(sealing, "Outbox-Tx", event->xid);
	add_unsigned(sealing, "Outbox-Tx-Index", event->tx_index);
	add_unsigned(sealing, "Outbox-Tx-Count", event->tx_count);
}

static void
add_id(Sealing *sealing)
{
	if (!sealing->options->broadcast)
		repeat_value(sealing, "ce-id"); /* the message id stands before it */
	else
	{
		append_message_id(begin_value(sealing), sealing);
		end_value(sealing, "ce-id");
	}
}

static void
add_cloudevents(Sealing *sealing)
{
	const OutboxEvent *event = sealing->event;

	add_id(sealing);
	add_constant(sealing, "ce-specversion", "1.0");
	append_source_encoded(begin_value(sealing), sealing->options->database);
	end_value(sealing, "ce-source");
	append_type(begin_value(sealing), event);
	end_value(sealing, "ce-type");
	add_encoded(sealing, "ce-subject", event->aggregate_id);
	outbox_text_append_time(begin_value(sealing), event->emitted_at);
	end_value(sealing, "ce-time");
	add_encoded(sealing, "ce-datacontenttype", event->content_type);
}

static void
add_plain(Sealing *sealing)
{
	const OutboxEvent *event = sealing->event;

	add_constant(sealing, "Content-Type", event->content_type);
	append_type(begin_value(sealing), event);
	end_value(sealing, "Outbox-Type");
	add_encoded(sealing, "Outbox-Aggregate-Id", event->aggregate_id);
	outbox_text_append_time(begin_value(sealing), event->emitted_at);
	end_value(sealing, "Outbox-Time");
}

static void
add_lines(Sealing *sealing)
{
	const char *at = sealing->event->headers;
	OutboxHeaderLine line;

	while (outbox_header_next(&at, &line))
	{
		size_t key = sealing->text.length;

		outbox_text_append(&sealing->text, line.key, line.key_length);
		outbox_text_append_char(&sealing->text, '\0');
		sealing->envelope->header_bytes += line.key_length + line.value_length + FIELD_BYTES;
		begin_value(sealing);
		outbox_text_append(&sealing->text, line.value, line.value_length);
		outbox_text_append_char(&sealing->text, '\0');
		sealing->envelope->fields[sealing->envelope->field_count++] =
			(OutboxHeaderField){string_at(sealing, key), string_at(sealing, sealing->start)};
	}
}

/* Appends ,"name": for a value to follow. */
static OutboxText *
begin_member(OutboxText *body, const char *name)
{
	outbox_text_append_string(body, ",\"");
	outbox_text_append_string(body, name);
	outbox_text_append_string(body, "\":");
	return body;
}

static void
append_number_members(OutboxText *body, const OutboxEvent *event)
{
	/* 64-bit numbers are strings: CloudEvents' integers have 32 bits */
	if (event->has_version)
	{
		outbox_text_append_char(begin_member(body, "aggregateversion"), '"');
		outbox_text_append_signed(body, event->version);
		outbox_text_append_char(body, '"');
	}
	outbox_text_append_char(begin_member(body, "tx"), '"');
	outbox_text_append_unsigned(body, event->xid);
	outbox_text_append_char(body, '"');
	outbox_text_append_unsigned(begin_member(body, "txindex"), event->tx_index);
	outbox_text_append_unsigned(begin_member(body, "txcount"), event->tx_count);
}

/* JSON goes in as it is, if it is; everything else, and what only claims it, as base64. */
static void
append_data(OutboxText *body, const OutboxEvent *event)
{
	if (event->payload_length == 0)
		return;
	if (outbox_json_is_type(event->content_type) &&
		outbox_json_check(event->payload, event->payload_length))
		outbox_text_append(begin_member(body, "data"), event->payload, event->payload_length);
	else
	{
		outbox_text_append_char(begin_member(body, "data_base64"), '"');
		outbox_text_append_base64(body, event->payload, event->payload_length);
		outbox_text_append_char(body, '"');
	}
}

static void
write_structured_body(Sealing *sealing)
{
	const OutboxEvent *event = sealing->event;
	OutboxText *body = begin_value(sealing);

	outbox_text_append_string(body, "{\"specversion\":\"1.0\",\"id\":\"");
	append_message_id(body, sealing);
	outbox_text_append_string(body, "\",\"source\":\"");
	append_source(body, sealing->options->database);
	outbox_text_append_string(body, "\",\"type\":\"");
	append_type(body, event);
	outbox_text_append_char(body, '"');
	outbox_json_append_string(begin_member(body, "subject"), event->aggregate_id);
	outbox_text_append_char(begin_member(body, "time"), '"');
	outbox_text_append_time(body, event->emitted_at);
	outbox_text_append_char(body, '"');
	outbox_json_append_string(begin_member(body, "datacontenttype"), event->content_type);
	if (!sealing->options->broadcast)
		append_number_members(body, event);
	append_data(body, event);
	outbox_text_append_char(body, '}');
	sealing->envelope->payload = string_at(sealing, sealing->start);
	sealing->envelope->payload_length = sealing->text.length - sealing->start;
}

static OutboxFault
write_subject(Sealing *sealing)
{
	char subject[OUTBOX_SUBJECT_SIZE];
	OutboxFault fault = outbox_template_fill(sealing->options->template, sealing->options->database,
											 sealing->event, subject, sizeof(subject));

	if (fault != OUTBOX_FAULT_NONE)
		return fault;
	outbox_text_append(&sealing->text, subject, strlen(subject) + 1);
	sealing->envelope->subject = string_at(sealing, 0);
	return OUTBOX_FAULT_NONE;
}

OutboxFault
outbox_envelope_seal(OutboxEnvelope *envelope, const OutboxEvent *event,
					 const OutboxEnvelopeOptions *options, char *scratch, size_t scratch_size)
{
	Sealing sealing = {envelope, event, options, {scratch, scratch_size, 0}, 0};
	OutboxFault fault = outbox_event_check(event);

	envelope->field_count = 0;
	envelope->header_bytes = FRAME_BYTES;
	envelope->payload = event->payload;
	envelope->payload_length = event->payload_length;
	if (fault == OUTBOX_FAULT_NONE)
		fault = write_subject(&sealing);
	if (fault != OUTBOX_FAULT_NONE)
		return fault;

	if (!options->broadcast)
	{
		append_message_id(begin_value(&sealing), &sealing);
		end_value(&sealing, "Nats-Msg-Id");
	}
	switch (options->mode)
	{
		case OUTBOX_ENVELOPE_CLOUDEVENTS:
			add_cloudevents(&sealing);
			break;
		case OUTBOX_ENVELOPE_CLOUDEVENTS_STRUCTURED:
			add_constant(&sealing, "Content-Type", "application/cloudevents+json");
			break;
		case OUTBOX_ENVELOPE_PLAIN:
			add_plain(&sealing);
			break;
	}
	add_common(&sealing);
	add_lines(&sealing);
	if (options->mode == OUTBOX_ENVELOPE_CLOUDEVENTS_STRUCTURED)
		write_structured_body(&sealing);
	return outbox_text_fits(&sealing.text) ? OUTBOX_FAULT_NONE : OUTBOX_FAULT_SCRATCH_TOO_SMALL;
}

/* Does the message fit even if each of its parts is as long as such a part may be? */
static bool
is_surely_within(const OutboxEvent *event, OutboxEnvelopeMode mode,
				 const OutboxEnvelopeLimits *limits)
{
	uint64_t most = (uint64_t) outbox_envelope_scratch_size(mode, event->payload_length) +
					KEY_BYTES_MAX + OUTBOX_ENVELOPE_RESERVE + event->payload_length;

	return (limits->max_payload <= 0 || most <= (uint64_t) limits->max_payload) &&
		   (limits->max_message_size <= 0 || most <= (uint64_t) limits->max_message_size);
}

static OutboxFault
check_size(const OutboxEvent *event, const OutboxEnvelopeOptions *options,
		   const OutboxEnvelopeLimits *limits)
{
	OutboxEvent longest = *event;
	OutboxEnvelopeOptions named = *options;
	OutboxEnvelope envelope;
	OutboxFault fault;
	uint64_t size;

	longest.id = INT64_MIN;
	longest.xid = UINT64_MAX;
	longest.tx_index = longest.tx_count = UINT32_MAX;
	named.uuid = "00000000-0000-0000-0000-000000000000";
	fault = outbox_envelope_seal(&envelope, &longest, &named, NULL, 0);
	if (fault != OUTBOX_FAULT_SCRATCH_TOO_SMALL)
		return fault;
	size = (uint64_t) envelope.header_bytes + OUTBOX_ENVELOPE_RESERVE + envelope.payload_length;
	if (limits->max_payload > 0 && size > (uint64_t) limits->max_payload)
		return OUTBOX_FAULT_OVER_MAX_PAYLOAD;
	if (limits->max_message_size > 0 && size > (uint64_t) limits->max_message_size)
		return OUTBOX_FAULT_OVER_MAX_MESSAGE_SIZE;
	return OUTBOX_FAULT_NONE;
}

/* Making subject or message costs more than all the rest, and few come near a limit. */
OutboxFault
outbox_envelope_check(const OutboxEvent *event, const OutboxEnvelopeOptions *options,
					  const OutboxEnvelopeLimits *limits)
{
	char subject[OUTBOX_SUBJECT_SIZE];
	OutboxFault fault = outbox_event_check(event);

	if (fault == OUTBOX_FAULT_NONE &&
		!outbox_template_surely_fills(options->template, options->database, event))
		fault = outbox_template_fill(options->template, options->database, event, subject,
									 sizeof(subject));
	if (fault != OUTBOX_FAULT_NONE || is_surely_within(event, options->mode, limits))
		return fault;
	return check_size(event, options, limits);
}

size_t
outbox_envelope_scratch_size(OutboxEnvelopeMode mode, size_t payload_length)
{
	/* generous: the longest of every field of ours is below 3700 bytes in all */
	size_t size = OUTBOX_SUBJECT_SIZE + 4096 + OUTBOX_HEADER_LINES_MAX;

	if (mode == OUTBOX_ENVELOPE_CLOUDEVENTS_STRUCTURED)
		size += (payload_length + 2) / 3 * 4;
	return size;
}
