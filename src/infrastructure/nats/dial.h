/*
 * dial.h
 *		Preparing the library's options, and wording why a connection failed.
 *
 * Inside the adapter only.
 */
#ifndef OUTBOX_INFRASTRUCTURE_NATS_DIAL_H
#define OUTBOX_INFRASTRUCTURE_NATS_DIAL_H

#include <nats/nats.h>

#include "application/ports.h"
#include "infrastructure/nats/options.h"
#include "infrastructure/nats/verdict.h"

/*
 * The library's options for connecting, with timeout in milliseconds for each
 * server.  NULL: signal is FAILED.  May wait: it reads files.
 */
extern natsOptions *outbox_nats_dial_prepare(const OutboxNatsOptions *options, int timeout,
											 OutboxSignal *signal);

/* FAILED because of this status; the library's own words follow what. */
extern void outbox_nats_dial_fail(OutboxSignal *signal, natsStatus status, const char *what);

/* Writes "what: why" on one line; why may be NULL or "". */
extern void outbox_nats_dial_word(OutboxSignal *signal, const char *what, const char *why);

#endif
