/*
 * persona.c
 *		Acts as somebody else for a moment.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/guc.h"

#include "infrastructure/postgres/persona.h"

#define PINNED_PATH "pg_catalog, pg_temp"

void
outbox_persona_assume(OutboxPersona *persona, uint32_t user, OutboxPersonaKind kind, bool pinned)
{
	int flags = SECURITY_LOCAL_USERID_CHANGE | SECURITY_NOFORCE_RLS;

	if (kind == OUTBOX_PERSONA_RULE)
		flags |= SECURITY_RESTRICTED_OPERATION;

	GetUserIdAndSecContext(&persona->user, &persona->context);
	SetUserIdAndSecContext(user, persona->context | flags);
	persona->nest = 0;
	if (!pinned)
		return;
	persona->nest = NewGUCNestLevel();
	(void) set_config_option("search_path", PINNED_PATH, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
}

void
outbox_persona_drop(const OutboxPersona *persona)
{
	if (persona->nest != 0)
		AtEOXact_GUC(false, persona->nest);
	SetUserIdAndSecContext(persona->user, persona->context);
}
