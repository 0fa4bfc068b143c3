/*
 * origin.h
 *		Whether an outbox is where it was made, or a copy of one.
 *
 * The *place* of an outbox is the cluster, the database, the timeline and the
 * data directory that it was seen in last.  Files carry it along, dumps do not.
 *
 *	- Another database: a template copy.  Object ids of databases are kept by
 *	  everything that continues one, pg_upgrade included.
 *	- Another cluster: pg_upgrade, which alone takes files into a new cluster.
 *	- Another timeline: a standby that was promoted, or a recovery to a point in
 *	  time.  Which of both, the stream tells.
 *	- Another data directory, and nothing else: copied files.  A directory is
 *	  known by its inode and its birth, as far as the filesystem tells them; where
 *	  it does not, the directory counts as moved.
 *
 * Ids of events come from a sequence, and a copy's sequence gives out those that
 * the original gives out, too.  So wherever the place is another one, ids go on
 * at the next multiple of OUTBOX_ORIGIN_IDS: original and copy never use the same
 * id for two events.
 */
#ifndef OUTBOX_DOMAIN_ORIGIN_H
#define OUTBOX_DOMAIN_ORIGIN_H

#include <stdbool.h>
#include <stdint.h>

#define OUTBOX_ORIGIN_IDS INT64_C(1000000000000)

typedef struct OutboxPlace
{
	uint64_t cluster; /* PostgreSQL's system identifier */
	uint32_t database;
	uint32_t timeline; /* 0: not known yet, nor what follows */
	uint64_t directory; /* inode; 0: not reliable there */
	int64_t born; /* of the directory, in nanoseconds; 0: not known */
} OutboxPlace;

typedef enum OutboxOrigin
{
	OUTBOX_ORIGIN_HERE,
	OUTBOX_ORIGIN_MOVED, /* elsewhere, as the same outbox: it continues */
	OUTBOX_ORIGIN_OTHER_DATABASE, /* a copy */
	OUTBOX_ORIGIN_COPIED_FILES, /* a copy */
	OUTBOX_ORIGIN_RESTORED /* a copy, from a dump */
} OutboxOrigin;

extern OutboxOrigin outbox_origin_decide(const OutboxPlace *noted, const OutboxPlace *here);

/* May it go on publishing without being asked? */
extern bool outbox_origin_continues(OutboxOrigin origin);

/* Where ids go on at another place, beyond both. */
extern int64_t outbox_origin_next_ids(int64_t ids_from, int64_t last_id);

#endif
