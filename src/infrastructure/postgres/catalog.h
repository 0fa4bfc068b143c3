/*
 * catalog.h
 *		Finds the extension's own relations.
 */
#ifndef OUTBOX_INFRASTRUCTURE_POSTGRES_CATALOG_H
#define OUTBOX_INFRASTRUCTURE_POSTGRES_CATALOG_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Oid of relation outbox.<name>.  Errors with undefined_table when the
 * extension is not there (any more).
 */
extern uint32_t outbox_catalog_relation(const char *name);

/* The same, locked in this mode until the transaction ends, and still there. */
extern uint32_t outbox_catalog_lock(const char *name, int mode);

/* How often PostgreSQL has told this session that a relation or schema has changed. */
extern uint64_t outbox_catalog_changes(void);

/* Has relation outbox.<name> a row that the active snapshot sees? */
extern bool outbox_catalog_has_rows(const char *name);

/* Oid of the installed extension, 0 when there is none in this database. */
extern uint32_t outbox_catalog_extension(void);

/* Owner of the extension; 0 when there is none. */
extern uint32_t outbox_catalog_owner(void);

/* Owner of a table, schema of an operator; errors where there is none. */
extern uint32_t outbox_catalog_table_owner(uint32_t table);
extern uint32_t outbox_catalog_operator_schema(uint32_t operator);

#endif
