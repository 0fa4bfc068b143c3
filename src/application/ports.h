/*
 * ports.h
 *		What the relay needs from the outside: a store of events, a broker, and a
 *		queue of broadcasts.
 *
 * The ports are const structs of callbacks, bound with a `self` of the
 * adapter.  The store may leave by longjmp (PostgreSQL's ereport), so whoever
 * calls a port owns nothing that needs cleaning up.  The others never do.
 * Each port has two implementations, the real one and a fake under test/, and
 * both pass the same suite under test/contract.
 */
#ifndef OUTBOX_APPLICATION_PORTS_H
#define OUTBOX_APPLICATION_PORTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "domain/cursor.h"
#include "domain/event.h"
#include "domain/fate.h"
#include "domain/header.h"
#include "domain/trail.h"
#include "domain/verdict.h"

/* What fetch returns where there is more that must not be published yet. */
#define OUTBOX_STORE_WITHHELD (-1)

/* What the store knows of the stream. */
typedef struct OutboxHeld
{
	OutboxTrailEntry newest; /* the entry with the highest sequence */
	uint64_t deleted; /* as it was checked last */
	uint64_t waiting; /* lost events that are still to be sent again */
	uint64_t gone; /* lost events that were no longer retained, in this process */
} OutboxHeld;

/* What a comparison of the stream with the trail has found. */
typedef struct OutboxChecked
{
	uint64_t sequence; /* this and created are those of settle */
	int64_t created;
	uint64_t first; /* of the stream; 0: not known */
	uint64_t deleted; /* holes that the stream is known to have */
} OutboxChecked;

/*
 * The store: committed events in order, and how far they are settled.
 *
 * *Settled* means published or refused.  The store reads one interval at a
 * time; it opens the next one only when all of the current one is settled.
 *
 * A *dead letter* is a refused event.  It may *block* its aggregate: the store
 * keeps back what follows, and takes care itself that it is not lost.  When the
 * dead letter is sent again or given up, it *lets go* what it has kept back: in
 * an interval of its own, in order, and before later events of the aggregate.  Its
 * events say so (let_go), since another process may put more into that interval.
 *
 * The store also keeps the trail (domain/trail.h): where the settled events stand
 * in the stream.  Entries that turn out to be *lost* leave it, and their events are
 * handed out *again*, before all others, as far as the store still retains them.
 */
