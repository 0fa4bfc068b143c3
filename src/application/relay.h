/*
 * relay.h
 *		Publishes what the store holds, in order, and settles what is stored.
 *
 * The relay belongs to its caller, who keeps it in memory of his own and calls
 * outbox_relay_step in a loop: when the step's wake_at has come, when the broker
 * may have said something, when a transaction has committed, and at once while a
 * step says busy.  A step never waits and does at most one slice of work.
 *
 * Time is microseconds of a clock that never goes back.
 *
 * A callback of the store may leave by longjmp.  The relay owns nothing, but must
 * not be used afterwards: whoever catches the error begins with a new relay over
 * a new store.
 */
#ifndef OUTBOX_APPLICATION_RELAY_H
#define OUTBOX_APPLICATION_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "application/ports.h"
#include "domain/delivery.h"
#include "domain/envelope.h"
#include "domain/fence.h"
#include "domain/recall.h"
#include "domain/repair.h"
#include "domain/survey.h"
#include "domain/suspicion.h"
#include "domain/tally.h"
#include "domain/window.h"

/* The most events that are fetched at once; options may ask for fewer. */
#define OUTBOX_RELAY_BATCH_MAX 1024

typedef struct OutboxRelayOptions
{
	int64_t retry_initial; /* microseconds, as all times here */
	int64_t retry_max;
	int64_t ack_timeout;
	int64_t poll_interval;
	int64_t persist_interval;
	int durable_after; /* events; 0: OUTBOX_RECALL_FORGOTTEN, the most */
	int max_in_flight; /* messages, 1 .. OUTBOX_WINDOW_MAX */
	size_t max_in_flight_bytes; /* one message may always travel */
	int batch_size; /* events, 1 .. OUTBOX_RELAY_BATCH_MAX */
	bool fenced; /* the stream is ours alone */
	OutboxEnvelopeOptions envelope; /* what it points to must stay */
	const OutboxTemplate *broadcast_template; /* must stay; NULL: nothing is broadcast */

	/* Words for a fault of sealing, for the dead letter; NULL: its number. */
	const char *(*explain)(OutboxFault fault);

	/*
	 * Told what is at hand (domain/suspicion.h) before it is touched; then one
	 * event is handled at a time.  NULL: nobody wants to know.
	 */
	void (*attend)(int64_t at_hand);
	int64_t set_aside; /* id of an event to refuse unseen, once; 0: none */
} OutboxRelayOptions;

typedef struct OutboxRelayStep
{
	int64_t wake_at; /* call again then, if not before */
	bool busy; /* there is work right now: call again at once */
} OutboxRelayStep;

/* Counted since init.  Settled events are published + refused. */
typedef struct OutboxRelayCounters
{
	uint64_t sent; /* messages handed to the broker, also again */
	uint64_t sent_bytes; /* their headers and payloads */
	uint64_t published; /* events settled because they are stored */
	uint64_t published_bytes; /* without those recalled */
	uint64_t duplicates; /* of published: answered as duplicate */
	uint64_t recalled; /* of published: found stored, not sent again */
	uint64_t refused; /* events settled as dead letters */
	uint64_t epochs; /* connections that opened */
	uint64_t failures; /* connections, or tries, that ended in trouble */
	uint64_t conflicts; /* epochs that ended because the fence was off */
	uint64_t setbacks; /* streams found to have lost what they had acked */
	uint64_t checks; /* comparisons of the stream with the trail */
	uint64_t lost; /* events found to be lost by the broker */
	uint64_t repaired; /* of them stored again; not among published */
} OutboxRelayCounters;

/* What a survey that was asked for has found (outbox_relay_verify). */
typedef struct OutboxVerification
{
	bool begun; /* it was asked for */
	bool running; /* it is not over yet; also while what was lost is repaired */
	uint64_t checked; /* entries looked at */
	uint64_t missing; /* of them lost */
	uint64_t repaired;
	uint64_t gone; /* lost for good: no longer retained */
	OutboxRelayCounters before;
	uint64_t gone_before;
} OutboxVerification;

