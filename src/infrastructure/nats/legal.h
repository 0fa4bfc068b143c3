/*
 * legal.h
 *		What may be sent without the server taking parts of it for commands.
 *
 * Neither the library nor the server looks: a line end in a header or a blank in a
 * subject begins something new.  Whoever published such a thing has checked it
 * before; this is the last look.  Pure.
 */
#ifndef OUTBOX_INFRASTRUCTURE_NATS_LEGAL_H
#define OUTBOX_INFRASTRUCTURE_NATS_LEGAL_H

#include <stdbool.h>

#include "application/ports.h"

/* Are subject, keys and values legal? */
extern bool outbox_nats_legal_message(const OutboxMessage *message);

#endif
