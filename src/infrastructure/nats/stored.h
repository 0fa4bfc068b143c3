/*
 * stored.h
 *		A message of the stream, as JetStream's MSG.GET answers it.
 *
 * An answer is JSON: {"message":{"seq":7,"hdrs":"<base64>","data":"<base64>"}},
 * or {"error":{"code":404,"err_code":10037,"description":"..."}}.  Only the
 * message's id is of interest here.  Pure, like puback.h.
 */
#ifndef OUTBOX_INFRASTRUCTURE_NATS_STORED_H
#define OUTBOX_INFRASTRUCTURE_NATS_STORED_H

#include <stdbool.h>
#include <stddef.h>

#include "infrastructure/nats/puback.h"

typedef struct OutboxNatsStored
{
	OutboxNatsPubAck refusal; /* its error members, when there is one */
	bool message; /* there is a message */
	char id[256]; /* its Nats-Msg-Id; "": none */
} OutboxNatsStored;

/* False when the bytes are neither a message nor an error. */
extern bool outbox_nats_stored_parse(const char *bytes, size_t length, OutboxNatsStored *stored);

#endif
