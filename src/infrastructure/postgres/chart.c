/*
 * chart.c
 *		The chart of an interval.
 */
#include "postgres.h"

#include "infrastructure/postgres/chart.h"

static bool continues(const OutboxChart *chart, const OutboxChartRow *row);
static OutboxZone *add_zone(OutboxChart *chart, const OutboxChartRow *row);
static int compare_zones(const void *a, const void *b);

void
outbox_chart_begin(OutboxChart *chart)
{
	if (chart->zones == NULL)
	{
		chart->capacity = 64;
		chart->zones = palloc(sizeof(OutboxZone) * chart->capacity);
	}
	chart->count = 0;
	chart->complete = false;
	chart->drawing = false;
}

void
outbox_chart_note(OutboxChart *chart, const OutboxChartRow *row)
{
	OutboxZone *zone =
		continues(chart, row) ? &chart->zones[chart->count - 1] : add_zone(chart, row);

	zone->rows++;
	zone->last_xid = row->xid;
	zone->last_block = row->block;
	if (outbox_position_compare(row->position, zone->lowest) < 0)
		zone->lowest = row->position;
	if (outbox_position_compare(row->position, zone->highest) > 0)
		zone->highest = row->position;
}

void
outbox_chart_break(OutboxChart *chart)
{
	chart->drawing = false;
}

void
outbox_chart_finish(OutboxChart *chart)
{
	qsort(chart->zones, chart->count, sizeof(OutboxZone), compare_zones);
	chart->complete = true;
}

/* Zones end between transactions; parts of one, between blocks. */
static bool
continues(const OutboxChart *chart, const OutboxChartRow *row)
{
	const OutboxZone *zone = &chart->zones[chart->count - 1];

	if (!chart->drawing || zone->child != row->child || zone->tx_count != row->tx_count)
		return false;
	if (row->tx_count > 0)
		return zone->last_xid == row->xid &&
			   (zone->rows < OUTBOX_CHART_ZONE_ROWS || zone->last_block == row->block);
	return zone->rows < OUTBOX_CHART_ZONE_ROWS || zone->last_xid == row->xid;
}

static OutboxZone *
add_zone(OutboxChart *chart, const OutboxChartRow *row)
{
	OutboxZone *zone;

	if (chart->count == chart->capacity)
	{
		chart->capacity *= 2;
		chart->zones = repalloc_huge(chart->zones, sizeof(OutboxZone) * chart->capacity);
	}
	zone = &chart->zones[chart->count++];
	*zone = (OutboxZone){.lowest = row->position,
						 .highest = row->position,
						 .first_xid = row->xid,
						 .tx_count = row->tx_count,
						 .first_block = row->block,
						 .child = row->child};
	chart->drawing = true;
	return zone;
}

static int
compare_zones(const void *a, const void *b)
{
	return outbox_position_compare(((const OutboxZone *) a)->lowest,
								   ((const OutboxZone *) b)->lowest);
}
