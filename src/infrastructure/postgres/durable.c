/*
 * durable.c
 *		Flushes WAL for commits that are visible and not yet durable.
 *
 * PostgreSQL keeps, for its hint bits, the WAL position of asynchronous commits
 * beside the commit log (TransactionIdGetCommitLSN): invalid when the commit was
 * flushed before it became visible, else the end of its commit record or, since
 * neighbours share an entry, of a later one.  It is entered before the
 * transaction leaves the list of running ones, so whoever sees the rows finds it.
 * Flushing exactly that costs nothing after synchronous commits, where flushing
 * up to the insert position would wait for everybody's WAL.
 *
 * The commit log forgets transactions that VACUUM has frozen everywhere; it
 * flushes WAL before it does, so those are durable.
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xlog.h"
#include "storage/lwlock.h"

#include "infrastructure/postgres/compat.h"
#include "infrastructure/postgres/durable.h"

void
outbox_durable_note(uint64_t *position, uint64_t xid)
{
	TransactionId short_xid = XidFromFullTransactionId(FullTransactionIdFromU64(xid));
	XLogRecPtr commit = InvalidXLogRecPtr;
	uint64 next = U64FromFullTransactionId(ReadNextFullTransactionId());

	/* Beyond the reach of 32-bit comparisons it is frozen, and so long durable. */
	if (xid >= next || next - xid > PG_INT32_MAX)
		return;
	LWLockAcquire(XactTruncationLock, LW_SHARED);
	if (TransactionIdFollowsOrEquals(short_xid, outbox_compat_oldest_clog_xid()))
		commit = TransactionIdGetCommitLSN(short_xid);
	LWLockRelease(XactTruncationLock);
	if (commit > *position)
		*position = commit;
}

void
outbox_durable_flush(uint64_t position)
{
	if (position != InvalidXLogRecPtr)
		XLogFlush(position);
}
