/*
 * template.c
 *		outbox.subject_template: how the subject of an event is made.
 */
#include "domain/template.h"

#include <string.h>

#include "domain/subject.h"
#include "domain/text.h"

#define ESCAPE_LENGTH 3 /* a byte takes at most */

static const struct
{
	const char *name;
	OutboxTemplatePartKind kind;
} placeholders[] = {
	{"database", OUTBOX_TEMPLATE_DATABASE},
	{"aggregate", OUTBOX_TEMPLATE_AGGREGATE},
	{"aggregate_id", OUTBOX_TEMPLATE_AGGREGATE_ID},
	{"action", OUTBOX_TEMPLATE_ACTION},
};

static OutboxFault
add_part(OutboxTemplate *template, OutboxTemplatePartKind kind, size_t offset, size_t length)
{
	int i = template->part_count;

	if (i >= OUTBOX_TEMPLATE_MAX_PARTS)
		return OUTBOX_FAULT_TEMPLATE_TOO_LONG;
	template->parts[i].kind = (uint8_t) kind;
	template->parts[i].offset = (uint8_t) offset;
	template->parts[i].length = (uint8_t) length;
	template->part_count++;
	return OUTBOX_FAULT_NONE;
}

/* Takes the placeholder that begins at *at; moves behind it. */
static OutboxFault
take_placeholder(OutboxTemplate *template, size_t *at)
{
	const char *name = template->text + *at + 1;
	size_t length = strcspn(name, "{}");

	if (name[length] != '}')
		return OUTBOX_FAULT_TEMPLATE_OPEN_BRACE;
	for (size_t i = 0; i < sizeof(placeholders) / sizeof(placeholders[0]); i++)
	{
		if (strlen(placeholders[i].name) == length &&
			memcmp(placeholders[i].name, name, length) == 0)
		{
			*at += length + 2;
			return add_part(template, placeholders[i].kind, 0, 0);
		}
	}
	return OUTBOX_FAULT_TEMPLATE_UNKNOWN_PLACEHOLDER;
}

/* Takes the literal that begins at *at; moves behind it. */
static OutboxFault
take_literal(OutboxTemplate *template, size_t *at)
{
	size_t start = *at;

	*at += outbox_plain_run(template->text + start, strlen(template->text + start),
							OUTBOX_PLAIN_TOKEN);
	if (*at == start)
		return OUTBOX_FAULT_TEMPLATE_ILLEGAL_CHARACTER;
	return add_part(template, OUTBOX_TEMPLATE_LITERAL, start, *at - start);
}

static OutboxFault
take_part(OutboxTemplate *template, size_t *at)
{
	switch (template->text[*at])
	{
		case '{':
			return take_placeholder(template, at);
		case '}':
			return OUTBOX_FAULT_TEMPLATE_STRAY_BRACE;
		case '.':
			(*at)++;
			return add_part(template, OUTBOX_TEMPLATE_DOT, 0, 0);
		default:
			return take_literal(template, at);
	}
}

/* Judges the parts as a whole. */
static OutboxFault
check_parts(const OutboxTemplate *template)
{
	bool token_empty = true;
	bool has_aggregate = false;

	for (int i = 0; i < template->part_count; i++)
	{
		if (template->parts[i].kind == OUTBOX_TEMPLATE_DOT && token_empty)
			return OUTBOX_FAULT_TEMPLATE_EMPTY_TOKEN;
		token_empty = template->parts[i].kind == OUTBOX_TEMPLATE_DOT;
		has_aggregate |= template->parts[i].kind == OUTBOX_TEMPLATE_AGGREGATE;
	}
	if (token_empty)
		return OUTBOX_FAULT_TEMPLATE_EMPTY_TOKEN;
	return has_aggregate ? OUTBOX_FAULT_NONE : OUTBOX_FAULT_TEMPLATE_NO_AGGREGATE;
}

OutboxFault
outbox_template_parse(OutboxTemplate *template, const char *text)
{
	size_t length = strlen(text);

	memset(template, 0, sizeof(*template));
	if (length == 0)
		return OUTBOX_FAULT_TEMPLATE_EMPTY;
	if (length > OUTBOX_TEMPLATE_MAX)
		return OUTBOX_FAULT_TEMPLATE_TOO_LONG;
	if (outbox_subject_is_reserved(text))
		return OUTBOX_FAULT_TEMPLATE_RESERVED;
	memcpy(template->text, text, length + 1);
	for (size_t at = 0; at < length;)
	{
		OutboxFault fault = take_part(template, &at);

		if (fault != OUTBOX_FAULT_NONE)
			return fault;
	}
	return check_parts(template);
}

