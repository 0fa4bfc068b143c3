/*
 * puback.h
 *		The broker's answer to one published message, taken apart.
 *
 * An answer is JSON: {"stream":"S","seq":7}, also with "duplicate":true, or
 * {"error":{"code":400,"err_code":10071,"description":"..."}, ...}.  Pure: no
 * allocation, no library; whatever bytes come are read safely.
 */
#ifndef OUTBOX_INFRASTRUCTURE_NATS_PUBACK_H
#define OUTBOX_INFRASTRUCTURE_NATS_PUBACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "infrastructure/nats/options.h"

typedef struct OutboxNatsPubAck
{
	bool error;
	int code; /* of the error, like HTTP's; 0: not given */
	int err_code; /* of the error, JetStream's own; 0: not given */
	char description[160]; /* of the error */
	char stream[OUTBOX_NATS_STREAM_SIZE]; /* where it is stored */
	uint64_t sequence; /* as what */
	bool duplicate;
} OutboxNatsPubAck;

/* False when the bytes are not an answer: neither a stored place nor an error. */
extern bool outbox_nats_puback_parse(const char *bytes, size_t length, OutboxNatsPubAck *ack);

#endif
