/*
 * persona.h
 *		Acts as somebody else for a moment: as the owner of a table whose rules are
 *		judged, or as the owner of the extension.
 */
#ifndef OUTBOX_INFRASTRUCTURE_POSTGRES_PERSONA_H
#define OUTBOX_INFRASTRUCTURE_POSTGRES_PERSONA_H

#include <stdbool.h>
#include <stdint.h>

/* What is put back; an error puts it back, too, with the (sub)transaction. */
typedef struct OutboxPersona
{
	uint32_t user;
	int context;
	int nest; /* of settings, 0: they were left */
} OutboxPersona;

/*
 * How far the one who is acted as is trusted.  RULE: expressions of a table's owner,
 * in a security-restricted operation.  TABLE: statements of ours on the owner's
 * tables, which run his triggers as a foreign key's do; policies do not bind them.
 */
typedef enum OutboxPersonaKind
{
	OUTBOX_PERSONA_RULE,
	OUTBOX_PERSONA_TABLE
} OutboxPersonaKind;

/* Becomes this user; pinned: names are looked up in pg_catalog alone. */
extern void outbox_persona_assume(OutboxPersona *persona, uint32_t user, OutboxPersonaKind kind,
								  bool pinned);

/* Becomes who it was before. */
extern void outbox_persona_drop(const OutboxPersona *persona);

#endif
