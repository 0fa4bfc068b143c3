/*
 * subject.h
 *		What a legal NATS subject is, and how arbitrary bytes become part of one.
 *
 * A *subject* is tokens joined by dots.  Neither libnats nor the server checks
 * one: a line break in it injects protocol, a blank cuts the connection, "*" and
 * empty tokens are stored.  So we do, when an event is emitted and again just
 * before it is sent.
 *
 * A *token* of ours consists of the *plain* bytes A-Z a-z 0-9 _ - and of
 * *escapes*, "%" and two upper-case hex digits, for every other byte.  A byte
 * has exactly one such form, so different texts have different tokens.
 */
#ifndef OUTBOX_DOMAIN_SUBJECT_H
#define OUTBOX_DOMAIN_SUBJECT_H

#include <stdbool.h>
#include <stddef.h>

#include "domain/fault.h"

#define OUTBOX_TOKEN_MAX 100 /* bytes of an aggregate's or action's name */
#define OUTBOX_SUBJECT_MAX 255 /* bytes of a subject, without the NUL */
#define OUTBOX_SUBJECT_SIZE (OUTBOX_SUBJECT_MAX + 1)

/*
 * Is this a legal name of an aggregate or action: 1 to OUTBOX_TOKEN_MAX plain
 * bytes?  Returns a fault OUTBOX_FAULT_TOKEN_xxx.
 */
extern OutboxFault outbox_token_check(const char *token);

/*
 * Writes the bytes as a token, NUL-terminated, if it fits into size bytes; if
 * not, writes nothing.  Returns the token's length either way, as snprintf does.
 */
extern size_t outbox_token_encode(char *token, size_t size, const char *bytes, size_t length);

/*
 * May this be published to?  Only tokens of ours, none empty, not too long, and
 * the first one not reserved.  Returns a fault OUTBOX_FAULT_SUBJECT_xxx.
 */
extern OutboxFault outbox_subject_check(const char *subject);

/*
 * Is the first token of this subject or template the broker's own: "$...",
 * "_INBOX" (replies), "_R_" and "_GR_" (replies between servers)?
 */
extern bool outbox_subject_is_reserved(const char *subject);

#endif