/* What a placeholder stands for; NULL: the part is none. */
static const char *
value_of(OutboxTemplatePartKind kind, const char *database, const OutboxEvent *event)
{
	switch (kind)
	{
		case OUTBOX_TEMPLATE_LITERAL:
		case OUTBOX_TEMPLATE_DOT:
			break;
		case OUTBOX_TEMPLATE_DATABASE:
			return database;
		case OUTBOX_TEMPLATE_AGGREGATE:
			return event->aggregate;
		case OUTBOX_TEMPLATE_AGGREGATE_ID:
			return event->aggregate_id;
		case OUTBOX_TEMPLATE_ACTION:
			return event->action;
	}
	return NULL;
}

/* Writes what part i stands for. */
static void
append_part(OutboxText *subject, const OutboxTemplate *template, int i, const char *database,
			const OutboxEvent *event)
{
	OutboxTemplatePartKind kind = (OutboxTemplatePartKind) template->parts[i].kind;
	const char *value = value_of(kind, database, event);

	if (value != NULL)
		outbox_text_append_encoded(subject, value, strlen(value), OUTBOX_PLAIN_TOKEN);
	else if (kind == OUTBOX_TEMPLATE_DOT)
		outbox_text_append_char(subject, '.');
	else
		outbox_text_append(subject, template->text + template->parts[i].offset,
						   template->parts[i].length);
}

/* Terminates a subject and judges it. */
static OutboxFault
finish(OutboxText *subject)
{
	outbox_text_append_char(subject, '\0');
	if (subject->length > OUTBOX_SUBJECT_SIZE)
		return OUTBOX_FAULT_SUBJECT_TOO_LONG;
	if (!outbox_text_fits(subject))
		return OUTBOX_FAULT_SCRATCH_TOO_SMALL;
	return outbox_subject_check(subject->bytes);
}

OutboxFault
outbox_template_fill(const OutboxTemplate *template, const char *database, const OutboxEvent *event,
					 char *subject, size_t size)
{
	OutboxText text = {subject, size, 0};

	for (int i = 0; i < template->part_count; i++)
		append_part(&text, template, i, database, event);
	return finish(&text);
}

/*
 * Names are plain, and no value is empty: what is left is length, and a first token
 * that is reserved.  Those all begin with '_', where it is a byte of ours.
 */
bool
outbox_template_surely_fills(const OutboxTemplate *template, const char *database,
							 const OutboxEvent *event)
{
	const char *first = value_of((OutboxTemplatePartKind) template->parts[0].kind, database, event);
	size_t length = 0;

	if ((first != NULL ? first : template->text)[0] == '_' || database[0] == '\0')
		return false;
	for (int i = 0; i < template->part_count; i++)
	{
		OutboxTemplatePartKind kind = (OutboxTemplatePartKind) template->parts[i].kind;
		const char *value = value_of(kind, database, event);
		bool name = kind == OUTBOX_TEMPLATE_AGGREGATE || kind == OUTBOX_TEMPLATE_ACTION;

		if (value == NULL)
			length += kind == OUTBOX_TEMPLATE_DOT ? 1 : template->parts[i].length;
		else
			length += strlen(value) * (name ? 1 : ESCAPE_LENGTH);
	}
	return length <= OUTBOX_SUBJECT_MAX;
}

/* Does the token that begins with part i vary with the event?  *end is behind it. */
static bool
token_varies(const OutboxTemplate *template, int i, int *end)
{
	bool varies = false;

	for (; i < template->part_count && template->parts[i].kind != OUTBOX_TEMPLATE_DOT; i++)
		varies |= template->parts[i].kind != OUTBOX_TEMPLATE_LITERAL &&
				  template->parts[i].kind != OUTBOX_TEMPLATE_DATABASE;
	*end = i;
	return varies;
}

static void
append_pattern(OutboxText *pattern, const OutboxTemplate *template, const char *database,
			   char wildcard)
{
	int end;

	for (int i = 0; i < template->part_count; i = end)
	{
		if (template->parts[i].kind == OUTBOX_TEMPLATE_DOT)
		{
			outbox_text_append_char(pattern, '.');
			end = i + 1;
		}
		else if (token_varies(template, i, &end))
			outbox_text_append_char(pattern, wildcard);
		else
		{
			for (; i < end; i++)
				append_part(pattern, template, i, database, NULL);
		}
	}
}

OutboxFault
outbox_template_pattern(const OutboxTemplate *template, const char *database, char *pattern,
						size_t size)
{
	OutboxText text = {pattern, size, 0};
	OutboxFault fault;
	int end;

	if (token_varies(template, 0, &end))
		return OUTBOX_FAULT_TEMPLATE_TOO_WIDE;

	/* judged with a letter in the place of "*", which no subject of ours may hold */
	append_pattern(&text, template, database, 'x');
	fault = finish(&text);
	text.length = 0;
	append_pattern(&text, template, database, '*');
	return fault;
}
