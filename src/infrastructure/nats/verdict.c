/*
 * verdict.c
 *		The table of codes.
 */
#include "infrastructure/nats/verdict.h"

#include <nats/nats.h>
#include <stddef.h>

typedef struct Row
{
	int code;
	OutboxVerdict verdict;
	const char *cause;
} Row;

static const Row by_code[] = {
	/* this message will never pass */
	{10054, OUTBOX_VERDICT_REFUSED, "message_refused"}, /* over the stream's max_msg_size */
	{10097, OUTBOX_VERDICT_REFUSED, "message_refused"}, /* headers over 64 KiB */
	{10111, OUTBOX_VERDICT_REFUSED, "message_refused"}, /* asks for a rollup, not allowed */

	/* somebody else wrote, or an earlier message is missing */
	{10070, OUTBOX_VERDICT_CONFLICT, "stream_conflict"}, /* wrong last message id */
	{10071, OUTBOX_VERDICT_CONFLICT, "stream_conflict"}, /* wrong last sequence: N */
	{10164, OUTBOX_VERDICT_CONFLICT, "stream_conflict"}, /* wrong last sequence */

	/* until somebody changes the stream, the account or the settings */
	{10026, OUTBOX_VERDICT_MISCONFIGURED, "broker_limit"}, /* maximum consumers or streams */
	{10027, OUTBOX_VERDICT_MISCONFIGURED, "broker_limit"}, /* maximum streams */
	{10035, OUTBOX_VERDICT_MISCONFIGURED, "no_jetstream"}, /* no such account */
	{10039, OUTBOX_VERDICT_MISCONFIGURED, "no_jetstream"}, /* no JetStream for the account */
	{10052, OUTBOX_VERDICT_MISCONFIGURED, "stream_invalid"}, /* stream's configuration invalid */
	{10058, OUTBOX_VERDICT_MISCONFIGURED, "stream_taken"}, /* stream's name in use */
	{10060, OUTBOX_VERDICT_MISCONFIGURED, "stream_taken"}, /* another stream than expected */
	{10065, OUTBOX_VERDICT_MISCONFIGURED, "stream_taken"}, /* subjects overlap another stream */
	{10076, OUTBOX_VERDICT_MISCONFIGURED, "no_jetstream"}, /* no JetStream on the server */
	{10077, OUTBOX_VERDICT_MISCONFIGURED, "stream_full"}, /* full, discard = new; disk full */
	{10109, OUTBOX_VERDICT_MISCONFIGURED, "stream_sealed"}, /* sealed */
	{10113, OUTBOX_VERDICT_MISCONFIGURED, "broker_limit"}, /* account wants max_bytes set */
	{10120, OUTBOX_VERDICT_MISCONFIGURED, "no_jetstream"}, /* account has no JetStream limits */
	{10122, OUTBOX_VERDICT_MISCONFIGURED, "broker_limit"}, /* over the account's max stream bytes */

	/* passes by itself: resources, no leader, no quorum, shutting down */
	{10002, OUTBOX_VERDICT_TRANSIENT, "broker_limit"},
	{10005, OUTBOX_VERDICT_TRANSIENT, "broker_unready"},
	{10008, OUTBOX_VERDICT_TRANSIENT, "broker_unready"},
	{10009, OUTBOX_VERDICT_TRANSIENT, "broker_unready"},
	{10023, OUTBOX_VERDICT_TRANSIENT, "broker_limit"},
	{10028, OUTBOX_VERDICT_TRANSIENT, "broker_limit"},
	{10047, OUTBOX_VERDICT_TRANSIENT, "broker_limit"},
	{10059, OUTBOX_VERDICT_TRANSIENT, "no_stream"}, /* no stream: seen during elections too */
	{10063, OUTBOX_VERDICT_TRANSIENT, "broker_unready"},
	{10118, OUTBOX_VERDICT_TRANSIENT, "broker_unready"},
	{10158, OUTBOX_VERDICT_TRANSIENT, "broker_unready"},
	{10163, OUTBOX_VERDICT_TRANSIENT, "broker_unready"},
	{10167, OUTBOX_VERDICT_TRANSIENT, "broker_unready"},
};

static const Row by_status[] = {
	{NATS_MAX_PAYLOAD, OUTBOX_VERDICT_REFUSED, "message_refused"},
	{NATS_INVALID_SUBJECT, OUTBOX_VERDICT_REFUSED, "message_refused"},
	{NATS_CONNECTION_AUTH_FAILED, OUTBOX_VERDICT_UNAUTHORIZED, "authentication_refused"},
	{NATS_NOT_PERMITTED, OUTBOX_VERDICT_UNAUTHORIZED, "permission_missing"},
	{NATS_SECURE_CONNECTION_WANTED, OUTBOX_VERDICT_MISCONFIGURED, "tls"},
	{NATS_SECURE_CONNECTION_REQUIRED, OUTBOX_VERDICT_MISCONFIGURED, "tls"},
	{NATS_SSL_ERROR, OUTBOX_VERDICT_MISCONFIGURED, "tls"},
	{NATS_ADDRESS_MISSING, OUTBOX_VERDICT_MISCONFIGURED, "settings"},
	{NATS_INVALID_ARG, OUTBOX_VERDICT_MISCONFIGURED, "settings"},
	{NATS_NO_SERVER_SUPPORT, OUTBOX_VERDICT_MISCONFIGURED, "no_jetstream"},
	{NATS_NO_RESPONDERS, OUTBOX_VERDICT_MISCONFIGURED, "no_stream"},
};

/* Codes of our own. */
static const Row by_fault[] = {
	{OUTBOX_CODE_SUBJECT, OUTBOX_VERDICT_MISCONFIGURED, "subject_not_captured"},
	{OUTBOX_CODE_NO_ACK, OUTBOX_VERDICT_MISCONFIGURED, "no_acknowledgements"},
	{OUTBOX_CODE_SETTINGS, OUTBOX_VERDICT_MISCONFIGURED, "settings"},
	{OUTBOX_CODE_ID_TAKEN, OUTBOX_VERDICT_MISCONFIGURED, "message_id_taken"},
	{OUTBOX_CODE_PAUSED, OUTBOX_VERDICT_MISCONFIGURED, "paused"},
	{OUTBOX_CODE_FENCED, OUTBOX_VERDICT_MISCONFIGURED, "fenced_copy"},
};

static const Row *
find(const Row *rows, size_t count, int code)
{
	for (size_t i = 0; i < count; i++)
		if (rows[i].code == code)
			return &rows[i];
	return NULL;
}

static OutboxVerdict
look_up(const Row *rows, size_t count, int code)
{
	const Row *row = find(rows, count, code);

	return row ? row->verdict : OUTBOX_VERDICT_TRANSIENT;
}

OutboxVerdict
outbox_nats_verdict_of_code(int err_code)
{
	return look_up(by_code, sizeof(by_code) / sizeof(by_code[0]), err_code);
}

OutboxVerdict
outbox_nats_verdict_of_status(int status)
{
	return look_up(by_status, sizeof(by_status) / sizeof(by_status[0]), status);
}

const char *
outbox_nats_verdict_cause(int code)
{
	const Row *row = find(by_code, sizeof(by_code) / sizeof(by_code[0]), code);

	if (row == NULL)
		row = find(by_status, sizeof(by_status) / sizeof(by_status[0]), code);
	if (row == NULL)
		row = find(by_fault, sizeof(by_fault) / sizeof(by_fault[0]), code);
	return row ? row->cause : NULL;
}
