/*
 * fake_broker.c
 *		A broker in memory: a stream, connections that fail, and time that the test
 *		moves.
 */
#include "unit/fake_broker.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void connect_to(void *self);
static void disconnect(void *self);
static OutboxSendResult publish(void *self, const OutboxMessage *message);
static void ask(void *self, uint64_t sequence);
static bool next(void *self, OutboxSignal *signal);

const OutboxBrokerRoutine fake_broker = {
	.connect = connect_to,
	.disconnect = disconnect,
	.publish = publish,
	.look = ask,
	.broadcast = fake_air_broadcast,
	.next = next,
};

static void send_off(FakeBroker *broker, FakePiece *piece);
static void drop_connection(FakeBroker *broker);
static void haunt(FakeBroker *broker, int64_t until);
static void look(FakeBroker *broker);
static void arrive(FakeBroker *broker, const FakePiece *piece);
static void show(FakeBroker *broker, uint64_t sequence);
static void reply(FakeBroker *broker, OutboxSignalKind kind, uint64_t token,
				  const FakeAnswer *answer);
static FakeNews *say(FakeBroker *broker, OutboxSignalKind kind, OutboxVerdict verdict,
					 const char *text, int64_t at);
static void lose(FakeBroker *broker, OutboxVerdict verdict, const char *text);
static int earliest_piece(const FakeBroker *broker);
static int due_news(const FakeBroker *broker);
static void forget_news(FakeBroker *broker, bool but_answers);
static uint64_t draw(FakeBroker *broker);
static bool chance(FakeBroker *broker, int per_mille);
static int64_t delay(FakeBroker *broker, int64_t most);

void
fake_broker_init(FakeBroker *broker, uint64_t seed)
{
	memset(&broker->odds, 0, sizeof(broker->odds));
	memset(&broker->trouble, 0, sizeof(broker->trouble));
	broker->odds.latency = 100;
	broker->odds.lateness = 100000;
	broker->odds.life = 100000;
	broker->now = 0;
	broker->random = seed * 2 + 1;
	fake_stream_init(&broker->stream);
	broker->max_payload = 4096;
	broker->tell_max_payload = true;
	broker->connection = 0;
	broker->dropped = 0;
	broker->connected = false;
	broker->opens_at = 0;
	broker->last_answer_at = 0;
	broker->pipe_count = 0;
	broker->news_count = 0;
	broker->published = 0;
	broker->published_bytes = 0;
	memset(&broker->air, 0, sizeof(broker->air));
	broker->on_publish = NULL;
	broker->context = NULL;
}

void
fake_broker_advance(FakeBroker *broker, int64_t now)
{
	for (;;)
	{
		int piece = earliest_piece(broker);
		int64_t at = piece >= 0 ? broker->pipe[piece].arrives_at : INT64_MAX;
		FakePiece taken;

		if (broker->opens_at && broker->opens_at <= at && broker->opens_at <= now)
		{
			broker->now = broker->opens_at;
			look(broker);
			continue;
		}
		if (at > now)
			break;
		taken = broker->pipe[piece];
		memmove(&broker->pipe[piece], &broker->pipe[piece + 1],
				(--broker->pipe_count - piece) * sizeof(FakePiece));
		if (at > broker->now)
			broker->now = at;
		arrive(broker, &taken);
	}
	broker->now = now;
}

int64_t
fake_broker_due(const FakeBroker *broker)
{
	int piece = earliest_piece(broker);
	int64_t due = piece >= 0 ? broker->pipe[piece].arrives_at : INT64_MAX;

	if (broker->opens_at && broker->opens_at < due)
		due = broker->opens_at;
	for (int i = 0; i < broker->news_count; i++)
		if (broker->news[i].arrives_at < due)
			due = broker->news[i].arrives_at;
	return due;
}

bool
fake_broker_has_news(const FakeBroker *broker)
{
	return due_news(broker) >= 0;
}

