/*
 * route.h
 *		What the HTTP endpoint answers to which path.
 */
#ifndef OUTBOX_INTERFACE_ROUTE_H
#define OUTBOX_INTERFACE_ROUTE_H

#include "infrastructure/http/server.h"

/* An OutboxHttpHandler; its context is a memory context, reset with every request. */
extern void outbox_route_answer(void *context, const char *path, OutboxHttpAnswer *answer);

#endif
