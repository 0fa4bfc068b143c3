/*
 * fake_stream.h
 *		A JetStream stream in memory, as the server judges what reaches it.
 *
 * The order of judgement is the server's: de-duplication by message id, expected
 * last sequence, size, limits.  What is wrong with the server until a test mends
 * it is its trouble.
 */
#ifndef OUTBOX_TEST_FAKE_STREAM_H
#define OUTBOX_TEST_FAKE_STREAM_H

#include "application/ports.h"

#define FAKE_STREAM 4096

typedef struct FakeTrouble
{
	bool down;
	bool unauthorized;
	bool no_stream;
	bool full;
	bool no_leader;
} FakeTrouble;

typedef struct FakeMessage
{
	int64_t event; /* from its message id; 0: of somebody else */
	int64_t at;
	uint64_t sequence;
	bool deleted;
	bool remembered; /* deleted, but its id is not forgotten */
	bool unreadable; /* cannot be read, and does not count as deleted */
	char id[OUTBOX_MESSAGE_ID_SIZE];
} FakeMessage;

typedef struct FakeStream
{
	FakeMessage messages[FAKE_STREAM];
	int count; /* of messages, deleted ones too; the last one's sequence is this */
	uint64_t purged; /* all up to here is gone on purpose */
	int64_t created;
	int64_t duplicate_window; /* microseconds */
	int64_t max_message_size; /* bytes; -1: none */
	int max_messages;
	int strays; /* stored without a fence after their connection had ended */

	/* Told of every event stored. */
	void (*on_store)(void *context, int64_t event, uint64_t sequence);
	void *context;
} FakeStream;

/* What reaches the server. */
typedef struct FakeArrival
{
	const char *id;
	uint64_t expected_last;
	bool refused; /* for good, whatever the stream */
	bool late; /* its connection has ended */
	int64_t at;
} FakeArrival;

/* What the server answers. */
typedef struct FakeAnswer
{
	OutboxVerdict verdict;
	uint64_t sequence;
	int code;
	const char *text;
} FakeAnswer;

extern void fake_stream_init(FakeStream *stream);

/* Judges a message and stores it if it passes. */
extern FakeAnswer fake_stream_take(FakeStream *stream, const FakeTrouble *trouble,
								   const FakeArrival *arrival);

/* Stores a message whatever it is; event 0: of somebody else. */
extern void fake_stream_store(FakeStream *stream, const char *id, int64_t event, int64_t at);

/* Fills in what the stream holds. */
extern void fake_stream_tell(const FakeStream *stream, OutboxStreamFacts *facts);

/* Would the broker's client hand this over? */
extern bool fake_stream_legal(const OutboxMessage *message);

/* Is it too large for the stream, or by its subject to be refused? */
extern bool fake_stream_refuses(const FakeStream *stream, const OutboxMessage *message);

/* Headers and payload, as the server counts them. */
extern int64_t fake_stream_bytes(const OutboxMessage *message);

/* The event of a message id, 0: none. */
extern int64_t fake_stream_event(const char *id);

#endif
