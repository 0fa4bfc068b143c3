/*
 * stream.c
 *		Looks at streams of NATS JetStream, and changes them, for the tests.
 *
 *	stream URL [--ca FILE --cert FILE --key FILE] COMMAND
 *
 *	ready					does JetStream answer?
 *	info STREAM				messages, first and last sequence, subjects
 *	read STREAM [FIRST]		a line for every message: sequence, subject, headers and
 *							payload in hexadecimal, separated by tabs
 *	brief STREAM [FIRST]	the same with some headers instead of all, as they are: id, type,
 *							aggregate id, version, transaction, index, count
 *	create STREAM SUBJECT [LIMIT=VALUE...]
 *	update STREAM LIMIT=VALUE...
 *	purge STREAM | delete STREAM
 *	remove STREAM SEQUENCE	removes one message
 *	consume STREAM NAME MOST	what a durable consumer gets, acknowledged, at most so many:
 *							a line with the sequence and the subject of each
 *	publish SUBJECT TEXT
 *	listen SUBJECT			"listening", then a line as read prints it, numbered, for
 *							every message of core NATS; until it is killed
 *
 * Limits: max_msgs, max_bytes, max_age (s), max_msg_size, duplicates (ms), discard=new|old,
 * retention=limits|interest, storage=file|memory, sealed=true, no_ack=true|false.  Exit status 0: done; 1: not.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nats/nats.h>

#define PATIENCE_MS 20000

typedef struct Session
{
	const char *url;
	const char *ca;
	const char *cert;
	const char *key;
	char **words; /* the command and what follows it */
	int count;
	natsConnection *connection;
	jsCtx *jetstream;
	jsErrCode code;
} Session;

typedef struct Command
{
	const char *name;
	int least; /* words that follow it */
	natsStatus (*run)(Session *session);
} Command;

static void
print_hex(const char *bytes, int length)
{
	for (int i = 0; i < length; i++)
	{
		putchar("0123456789abcdef"[(unsigned char) bytes[i] >> 4]);
		putchar("0123456789abcdef"[(unsigned char) bytes[i] & 15]);
	}
}

static void
print_headers(natsMsg *message)
{
	const char **keys = NULL;
	int count = 0;

	if (natsMsgHeader_Keys(message, &keys, &count) != NATS_OK)
		return;
	for (int i = 0; i < count; i++)
	{
		const char **values = NULL;
		int given = 0;

		if (natsMsgHeader_Values(message, keys[i], &values, &given) != NATS_OK)
			continue;
		for (int v = 0; v < given; v++)
		{
			print_hex(keys[i], (int) strlen(keys[i]));
			print_hex(": ", 2);
			print_hex(values[v], (int) strlen(values[v]));
			print_hex("\n", 1);
		}
		free((void *) values);
	}
	free((void *) keys);
}

static void
print_some_headers(natsMsg *message)
{
	static const char *const keys[] = {
		"ce-id",     "ce-type",         "ce-subject",     "Outbox-Aggregate-Version",
		"Outbox-Tx", "Outbox-Tx-Index", "Outbox-Tx-Count"};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
	{
		const char *value = NULL;

		if (natsMsgHeader_Get(message, keys[i], &value) != NATS_OK)
			value = "";
		printf("%s%s", i > 0 ? "\t" : "", value);
	}
}

static void
print_message(natsMsg *message, uint64_t sequence, bool brief)
{
	printf("%" PRIu64 "\t%s\t", sequence, natsMsg_GetSubject(message));
	if (brief)
		print_some_headers(message);
	else
		print_headers(message);
	putchar('\t');
	print_hex(natsMsg_GetData(message), natsMsg_GetDataLength(message));
	putchar('\n');
}

static natsStatus
show_ready(Session *session)
{
	jsAccountInfo *info = NULL;
	natsStatus status = js_GetAccountInfo(&info, session->jetstream, NULL, &session->code);

	jsAccountInfo_Destroy(info);
	return status;
}

