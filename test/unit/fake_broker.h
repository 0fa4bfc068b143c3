/*
 * fake_broker.h
 *		A broker in memory: a stream, connections that fail, and time that the test
 *		moves.
 *
 * What is published travels to the server, is judged there (fake_stream.h), and
 * the answer travels back.  Every part of the way can fail, by chance (odds) or for as long
 * as the test says (state).  What an old connection has sent may still arrive
 * after a new one has opened, as long as a message lives.
 */
#ifndef OUTBOX_TEST_FAKE_BROKER_H
#define OUTBOX_TEST_FAKE_BROKER_H

#include "application/ports.h"
#include "unit/fake_air.h"
#include "unit/fake_stream.h"

#define FAKE_PIPE 8192
#define FAKE_NEWS 2048

/* Chances per 1000 messages, and latencies in microseconds. */
typedef struct FakeOdds
{
	int lose_message;
	int lose_answer;
	int late_message; /* and all behind it */
	int repeat_answer;
	int late_answer;
	int lose_look;
	int cut_before; /* the connection ends, the message is not stored */
	int cut_after; /* it is stored and never answered */
	int ghost; /* per connection dropped: what it sent arrives */
	int stale; /* per connection dropped: its answers still come,
								 * which a real broker promises not to do */
	bool reorder; /* answers overtake each other */
	int64_t latency; /* at most, one way */
	int64_t lateness; /* of late messages and answers, at most */
	int64_t life; /* of ghosts after their connection was dropped, at most */
} FakeOdds;

typedef struct FakePiece
{
	int64_t arrives_at;
	uint64_t connection;
	uint64_t token;
	uint64_t expected_last;
	bool refused;
	bool strange; /* its subject belongs to no stream */
	bool look; /* no message, a question for token */
	char id[OUTBOX_MESSAGE_ID_SIZE];
} FakePiece;

typedef struct FakeNews
{
	int64_t arrives_at;
	uint64_t connection;
	OutboxSignalKind kind;
	OutboxVerdict verdict;
	uint64_t token;
	uint64_t sequence;
	int code;
	const char *text;
	OutboxStreamFacts facts;
} FakeNews;

typedef struct FakeBroker
{
	FakeOdds odds;
	FakeTrouble trouble;
	int64_t now;
	uint64_t random;

	FakeStream stream;
	int64_t max_payload; /* bytes of a message */
	bool tell_max_payload; /* in the facts */

	/* connections */
	uint64_t connection; /* the newest */
	uint64_t dropped; /* the newest that was dropped */
	bool connected;
	int64_t opens_at; /* when the server is looked at; 0: not connecting */
	int64_t last_answer_at;
	FakePiece pipe[FAKE_PIPE];
	int pipe_count;
	FakeNews news[FAKE_NEWS];
	int news_count;
	uint64_t published; /* calls that returned DONE */
	uint64_t published_bytes;

	FakeAir air;

	/* Told of every event handed over. */
	void (*on_publish)(void *context, int64_t event, size_t bytes);
	void *context;
} FakeBroker;

extern const OutboxBrokerRoutine fake_broker; /* self: FakeBroker */

extern void fake_broker_init(FakeBroker *broker, uint64_t seed);

/* Lets time pass: messages arrive, answers become due. */
extern void fake_broker_advance(FakeBroker *broker, int64_t now);

/* When something will happen next; INT64_MAX: nothing. */
extern int64_t fake_broker_due(const FakeBroker *broker);

/* Has next() something to say now? */
extern bool fake_broker_has_news(const FakeBroker *broker);

/* kill -9: connections end, what travels is lost, what is stored stays. */
extern void fake_broker_kill(FakeBroker *broker);

/* A power cut: the last messages are gone. */
extern void fake_broker_truncate(FakeBroker *broker, int count);

/* The stream is deleted and created again. */
extern void fake_broker_recreate(FakeBroker *broker);

/* The stream has another identity, as after an update and a restart of some servers. */
extern void fake_broker_rename(FakeBroker *broker);

/*
 * A message is deleted: by a damaged file, as a restart finds out, or on purpose,
 * when the server goes on knowing its id.
 */
extern void fake_broker_delete(FakeBroker *broker, uint64_t sequence, bool on_purpose);

/* All messages are removed on purpose. */
extern void fake_broker_purge(FakeBroker *broker);

/* Somebody else publishes, with this message id or "". */
extern void fake_broker_intrude(FakeBroker *broker, const char *id);

/*
 * The client's process is killed: it hears nothing any more.  What it has sent
 * may still arrive, later if ghosts may live, or else now.
 */
extern void fake_broker_widow(FakeBroker *broker, bool ghosts);

/* The server ends the connection. */
extern void fake_broker_cut(FakeBroker *broker);

#endif
