/*
 * proxy.c
 *		A TCP proxy that behaves badly.
 *
 *	proxy PORT TARGET		(both on 127.0.0.1)
 *
 * A *pair* is an accepted connection and ours to the target; each of its two
 * *lanes* carries bytes one way.  Modes are told on standard input, a line each:
 *
 *	pass		forward everything
 *	cut			reset every pair, then forward
 *	half		neither read, write, accept nor close anything; what was open is reset
 *				when another mode follows, as after a cable was out
 *	mute		reset every pair; of a new one, forward the target's first line alone
 *	delay MS	everything comes so much later
 *	rate BYTES	so many a second, for each lane
 *	single		every write is of one byte
 *
 * Ends at the end of its input.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_PAIRS 32
#define CHUNK_SIZE 16384
#define MAX_CHUNKS 64 /* of a lane; then its reading waits */
#define TICK_MS 5

typedef enum Mode
{
	MODE_PASS,
	MODE_HALF,
	MODE_MUTE,
	MODE_DELAY,
	MODE_RATE,
	MODE_SINGLE
} Mode;

typedef struct Chunk
{
	int64_t due;
	size_t length;
	size_t sent;
	char bytes[CHUNK_SIZE];
} Chunk;

typedef struct Lane
{
	int from;
	int to;
	Chunk *chunks[MAX_CHUNKS]; /* oldest first */
	int count;
	bool ended; /* from has no more */
	bool greeted; /* a first line was forwarded */
	double allowance; /* bytes, in MODE_RATE */
} Lane;

typedef struct Pair
{
	bool open;
	Lane lanes[2]; /* to the target, from the target */
} Pair;

static Pair pairs[MAX_PAIRS];
static Mode mode = MODE_PASS;
static int64_t setting; /* of MODE_DELAY and MODE_RATE */
static uint16_t target;

static int64_t
now_ms(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return at.tv_sec * INT64_C(1000) + at.tv_nsec / 1000000;
}

static void
reset(int descriptor)
{
	struct linger now = {.l_onoff = 1};

	setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(descriptor);
}

static void
close_pair(Pair *pair)
{
	if (!pair->open)
		return;
	for (int i = 0; i < 2; i++)
	{
		while (pair->lanes[i].count > 0)
			free(pair->lanes[i].chunks[--pair->lanes[i].count]);
		reset(pair->lanes[i].from);
	}
	memset(pair, 0, sizeof(*pair));
}

static void
close_all(void)
{
	for (int i = 0; i < MAX_PAIRS; i++)
		close_pair(&pairs[i]);
}

static struct sockaddr_in
local(uint16_t port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return address;
}