/* How the relay stands, for people.  Times as the caller's clock. */
typedef struct OutboxRelayReport
{
	OutboxDeliveryPhase phase;
	bool troubled; /* verdict, code, text tell why; else void */
	OutboxVerdict verdict;
	int code;
	char text[OUTBOX_REASON_SIZE];
	int64_t since; /* when the trouble, or else the phase, began */
	uint32_t attempt; /* tries that failed since the last progress */
	int64_t next_retry_at; /* 0 unless offline */
	bool idle; /* all that was committed is settled */
	int64_t withheld_since; /* the store lets nothing out, 0: it does */
	int in_flight; /* messages */
	size_t in_flight_bytes;
	uint64_t last_sequence; /* the highest that the relay knows of the stream */
	OutboxStreamFacts facts; /* of the last epoch; zeros before the first */
	OutboxRelayCounters counters;
	bool checking; /* the stream is compared before anything is sent */
	bool comparing; /* it is compared, also beside the publishing */
	int64_t refused_event; /* the last one that was refused; 0: none */
	int refused_code;
	char refused_text[OUTBOX_REASON_SIZE];
	int64_t set_aside; /* of the options, until it is done */
	uint64_t waiting; /* lost events that are still to be sent again */
	uint64_t gone; /* lost events that were no longer retained */
	int64_t verified_at; /* the stream held all that it should; 0: never, or not now */
	OutboxVerification verification;
} OutboxRelayReport;

/* The part of it that is looked at often. */
typedef struct OutboxRelayGlance
{
	const OutboxRelayCounters *counters; /* good as long as the relay */
	bool idle;
	uint64_t gone;
	int64_t oldest_at; /* the oldest event at hand was emitted, since 1970; 0: none is */
} OutboxRelayGlance;

/* The first failing answer of an epoch: nothing after it is sent or believed. */
typedef struct OutboxRelayHalt
{
	bool set;
	uint64_t token; /* of the first message that it concerns */
	OutboxVerdict verdict;
	int code;
	char text[OUTBOX_REASON_SIZE];
} OutboxRelayHalt;

typedef enum OutboxInspectionPhase
{
	OUTBOX_INSPECTION_STREAM, /* the stream's end is checked, or there is no epoch */
	OUTBOX_INSPECTION_CHECK,
	OUTBOX_INSPECTION_CONFIRM /* of a loss, entry by entry */
} OutboxInspectionPhase;

/* How the stream is compared with the trail; see repair.h. */
typedef struct OutboxInspection
{
	OutboxInspectionPhase phase;
	OutboxRepair repair;
	OutboxSurvey survey;
	OutboxTrailEntry tail; /* looked at beside the publishing; sequence 0: none */
	int64_t looked_at;
	int64_t verified_at; /* 0: never */
	bool losing; /* something was found to be lost in this epoch */
	uint64_t missing; /* what was to be sent again when that was found */
	int64_t hopeless_until; /* the broker knows ids of what it cannot read */
	bool survey_due;
	bool wants_epoch;
	OutboxVerification verification;
} OutboxInspection;

