/*
 * origin.c
 *		Whether an outbox is where it was made, or a copy of one.
 */
#include "domain/origin.h"

static bool is_copied(const OutboxPlace *noted, const OutboxPlace *here);

OutboxOrigin
outbox_origin_decide(const OutboxPlace *noted, const OutboxPlace *here)
{
	bool other_inode = noted->directory != here->directory;
	bool other_birth = noted->born != here->born;

	if (noted->database != here->database)
		return OUTBOX_ORIGIN_OTHER_DATABASE;
	if (noted->cluster != here->cluster)
		return OUTBOX_ORIGIN_MOVED;
	if (noted->timeline == 0)
		return OUTBOX_ORIGIN_HERE;
	if (noted->timeline != here->timeline)
		return OUTBOX_ORIGIN_MOVED;
	if (!other_inode && !other_birth)
		return OUTBOX_ORIGIN_HERE;
	return is_copied(noted, here) ? OUTBOX_ORIGIN_COPIED_FILES : OUTBOX_ORIGIN_MOVED;
}

bool
outbox_origin_continues(OutboxOrigin origin)
{
	return origin == OUTBOX_ORIGIN_HERE || origin == OUTBOX_ORIGIN_MOVED;
}

int64_t
outbox_origin_next_ids(int64_t ids_from, int64_t last_id)
{
	int64_t highest = ids_from > last_id ? ids_from : last_id;

	return (highest / OUTBOX_ORIGIN_IDS + 1) * OUTBOX_ORIGIN_IDS;
}

/* The births decide, where both are known; else the inodes. */
static bool
is_copied(const OutboxPlace *noted, const OutboxPlace *here)
{
	if (noted->born != 0 && here->born != 0)
		return noted->born != here->born;
	return noted->directory != 0 && here->directory != 0 && noted->directory != here->directory;
}
