/*
 * binding.h
 *		The settings, put into the terms of the relay and of the broker.
 */
#ifndef OUTBOX_INTERFACE_BINDING_H
#define OUTBOX_INTERFACE_BINDING_H

#include <stdbool.h>

#include "application/relay.h"
#include "infrastructure/nats/broker.h"

typedef struct OutboxBinding
{
	char database[256];
	char stream[256];
	char uuid[64];
	OutboxTemplate template;
	char pattern[256]; /* what all subjects look like */
	OutboxTemplate broadcast_template;
	char broadcast_pattern[256];
	char reason[256]; /* why the settings cannot be used */
} OutboxBinding;

/* Takes the names that the settings give; false, with reason, when they do not fit. */
extern bool outbox_binding_prepare(OutboxBinding *binding);

/* The relay's options; they point into the binding. */
extern void outbox_binding_relay(const OutboxBinding *binding, OutboxRelayOptions *options);

/*
 * Gives the broker its options, reading secrets from their files.  False, with
 * reason, when a file cannot be used.
 */
extern bool outbox_binding_broker(OutboxBinding *binding, OutboxNatsBroker *broker);

#endif
