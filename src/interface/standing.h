/*
 * standing.h
 *		How the outbox of a database stands, as far as shared memory tells: for who is
 *		connected to no database.
 */
#ifndef OUTBOX_INTERFACE_STANDING_H
#define OUTBOX_INTERFACE_STANDING_H

#include <stdbool.h>
#include <stdint.h>

#include "infrastructure/postgres/names.h"
#include "infrastructure/postgres/shared.h"

#define OUTBOX_STANDING_UNKNOWN (-1)

/* What publishing takes, each in need of the one before. */
typedef enum OutboxStandingPart
{
	OUTBOX_STANDING_RELAY,
	OUTBOX_STANDING_BROKER,
	OUTBOX_STANDING_STREAM,
	OUTBOX_STANDING_NOTHING /* all is well */
} OutboxStandingPart;

typedef struct OutboxStanding
{
	char database[OUTBOX_NAME_SIZE];
	const char *state; /* as in outbox.status */
	const char *hint; /* what to do; NULL: nothing */
	bool wanted; /* nobody has turned it off */
	OutboxStandingPart amiss; /* what is not as it should be */
	int64_t since; /* of the state, TimestampTz */
	OutboxRelayStatus relay; /* zeros where there is none */
	int64_t backlog; /* events */
	int64_t oldest; /* when the first of them was emitted, TimestampTz; 0: none */
	int64_t dead_letters;
	int64_t blocked_aggregates;
} OutboxStanding;

/* False: the slot's database has no outbox. */
extern bool outbox_standing_read(int slot, OutboxStanding *standing);

#endif
