/*
 * cursor.c
 *		How far a reader of the log has got.
 */
#include "domain/cursor.h"

#include <string.h>

int
outbox_position_compare(OutboxPosition a, OutboxPosition b)
{
	if (a.last != b.last)
		return a.last < b.last ? -1 : 1;
	return a.id == b.id ? 0 : a.id < b.id ? -1 : 1;
}

/* Reads a decimal number without sign or leading zero; moves behind it. */
static bool
take_number(const char **at, uint64_t *number)
{
	const char *start = *at;
	uint64_t value = 0;

	for (; **at >= '0' && **at <= '9'; (*at)++)
	{
		uint64_t digit = (uint64_t) (**at - '0');

		if (value > (UINT64_MAX - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*number = value;
	return *at > start && (*start != '0' || *at == start + 1);
}

static bool
take_char(const char **at, char c)
{
	if (**at != c)
		return false;
	(*at)++;
	return true;
}

/* Reads "xip,xip,...", each above the one before and in the snapshot's range. */
static bool
take_running(OutboxSnapshot *snapshot, const char **at)
{
	uint64_t least = snapshot->xmin;

	do
	{
		uint64_t xid;

		if (!take_number(at, &xid) || xid < least || xid >= snapshot->xmax ||
			snapshot->count >= snapshot->capacity)
			return false;
		snapshot->running[snapshot->count++] = xid;
		least = xid + 1;
	} while (take_char(at, ','));
	return true;
}

bool
outbox_snapshot_parse(OutboxSnapshot *snapshot, const char *text)
{
	const char *at = text;

	snapshot->count = 0;
	if (!take_number(&at, &snapshot->xmin) || !take_char(&at, ':') ||
		!take_number(&at, &snapshot->xmax) || !take_char(&at, ':'))
		return false;
	if (snapshot->xmin == 0 || snapshot->xmax < snapshot->xmin)
		return false;
	if (*at != '\0' && !take_running(snapshot, &at))
		return false;
	return *at == '\0';
}

uint32_t
outbox_snapshot_text_count(const char *text)
{
	const char *list = strrchr(text, ':');
	uint32_t count = 1;

	if (list == NULL || list[1] == '\0')
		return 0;
	for (const char *at = list; *at != '\0'; at++)
		count += *at == ',';
	return count;
}

bool
outbox_snapshot_sees(const OutboxSnapshot *snapshot, uint64_t xid)
{
	uint32_t low = 0;
	uint32_t high = snapshot->count;

	if (xid < snapshot->xmin)
		return true;
	if (xid >= snapshot->xmax)
		return false;
	while (low < high)
	{
		uint32_t middle = low + (high - low) / 2;

		if (snapshot->running[middle] < xid)
			low = middle + 1;
		else
			high = middle;
	}
	return low == snapshot->count || snapshot->running[low] != xid;
}

bool
outbox_interval_contains(const OutboxSnapshot *old_snapshot, const OutboxSnapshot *new_snapshot,
						 uint64_t xid)
{
	return outbox_snapshot_sees(new_snapshot, xid) && !outbox_snapshot_sees(old_snapshot, xid);
}
