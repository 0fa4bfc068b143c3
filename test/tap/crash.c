/*
 * crash.c
 *		A library to preload into a server: crashes whoever publishes a certain event.
 *
 * The file that OUTBOX_CRASH names says when: "SIGNAL TEXT" makes a message whose
 * payload holds the text end the process, by a fault of its own (11) or as if from
 * outside (9).  Without the file nothing happens.
 */
#define _GNU_SOURCE

#include <dlfcn.h>
#include <nats/nats.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef natsStatus (*Publish)(natsConnection *, natsMsg *);

static int
read_order(char *text, size_t size)
{
	const char *path = getenv("OUTBOX_CRASH");
	FILE *in = path ? fopen(path, "r") : NULL;
	char line[128] = "";
	int number = 0;

	if (in == NULL)
		return 0;
	if (fgets(line, sizeof(line), in) != NULL)
	{
		number = atoi(line);
		snprintf(text, size, "%s", strchr(line, ' ') + 1);
		text[strcspn(text, "\n")] = '\0';
	}
	fclose(in);
	return number;
}

natsStatus
natsConnection_PublishMsg(natsConnection *connection, natsMsg *message)
{
	static Publish real;
	char text[128] = "";
	int number = read_order(text, sizeof(text));

	if (real == NULL)
		real = (Publish) dlsym(RTLD_NEXT, "natsConnection_PublishMsg");
	if (number != 0 && memmem(natsMsg_GetData(message), (size_t) natsMsg_GetDataLength(message),
							  text, strlen(text)) != NULL)
	{
		if (number == SIGSEGV)
		{
			int *volatile nowhere = NULL;

			*nowhere = 1;
		}
		kill(getpid(), number);
		pause();
	}
	return real(connection, message);
}
