/*
 * launcher.h
 *		The launcher: one relay for each database that has the extension.
 */
#ifndef OUTBOX_INTERFACE_LAUNCHER_H
#define OUTBOX_INTERFACE_LAUNCHER_H

/* Registers the launcher; from _PG_init while libraries are preloaded. */
extern void outbox_launcher_register(void);

#endif