static void
open_pair(int listener)
{
	struct sockaddr_in address = local(target);
	int one = 1;
	int near = accept(listener, NULL, NULL);
	int far = socket(AF_INET, SOCK_STREAM, 0);
	Pair *pair = NULL;

	for (int i = 0; i < MAX_PAIRS && pair == NULL; i++)
		if (!pairs[i].open)
			pair = &pairs[i];
	if (near < 0 || pair == NULL ||
		connect(far, (struct sockaddr *) &address, sizeof(address)) != 0)
	{
		if (near >= 0)
			reset(near);
		close(far);
		return;
	}
	setsockopt(near, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(far, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	pair->open = true;
	pair->lanes[0].from = pair->lanes[1].to = near;
	pair->lanes[0].to = pair->lanes[1].from = far;
}

/* Takes in what has come; false: the connection is broken. */
static bool
take(Lane *lane, bool from_target)
{
	Chunk *chunk = malloc(sizeof(Chunk));
	ssize_t got = chunk ? recv(lane->from, chunk->bytes, CHUNK_SIZE, MSG_DONTWAIT) : -1;

	if (got <= 0)
	{
		free(chunk);
		lane->ended |= got == 0;
		return got == 0 || errno == EAGAIN || errno == EINTR;
	}
	chunk->length = (size_t) got;
	chunk->sent = 0;
	chunk->due = now_ms() + (mode == MODE_DELAY ? setting : 0);
	if (mode == MODE_MUTE && (lane->greeted || !from_target))
		chunk->length = 0;
	else if (mode == MODE_MUTE)
	{
		const char *end = memchr(chunk->bytes, '\n', chunk->length);

		lane->greeted = end != NULL;
		if (end != NULL)
			chunk->length = (size_t) (end + 1 - chunk->bytes);
	}
	lane->chunks[lane->count++] = chunk;
	return true;
}

static size_t
portion(Lane *lane, const Chunk *chunk)
{
	size_t left = chunk->length - chunk->sent;

	if (mode == MODE_SINGLE)
		return left > 0;
	if (mode == MODE_RATE && (double) left > lane->allowance)
		return lane->allowance >= 1 ? (size_t) lane->allowance : 0;
	return left;
}

/* Gives out what is due; false: the connection is broken. */
static bool
give(Lane *lane)
{
	while (lane->count > 0 && lane->chunks[0]->due <= now_ms())
	{
		Chunk *chunk = lane->chunks[0];
		size_t length = portion(lane, chunk);
		ssize_t sent = length == 0 ? 0
								   : send(lane->to, chunk->bytes + chunk->sent, length,
										  MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent < 0)
			return errno == EAGAIN || errno == EINTR;
		chunk->sent += (size_t) sent;
		if (mode == MODE_RATE)
			lane->allowance -= (double) sent;
		if (chunk->sent < chunk->length && (sent == 0 || mode != MODE_SINGLE))
			return true;
		if (chunk->sent < chunk->length)
			continue;
		free(chunk);
		memmove(lane->chunks, lane->chunks + 1, sizeof(lane->chunks[0]) * (size_t) --lane->count);
	}
	if (lane->ended && lane->count == 0)
		shutdown(lane->to, SHUT_WR);
	return true;
}

static void
serve(Pair *pair, double elapsed_s)
{
	bool good = true;

	for (int i = 0; i < 2 && good; i++)
	{
		Lane *lane = &pair->lanes[i];

		lane->allowance += (double) setting * elapsed_s;
		if (lane->allowance > (double) setting / 10)
			lane->allowance = (double) setting / 10;
		if (!lane->ended && lane->count < MAX_CHUNKS)
			good = take(lane, i == 1);
		good = good && give(lane);
	}
	if (!good || (pair->lanes[0].ended && pair->lanes[1].ended))
		close_pair(pair);
}

static void
obey(const char *line)
{
	static const char *const words[] = {"pass", "half", "mute", "delay", "rate", "single"};
	char word[16] = "";
	long number = 0;

	sscanf(line, "%15s %ld", word, &number);
	if (mode == MODE_HALF || strcmp(word, "mute") == 0 || strcmp(word, "cut") == 0)
		close_all();
	setting = number;
	mode = MODE_PASS;
	for (int i = 0; i < 6; i++)
		if (strcmp(word, words[i]) == 0)
			mode = (Mode) i;
	printf("%s\n", word);
	fflush(stdout);
}

/* Waits for what the mode lets happen; returns whether a line has come. */
static bool
wait_for_events(struct pollfd *polled)
{
	int count = 2;
	bool ticking = mode != MODE_PASS && mode != MODE_HALF && mode != MODE_MUTE;

	polled[0] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
	polled[1].events = mode == MODE_HALF ? 0 : POLLIN;
	for (int i = 0; i < MAX_PAIRS && mode != MODE_HALF; i++)
	{
		for (int l = 0; l < 2 && pairs[i].open; l++)
		{
			const Lane *lane = &pairs[i].lanes[l];
			bool hungry = !lane->ended && lane->count < MAX_CHUNKS;

			/* What waits is written as soon as there is room. */
			ticking |= lane->count > 0;
			polled[count++] =
				(struct pollfd){.fd = lane->from, .events = (short) (hungry ? POLLIN : 0)};
		}
	}
	poll(polled, (nfds_t) count, ticking ? (mode == MODE_SINGLE ? 1 : TICK_MS) : 1000);
	return polled[0].revents != 0;
}

static int
listen_on(uint16_t port)
{
	struct sockaddr_in address = local(port);
	int one = 1;
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (struct sockaddr *) &address, sizeof(address)) != 0 ||
		listen(listener, 64) != 0)
	{
		perror("proxy");
		exit(1);
	}
	return listener;
}

int
main(int count, char **words)
{
	struct pollfd polled[2 + 2 * MAX_PAIRS];
	char line[64];
	int64_t before = now_ms();

	if (count != 3)
	{
		fputs("usage: proxy PORT TARGET\n", stderr);
		return 2;
	}
	polled[1] = (struct pollfd){.fd = listen_on((uint16_t) atoi(words[1]))};
	target = (uint16_t) atoi(words[2]);
	setvbuf(stdin, NULL, _IONBF, 0);
	obey("pass");
	for (;;)
	{
		bool told = wait_for_events(polled);
		int64_t now = now_ms();

		if (told && fgets(line, sizeof(line), stdin) == NULL)
			return 0;
		if (told)
			obey(line);
		if (mode != MODE_HALF && (polled[1].revents & POLLIN) != 0)
			open_pair(polled[1].fd);
		for (int i = 0; i < MAX_PAIRS && mode != MODE_HALF; i++)
			if (pairs[i].open)
				serve(&pairs[i], (double) (now - before) / 1000);
		before = now;
	}
}