static natsStatus
show_info(Session *session)
{
	jsStreamInfo *info = NULL;
	natsStatus status =
		js_GetStreamInfo(&info, session->jetstream, session->words[1], NULL, &session->code);

	if (status != NATS_OK)
		return status;
	printf("%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t", info->State.Msgs, info->State.FirstSeq,
		   info->State.LastSeq);
	for (int i = 0; i < info->Config->SubjectsLen; i++)
		printf("%s%s", i > 0 ? "," : "", info->Config->Subjects[i]);
	putchar('\n');
	jsStreamInfo_Destroy(info);
	return NATS_OK;
}

/* A subscription that gets every message from the first one on, unacknowledged. */
static natsStatus
follow(Session *session, uint64_t first, natsSubscription **subscription)
{
	jsSubOptions options;
	natsStatus status = jsSubOptions_Init(&options);

	options.Stream = session->words[1];
	options.Ordered = true;
	options.Config.DeliverPolicy = js_DeliverByStartSequence;
	options.Config.OptStartSeq = first;
	if (status == NATS_OK)
		status =
			js_SubscribeSync(subscription, session->jetstream, ">", NULL, &options, &session->code);
	if (status == NATS_OK)
		status = natsSubscription_SetPendingLimits(*subscription, -1, -1);
	return status;
}

/* Prints up to the last sequence; a message that does not come is an error. */
static natsStatus
print_until(Session *session, natsSubscription *subscription, uint64_t last)
{
	uint64_t at = 0;
	natsStatus status = NATS_OK;

	while (at < last && status == NATS_OK)
	{
		natsMsg *message = NULL;
		jsMsgMetaData *place = NULL;

		status = natsSubscription_NextMsg(&message, subscription, PATIENCE_MS);
		if (status == NATS_OK)
			status = natsMsg_GetMetaData(&place, message);
		if (status == NATS_OK)
		{
			at = place->Sequence.Stream;
			print_message(message, at, strcmp(session->words[0], "brief") == 0);
		}
		jsMsgMetaData_Destroy(place);
		natsMsg_Destroy(message);
	}
	return status;
}

static natsStatus
show_messages(Session *session)
{
	uint64_t first = session->count > 2 ? strtoull(session->words[2], NULL, 10) : 1;
	jsStreamInfo *info = NULL;
	natsSubscription *subscription = NULL;
	natsStatus status =
		js_GetStreamInfo(&info, session->jetstream, session->words[1], NULL, &session->code);

	if (status == NATS_OK && info->State.Msgs > 0 && first <= info->State.LastSeq)
	{
		status = follow(session, first, &subscription);
		if (status == NATS_OK)
			status = print_until(session, subscription, info->State.LastSeq);
	}
	natsSubscription_Destroy(subscription);
	jsStreamInfo_Destroy(info);
	return status;
}

static bool
set_limit(jsStreamConfig *config, const char *word)
{
	const char *value = strchr(word, '=');

	if (value == NULL)
		return false;
	value++;
	if (strncmp(word, "max_msgs=", 9) == 0)
		config->MaxMsgs = strtoll(value, NULL, 10);
	else if (strncmp(word, "max_bytes=", 10) == 0)
		config->MaxBytes = strtoll(value, NULL, 10);
	else if (strncmp(word, "max_age=", 8) == 0)
		config->MaxAge = strtoll(value, NULL, 10) * 1000000000;
	else if (strncmp(word, "retention=", 10) == 0)
		config->Retention = strcmp(value, "interest") == 0 ? js_InterestPolicy : js_LimitsPolicy;
	else if (strncmp(word, "storage=", 8) == 0)
		config->Storage = strcmp(value, "memory") == 0 ? js_MemoryStorage : js_FileStorage;
	else if (strncmp(word, "max_msg_size=", 13) == 0)
		config->MaxMsgSize = (int32_t) strtol(value, NULL, 10);
	else if (strncmp(word, "duplicates=", 11) == 0)
		config->Duplicates = strtoll(value, NULL, 10) * 1000000;
	else if (strncmp(word, "discard=", 8) == 0)
		config->Discard = strcmp(value, "new") == 0 ? js_DiscardNew : js_DiscardOld;
	else if (strncmp(word, "sealed=", 7) == 0)
		config->Sealed = strcmp(value, "true") == 0;
	else if (strncmp(word, "no_ack=", 7) == 0)
		config->NoAck = strcmp(value, "true") == 0;
	else
		return false;
	return true;
}

