/*
 * fuzz_snapshot.c
 *		A snapshot that is accepted prints as the text it was read from, and sees
 *		what a search from the front would see.
 */
#include "domain/cursor.h"

#include <inttypes.h>

#include "property.h"

static char *
print(const OutboxSnapshot *snapshot)
{
	size_t size = 64 + 21 * (size_t) snapshot->count;
	char *text = malloc(size);
	size_t at =
		(size_t) snprintf(text, size, "%" PRIu64 ":%" PRIu64 ":", snapshot->xmin, snapshot->xmax);

	for (uint32_t i = 0; i < snapshot->count; i++)
		at += (size_t) snprintf(text + at, size - at, "%s%" PRIu64, i == 0 ? "" : ",",
								snapshot->running[i]);
	return text;
}

static bool
sees_slowly(const OutboxSnapshot *snapshot, uint64_t xid)
{
	for (uint32_t i = 0; i < snapshot->count; i++)
	{
		if (snapshot->running[i] == xid)
			return false;
	}
	return xid < snapshot->xmax;
}

static void
check_around(const OutboxSnapshot *snapshot, uint64_t xid)
{
	for (uint64_t near = xid - 2; near != xid + 3; near++)
	{
		PROPERTY(outbox_snapshot_sees(snapshot, near) == sees_slowly(snapshot, near));
		PROPERTY(!outbox_interval_contains(snapshot, snapshot, near));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = terminated(data, size);
	uint32_t count = outbox_snapshot_text_count(text);
	OutboxSnapshot snapshot = {.capacity = count};

	snapshot.running = malloc(count * sizeof(uint64_t));
	if (outbox_snapshot_parse(&snapshot, text))
	{
		char *again = print(&snapshot);

		PROPERTY(strcmp(text, again) == 0);
		PROPERTY(snapshot.count == count);
		PROPERTY(snapshot.xmin > 0 && snapshot.xmin <= snapshot.xmax);
		check_around(&snapshot, snapshot.xmin);
		check_around(&snapshot, snapshot.xmax);
		for (uint32_t i = 0; i < count; i++)
			check_around(&snapshot, snapshot.running[i]);
		free(again);
	}
	free(snapshot.running);
	free(text);
	return 0;
}
