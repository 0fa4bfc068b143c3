/*
 * nats_peer.c
 *		One thread that reads frame by frame.
 */
#include "contract/nats_peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER_SIZE ((size_t) 4 * 1024 * 1024) /* a frame fits */
#define LINE_MAX_SIZE 1024
#define SLOW_READ 1500 /* bytes at a time */
#define PAUSE_EVERY ((size_t) 65536) /* bytes between two pauses */
#define PAUSE_US 1000

struct NatsPeer
{
	pthread_t thread;
	pthread_mutex_t lock;
	NatsPeerManner manner;
	NatsPeerCounts counts; /* these three under the lock */
	char last[LINE_MAX_SIZE * 8];
	size_t last_length;
	int listener;
	int socket;
	int port;
	SSL_CTX *context;
	SSL *ssl;
	char *bytes; /* read and not yet understood */
	size_t length;
	size_t read; /* in all */
	size_t pinged_at;
	size_t paused_at;
	unsigned long long token; /* of the last message */
};

static void
fail(NatsPeer *peer, const char *why, const char *line)
{
	pthread_mutex_lock(&peer->lock);
	if (peer->counts.fault[0] == '\0')
		snprintf(peer->counts.fault, sizeof(peer->counts.fault), "%s: %.100s", why, line);
	pthread_mutex_unlock(&peer->lock);
}

static void
say(NatsPeer *peer, const char *text)
{
	if (peer->ssl != NULL)
		SSL_write(peer->ssl, text, (int) strlen(text));
	else
		send(peer->socket, text, strlen(text), MSG_NOSIGNAL);
}

static bool
secure(NatsPeer *peer)
{
	char path[200];

	peer->context = SSL_CTX_new(TLS_server_method());
	snprintf(path, sizeof(path), "%s/server.pem", peer->manner.certificates);
	if (SSL_CTX_use_certificate_chain_file(peer->context, path) != 1)
		return false;
	snprintf(path, sizeof(path), "%s/server.key", peer->manner.certificates);
	if (SSL_CTX_use_PrivateKey_file(peer->context, path, SSL_FILETYPE_PEM) != 1)
		return false;
	peer->ssl = SSL_new(peer->context);
	SSL_set_fd(peer->ssl, peer->socket);
	return SSL_accept(peer->ssl) == 1;
}

static bool
greet(NatsPeer *peer)
{
	char info[400];

	snprintf(info, sizeof(info),
			 "INFO {\"server_id\":\"X\",\"version\":\"2.9.10\",\"headers\":%s,\"proto\":1,"
			 "\"max_payload\":1048576,\"tls_required\":%s}\r\n",
			 peer->manner.headers ? "true" : "false",
			 peer->manner.certificates != NULL ? "true" : "false");
	say(peer, info);
	return peer->manner.certificates == NULL || secure(peer);
}

char
nats_peer_letter(unsigned long long token)
{
	return (char) ('a' + token % 26);
}

/* Is a payload what this token's has to be? */
static void
judge(NatsPeer *peer, const char *line, const char *payload, size_t length)
{
	const char *reply = strstr(line, "_INBOX.");
	const char *dot = reply != NULL ? strrchr(reply, '.') : NULL;
	unsigned long long token = dot != NULL ? strtoull(dot + 1, NULL, 10) : 0;

	if (peer->token != 0 && token != peer->token + 1)
		fail(peer, "a token out of turn", line);
	peer->token = token;
	for (size_t i = 0; i < length; i++)
	{
		if (payload[i] == nats_peer_letter(token))
			continue;
		fail(peer, "a payload of another message", line);
		break;
	}
}

static void
keep_last(NatsPeer *peer, size_t length)
{
	peer->last_length = length < sizeof(peer->last) ? length : sizeof(peer->last);
	memcpy(peer->last, peer->bytes, peer->last_length);
}

/* Takes a published message whose first line is so long; returns its bytes, 0: more must come. */
static size_t
take_message(NatsPeer *peer, const char *line, size_t line_length)
{
	bool with_headers = line[0] == 'H';
	const char *end = strrchr(line, ' ');
	size_t total = strtoul(end + 1, NULL, 10);
	size_t headers = 0;
	size_t whole = line_length + total + 2;

	if (with_headers)
	{
		while (end > line && *--end != ' ')
			;
		headers = strtoul(end + 1, NULL, 10);
	}
	if (headers > total || whole > BUFFER_SIZE)
		fail(peer, "lengths that cannot be", line);
	if (whole > peer->length)
		return 0;
	if (memcmp(peer->bytes + whole - 2, "\r\n", 2) != 0)
		fail(peer, "no line end behind a payload", line);
	if (with_headers && memcmp(peer->bytes + line_length + headers - 4, "\r\n\r\n", 4) != 0)
		fail(peer, "no empty line behind headers", line);
	if (with_headers)
		judge(peer, line, peer->bytes + line_length + headers, total - headers);
	pthread_mutex_lock(&peer->lock);
	keep_last(peer, whole);
	if (with_headers)
		peer->counts.messages++;
	else
		peer->counts.requests++;
	pthread_mutex_unlock(&peer->lock);
	return whole;
}

