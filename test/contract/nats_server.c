/*
 * nats_server.c
 *		Starting and stopping a private nats-server.
 */
#include "contract/nats_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ftw.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define START_DEADLINE 20000 /* ms */

static void
die(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(1);
}

long
nats_server_now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000L + time.tv_nsec / 1000000;
}

static struct sockaddr_in
local(int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t) port)};

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return address;
}

int
nats_server_free_port(void)
{
	struct sockaddr_in address = local(0);
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *) &address, sizeof(address)) != 0 ||
		getsockname(fd, (struct sockaddr *) &address, &length) != 0)
		die("no free port");
	close(fd);
	return ntohs(address.sin_port);
}

void
nats_server_prepare(NatsServer *server)
{
	memset(server, 0, sizeof(*server));
	snprintf(server->folder, sizeof(server->folder), "/tmp/outbox-nats-XXXXXX");
	if (mkdtemp(server->folder) == NULL)
		die("mkdtemp");
	server->port = nats_server_free_port();
	server->jetstream = true;
	snprintf(server->url, sizeof(server->url), "nats://127.0.0.1:%d", server->port);
}

static void
write_configuration(const NatsServer *server, const char *path)
{
	FILE *file = fopen(path, "w");

	if (file == NULL)
		die(path);
	fprintf(file, "host: 127.0.0.1\nport: %d\n", server->port);
	if (server->jetstream)
		fprintf(file, "jetstream { store_dir: \"%s/store\" }\n", server->folder);
	fprintf(file, "%s\n", server->extra);
	fclose(file);
}

/* Has it sent the start of its greeting? */
static bool
greets(int port)
{
	struct sockaddr_in address = local(port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	char greeting[4] = "";
	bool greeted;

	greeted = connect(fd, (struct sockaddr *) &address, sizeof(address)) == 0 &&
			  poll(&wait, 1, 1000) == 1 && recv(fd, greeting, 4, 0) == 4 &&
			  memcmp(greeting, "INFO", 4) == 0;
	close(fd);
	return greeted;
}

void
nats_server_start(NatsServer *server)
{
	const struct timespec pause = {0, 20 * 1000 * 1000};
	long deadline = nats_server_now() + START_DEADLINE;
	char path[128];
	char log[128];

	snprintf(path, sizeof(path), "%s/server.conf", server->folder);
	snprintf(log, sizeof(log), "%s/server.log", server->folder);
	write_configuration(server, path);
	fflush(NULL);
	server->pid = fork();
	if (server->pid < 0)
		die("fork");
	if (server->pid == 0)
	{
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execlp("nats-server", "nats-server", "-c", path, "-l", log, (char *) NULL);
		_exit(127);
	}
	while (!greets(server->port))
	{
		if (waitpid(server->pid, NULL, WNOHANG) != 0 || nats_server_now() > deadline)
		{
			printf("Bail out! nats-server does not start; see %s\n", log);
			exit(1);
		}
		nanosleep(&pause, NULL);
	}
}

void
nats_server_kill(NatsServer *server)
{
	if (server->pid == 0)
		return;
	kill(server->pid, SIGKILL);
	waitpid(server->pid, NULL, 0);
	server->pid = 0;
}

void
nats_server_pause(NatsServer *server)
{
	int status;

	kill(server->pid, SIGSTOP);
	waitpid(server->pid, &status, WUNTRACED);
}

void
nats_server_resume(NatsServer *server)
{
	kill(server->pid, SIGCONT);
}

static int
remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
	(void) status;
	(void) kind;
	(void) walk;
	return remove(path);
}

void
nats_server_remove(NatsServer *server)
{
	nats_server_kill(server);
	nftw(server->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
