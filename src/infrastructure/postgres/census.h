/*
 * census.h
 *		What waits in the tables of the outbox, counted now and then by the relay.
 */
#ifndef OUTBOX_INFRASTRUCTURE_POSTGRES_CENSUS_H
#define OUTBOX_INFRASTRUCTURE_POSTGRES_CENSUS_H

#include <stdint.h>

typedef struct OutboxCensus
{
	int64_t last_id; /* given out to an event, committed or not; 0: none was */
	int64_t dead_letters; /* that are not given up */
	int64_t blocked; /* aggregates */
	int64_t waiting; /* events behind dead letters */
} OutboxCensus;

/* Counts, in a transaction of its own. */
extern void outbox_census_take(OutboxCensus *census);

#endif