typedef struct OutboxStoreRoutine
{
	/*
	 * Fills events with what follows the last fetch, in order, at most
	 * max_events and, beyond the first, at most about max_bytes of payload and
	 * headers.  Returns how many; 0 when the open interval holds no more, and,
	 * if all of it is settled, when nothing new has committed.  What it returns
	 * is committed and survives a crash of the database.  OUTBOX_STORE_WITHHELD
	 * when what follows would not survive all that it shall: fetch again soon.  The memory that the
	 * events point to is good until the next fetch or rewind.
	 */
	int (*fetch)(void *self, OutboxEvent *events, int max_events, size_t max_bytes);

	/*
	 * Forgets what was fetched and not settled: fetch starts there again, with
	 * the same events in the same order.
	 */
	void (*rewind)(void *self);

	/*
	 * Everything up to and including this position of the open interval is
	 * settled.  sequence is the *floor* (domain/fence.h): no event that is not
	 * settled is stored at or below it, usually where the last settled event is
	 * stored; created is the identity of the stream (facts.created).  Remembered
	 * at once, durable after persist at the latest.
	 */
	void (*settle)(void *self, OutboxPosition upto, uint64_t sequence, int64_t created);

	/*
	 * Sets this event, the oldest that is not settled, aside as a dead letter,
	 * with the broker's code and text, and settles it; sequence and created are
	 * those of settle.  All of that is durable together, or not at all.  What was
	 * fetched after it may have to be kept back: the caller must rewind before it
	 * sends anything more.
	 */
	void (*refuse)(void *self, const OutboxPosition *position, int code, const char *text,
				   uint64_t sequence, int64_t created);

	/*
	 * Writes the settled position down, if it has moved.  durable: a crash of the
	 * database does not forget it; otherwise one may, soon after.
	 */
	void (*persist)(void *self, bool durable);

	/*
	 * The stream sequence and stream identity last settled, also by an earlier
	 * process; zeros when there is none.
	 */
	void (*settled)(void *self, uint64_t *sequence, int64_t *created);

	/*
	 * Of these events (0 and less: none) the highest that is neither pending nor was
	 * ever settled here; 0: there is none.
	 */
	int64_t (*stranger)(void *self, const int64_t *events, int count);

	/* Must the stream be sifted (sift.h) before anything is sent? */
	bool (*sifting)(void *self);

	/*
	 * These events (0 and less: none) are stored in the stream: they are pending no
	 * more, nor kept back, nor dead letters to be sent again.  The stream is sifted
	 * up to the floor; last: all of it is.  Durable at once; nothing is handed out.
	 */
	void (*sift)(void *self, const int64_t *events, int count, uint64_t floor, int64_t created,
				 bool last);

	/*
	 * An event that the next settle settles is stored there: an entry of the
	 * trail.  Written down together with the settled position.
	 */
	void (*note)(void *self, OutboxTrailEntry entry);

	/* What is known of the stream; costs nothing. */
	void (*held)(void *self, OutboxHeld *held);

	/*
	 * Fills entries with those that follow this sequence, ascending, at most max.
	 * Returns how many.
	 */
	int (*trail)(void *self, uint64_t after, OutboxTrailEntry *entries, int max);

	/*
	 * The stream has lost all entries with sequences from first to last.  That is
	 * durable on return.  After the next rewind fetch hands their events out again,
	 * marked so, in the order in which they stood; those of the calls between two
	 * rewinds one after the other, and before what was lost earlier and is still
	 * waiting.  Other events follow when all of that is settled, or refused.  To
	 * settle an event again changes where it stands, and nothing else.
	 */
	void (*lose)(void *self, uint64_t first, uint64_t last);

	/*
	 * The stream was compared with the trail.  What stands before its beginning has
	 * expired, and leaves the trail.  The rest is durable on return, if it is new.
	 */
	void (*checked)(void *self, const OutboxChecked *checked);
} OutboxStoreRoutine;

/* What the broker is and how the stream stands when a connection opens. */
typedef struct OutboxStreamFacts
{
	uint64_t first_sequence; /* 0: the server does not say */
	uint64_t last_sequence;
	uint64_t deleted; /* messages missing between them */
	bool expires; /* it drops its oldest messages by itself */
	bool sparse; /* it drops messages anywhere */
	int64_t created; /* nanoseconds since 1970: identifies the stream */
	int64_t max_payload; /* bytes, the server's limit */
	int64_t max_message_size; /* bytes, the stream's limit; -1: none */
	int64_t duplicate_window; /* nanoseconds */
	bool captures_broadcasts; /* it would store what is broadcast */
} OutboxStreamFacts;

typedef enum OutboxSignalKind
{
	OUTBOX_SIGNAL_OPENED, /* connected, the stream looked at: facts */
	OUTBOX_SIGNAL_FAILED, /* connect gave up: verdict, code, text */
	OUTBOX_SIGNAL_ANSWER, /* the answer to one message: token, verdict, ... */
	OUTBOX_SIGNAL_FOUND, /* the answer to look: sequence, and as text the
								 * message's id; "": no message or no id */
	OUTBOX_SIGNAL_LOST /* the connection is gone, or an answer that names
								 * no message came: verdict, code, text */
} OutboxSignalKind;

#define OUTBOX_REASON_SIZE 256

typedef struct OutboxSignal
{
	OutboxSignalKind kind;
	OutboxVerdict verdict;
	uint64_t token; /* of OUTBOX_SIGNAL_ANSWER: OutboxMessage.token */
	uint64_t sequence; /* where it is stored, when acked or duplicate */
	int code; /* the broker's error code, 0: none */
	char text[OUTBOX_REASON_SIZE]; /* why, for a person; no secrets */
	OutboxStreamFacts facts; /* of OUTBOX_SIGNAL_OPENED */
} OutboxSignal;