void
fake_broker_kill(FakeBroker *broker)
{
	broker->trouble.down = true;
	broker->pipe_count = 0;
	lose(broker, OUTBOX_VERDICT_TRANSIENT, "connection closed");
}

void
fake_broker_widow(FakeBroker *broker, bool ghosts)
{
	int arriving = (int) delay(broker, broker->pipe_count);

	drop_connection(broker);
	broker->news_count = 0;
	if (ghosts)
		return;
	if (arriving > broker->pipe_count)
		arriving = broker->pipe_count;
	for (int i = 0; i < arriving; i++)
		arrive(broker, &broker->pipe[i]);
	broker->pipe_count = 0;
}

void
fake_broker_cut(FakeBroker *broker)
{
	lose(broker, OUTBOX_VERDICT_TRANSIENT, "connection closed");
}

static void
connect_to(void *self)
{
	FakeBroker *broker = self;

	drop_connection(broker);
	broker->connection++;
	broker->opens_at = broker->now + 1 + delay(broker, 4 * broker->odds.latency);
}

static void
disconnect(void *self)
{
	drop_connection(self);
}

static OutboxSendResult
publish(void *self, const OutboxMessage *message)
{
	FakeBroker *broker = self;
	FakePiece *piece = &broker->pipe[broker->pipe_count];
	int64_t bytes = fake_stream_bytes(message);
	int64_t event;

	if (!fake_stream_legal(message))
		return OUTBOX_SEND_ILLEGAL;
	if (!broker->connected)
		return OUTBOX_SEND_LOST;
	if (bytes > broker->max_payload)
		return OUTBOX_SEND_TOO_LARGE;
	assert(broker->pipe_count < FAKE_PIPE);
	memset(piece, 0, sizeof(*piece));
	for (int i = 0; i < message->field_count; i++)
		if (strcmp(message->fields[i].key, "Nats-Msg-Id") == 0)
			snprintf(piece->id, sizeof(piece->id), "%s", message->fields[i].value);
	piece->connection = broker->connection;
	piece->token = message->token;
	piece->expected_last = message->expected_last;
	piece->refused = fake_stream_refuses(&broker->stream, message);
	piece->strange = strncmp(message->subject, "shop.", 5) != 0;
	event = fake_stream_event(piece->id);
	send_off(broker, piece);
	broker->published++;
	broker->published_bytes += (uint64_t) bytes;
	if (broker->on_publish && event)
		broker->on_publish(broker->context, event, (size_t) bytes);
	return OUTBOX_SEND_DONE;
}

static void
ask(void *self, uint64_t sequence)
{
	FakeBroker *broker = self;
	FakePiece *piece = &broker->pipe[broker->pipe_count];

	assert(broker->pipe_count < FAKE_PIPE);
	if (!broker->connected)
		return;
	memset(piece, 0, sizeof(*piece));
	piece->connection = broker->connection;
	piece->token = sequence;
	piece->look = true;
	send_off(broker, piece);
}

/* What one connection sends arrives in order. */
static void
send_off(FakeBroker *broker, FakePiece *piece)
{
	piece->arrives_at = broker->now + delay(broker, broker->odds.latency);
	if (chance(broker, broker->odds.late_message))
		piece->arrives_at += delay(broker, broker->odds.lateness);
	if (broker->pipe_count > 0 && piece[-1].connection == piece->connection &&
		piece[-1].arrives_at > piece->arrives_at)
		piece->arrives_at = piece[-1].arrives_at;
	broker->pipe_count++;
}

static bool
next(void *self, OutboxSignal *signal)
{
	FakeBroker *broker = self;
	int index = due_news(broker);
	FakeNews news;

	if (index < 0)
		return false;
	news = broker->news[index];
	memmove(&broker->news[index], &broker->news[index + 1],
			(--broker->news_count - index) * sizeof(FakeNews));
	signal->kind = news.kind;
	signal->verdict = news.verdict;
	signal->token = news.token;
	signal->sequence = news.sequence;
	signal->code = news.code;
	signal->facts = news.facts;
	snprintf(signal->text, sizeof(signal->text), "%s", news.text);
	if (news.kind == OUTBOX_SIGNAL_LOST)
		drop_connection(broker);
	return true;
}

