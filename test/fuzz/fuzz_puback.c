/*
 * fuzz_puback.c
 *		Whatever bytes come as an answer of JetStream, they are read safely, and
 *		the results keep their promises.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* The sources themselves, with names that two of them use kept apart. */
#define take take_character
#include "infrastructure/nats/reader.c"
#undef take
#define take take_token
#include "infrastructure/nats/pattern.c"
#undef take
#define read_member read_puback_member
#include "infrastructure/nats/puback.c"
#undef read_member
#define read_member read_stored_member
#include "infrastructure/nats/stored.c"
#undef read_member
#define read_member read_info_member
#include "infrastructure/nats/info.c"

extern int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	const char *text = (const char *) bytes;
	OutboxNatsPubAck ack;
	OutboxNatsStored stored;
	OutboxNatsInfo info;
	char words[64];

	if (outbox_nats_puback_parse(text, length, &ack) && !ack.error)
		assert(ack.stream[0] != '\0' && ack.sequence > 0);
	assert(memchr(ack.stream, '\0', sizeof(ack.stream)) != NULL);
	assert(memchr(ack.description, '\0', sizeof(ack.description)) != NULL);
	assert(ack.code >= 0 && ack.err_code >= 0);

	if (outbox_nats_stored_parse(text, length, &stored))
		assert(stored.refusal.error || stored.message);
	assert(memchr(stored.id, '\0', sizeof(stored.id)) != NULL);

	if (outbox_nats_info_parse(text, length, "shop.*.*", &info))
		assert(info.refusal.error || info.created > 0);
	assert(info.met || !info.covered);
	outbox_nats_info_judge(&info, "shop.*.*", words, sizeof(words));
	assert(memchr(words, '\0', sizeof(words)) != NULL);
	return 0;
}
