/*
 * utility.h
 *		Commands that concern the relays, on databases and on the extension, and TRUNCATE.
 */
#ifndef OUTBOX_INTERFACE_UTILITY_H
#define OUTBOX_INTERFACE_UTILITY_H

/* Installs the hook; from _PG_init while libraries are preloaded. */
extern void outbox_utility_install(void);

#endif
