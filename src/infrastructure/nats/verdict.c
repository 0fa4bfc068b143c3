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
} Row;

static const Row by_code[] = {
	/* this message will never pass */
	{10054, OUTBOX_VERDICT_REFUSED}, /* over the stream's max_msg_size */
	{10097, OUTBOX_VERDICT_REFUSED}, /* headers over 64 KiB */
	{10111, OUTBOX_VERDICT_REFUSED}, /* asks for a rollup, not allowed */

	/* somebody else wrote, or an earlier message is missing */
	{10070, OUTBOX_VERDICT_CONFLICT}, /* wrong last message id */
	{10071, OUTBOX_VERDICT_CONFLICT}, /* wrong last sequence: N */
	{10164, OUTBOX_VERDICT_CONFLICT}, /* wrong last sequence */

	/* until somebody changes the stream, the account or the settings */
	{10026, OUTBOX_VERDICT_MISCONFIGURED}, /* maximum consumers or streams */
	{10027, OUTBOX_VERDICT_MISCONFIGURED}, /* maximum streams */
	{10035, OUTBOX_VERDICT_MISCONFIGURED}, /* no such account */
	{10039, OUTBOX_VERDICT_MISCONFIGURED}, /* no JetStream for the account */
	{10052, OUTBOX_VERDICT_MISCONFIGURED}, /* stream's configuration invalid */
	{10058, OUTBOX_VERDICT_MISCONFIGURED}, /* stream's name in use */
	{10060, OUTBOX_VERDICT_MISCONFIGURED}, /* another stream than expected */
	{10065, OUTBOX_VERDICT_MISCONFIGURED}, /* subjects overlap another stream */
	{10076, OUTBOX_VERDICT_MISCONFIGURED}, /* no JetStream on the server */
	{10077, OUTBOX_VERDICT_MISCONFIGURED}, /* full, discard = new; disk full */
	{10109, OUTBOX_VERDICT_MISCONFIGURED}, /* sealed */
	{10113, OUTBOX_VERDICT_MISCONFIGURED}, /* account wants max_bytes set */
	{10120, OUTBOX_VERDICT_MISCONFIGURED}, /* account has no JetStream limits */
	{10122, OUTBOX_VERDICT_MISCONFIGURED}, /* over the account's max stream bytes */

	/* passes by itself: resources, no leader, no quorum, shutting down */
	{10002, OUTBOX_VERDICT_TRANSIENT},
	{10005, OUTBOX_VERDICT_TRANSIENT},
	{10008, OUTBOX_VERDICT_TRANSIENT},
	{10009, OUTBOX_VERDICT_TRANSIENT},
	{10023, OUTBOX_VERDICT_TRANSIENT},
	{10028, OUTBOX_VERDICT_TRANSIENT},
	{10047, OUTBOX_VERDICT_TRANSIENT},
	{10059, OUTBOX_VERDICT_TRANSIENT}, /* no stream: seen during elections too */
	{10063, OUTBOX_VERDICT_TRANSIENT},
	{10118, OUTBOX_VERDICT_TRANSIENT},
	{10158, OUTBOX_VERDICT_TRANSIENT},
	{10163, OUTBOX_VERDICT_TRANSIENT},
	{10167, OUTBOX_VERDICT_TRANSIENT},
};

static const Row by_status[] = {
	{NATS_MAX_PAYLOAD, OUTBOX_VERDICT_REFUSED},
	{NATS_INVALID_SUBJECT, OUTBOX_VERDICT_REFUSED},
	{NATS_CONNECTION_AUTH_FAILED, OUTBOX_VERDICT_UNAUTHORIZED},
	{NATS_NOT_PERMITTED, OUTBOX_VERDICT_UNAUTHORIZED},
	{NATS_SECURE_CONNECTION_WANTED, OUTBOX_VERDICT_MISCONFIGURED},
	{NATS_SECURE_CONNECTION_REQUIRED, OUTBOX_VERDICT_MISCONFIGURED},
	{NATS_SSL_ERROR, OUTBOX_VERDICT_MISCONFIGURED},
	{NATS_ADDRESS_MISSING, OUTBOX_VERDICT_MISCONFIGURED},
	{NATS_INVALID_ARG, OUTBOX_VERDICT_MISCONFIGURED},
	{NATS_NO_SERVER_SUPPORT, OUTBOX_VERDICT_MISCONFIGURED},
	{NATS_NO_RESPONDERS, OUTBOX_VERDICT_MISCONFIGURED},
};

static OutboxVerdict
look_up(const Row *rows, size_t count, int code)
{
	for (size_t i = 0; i < count; i++)
		if (rows[i].code == code)
			return rows[i].verdict;
	return OUTBOX_VERDICT_TRANSIENT;
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
