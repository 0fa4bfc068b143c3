/*
 * broker_driver.h
 *		The verbs of the broker suite: begin, send, hear, expect.
 *
 * What is not as expected fails the running test.
 */
#ifndef OUTBOX_TEST_CONTRACT_BROKER_DRIVER_H
#define OUTBOX_TEST_CONTRACT_BROKER_DRIVER_H

#include "contract/broker_contract.h"

/* A bench in use. */
typedef struct BrokerDriver
{
	void *bench;
	void *self;
	uint64_t token; /* used last */
	OutboxSignal signal; /* heard last */
} BrokerDriver;

/* The bench of the suite that runs. */
extern const BrokerBench *driver_bench;

#define DRIVER_DEADLINE 15000 /* ms that anything may take */

/* A new bench with this stream; begin_open: with one to make, connected. */
extern BrokerDriver driver_begin(BrokerStream stream);
extern BrokerDriver driver_begin_open(void);
extern void driver_finish(BrokerDriver *test);

/* Connects and expects OPENED. */
extern void driver_open(BrokerDriver *test);

/* Waits for the next signal; false: none came in time. */
extern bool driver_hear(BrokerDriver *test, long milliseconds);

/* The next signal is this one; an OPENED has no verdict. */
extern void driver_expect(BrokerDriver *test, OutboxSignalKind kind, OutboxVerdict verdict);
extern void driver_expect_answer(BrokerDriver *test, OutboxVerdict verdict, uint64_t token,
								 uint64_t sequence);
extern void driver_expect_silence(BrokerDriver *test);

/*
 * Publishes under the next token: this message; a small one, id as its
 * Nats-Msg-Id or NULL for no headers; one byte to this subject; so many bytes.
 */
extern OutboxSendResult driver_send(BrokerDriver *test, OutboxMessage *message, const char *id);
extern OutboxSendResult driver_send_small(BrokerDriver *test, const char *id,
										  uint64_t expected_last);
extern OutboxSendResult driver_send_to(BrokerDriver *test, const char *subject);
extern OutboxSendResult driver_send_bytes(BrokerDriver *test, size_t length);

/* Broadcasts so many bytes to this subject. */
extern OutboxBroadcastResult driver_broadcast(BrokerDriver *test, const char *subject,
											  size_t length);

/* Waits until so many broadcasts have been heard, neither fewer nor more. */
extern void driver_expect_heard(BrokerDriver *test, uint64_t count);

/* A small one that the broker must take. */
extern void driver_must_send(BrokerDriver *test, const char *id, uint64_t expected_last);

/* The part of the suite about broadcasts. */
extern int broker_broadcasts_run(void);

#endif