/* Takes the frame that the bytes begin with; returns its length, 0: more must come. */
static size_t
take_frame(NatsPeer *peer)
{
	char line[LINE_MAX_SIZE];
	char *end = memmem(peer->bytes, peer->length, "\r\n", 2);
	size_t length = end != NULL ? (size_t) (end - peer->bytes) : peer->length;

	if (length >= sizeof(line))
	{
		memcpy(line, peer->bytes, sizeof(line) - 1);
		line[sizeof(line) - 1] = '\0';
		fail(peer, "a line without end", line);
		return peer->length;
	}
	if (end == NULL)
		return 0;
	memcpy(line, peer->bytes, length);
	line[length] = '\0';
	length += 2;
	if (strncmp(line, "HPUB ", 5) == 0 || strncmp(line, "PUB ", 4) == 0)
		return take_message(peer, line, length);
	if (strcmp(line, "PING") == 0)
		say(peer, "PONG\r\n");
	else if (strcmp(line, "PONG") == 0)
	{
		pthread_mutex_lock(&peer->lock);
		peer->counts.pongs++;
		pthread_mutex_unlock(&peer->lock);
	}
	else if (strncmp(line, "CONNECT {", 9) != 0 && strncmp(line, "SUB _INBOX.", 11) != 0)
		fail(peer, "no frame", line);
	return length;
}

/* Reads once; false: the connection is over. */
static bool
read_more(NatsPeer *peer)
{
	size_t room = BUFFER_SIZE - peer->length;
	int got;

	if (peer->manner.slow && room > SLOW_READ)
		room = SLOW_READ;
	got = peer->ssl != NULL ? SSL_read(peer->ssl, peer->bytes + peer->length, (int) room)
							: (int) recv(peer->socket, peer->bytes + peer->length, room, 0);
	if (got <= 0)
		return false;
	peer->length += (size_t) got;
	peer->read += (size_t) got;
	return true;
}

static void
misbehave(NatsPeer *peer)
{
	if (peer->manner.slow && peer->read - peer->paused_at > PAUSE_EVERY)
	{
		peer->paused_at = peer->read;
		usleep(PAUSE_US);
	}
	if (peer->manner.ping_every != 0 && peer->read - peer->pinged_at > peer->manner.ping_every)
	{
		peer->pinged_at = peer->read;
		pthread_mutex_lock(&peer->lock);
		peer->counts.pings++;
		pthread_mutex_unlock(&peer->lock);
		say(peer, "PING\r\n");
	}
}

static void *
serve(void *argument)
{
	NatsPeer *peer = argument;

	peer->socket = accept(peer->listener, NULL, NULL);
	if (peer->socket < 0 || !greet(peer))
		return NULL;
	while (read_more(peer))
	{
		size_t at = 0;
		size_t taken;
		char *begin = peer->bytes;

		while ((taken = take_frame(peer)) > 0)
		{
			at += taken;
			peer->bytes += taken;
			peer->length -= taken;
		}
		peer->bytes = begin;
		memmove(begin, begin + at, peer->length);
		misbehave(peer);
	}
	return NULL;
}

NatsPeer *
nats_peer_start(const NatsPeerManner *manner)
{
	NatsPeer *peer = calloc(1, sizeof(*peer));
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t length = sizeof(address);
	int small = 4096;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	peer->manner = *manner;
	peer->socket = -1;
	peer->bytes = malloc(BUFFER_SIZE);
	pthread_mutex_init(&peer->lock, NULL);
	peer->listener = socket(AF_INET, SOCK_STREAM, 0);
	if (manner->slow)
		setsockopt(peer->listener, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	if (bind(peer->listener, (struct sockaddr *) &address, sizeof(address)) != 0 ||
		listen(peer->listener, 4) != 0 ||
		getsockname(peer->listener, (struct sockaddr *) &address, &length) != 0 ||
		pthread_create(&peer->thread, NULL, serve, peer) != 0)
		abort();
	peer->port = ntohs(address.sin_port);
	return peer;
}

void
nats_peer_stop(NatsPeer *peer)
{
	shutdown(peer->listener, SHUT_RDWR);
	if (peer->socket >= 0)
		shutdown(peer->socket, SHUT_RDWR);
	pthread_join(peer->thread, NULL);
	SSL_free(peer->ssl);
	SSL_CTX_free(peer->context);
	if (peer->socket >= 0)
		close(peer->socket);
	close(peer->listener);
	pthread_mutex_destroy(&peer->lock);
	free(peer->bytes);
	free(peer);
}

int
nats_peer_port(const NatsPeer *peer)
{
	return peer->port;
}

NatsPeerCounts
nats_peer_counts(NatsPeer *peer)
{
	NatsPeerCounts counts;

	pthread_mutex_lock(&peer->lock);
	counts = peer->counts;
	pthread_mutex_unlock(&peer->lock);
	return counts;
}

void
nats_peer_last(NatsPeer *peer, char *bytes, size_t size, size_t *length)
{
	pthread_mutex_lock(&peer->lock);
	*length = peer->last_length < size ? peer->last_length : size - 1;
	memcpy(bytes, peer->last, *length);
	pthread_mutex_unlock(&peer->lock);
	bytes[*length] = '\0';
}
