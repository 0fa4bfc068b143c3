/*
 * standby.c
 *		Whether the synchronous standbys have what is visible here.
 *
 * A commit is in the WAL before a snapshot can see it, so the place where the next
 * record goes, asked for after the snapshot was taken, is behind it.  At the
 * beginning of a page that place is behind the page's header, which nobody writes
 * before a record follows; then the end of the page before is meant.
 *
 * The walsenders keep, for the sessions that wait for synchronous replication, how
 * far enough standbys have flushed.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "access/xlog_internal.h"
#include "replication/syncrep.h"
#include "replication/walsender_private.h"
#include "storage/lwlock.h"

#include "infrastructure/postgres/standby.h"

static bool is_configured(void);
static XLogRecPtr flushed_everywhere(void);

uint64_t
outbox_standby_aim(void)
{
	XLogRecPtr position = GetXLogInsertRecPtr();
	uint64 header = XLogSegmentOffset(position, wal_segment_size) < XLOG_BLCKSZ
						? SizeOfXLogLongPHD
						: SizeOfXLogShortPHD;

	if (position % XLOG_BLCKSZ == header)
		position -= header;
	XLogFlush(position);
	return position;
}

bool
outbox_standby_has(uint64_t position)
{
	return is_configured() && flushed_everywhere() >= position;
}

void
outbox_standby_explain(uint64_t position, char *text, size_t size)
{
	XLogRecPtr flushed = flushed_everywhere();

	if (!is_configured())
		strlcpy(text, "\"synchronous_standby_names\" names no standby", size);
	else
		snprintf(text, size, "the synchronous standbys lack " UINT64_FORMAT " bytes of WAL",
				 flushed < position ? position - flushed : 0);
}

static bool
is_configured(void)
{
	return SyncRepStandbyNames != NULL && SyncRepStandbyNames[0] != '\0';
}

static XLogRecPtr
flushed_everywhere(void)
{
	XLogRecPtr flushed;

	LWLockAcquire(SyncRepLock, LW_SHARED);
	flushed = WalSndCtl->lsn[SYNC_REP_WAIT_FLUSH];
	LWLockRelease(SyncRepLock);
	return flushed;
}
