/*
 * fuzz_envelope.c
 *		What passes at emit is sealed whatever id it gets, within the size foreseen;
 *		no header can become protocol; the structured body is JSON.
 *
 * Input: a byte for mode and version, then one line each of aggregate, id, action,
 * content type, database and template, then lines of headers, a NUL, the payload.
 */
#include "domain/envelope.h"

#include "domain/json.h"
#include "property.h"

static void
check_wire(const OutboxEnvelope *envelope)
{
	size_t bytes = strlen("NATS/1.0\r\n\r\n");

	PROPERTY(envelope->field_count <= OUTBOX_ENVELOPE_MAX_FIELDS);
	for (int i = 0; i < envelope->field_count; i++)
	{
		const char *key = envelope->fields[i].key;
		const char *value = envelope->fields[i].value;

		PROPERTY(key[0] != '\0' && value[0] != '\0');
		PROPERTY(strpbrk(key, "\r\n: ") == NULL);
		PROPERTY(strpbrk(value, "\r\n\t") == NULL);
		PROPERTY(value[0] != ' ' && value[strlen(value) - 1] != ' ');
		bytes += strlen(key) + strlen(value) + strlen(": \r\n");
		for (int j = 0; j < i; j++)
			PROPERTY(strcmp(key, envelope->fields[j].key) != 0);
	}
	PROPERTY(bytes == envelope->header_bytes);
}

static void
check_subject_attribute(const OutboxEnvelope *envelope, const OutboxEvent *event)
{
	char back[3 * OUTBOX_AGGREGATE_ID_MAX];

	for (int i = 0; i < envelope->field_count; i++)
	{
		if (strcmp(envelope->fields[i].key, "ce-subject") != 0)
			continue;
		PROPERTY(decode(envelope->fields[i].value, back) == strlen(event->aggregate_id));
		PROPERTY(memcmp(back, event->aggregate_id, strlen(event->aggregate_id)) == 0);
	}
}

static void
check_event(OutboxEvent *event, const OutboxEnvelopeOptions *options)
{
	static OutboxEnvelope envelope;
	OutboxEnvelopeLimits limits = {.max_payload = 4096, .max_message_size = 4000};
	size_t size = outbox_envelope_scratch_size(options->mode, event->payload_length);
	OutboxFault fault = outbox_envelope_check(event, options, &limits);
	char *scratch = malloc(size);

	event->id = INT64_MAX;
	event->xid = UINT64_MAX;
	event->tx_index = event->tx_count = UINT32_MAX;
	if (fault == OUTBOX_FAULT_NONE)
	{
		PROPERTY(outbox_envelope_seal(&envelope, event, options, scratch, size) ==
				 OUTBOX_FAULT_NONE);
		PROPERTY((int64_t) (envelope.header_bytes + envelope.payload_length +
							OUTBOX_ENVELOPE_RESERVE) <= limits.max_message_size);
		limits.max_message_size = (int64_t) (envelope.header_bytes + envelope.payload_length);
		PROPERTY(outbox_envelope_check(event, options, &limits) ==
				 OUTBOX_FAULT_OVER_MAX_MESSAGE_SIZE);
		check_wire(&envelope);
		check_subject_attribute(&envelope, event);
		if (options->mode == OUTBOX_ENVELOPE_CLOUDEVENTS_STRUCTURED)
			PROPERTY(outbox_json_check(envelope.payload, envelope.payload_length));
	}
	else if (fault != OUTBOX_FAULT_OVER_MAX_PAYLOAD && fault != OUTBOX_FAULT_OVER_MAX_MESSAGE_SIZE)
		PROPERTY(outbox_envelope_seal(&envelope, event, options, scratch, size) == fault);
	free(scratch);
}

/* Cuts the text behind its first line and returns what follows. */
static char *
next_line(char *line)
{
	char *end = line + strcspn(line, "\n");

	if (*end == '\0')
		return end;
	*end = '\0';
	return end + 1;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;
	char *fields[6];
	OutboxTemplate template;
	OutboxEnvelopeOptions options = {.template = &template,
									 .uuid = "6f1c0e6e-0000-4000-8000-000000000001"};
	OutboxEvent event = {0};

	if (size == 0)
		return 0;
	text = terminated(data + 1, size - 1);
	options.mode = (OutboxEnvelopeMode) (data[0] % 3);
	event.has_version = data[0] >= 128;
	event.payload_length = size - 1 - strlen(text);
	event.payload = text + size - 1 - event.payload_length;
	if (event.payload_length > 0)
	{
		event.payload = text + strlen(text) + 1;
		event.payload_length--;
	}
	fields[0] = text;
	for (int i = 1; i < 6; i++)
		fields[i] = next_line(fields[i - 1]);
	event.aggregate = fields[0];
	event.aggregate_id = fields[1];
	event.action = fields[2];
	event.content_type = fields[3];
	options.database = fields[4];
	event.headers = next_line(fields[5]);
	if (strlen(options.database) <= OUTBOX_DATABASE_MAX &&
		(outbox_template_parse(&template, fields[5]) == OUTBOX_FAULT_NONE ||
		 outbox_template_parse(&template, OUTBOX_TEMPLATE_DEFAULT) == OUTBOX_FAULT_NONE))
		check_event(&event, &options);
	free(text);
	return 0;
}
