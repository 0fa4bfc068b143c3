/*
 * chart.h
 *		The chart of an interval: which part of the log holds which positions.
 *
 * An interval that holds more than fits into memory is collected piece by piece.
 * The first time all of it is read, and *charted*: divided into *zones*, rows that
 * are next to each other in the index, of each of which the lowest and the highest
 * position are known.  An interval does not change, so from then on only zones are
 * read that can hold what comes next, and the cost of a large interval grows with
 * its size, not with the square of it.
 *
 * Most zones are *whole*: they hold all of the interval's rows between two
 * transactions, in one child.  A transaction larger than a zone is divided by
 * places; such zones are void when the rows have moved (VACUUM FULL, CLUSTER).
 */
#ifndef OUTBOX_INFRASTRUCTURE_POSTGRES_CHART_H
#define OUTBOX_INFRASTRUCTURE_POSTGRES_CHART_H

#include <stdbool.h>
#include <stdint.h>

#include "domain/cursor.h"
#include "domain/ring.h"

/* How many rows a zone has at least, where the interval has them. */
#ifndef OUTBOX_CHART_ZONE_ROWS
#define OUTBOX_CHART_ZONE_ROWS 8192
#endif

typedef struct OutboxZone
{
	OutboxPosition lowest;
	OutboxPosition highest;
	uint64_t first_xid;
	uint64_t last_xid;
	uint32_t rows;
	uint32_t tx_count; /* of the transaction that it is a part of; 0: it is whole */
	uint32_t first_block; /* of a part */
	uint32_t last_block;
	int child;
} OutboxZone;

typedef struct OutboxChart
{
	OutboxZone *zones;
	int count;
	int capacity;
	bool complete; /* all of the interval is charted */
	bool drawing; /* the last zone may grow */
	uint32_t files[OUTBOX_RING_CHILDREN]; /* what held the rows */
} OutboxChart;

/* A row as the chart sees it. */
typedef struct OutboxChartRow
{
	OutboxPosition position;
	uint64_t xid;
	uint32_t block;
	uint32_t tx_count; /* 0: its transaction comes as a whole, in one zone */
	int child;
} OutboxChartRow;

/* Begins an empty chart; memory is taken from the current context, once. */
extern void outbox_chart_begin(OutboxChart *chart);

/* Notes the next row in the order of the index. */
extern void outbox_chart_note(OutboxChart *chart, const OutboxChartRow *row);

/* The next row is not next to the last one: others may be between them. */
extern void outbox_chart_break(OutboxChart *chart);

/* All rows are noted: puts the zones in the order of their lowest positions. */
extern void outbox_chart_finish(OutboxChart *chart);

#endif
