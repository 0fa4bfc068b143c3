/*
 * subject.c
 *		What a legal NATS subject is, and how arbitrary bytes become part of one.
 */
#include "domain/subject.h"

#include <string.h>

#include "domain/text.h"

static bool
is_plain(char c)
{
	return outbox_plain_is((unsigned char) c, OUTBOX_PLAIN_TOKEN);
}

OutboxFault
outbox_token_check(const char *token)
{
	size_t length = strlen(token);

	if (length == 0)
		return OUTBOX_FAULT_TOKEN_EMPTY;
	if (outbox_plain_run(token, length, OUTBOX_PLAIN_TOKEN) < length)
		return OUTBOX_FAULT_TOKEN_ILLEGAL_CHARACTER;
	if (length > OUTBOX_TOKEN_MAX)
		return OUTBOX_FAULT_TOKEN_TOO_LONG;
	return OUTBOX_FAULT_NONE;
}

size_t
outbox_token_encode(char *token, size_t size, const char *bytes, size_t length)
{
	OutboxText text = {NULL, 0, 0};

	outbox_text_append_encoded(&text, bytes, length, OUTBOX_PLAIN_TOKEN);
	if (text.length < size)
	{
		text = (OutboxText){token, size, 0};
		outbox_text_append_encoded(&text, bytes, length, OUTBOX_PLAIN_TOKEN);
		token[text.length] = '\0';
	}
	return text.length;
}

bool
outbox_subject_is_reserved(const char *subject)
{
	static const char *const reserved[] = {"_INBOX", "_R_", "_GR_"};
	size_t length = strcspn(subject, ".");

	if (subject[0] == '$')
		return true;
	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
	{
		if (strlen(reserved[i]) == length && memcmp(subject, reserved[i], length) == 0)
			return true;
	}
	return false;
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Bytes of the escape or plain byte at this place; 0 when there is neither. */
static size_t
legal_length(const char *at)
{
	int high;
	int low;

	if (is_plain(at[0]))
		return 1;
	if (at[0] != '%' || (high = hex_value(at[1])) < 0 || (low = hex_value(at[2])) < 0)
		return 0;
	/* a plain byte is never escaped */
	return is_plain((char) (high * 16 + low)) ? 0 : 3;
}

OutboxFault
outbox_subject_check(const char *subject)
{
	const char *token = subject;
	const char *at = subject;

	if (subject[0] == '\0')
		return OUTBOX_FAULT_SUBJECT_EMPTY;
	if (outbox_subject_is_reserved(subject))
		return OUTBOX_FAULT_SUBJECT_RESERVED;
	for (;;)
	{
		size_t length;

		if (*at == '.' || *at == '\0')
		{
			if (at == token)
				return OUTBOX_FAULT_SUBJECT_EMPTY_TOKEN;
			if (*at == '\0')
				break;
			token = ++at;
			continue;
		}
		length = legal_length(at);
		if (length == 0)
			return OUTBOX_FAULT_SUBJECT_ILLEGAL_CHARACTER;
		at += length;
	}
	if (at - subject > OUTBOX_SUBJECT_MAX)
		return OUTBOX_FAULT_SUBJECT_TOO_LONG;
	return OUTBOX_FAULT_NONE;
}
