/*
 * identity.h
 *		Which outbox this is, and whether this server and database are its own.
 */
#ifndef OUTBOX_INFRASTRUCTURE_POSTGRES_IDENTITY_H
#define OUTBOX_INFRASTRUCTURE_POSTGRES_IDENTITY_H

#include <stdbool.h>

#define OUTBOX_UUID_SIZE 37

typedef struct OutboxIdentity
{
	char uuid[OUTBOX_UUID_SIZE];
	bool native; /* made on this server and in this database */
} OutboxIdentity;

/* Reads outbox.identity, inside a transaction. */
extern void outbox_identity_load(OutboxIdentity *identity);

#endif
