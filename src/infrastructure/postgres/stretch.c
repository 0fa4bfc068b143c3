/*
 * stretch.c
 *		The interval of the log that is being published.
 *
 * The transaction that takes a snapshot writes nothing: a transaction sees itself
 * as finished in its own pg_current_snapshot once others have moved on.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/memutils.h"

#include "infrastructure/postgres/durable.h"
#include "infrastructure/postgres/identity.h"
#include "infrastructure/postgres/log.h"
#include "infrastructure/postgres/standby.h"
#include "infrastructure/postgres/stretch.h"
#include "infrastructure/postgres/transaction.h"

static void read_snapshot(OutboxStretch *stretch, OutboxSnapshot *snapshot, const char *printed);
static void collect(OutboxStretch *stretch, OutboxPosition after);
static void pin(OutboxCursor *cursor);

void
outbox_stretch_load(OutboxStretch *stretch, const OutboxCursor *cursor)
{
	stretch->memory = CurrentMemoryContext;
	read_snapshot(stretch, &stretch->old_snapshot, cursor->old_snapshot);
	if (cursor->new_snapshot == NULL)
		return;
	/* Go on inside the interval in which the last process stopped. */
	read_snapshot(stretch, &stretch->new_snapshot, cursor->new_snapshot);
	stretch->open = true;
	stretch->interval.truncated = true;
}

bool
outbox_stretch_open(OutboxStretch *stretch, OutboxCursor *cursor)
{
	const OutboxInterval *interval = &stretch->interval;
	char *printed;

	outbox_transaction_begin();
	outbox_log_lock();
	outbox_transaction_look_again();
	printed = outbox_cursor_current_snapshot();
	stretch->restored = outbox_identity_is_restored();
	if (!stretch->restored && strcmp(printed, cursor->old_snapshot) != 0)
	{
		read_snapshot(stretch, &stretch->new_snapshot, printed);
		cursor->new_snapshot = MemoryContextStrdup(stretch->memory, printed);
		cursor->position = OUTBOX_POSITION_START;
		stretch->open = true;
		outbox_interval_reset(&stretch->interval);
		collect(stretch, cursor->position);
		if (interval->count == 0)
			outbox_stretch_close(stretch, cursor);
	}
	outbox_transaction_commit();
	if (stretch->open && (interval->count > 1 || interval->truncated))
		pin(cursor);
	return stretch->open;
}

bool
outbox_stretch_go_on(OutboxStretch *stretch, OutboxCursor *cursor)
{
	if (stretch->interval.truncated)
	{
		outbox_transaction_begin();
		collect(stretch, cursor->position);
		outbox_transaction_commit();
	}
	if (stretch->next == stretch->interval.count)
		outbox_stretch_close(stretch, cursor);
	return stretch->open;
}

void
outbox_stretch_close(OutboxStretch *stretch, OutboxCursor *cursor)
{
	OutboxSnapshot spare = stretch->old_snapshot;

	stretch->old_snapshot = stretch->new_snapshot;
	stretch->new_snapshot = spare;
	pfree(cursor->old_snapshot);
	cursor->old_snapshot = cursor->new_snapshot;
	cursor->new_snapshot = NULL;
	cursor->position = OUTBOX_POSITION_START;
	stretch->open = false;
	stretch->interval.count = 0;
	stretch->next = 0;
}

bool
outbox_stretch_is_over(const OutboxStretch *stretch)
{
	return stretch->open && !stretch->interval.truncated &&
		   stretch->next == stretch->interval.count;
}

bool
outbox_stretch_may_leave(OutboxStretch *stretch)
{
	if (!stretch->after_standbys || stretch->aim == 0)
		return true;
	if (!outbox_standby_has(stretch->aim))
		return false;
	stretch->aim = 0;
	return true;
}

void
outbox_stretch_rewind(OutboxStretch *stretch, OutboxPosition settled)
{
	const OutboxInterval *interval = &stretch->interval;

	for (stretch->next = 0; stretch->next < interval->count; stretch->next++)
		if (outbox_position_compare(interval->entries[stretch->next].position, settled) > 0)
			break;
	if (stretch->next < interval->count)
		stretch->next_index = outbox_interval_index(interval, stretch->next);
}

bool
outbox_stretch_read(OutboxStretch *stretch, OutboxReader *reader, OutboxEvent *event)
{
	const OutboxEntry *entry = &stretch->interval.entries[stretch->next];

	if (!outbox_reader_read(reader, entry, event))
	{
		stretch->interval.count = stretch->next;
		stretch->interval.truncated = true;
		return false;
	}
	if (stretch->next > 0 && entry->position.last != entry[-1].position.last)
		stretch->next_index = 1;
	stretch->next++;
	event->position = entry->position;
	event->tx_index = stretch->next_index++;
	event->tx_count = entry->tx_count;
	return true;
}

static void
read_snapshot(OutboxStretch *stretch, OutboxSnapshot *snapshot, const char *printed)
{
	uint32_t count = outbox_snapshot_text_count(printed);

	if (count > snapshot->capacity || snapshot->running == NULL)
	{
		if (snapshot->running)
			pfree(snapshot->running);
		snapshot->capacity = Max(count, 64);
		snapshot->running =
			MemoryContextAlloc(stretch->memory, sizeof(uint64_t) * snapshot->capacity);
	}
	if (!outbox_snapshot_parse(snapshot, printed))
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
						errmsg("the relay's cursor holds a malformed snapshot \"%s\"", printed)));
}

/* Collects what follows the position, and makes it durable. */
static void
collect(OutboxStretch *stretch, OutboxPosition after)
{
	MemoryContext caller;

	outbox_log_lock();
	outbox_transaction_look_again();
	caller = MemoryContextSwitchTo(stretch->memory);
	outbox_interval_collect(&stretch->interval, &stretch->old_snapshot, &stretch->new_snapshot,
							after);
	MemoryContextSwitchTo(caller);
	stretch->next = 0;
	stretch->next_index = stretch->interval.first_index;
	outbox_durable_flush(stretch->interval.newest_commit);
	stretch->aim = 0;
	if (stretch->after_standbys && stretch->interval.count > 0)
		stretch->aim = outbox_standby_aim();
}

/* Makes durable which interval is open, in a transaction that takes no snapshot of it. */
static void
pin(OutboxCursor *cursor)
{
	outbox_transaction_begin();
	ForceSyncCommit();
	outbox_cursor_save(cursor);
	outbox_transaction_commit();
}