static void
drop_connection(FakeBroker *broker)
{
	broker->connected = false;
	broker->opens_at = 0;
	forget_news(broker, chance(broker, broker->odds.stale));
	broker->last_answer_at = 0;
	if (broker->dropped == broker->connection)
		return;
	broker->dropped = broker->connection;
	haunt(broker, chance(broker, broker->odds.ghost)
					  ? broker->now + delay(broker, broker->odds.life)
					  : INT64_MIN);
}

/* What the connection has sent arrives up to some point; maybe as late as that. */
static void
haunt(FakeBroker *broker, int64_t until)
{
	int64_t latest = until;
	int kept = 0;

	for (int i = 0; i < broker->pipe_count; i++)
	{
		FakePiece *piece = &broker->pipe[i];

		if (piece->connection == broker->connection && piece->arrives_at > until)
			continue;
		if (piece->connection == broker->connection)
			latest = piece->arrives_at;
		broker->pipe[kept++] = *piece;
	}
	broker->pipe_count = kept;
	if (!chance(broker, 500))
		return;
	for (int i = 0; i < kept; i++)
		if (broker->pipe[i].connection == broker->connection)
			broker->pipe[i].arrives_at += until - latest;
}

/* The server is reached, or not; what is seen of the stream travels back. */
static void
look(FakeBroker *broker)
{
	int64_t at = broker->now + delay(broker, broker->odds.latency);
	const FakeTrouble *trouble = &broker->trouble;
	FakeNews *news;

	broker->opens_at = 0;
	if (trouble->down)
		say(broker, OUTBOX_SIGNAL_FAILED, OUTBOX_VERDICT_TRANSIENT, "connection refused", at);
	else if (trouble->unauthorized)
		say(broker, OUTBOX_SIGNAL_FAILED, OUTBOX_VERDICT_UNAUTHORIZED, "wrong password", at);
	else if (trouble->no_stream)
		say(broker, OUTBOX_SIGNAL_FAILED, OUTBOX_VERDICT_MISCONFIGURED, "no stream", at);
	else if (trouble->no_leader)
		say(broker, OUTBOX_SIGNAL_FAILED, OUTBOX_VERDICT_TRANSIENT, "no leader", at);
	else
	{
		news = say(broker, OUTBOX_SIGNAL_OPENED, OUTBOX_VERDICT_ACKED, "", at);
		fake_stream_tell(&broker->stream, &news->facts);
		news->facts.max_payload = broker->tell_max_payload ? broker->max_payload : 0;
		news->facts.captures_broadcasts = broker->air.captured;
		broker->connected = true;
		broker->last_answer_at = at;
	}
}

/* A message reaches the server. */
static void
arrive(FakeBroker *broker, const FakePiece *piece)
{
	bool current = piece->connection == broker->connection && broker->connected;
	FakeArrival arrival = {piece->id, piece->expected_last, piece->refused, !current, broker->now};
	FakeAnswer answer;

	if (piece->look)
	{
		if (current && !chance(broker, broker->odds.lose_look))
			show(broker, piece->token);
		return;
	}
	if (broker->trouble.down || chance(broker, broker->odds.lose_message))
		return;
	if (current && chance(broker, broker->odds.cut_before))
	{
		lose(broker, OUTBOX_VERDICT_TRANSIENT, "connection reset");
		return;
	}
	if (piece->strange)
	{
		lose(broker, OUTBOX_VERDICT_MISCONFIGURED, "no stream takes this subject");
		return;
	}
	answer = fake_stream_take(&broker->stream, &broker->trouble, &arrival);
	if (!current)
		return;
	if (chance(broker, broker->odds.cut_after))
		lose(broker, OUTBOX_VERDICT_TRANSIENT, "connection reset");
	else if (!chance(broker, broker->odds.lose_answer))
		reply(broker, OUTBOX_SIGNAL_ANSWER, piece->token, &answer);
}

