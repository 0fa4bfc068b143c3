/*
 * legal.c
 *		The last look at a message, which each event pays for.
 */
#include "infrastructure/nats/legal.h"

#include <limits.h>
#include <stdint.h>
#include <string.h>

#include "domain/subject.h"

#define EACH(byte) (UINT64_MAX / 255 * (byte)) /* eight of them */

static const bool in_keys[UCHAR_MAX + 1] = {
	['0' ... '9'] = true, ['A' ... 'Z'] = true, ['a' ... 'z'] = true, ['-'] = true, ['_'] = true,
};

static bool
legal_key(const char *key)
{
	const char *at = key;

	while (in_keys[(unsigned char) *at])
		at++;
	return at > key && *at == '\0';
}

/* Is one of eight bytes a control character?  By the borrow of a subtraction from each. */
static bool
controls_in_word(const char *bytes)
{
	uint64_t word;
	uint64_t deletes;

	memcpy(&word, bytes, sizeof(word));
	deletes = word ^ EACH(0x7f);
	return ((((word - EACH(' ')) & ~word) | ((deletes - EACH(1)) & ~deletes)) & EACH(0x80)) != 0;
}

static bool
legal_value(const char *value)
{
	size_t length = strlen(value);
	size_t at = 0;

	for (; length - at >= sizeof(uint64_t); at += sizeof(uint64_t))
		if (controls_in_word(value + at))
			return false;
	for (; at < length; at++)
		if ((unsigned char) value[at] < ' ' || value[at] == '\177')
			return false;
	return true;
}

bool
outbox_nats_legal_message(const OutboxMessage *message)
{
	if (outbox_subject_check(message->subject) != OUTBOX_FAULT_NONE)
		return false;
	for (int i = 0; i < message->field_count; i++)
		if (!legal_key(message->fields[i].key) || !legal_value(message->fields[i].value))
			return false;
	return true;
}
