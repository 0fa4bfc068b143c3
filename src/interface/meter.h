/*
 * meter.h
 *		Reads off how a relay and its outbox stand, for the statistics.
 */
#ifndef OUTBOX_INTERFACE_METER_H
#define OUTBOX_INTERFACE_METER_H

#include <stdbool.h>
#include <stdint.h>

#include "application/relay.h"
#include "infrastructure/postgres/store.h"
#include "infrastructure/postgres/tally.h"

typedef struct OutboxMeter
{
	OutboxTally *tally;
	const OutboxStore *store;
	int64_t ids_from; /* there are no ids below it to wait for */
	OutboxTallyCounts before; /* as they were when this relay had counted nothing */
	OutboxTallyGauges gauges;
	int64_t counted_at; /* what waits in the tables; the relay's clock, as all times here */
	int64_t idle_at; /* nothing waited */
	bool owes; /* something may have come since: count again when it is time */
	uint64_t refused; /* when it was looked last */
} OutboxMeter;

/* Over this tally and store, which must stay. */
extern void outbox_meter_open(OutboxMeter *meter, OutboxTally *tally, const OutboxStore *store,
							  int64_t ids_from, int64_t now);

/* Sets the tally's clock; before each step of the relay. */
extern void outbox_meter_set_clock(OutboxMeter *meter, int64_t now);

/*
 * Shows what is counted, and how all stands; relay is NULL while there is none, and
 * paused while it publishes nothing because somebody said so.  After a turn.
 */
extern void outbox_meter_read(OutboxMeter *meter, const OutboxRelay *relay, bool paused,
							  int64_t now);

/*
 * After reading: how long there is nothing more to read, if nothing happens; in
 * milliseconds, at most so many.
 */
extern long outbox_meter_rest(const OutboxMeter *meter, long most, int64_t now);

#endif
