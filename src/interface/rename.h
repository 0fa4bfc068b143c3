/*
 * rename.h
 *		Has rules follow what is renamed.
 */
#ifndef OUTBOX_INTERFACE_RENAME_H
#define OUTBOX_INTERFACE_RENAME_H

struct List;

/* Ties what all rules say to objects; a List of opaque notes in the current memory context. */
extern struct List *outbox_rename_note(void);

/* Writes down what these rules say now, where it is something else than then. */
extern void outbox_rename_follow(struct List *notes);

#endif
