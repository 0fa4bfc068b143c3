/*
 * move.h
 *		Rows that an UPDATE moves from one partition to another.
 *
 * PostgreSQL fires BEFORE UPDATE for such a row, and then, when the statement ends,
 * AFTER DELETE and AFTER INSERT.  A *move* keeps the old row from the first to the
 * last, so that it is judged as the change that it is.
 */
#ifndef OUTBOX_INFRASTRUCTURE_POSTGRES_MOVE_H
#define OUTBOX_INFRASTRUCTURE_POSTGRES_MOVE_H

#include <stdbool.h>
#include <stdint.h>

struct HeapTupleData;

/* To be called once, when the library is loaded. */
extern void outbox_move_install(void);

/*
 * A row leaves this partition of the table, which is a root or an entity.  id: that of
 * the aggregate that it will belong to, or NULL.
 */
extern void outbox_move_begin(uint32_t table, const char *id, uint32_t partition,
							  struct HeapTupleData *old_row);

/* Is the deletion of this row of this partition part of a move? */
extern bool outbox_move_leaves(uint32_t partition, struct HeapTupleData *row);

/* May an insertion be the end of one? */
extern bool outbox_move_is_under_way(void);

/* The old row and its partition, if an insertion is the end of a move; else NULL. */
extern struct HeapTupleData *outbox_move_arrives(uint32_t table, const char *id,
												 uint32_t *partition);

#endif