static natsStatus
set_limits(jsStreamConfig *config, char **words, int count)
{
	for (int i = 0; i < count; i++)
		if (!set_limit(config, words[i]))
			return NATS_INVALID_ARG;
	return NATS_OK;
}

static natsStatus
create(Session *session)
{
	const char *subjects[] = {session->words[2]};
	jsStreamConfig config;
	natsStatus status = jsStreamConfig_Init(&config);

	config.Name = session->words[1];
	config.Subjects = subjects;
	config.SubjectsLen = 1;
	config.Storage = js_FileStorage;
	if (status == NATS_OK)
		status = set_limits(&config, session->words + 3, session->count - 3);
	if (status == NATS_OK)
		status = js_AddStream(NULL, session->jetstream, &config, NULL, &session->code);
	return status;
}

static natsStatus
update(Session *session)
{
	jsStreamInfo *info = NULL;
	natsStatus status =
		js_GetStreamInfo(&info, session->jetstream, session->words[1], NULL, &session->code);

	if (status == NATS_OK)
		status = set_limits(info->Config, session->words + 2, session->count - 2);
	if (status == NATS_OK)
		status = js_UpdateStream(NULL, session->jetstream, info->Config, NULL, &session->code);
	jsStreamInfo_Destroy(info);
	return status;
}

static natsStatus
purge(Session *session)
{
	return js_PurgeStream(session->jetstream, session->words[1], NULL, &session->code);
}

static natsStatus
drop(Session *session)
{
	return js_DeleteStream(session->jetstream, session->words[1], NULL, &session->code);
}

static natsStatus
remove_message(Session *session)
{
	return js_DeleteMsg(session->jetstream, session->words[1],
						strtoull(session->words[2], NULL, 10), NULL, &session->code);
}

/* Gets what is there; waits for nothing more. */
static natsStatus
consume(Session *session)
{
	int left = atoi(session->words[3]);
	jsSubOptions options;
	natsSubscription *subscription = NULL;
	natsStatus status = jsSubOptions_Init(&options);

	options.Stream = session->words[1];
	if (status == NATS_OK)
		status = js_PullSubscribe(&subscription, session->jetstream, ">", session->words[2], NULL,
								  &options, &session->code);
	while (status == NATS_OK && left > 0)
	{
		natsMsgList list = {0};
		int count;

		status = natsSubscription_Fetch(&list, subscription, left < 200 ? left : 200, 500,
										&session->code);
		count = list.Count;
		for (int i = 0; i < count && status == NATS_OK; i++)
		{
			jsMsgMetaData *place = NULL;

			status = natsMsg_GetMetaData(&place, list.Msgs[i]);
			if (status == NATS_OK)
				printf("%" PRIu64 "\t%s\n", place->Sequence.Stream,
					   natsMsg_GetSubject(list.Msgs[i]));
			jsMsgMetaData_Destroy(place);
			if (status == NATS_OK)
				status = natsMsg_AckSync(list.Msgs[i], NULL, &session->code);
		}
		natsMsgList_Destroy(&list);
		left -= count;
	}
	natsSubscription_Destroy(subscription);
	return status == NATS_TIMEOUT ? NATS_OK : status;
}

static natsStatus
publish(Session *session)
{
	const char *text = session->words[2];

	return js_Publish(NULL, session->jetstream, session->words[1], text, (int) strlen(text), NULL,
					  &session->code);
}

