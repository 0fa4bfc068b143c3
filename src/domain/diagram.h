/*
 * diagram.h
 *		A lifecycle as a picture: the text of a Mermaid state diagram.
 *
 * A name that Mermaid would not read as one word, or would read as a word of its own,
 * is shown by way of an *alias*: `state "in transit" as s3`, numbered by where the
 * state is mentioned first.  What means something to Mermaid, or to the Markdown that
 * it lets labels be, is written as an entity code, `#35;`.
 */
#ifndef OUTBOX_DOMAIN_DIAGRAM_H
#define OUTBOX_DOMAIN_DIAGRAM_H

#include "domain/lifecycle.h"
#include "domain/text.h"

/*
 * Appends the diagram, in lines that each end with "\n", in order of definition.
 * guards holds the text of each transition's guard, NULL where there is none; NULL
 * itself shows none.  Any names and texts make a legal diagram, the same ones the same.
 */
extern void outbox_diagram_write(OutboxText *text, const OutboxLifecycle *lifecycle,
								 const char *const *guards);

#endif
