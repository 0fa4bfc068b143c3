/*
 * change.h
 *		What a writer does to a row of an aggregate.
 */
#ifndef OUTBOX_DOMAIN_CHANGE_H
#define OUTBOX_DOMAIN_CHANGE_H

#include <stdbool.h>

typedef enum OutboxOperation
{
	OUTBOX_OPERATION_INSERT,
	OUTBOX_OPERATION_UPDATE,
	OUTBOX_OPERATION_DELETE
} OutboxOperation;

typedef struct OutboxChange
{
	OutboxOperation operation;
	bool state_kept; /* of an update: old and new state are the same, and not looked at */
	const char *old_state; /* of an update; NULL: null */
	const char *new_state; /* not of a delete; NULL: null */
} OutboxChange;

#endif
