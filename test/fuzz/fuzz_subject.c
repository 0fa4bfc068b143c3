/*
 * fuzz_subject.c
 *		An accepted subject holds only legal bytes; encoding is injective and gives
 *		accepted tokens.
 */
#include "domain/subject.h"

#include "property.h"

static const char legal[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";

static void
check_accepted(const char *subject)
{
	size_t length = strlen(subject);

	PROPERTY(length >= 1 && length <= OUTBOX_SUBJECT_MAX);
	PROPERTY(subject[0] != '.' && subject[length - 1] != '.');
	PROPERTY(strstr(subject, "..") == NULL);
	PROPERTY(subject[0] != '$');
	PROPERTY(strncmp(subject, "_INBOX.", 7) != 0 && strcmp(subject, "_INBOX") != 0);
	for (size_t i = 0; i < length; i++)
	{
		if (subject[i] == '%')
		{
			PROPERTY(strspn(subject + i + 1, "0123456789ABCDEF") >= 2);
			i += 2;
		}
		else
			PROPERTY(subject[i] == '.' || strchr(legal, subject[i]) != NULL);
	}
}

static void
check_encoding(const char *bytes, size_t length)
{
	size_t needed = outbox_token_encode(NULL, 0, bytes, length);
	char *token = malloc(needed + 1);
	char *back = malloc(needed + 1);

	PROPERTY(outbox_token_encode(token, needed + 1, bytes, length) == needed);
	PROPERTY(strlen(token) == needed);
	PROPERTY(decode(token, back) == length);
	PROPERTY(length == 0 || memcmp(back, bytes, length) == 0);
	if (needed > 0 && needed <= OUTBOX_SUBJECT_MAX && !outbox_subject_is_reserved(token))
		PROPERTY(outbox_subject_check(token) == OUTBOX_FAULT_NONE);
	free(token);
	free(back);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = terminated(data, size);
	OutboxFault fault = outbox_subject_check(text);

	if (fault == OUTBOX_FAULT_NONE)
		check_accepted(text);
	if (outbox_token_check(text) == OUTBOX_FAULT_NONE)
	{
		PROPERTY(strspn(text, legal) == strlen(text));
		PROPERTY(fault == OUTBOX_FAULT_NONE || fault == OUTBOX_FAULT_SUBJECT_RESERVED);
	}
	check_encoding((const char *) data, size);
	free(text);
	return 0;
}
