/*
 * ddl.h
 *		Has rules follow what is renamed, and go with what is dropped.
 */
#ifndef OUTBOX_INTERFACE_DDL_H
#define OUTBOX_INTERFACE_DDL_H

/* To be called once, when the library is loaded. */
extern void outbox_ddl_install(void);

#endif
