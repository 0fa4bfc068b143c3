/*
 * fuzz_template.c
 *		What a template gives is a legal subject that its pattern captures, or a
 *		fault.
 *
 * Input: template, database, aggregate, id, action, separated by line feeds.
 */
#include "domain/template.h"

#include <stdbool.h>

#include "domain/subject.h"
#include "property.h"

/* Does the pattern, in which "*" stands for one token, capture the subject? */
static bool
captures(const char *pattern, const char *subject)
{
	for (;;)
	{
		size_t token = strcspn(subject, ".");
		size_t wanted = strcspn(pattern, ".");

		if (!(wanted == 1 && pattern[0] == '*') &&
			(wanted != token || memcmp(pattern, subject, token) != 0))
			return false;
		pattern += wanted;
		subject += token;
		if (*pattern != *subject)
			return false;
		if (*pattern == '\0')
			return true;
		pattern++;
		subject++;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = terminated(data, size);
	char *parts[5] = {text, text + size, text + size, text + size, text + size};
	OutboxEvent event = {0};
	OutboxTemplate template;
	char subject[OUTBOX_SUBJECT_SIZE];
	char pattern[OUTBOX_SUBJECT_SIZE];
	OutboxFault filled;
	OutboxFault made;

	for (int i = 1; i < 5; i++)
	{
		char *end = strchr(parts[i - 1], '\n');

		if (end == NULL)
			break;
		*end = '\0';
		parts[i] = end + 1;
	}
	event.aggregate = parts[2];
	event.aggregate_id = parts[3];
	event.action = parts[4];
	event.content_type = "text/plain";
	event.headers = "";
	if (outbox_template_parse(&template, parts[0]) == OUTBOX_FAULT_NONE)
	{
		PROPERTY(template.part_count > 0 && template.part_count <= OUTBOX_TEMPLATE_MAX_PARTS);
		filled = outbox_template_fill(&template, parts[1], &event, subject, sizeof(subject));
		made = outbox_template_pattern(&template, parts[1], pattern, sizeof(pattern));
		PROPERTY(filled != OUTBOX_FAULT_SCRATCH_TOO_SMALL);
		PROPERTY(made != OUTBOX_FAULT_SCRATCH_TOO_SMALL);
		if (filled == OUTBOX_FAULT_NONE)
			PROPERTY(outbox_subject_check(subject) == OUTBOX_FAULT_NONE);
		if (made == OUTBOX_FAULT_NONE)
			PROPERTY(pattern[0] != '*' && pattern[0] != '$' && strchr(pattern, '>') == NULL);
		if (outbox_event_check(&event) == OUTBOX_FAULT_NONE &&
			outbox_template_surely_fills(&template, parts[1], &event))
			PROPERTY(filled == OUTBOX_FAULT_NONE);
		if (filled == OUTBOX_FAULT_NONE && made == OUTBOX_FAULT_NONE)
			PROPERTY(captures(pattern, subject));
		if (filled == OUTBOX_FAULT_NONE)
			PROPERTY(made == OUTBOX_FAULT_NONE || made == OUTBOX_FAULT_TEMPLATE_TOO_WIDE);
	}
	free(text);
	return 0;
}