/* Publish without naming the sequence that the stream must stand at. */
#define OUTBOX_UNFENCED UINT64_MAX

typedef struct OutboxMessage
{
	const char *subject;
	const OutboxHeaderField *fields;
	int field_count;
	const void *payload;
	size_t payload_length;
	uint64_t token; /* names the message in its answer; ascending */
	uint64_t expected_last; /* sequence the stream must stand at, 0 = empty */
} OutboxMessage;

/* How many looks are on their way at a time. */
#define OUTBOX_LOOKS_MAX 64

typedef enum OutboxSendResult
{
	OUTBOX_SEND_DONE, /* handed over; an answer or LOST will follow */
	OUTBOX_SEND_TOO_LARGE, /* over the server's max_payload; nothing sent */
	OUTBOX_SEND_ILLEGAL, /* subject or header not legal; nothing sent */
	OUTBOX_SEND_LOST /* the connection is gone; LOST follows */
} OutboxSendResult;

typedef enum OutboxBroadcastResult
{
	OUTBOX_BROADCAST_DONE, /* handed over */
	OUTBOX_BROADCAST_CROWDED, /* much waits to be sent; nothing sent, try later */
	OUTBOX_BROADCAST_UNFIT, /* too large or not legal; nothing sent */
	OUTBOX_BROADCAST_DENIED, /* the right to is missing in this epoch; nothing sent */
	OUTBOX_BROADCAST_LOST /* the connection is gone; LOST follows */
} OutboxBroadcastResult;

/*
 * The broker.  A connection is an *epoch*: after LOST or connect nothing of the
 * epoch before is ever heard again.  No call blocks on the network.
 */
typedef struct OutboxBrokerRoutine
{
	/*
	 * Begins a new epoch: drops the old connection with all that is in flight,
	 * connects, looks at the stream (creating it when asked to).  The outcome
	 * comes as OPENED or FAILED, within the connect timeout.
	 */
	void (*connect)(void *self);

	/* Drops the connection; the outcome of all in flight stays unknown. */
	void (*disconnect)(void *self);

	/* Sends one message.  The broker copies what it needs. */
	OutboxSendResult (*publish)(void *self, const OutboxMessage *message);

	/*
	 * Asks for the Nats-Msg-Id of the message at this sequence of the stream; the
	 * outcome comes as FOUND.  At most OUTBOX_LOOKS_MAX are asked for at a time.
	 * NULL: the broker cannot be asked.
	 */
	void (*look)(void *self, uint64_t sequence);

	/*
	 * Sends one message that no stream shall store and nobody answers for: token
	 * and expected_last do not matter.  That the right to is missing, which shows
	 * after the first one, does not end the epoch.
	 */
	OutboxBroadcastResult (*broadcast)(void *self, const OutboxMessage *message);

	/* Takes the next thing that the broker has said; false: nothing now. */
	bool (*next)(void *self, OutboxSignal *signal);
} OutboxBrokerRoutine;

/*
 * The queue: broadcasts of committed transactions, in order, on their way to the
 * relay.  It counts what becomes of each.
 */
typedef struct OutboxQueueRoutine
{
	/*
	 * The oldest broadcast, and since when it waits, by the relay's clock.  False:
	 * there is none.  Its memory is good until the next call.
	 */
	bool (*peek)(void *self, OutboxEvent *event, int64_t *since);

	/* The oldest broadcast, as peek has shown it, has met this fate and goes. */
	void (*pass)(void *self, OutboxFate fate);

	/*
	 * OUTBOX_FATE_SENT: broadcasts are queued from now on.  Any other fate: they
	 * meet it where they commit, and those in the queue meet it now.  So it is
	 * with OUTBOX_FATE_OFFLINE in the beginning.
	 */
	void (*admit)(void *self, OutboxFate fate);
} OutboxQueueRoutine;

#endif