static natsStatus
listen_to(Session *session)
{
	natsSubscription *subscription = NULL;
	natsStatus status =
		natsConnection_SubscribeSync(&subscription, session->connection, session->words[1]);

	if (status == NATS_OK)
		status = natsSubscription_SetPendingLimits(subscription, -1, -1);
	if (status == NATS_OK)
		status = natsConnection_FlushTimeout(session->connection, PATIENCE_MS);
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (status == NATS_OK)
		puts("listening");
	for (uint64_t number = 1; status == NATS_OK;)
	{
		natsMsg *message = NULL;

		status = natsSubscription_NextMsg(&message, subscription, PATIENCE_MS);
		if (status == NATS_OK)
			print_message(message, number++, false);
		else if (status == NATS_TIMEOUT)
			status = NATS_OK;
		natsMsg_Destroy(message);
	}
	natsSubscription_Destroy(subscription);
	return status;
}

static const Command commands[] = {
	{"ready", 0, show_ready},      {"info", 1, show_info},  {"read", 1, show_messages},
	{"brief", 1, show_messages},   {"create", 2, create},   {"update", 2, update},
	{"purge", 1, purge},           {"delete", 1, drop},     {"publish", 2, publish},
	{"remove", 2, remove_message}, {"consume", 3, consume}, {"listen", 1, listen_to},
};

static const Command *
find_command(const Session *session)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (session->count > commands[i].least && strcmp(session->words[0], commands[i].name) == 0)
			return &commands[i];
	return NULL;
}

static natsStatus
secure(const Session *session, natsOptions *options)
{
	natsStatus status = NATS_OK;

	if (session->ca == NULL)
		return NATS_OK;
	status = natsOptions_SetSecure(options, true);
	if (status == NATS_OK)
		status = natsOptions_LoadCATrustedCertificates(options, session->ca);
	if (status == NATS_OK && session->cert != NULL)
		status = natsOptions_LoadCertificatesChain(options, session->cert, session->key);
	return status;
}

static natsStatus
open_session(Session *session)
{
	natsOptions *options = NULL;
	natsStatus status = natsOptions_Create(&options);

	if (status == NATS_OK)
		status = natsOptions_SetURL(options, session->url);
	if (status == NATS_OK)
		status = natsOptions_SetAllowReconnect(options, false);
	if (status == NATS_OK)
		status = secure(session, options);
	if (status == NATS_OK)
		status = natsConnection_Connect(&session->connection, options);
	if (status == NATS_OK)
		status = natsConnection_JetStream(&session->jetstream, session->connection, NULL);
	natsOptions_Destroy(options);
	return status;
}

static void
read_options(Session *session, int count, char **words)
{
	int at = 2;

	session->url = count > 1 ? words[1] : "";
	for (; at + 1 < count && strncmp(words[at], "--", 2) == 0; at += 2)
	{
		if (strcmp(words[at], "--ca") == 0)
			session->ca = words[at + 1];
		else if (strcmp(words[at], "--cert") == 0)
			session->cert = words[at + 1];
		else if (strcmp(words[at], "--key") == 0)
			session->key = words[at + 1];
	}
	session->words = words + at;
	session->count = count - at;
}

int
main(int count, char **words)
{
	Session session = {0};
	const Command *command;
	natsStatus status;

	read_options(&session, count, words);
	command = find_command(&session);
	if (command == NULL)
	{
		fputs("usage: stream URL [--ca FILE --cert FILE --key FILE] COMMAND...\n", stderr);
		return 2;
	}
	status = open_session(&session);
	if (status == NATS_OK)
		status = command->run(&session);
	if (status != NATS_OK)
		fprintf(stderr, "stream %s: %s (%d)\n", command->name, natsStatus_GetText(status),
				(int) session.code);
	jsCtx_Destroy(session.jetstream);
	natsConnection_Destroy(session.connection);
	nats_Close();
	return status == NATS_OK ? 0 : 1;
}
