/*
 * template.h
 *		outbox.subject_template: how the subject of an event is made.
 *
 * A *template* is a subject in which *placeholders* stand for what differs:
 * {database}, {aggregate}, {aggregate_id}, {action}.  All else is literal and
 * must be plain (subject.h).  A token may mix both: "evt-{aggregate}".  Values
 * are encoded as tokens, so a dot in an id never makes two of one.
 *
 * {aggregate} is required: consumers subscribe by aggregate, and a template
 * without it is far more often a slip than a wish.
 *
 * The *pattern* is the subject, with a "*" for every token that varies with the
 * event, that captures all events of one database.  If already its first token
 * varied, it would capture subjects of others, replies to requests among them;
 * such a template may be published with, but no stream is made for it.
 */
#ifndef OUTBOX_DOMAIN_TEMPLATE_H
#define OUTBOX_DOMAIN_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "domain/event.h"
#include "domain/fault.h"

#define OUTBOX_TEMPLATE_DEFAULT "{database}.{aggregate}.{action}"
#define OUTBOX_TEMPLATE_MAX 255 /* bytes */
#define OUTBOX_TEMPLATE_MAX_PARTS 64

typedef enum OutboxTemplatePartKind
{
	OUTBOX_TEMPLATE_LITERAL,
	OUTBOX_TEMPLATE_DOT, /* ends a token */
	OUTBOX_TEMPLATE_DATABASE,
	OUTBOX_TEMPLATE_AGGREGATE,
	OUTBOX_TEMPLATE_AGGREGATE_ID,
	OUTBOX_TEMPLATE_ACTION
} OutboxTemplatePartKind;

/* Points to nothing outside itself: may be copied, may live in shared memory. */
typedef struct OutboxTemplate
{
	int part_count;
	struct
	{
		uint8_t kind; /* OutboxTemplatePartKind */
		uint8_t offset; /* of a literal in text */
		uint8_t length;
	} parts[OUTBOX_TEMPLATE_MAX_PARTS];
	char text[OUTBOX_TEMPLATE_MAX + 1];
} OutboxTemplate;

/* Returns a fault OUTBOX_FAULT_TEMPLATE_xxx and then leaves no usable template. */
extern OutboxFault outbox_template_parse(OutboxTemplate *template, const char *text);

/*
 * Writes the event's subject; OUTBOX_SUBJECT_SIZE bytes are always enough.  What
 * it writes has passed outbox_subject_check.
 */
extern OutboxFault outbox_template_fill(const OutboxTemplate *template, const char *database,
										const OutboxEvent *event, char *subject, size_t size);

/*
 * Would outbox_template_fill make a subject without a fault, as far as one sees without
 * making it?  The event has passed outbox_event_check.  False: perhaps not.
 */
extern bool outbox_template_surely_fills(const OutboxTemplate *template, const char *database,
										 const OutboxEvent *event);

/*
 * Writes the pattern that captures all events of this database;
 * OUTBOX_SUBJECT_SIZE bytes are always enough.  Refuses a template whose pattern
 * would begin with "*" (OUTBOX_FAULT_TEMPLATE_TOO_WIDE).
 */
extern OutboxFault outbox_template_pattern(const OutboxTemplate *template, const char *database,
										   char *pattern, size_t size);

#endif
