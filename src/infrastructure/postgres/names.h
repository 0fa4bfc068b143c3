/*
 * names.h
 *		The names of the databases, by slot: who is connected to none cannot look them up.
 *
 * Locking: the launcher alone writes; names are copied in and out under a spinlock.
 */
#ifndef OUTBOX_INFRASTRUCTURE_POSTGRES_NAMES_H
#define OUTBOX_INFRASTRUCTURE_POSTGRES_NAMES_H

#define OUTBOX_NAME_SIZE 64

/* Asks for shared memory; from _PG_init while libraries are preloaded. */
extern void outbox_names_request(void);

/* The slot's database has this name.  The launcher's. */
extern void outbox_names_note(int slot, const char *name);

/* Fills in the name, OUTBOX_NAME_SIZE bytes; "" when it is not known. */
extern void outbox_names_read(int slot, char *name);

#endif
