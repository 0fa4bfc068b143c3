/*
 * cluster.c
 *		What concerns a stream only where several nodes keep it.
 *
 *	cluster URL create STREAM SUBJECT	of three replicas
 *	cluster URL leader STREAM			the node that leads it, how many others follow closely
 *	cluster URL stepdown STREAM			another node is to lead
 *
 * Exit status 0: done; 1: not.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nats/nats.h>

#define PATIENCE_MS 5000

static natsStatus
create(jsCtx *jetstream, const char *stream, const char *subject)
{
	const char *subjects[] = {subject};
	jsStreamConfig config;
	natsStatus status = jsStreamConfig_Init(&config);

	config.Name = stream;
	config.Subjects = subjects;
	config.SubjectsLen = 1;
	config.Storage = js_FileStorage;
	config.Replicas = 3;
	if (status == NATS_OK)
		status = js_AddStream(NULL, jetstream, &config, NULL, NULL);
	return status;
}

static natsStatus
show_leader(jsCtx *jetstream, const char *stream)
{
	jsStreamInfo *info = NULL;
	natsStatus status = js_GetStreamInfo(&info, jetstream, stream, NULL, NULL);
	const jsClusterInfo *cluster = status == NATS_OK ? info->Cluster : NULL;
	int followers = 0;

	for (int i = 0; cluster != NULL && i < cluster->ReplicasLen; i++)
		followers += cluster->Replicas[i]->Current && !cluster->Replicas[i]->Offline;
	if (cluster != NULL && cluster->Leader != NULL)
		printf("%s\t%d\n", cluster->Leader, followers);
	jsStreamInfo_Destroy(info);
	return status;
}

static natsStatus
step_down(natsConnection *connection, const char *stream)
{
	char subject[256];
	natsMsg *answer = NULL;
	natsStatus status;

	snprintf(subject, sizeof(subject), "$JS.API.STREAM.LEADER.STEPDOWN.%s", stream);
	status = natsConnection_Request(&answer, connection, subject, NULL, 0, PATIENCE_MS);
	if (status == NATS_OK && strstr(natsMsg_GetData(answer), "\"success\"") == NULL)
		status = NATS_ERR;
	natsMsg_Destroy(answer);
	return status;
}

static natsStatus
obey(natsConnection *connection, jsCtx *jetstream, int count, char **words)
{
	if (count == 3 && strcmp(words[0], "create") == 0)
		return create(jetstream, words[1], words[2]);
	if (count == 2 && strcmp(words[0], "leader") == 0)
		return show_leader(jetstream, words[1]);
	if (count == 2 && strcmp(words[0], "stepdown") == 0)
		return step_down(connection, words[1]);
	return NATS_INVALID_ARG;
}

int
main(int count, char **words)
{
	natsConnection *connection = NULL;
	jsCtx *jetstream = NULL;
	natsStatus status;

	if (count < 4)
	{
		fputs("usage: cluster URL create|leader|stepdown STREAM [SUBJECT]\n", stderr);
		return 2;
	}
	status = natsConnection_ConnectTo(&connection, words[1]);
	if (status == NATS_OK)
		status = natsConnection_JetStream(&jetstream, connection, NULL);
	if (status == NATS_OK)
		status = obey(connection, jetstream, count - 2, words + 2);
	if (status != NATS_OK)
		fprintf(stderr, "cluster %s: %s\n", words[2], natsStatus_GetText(status));
	jsCtx_Destroy(jetstream);
	natsConnection_Destroy(connection);
	nats_Close();
	return status == NATS_OK ? 0 : 1;
}
