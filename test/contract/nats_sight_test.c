/*
 * nats_sight_test.c
 *		What people are told of a stream, beside what it is judged by.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "domain/verdict.h"
#include "infrastructure/nats/info.h"
#include "infrastructure/nats/verdict.h"

static OutboxNatsInfo info;

/* Reads a stream with these members of its configuration, and these after its state. */
static void
read_stream(const char *config, const char *more)
{
	char answer[1000];

	snprintf(answer, sizeof(answer),
			 "{\"config\":{\"name\":\"S\",\"subjects\":[\"shop.>\"]%s},\"created\":"
			 "\"2026-11-22T20:31:00Z\",\"state\":{\"messages\":2,\"bytes\":90,\"last_seq\":7}%s}",
			 config, more);
	assert_true(outbox_nats_info_parse(answer, strlen(answer), "shop.*.*", &info));
}

static void
servers_are_recognized(void **state)
{
	(void) state;
	read_stream("", "");
	assert_string_equal(info.server, "");
	read_stream(",\"compression\":\"none\",\"metadata\":null", "");
	assert_string_equal(info.server, "2.10");
	read_stream(",\"metadata\":{\"by\":\"us\",\"_nats.ver\":\"2.15.0\"},\"compression\":\"s2\"",
				"");
	assert_string_equal(info.server, "2.15.0");
}

static void
replicas_are_told(void **state)
{
	(void) state;
	read_stream(",\"num_replicas\":3", ",\"cluster\":{\"name\":\"c\",\"leader\":\"n\"}");
	assert_int_equal(info.replicas, 3);
	assert_true(info.clustered);
	read_stream("", ",\"cluster\":{\"leader\":\"n\"}");
	assert_false(info.clustered);
	read_stream("", ",\"cluster\":null");
	assert_false(info.clustered);
}

static void
all_is_shown(void **state)
{
	OutboxSight sight;

	(void) state;
	read_stream(",\"max_bytes\":100,\"max_msgs\":5,\"discard\":\"new\",\"storage\":\"memory\"", "");
	outbox_nats_info_show(&info, 1000, &sight);
	assert_true(sight.looked && sight.covered && sight.met && sight.in_memory);
	assert_false(sight.discard_old);
	assert_int_equal(sight.max_payload, 1000);
	assert_int_equal(sight.max_bytes, 100);
	assert_int_equal(sight.max_messages, 5);
	assert_int_equal(sight.messages, 2);
	assert_int_equal(sight.bytes, 90);
	assert_int_equal(sight.last_sequence, 7);
}

static void
causes_have_names(void **state)
{
	char text[256];

	(void) state;
	read_stream(",\"sealed\":true", "");
	assert_string_equal(
		outbox_nats_verdict_cause(outbox_nats_info_judge(&info, "shop.*.*", text, sizeof(text))),
		"stream_sealed");
	read_stream(",\"no_ack\":true", "");
	assert_string_equal(
		outbox_nats_verdict_cause(outbox_nats_info_judge(&info, "shop.*.*", text, sizeof(text))),
		"no_acknowledgements");
	assert_string_equal(outbox_nats_verdict_cause(OUTBOX_CODE_SUBJECT), "subject_not_captured");
	assert_string_equal(outbox_nats_verdict_cause(10077), "stream_full");
	assert_null(outbox_nats_verdict_cause(OUTBOX_CODE_NONE));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(servers_are_recognized),
		cmocka_unit_test(replicas_are_told),
		cmocka_unit_test(all_is_shown),
		cmocka_unit_test(causes_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
