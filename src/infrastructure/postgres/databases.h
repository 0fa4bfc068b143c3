/*
 * databases.h
 *		The databases that may have a relay.
 */
#ifndef OUTBOX_INFRASTRUCTURE_POSTGRES_DATABASES_H
#define OUTBOX_INFRASTRUCTURE_POSTGRES_DATABASES_H

#include <stdint.h>

/* PostgreSQL's names have that many bytes at the most, with their end. */
#define OUTBOX_NAME_SIZE 64

typedef struct OutboxDatabase
{
	uint32_t oid;
	char name[OUTBOX_NAME_SIZE]; /* in its own encoding */
	int slot; /* the caller's (shared.h) */
} OutboxDatabase;

/*
 * All of them, in the current context; returns how many.  Runs a transaction of its
 * own; whoever calls need be connected to no database.
 */
extern int outbox_databases_list(OutboxDatabase **databases);

#endif
