/*
 * reader.c
 *		Writes down every message that a stream holds.
 *
 *	reader URL STREAM SECONDS [FIRST [damaged]]
 *
 * From sequence FIRST on, if given.  A line per message, tab separated: stream
 * sequence, Nats-Msg-Id, ce-id, subject, ce-type, ce-subject (percent-decoded),
 * Outbox-Aggregate-Version, Outbox-Tx, Outbox-Tx-Index, Outbox-Tx-Count, SHA-256 of
 * the payload.  A header that is missing is "-".  Ends with 1 unless it has read,
 * within so many seconds, all that the stream said it held; where that is damaged,
 * its last message is enough.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <nats/nats.h>
#include <openssl/evp.h>

/* Some of what the server counts as held may be unreadable. */
static bool damaged;

static const char *const headers[] = {"Nats-Msg-Id", "ce-id"};
static const char *const numbers[] = {"Outbox-Aggregate-Version", "Outbox-Tx", "Outbox-Tx-Index",
									  "Outbox-Tx-Count"};

static const char *
header(natsMsg *message, const char *key)
{
	const char *value = NULL;

	return natsMsgHeader_Get(message, key, &value) == NATS_OK && value != NULL ? value : "-";
}

static void
write_decoded(const char *value)
{
	for (const char *at = value; *at != '\0'; at++)
	{
		unsigned byte;

		if (*at == '%' && sscanf(at + 1, "%2x", &byte) == 1)
		{
			putchar((int) byte);
			at += 2;
		}
		else
			putchar(*at);
	}
}

static void
write_checksum(natsMsg *message)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned length = 0;

	EVP_Digest(natsMsg_GetData(message), (size_t) natsMsg_GetDataLength(message), digest, &length,
			   EVP_sha256(), NULL);
	for (unsigned i = 0; i < length; i++)
		printf("%02x", digest[i]);
}

static void
write_message(natsMsg *message, uint64_t sequence)
{
	printf("%" PRIu64, sequence);
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
		printf("\t%s", header(message, headers[i]));
	printf("\t%s\t%s\t", natsMsg_GetSubject(message), header(message, "ce-type"));
	write_decoded(header(message, "ce-subject"));
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		printf("\t%s", header(message, numbers[i]));
	putchar('\t');
	write_checksum(message);
	putchar('\n');
}

/* How many messages stand from the sequence on, less the holes that the server counts. */
static uint64_t
expected_count(const jsStreamState *state, uint64_t first)
{
	if (first <= state->FirstSeq)
		return state->Msgs;
	return first > state->LastSeq ? 0 : state->LastSeq - first + 1 - state->NumDeleted;
}

/* All messages up to the last one, in order: the client sees to it. */
static natsStatus
read_all(jsCtx *jetstream, const char *stream, const jsStreamState *state, uint64_t first,
		 time_t deadline)
{
	natsSubscription *subscription = NULL;
	jsSubOptions options;
	natsStatus status;
	uint64_t read = 0;
	uint64_t sequence = 0;

	if (first > state->LastSeq)
		return NATS_OK;
	jsSubOptions_Init(&options);
	options.Stream = stream;
	options.Ordered = true;
	options.Config.DeliverPolicy = js_DeliverByStartSequence;
	options.Config.OptStartSeq = first;
	status = js_SubscribeSync(&subscription, jetstream, ">", NULL, &options, NULL);
	while (status == NATS_OK && sequence < state->LastSeq)
	{
		natsMsg *message = NULL;
		jsMsgMetaData *place = NULL;

		status = natsSubscription_NextMsg(&message, subscription, 1000);
		if (status == NATS_TIMEOUT && time(NULL) < deadline)
		{
			status = NATS_OK;
			continue;
		}
		if (status == NATS_OK)
			status = natsMsg_GetMetaData(&place, message);
		if (status == NATS_OK)
		{
			sequence = place->Sequence.Stream;
			write_message(message, sequence);
			read++;
		}
		jsMsgMetaData_Destroy(place);
		natsMsg_Destroy(message);
	}
	natsSubscription_Destroy(subscription);
	if (status == NATS_OK && !damaged && read != expected_count(state, first))
	{
		fprintf(stderr, "reader: the stream holds %" PRIu64 " messages, read were %" PRIu64 "\n",
				expected_count(state, first), read);
		status = NATS_MISSED_HEARTBEAT;
	}
	return status;
}

int
main(int count, char **words)
{
	natsConnection *connection = NULL;
	jsCtx *jetstream = NULL;
	jsStreamInfo *info = NULL;
	natsStatus status;

	if (count < 4)
	{
		fputs("usage: reader URL STREAM SECONDS [FIRST [damaged]]\n", stderr);
		return 2;
	}
	damaged = count > 5;
	status = natsConnection_ConnectTo(&connection, words[1]);
	if (status == NATS_OK)
		status = natsConnection_JetStream(&jetstream, connection, NULL);
	if (status == NATS_OK)
		status = js_GetStreamInfo(&info, jetstream, words[2], NULL, NULL);
	if (status == NATS_OK && info->Config->Storage != js_FileStorage)
		fputs("reader: the stream is not stored in files\n", stderr);
	if (status == NATS_OK)
		status =
			read_all(jetstream, words[2], &info->State,
					 count > 4 ? strtoull(words[4], NULL, 10) : 1, time(NULL) + atoi(words[3]));
	if (status != NATS_OK)
		fprintf(stderr, "reader: %s: %s\n", words[2], natsStatus_GetText(status));
	jsStreamInfo_Destroy(info);
	jsCtx_Destroy(jetstream);
	natsConnection_Destroy(connection);
	nats_Close();
	return status == NATS_OK && fflush(stdout) == 0 ? 0 : 1;
}
