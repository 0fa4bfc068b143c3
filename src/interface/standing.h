/*
 * standing.h
 *		What to make of the state that a database's outbox is in: for who is connected to
 *		no database.
 */
#ifndef OUTBOX_INTERFACE_STANDING_H
#define OUTBOX_INTERFACE_STANDING_H

#include <stdbool.h>

#include "interface/overview.h"

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
	const char *state; /* as in outbox.status */
	const char *reason; /* of the state, in words; NULL: none is known */
	const char *hint; /* what to do; NULL: nothing */
	OutboxStandingPart amiss; /* what is not as it should be */
	bool wanted; /* nobody has turned it off */
} OutboxStanding;

/* The reason is the overview's, and lasts as long. */
extern void outbox_standing_find(OutboxStanding *standing, const OutboxOverview *overview);

#endif