/* About 700 kB; private to relay.c, settle.c, publish.c, repair.c and broadcast.c. */
typedef struct OutboxRelay
{
	OutboxRelayOptions options;
	const OutboxStoreRoutine *store;
	void *store_self;
	const OutboxBrokerRoutine *broker;
	void *broker_self;
	char *scratch;
	size_t scratch_size;

	OutboxDelivery delivery;
	OutboxFence fence;
	OutboxWindow window;
	OutboxRelayHalt halt;
	OutboxStreamFacts facts;
	int64_t began_at; /* when the epoch was asked for */
	int64_t inherited_until; /* what an earlier process sent may be stored */
	OutboxRelayCounters counters;
	int64_t refused_event; /* the last one that was refused; 0: none */
	int refused_code;
	char refused_text[OUTBOX_REASON_SIZE];
	int code; /* of delivery.cause */
	char text[OUTBOX_REASON_SIZE];

	OutboxEvent slice[OUTBOX_RELAY_BATCH_MAX];
	int slice_count;
	int slice_next;
	OutboxEnvelope envelope; /* of the event at hand */

	bool woken; /* something may have committed since the fetch */
	bool idle; /* all is settled and the store had nothing more */
	bool drained; /* the open interval holds no more */
	bool withheld; /* the store has more that must not be published yet */
	int64_t withheld_since;
	int64_t blocked_until; /* the next event waits, for an answer in any case */
	bool dirty; /* settled more than was persisted */
	int forgettable; /* events settled that a crash may forget */
	int64_t poll_at; /* when idle, or when withheld: when to look again */
	int64_t persisted_at;

	OutboxRecall recall;
	int64_t recalled_at; /* when it answered last, or was asked first */
	bool sifting; /* the recall sifts the stream */
	int64_t stranger; /* an event that proves another life of ours; 0: none */

	OutboxTally *tally; /* NULL: nobody counts beyond counters */

	const OutboxQueueRoutine *queue; /* NULL: nothing is broadcast */
	void *queue_self;
	OutboxFate admitted; /* what the queue was told last */
	bool queued; /* the last slice of broadcasts has left some */
	int64_t broadcast_id; /* of the last one */

	OutboxInspection inspection;
} OutboxRelay;

/* What a relay works with; init copies it. */
typedef struct OutboxRelayPorts
{
	const OutboxStoreRoutine *store;
	void *store_self;
	const OutboxBrokerRoutine *broker;
	void *broker_self;

	/*
	 * To seal one message in: outbox_envelope_scratch_size of the largest
	 * payload that the broker may take (facts.max_payload).
	 */
	char *scratch;
	size_t scratch_size;

	const OutboxQueueRoutine *queue; /* NULL: nothing is broadcast */
	void *queue_self;

	/* Kept by the caller, who sets its clock before each step; NULL: nothing is counted. */
	OutboxTally *tally;
} OutboxRelayPorts;

/* Offline, due at once.  Calls store->settled. */
extern void outbox_relay_init(OutboxRelay *relay, const OutboxRelayOptions *options,
							  const OutboxRelayPorts *ports, uint64_t seed, int64_t now);

/*
 * Does what is due.  woken: something may have committed since the last step.
 */
extern OutboxRelayStep outbox_relay_step(OutboxRelay *relay, int64_t now, bool woken);

/*
 * Takes new options.  reconnect: the broker's settings have changed, begin a new
 * epoch at once; a change of fenced does so too.  A relay that is offline tries
 * at once in any case.
 */
extern void outbox_relay_reconfigure(OutboxRelay *relay, const OutboxRelayOptions *options,
									 bool reconnect, int64_t now);

/* Persists what is settled and disconnects; steps may follow and connect again. */
extern void outbox_relay_pause(OutboxRelay *relay, int64_t now);

/* Begins a new epoch at once, without blame. */
extern void outbox_relay_restart(OutboxRelay *relay, int64_t now);

/*
 * Looks whether the stream still holds the newest event that it should; the report
 * tells when it did last.  For every now and then: it costs one look.
 */
extern void outbox_relay_check(OutboxRelay *relay, int64_t now);

/*
 * Begins an epoch that looks at all that the stream should hold, beside the
 * publishing, and repairs what is lost.  The report has the outcome.
 */
extern void outbox_relay_verify(OutboxRelay *relay, int64_t now);

extern void outbox_relay_report(const OutboxRelay *relay, OutboxRelayReport *report);
extern void outbox_relay_glance(const OutboxRelay *relay, OutboxRelayGlance *glance);

/* The stranger (sift.h) for whom the relay has given up; 0: it has not. */
extern int64_t outbox_relay_stranger(const OutboxRelay *relay);

#endif
