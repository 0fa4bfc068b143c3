/*
 * version.c
 *		How the version of an aggregate's root goes on.
 */
#include "domain/version.h"

static bool
is_stale(const OutboxVersionChange *change)
{
	if (!change->has_new || change->wanted == change->old)
		return false;
	return change->old == INT64_MAX || change->wanted != change->old + 1;
}

OutboxFault
outbox_version_next(const OutboxVersionChange *change, int64_t *next)
{
	if (!change->has_old)
	{
		*next = change->has_new ? change->wanted : 1;
		return OUTBOX_FAULT_NONE;
	}
	if (is_stale(change))
		return OUTBOX_FAULT_VERSION_STALE;
	if (change->old >= change->greatest)
		return OUTBOX_FAULT_VERSION_EXHAUSTED;
	*next = change->old + 1;
	return OUTBOX_FAULT_NONE;
}
