/*
 * announcement.c
 *		Tells listeners (LISTEN) how far publishing has got.
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/async.h"

#include "infrastructure/postgres/announcement.h"
#include "infrastructure/postgres/transaction.h"

static void notify(const char *channel, uint64_t sequence);
static void recover(const char *channel);

bool
outbox_announcement_send(const char *channel, uint64_t sequence)
{
	MemoryContext caller = CurrentMemoryContext;
	volatile bool sent = false;

	PG_TRY();
	{
		notify(channel, sequence);
		sent = true;
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(caller);
		recover(channel);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	return sent;
}

static void
notify(const char *channel, uint64_t sequence)
{
	char payload[128];

	snprintf(payload, sizeof(payload), "{\"stream_sequence\": " UINT64_FORMAT "}", sequence);
	outbox_transaction_begin();
	Async_Notify(channel, payload);
	outbox_transaction_commit();
}

static void
recover(const char *channel)
{
	EmitErrorReport();
	FlushErrorState();
	AbortCurrentTransaction();
	ereport(WARNING, (errmsg("nothing more is announced on channel \"%s\"", channel),
					  errhint("Reload the configuration to try again.")));
}