/* Tells the id of the message at this sequence. */
static void
show(FakeBroker *broker, uint64_t sequence)
{
	FakeAnswer answer = {OUTBOX_VERDICT_ACKED, sequence, 0, ""};

	if (sequence > broker->stream.purged && sequence <= (uint64_t) broker->stream.count &&
		!broker->stream.messages[sequence - 1].deleted &&
		!broker->stream.messages[sequence - 1].unreadable)
		answer.text = broker->stream.messages[sequence - 1].id;
	reply(broker, OUTBOX_SIGNAL_FOUND, 0, &answer);
}

/* Sends an answer back, late, twice or out of order as the odds have it. */
static void
reply(FakeBroker *broker, OutboxSignalKind kind, uint64_t token, const FakeAnswer *answer)
{
	const FakeOdds *odds = &broker->odds;
	int copies = chance(broker, odds->repeat_answer) ? 2 : 1;

	for (int i = 0; i < copies; i++)
	{
		FakeNews *said;
		int64_t at = broker->now + delay(broker, odds->latency);

		if (chance(broker, odds->late_answer))
			at += delay(broker, odds->lateness);
		else if (!odds->reorder && at < broker->last_answer_at)
			at = broker->last_answer_at;
		if (!odds->reorder && at > broker->last_answer_at)
			broker->last_answer_at = at;
		said = say(broker, kind, answer->verdict, answer->text, at);
		said->token = token;
		said->sequence = answer->sequence;
		said->code = answer->code;
	}
}

static FakeNews *
say(FakeBroker *broker, OutboxSignalKind kind, OutboxVerdict verdict, const char *text, int64_t at)
{
	FakeNews *news = &broker->news[broker->news_count++];

	assert(broker->news_count < FAKE_NEWS);
	memset(news, 0, sizeof(*news));
	news->arrives_at = at;
	news->connection = broker->connection;
	news->kind = kind;
	news->verdict = verdict;
	news->text = text;
	return news;
}

/* The connection ends; the client hears of it after what it was told before. */
static void
lose(FakeBroker *broker, OutboxVerdict verdict, const char *text)
{
	int64_t at = broker->now + delay(broker, broker->odds.latency);

	if (!broker->connected)
		return;
	haunt(broker, INT64_MIN);
	broker->connected = false;
	say(broker, OUTBOX_SIGNAL_LOST, verdict, text, at);
}

static int
earliest_piece(const FakeBroker *broker)
{
	int earliest = -1;

	for (int i = 0; i < broker->pipe_count; i++)
		if (earliest < 0 || broker->pipe[i].arrives_at < broker->pipe[earliest].arrives_at)
			earliest = i;
	return earliest;
}

/* The news that is due and came first, or -1. */
static int
due_news(const FakeBroker *broker)
{
	int found = -1;

	for (int i = 0; i < broker->news_count; i++)
		if (broker->news[i].arrives_at <= broker->now &&
			(found < 0 || broker->news[i].arrives_at < broker->news[found].arrives_at))
			found = i;
	return found;
}

/* Nothing more is heard, or only answers. */
static void
forget_news(FakeBroker *broker, bool but_answers)
{
	int kept = 0;

	for (int i = 0; i < broker->news_count; i++)
		if (but_answers && broker->news[i].kind == OUTBOX_SIGNAL_ANSWER)
			broker->news[kept++] = broker->news[i];
	broker->news_count = kept;
}

static uint64_t
draw(FakeBroker *broker)
{
	broker->random ^= broker->random << 13;
	broker->random ^= broker->random >> 7;
	broker->random ^= broker->random << 17;
	return broker->random;
}

static bool
chance(FakeBroker *broker, int per_mille)
{
	return per_mille > 0 && (int) (draw(broker) % 1000) < per_mille;
}

static int64_t
delay(FakeBroker *broker, int64_t most)
{
	return most > 0 ? (int64_t) (draw(broker) % ((uint64_t) most + 1)) : 0;
}
