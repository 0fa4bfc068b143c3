/*
 * queue.h
 *		The queue in shared memory under the hooks of the queue's contract.
 */
#ifndef OUTBOX_TEST_CONTRACT_POSTGRES_QUEUE_H
#define OUTBOX_TEST_CONTRACT_POSTGRES_QUEUE_H

#include "contract/queue_contract.h"

extern const QueueBench postgres_queue_bench;

#endif
