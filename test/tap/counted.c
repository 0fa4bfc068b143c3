/*
 * counted.c
 *		A library to preload behind cleanoutbox: counts, for the tests, what sessions
 *		count in the same shared memory.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "infrastructure/postgres/shared.h"
#include "infrastructure/postgres/statistics.h"

PG_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);
PG_FUNCTION_INFO_V1(count_transition);
PG_FUNCTION_INFO_V1(count_violation);

void
_PG_init(void)
{
	outbox_shared_request();
	outbox_statistics_request();
}

/* (aggregate text, from_state text, to_state text) */
Datum
count_transition(PG_FUNCTION_ARGS)
{
	outbox_statistics_count_transition(text_to_cstring(PG_GETARG_TEXT_PP(0)),
									   text_to_cstring(PG_GETARG_TEXT_PP(1)),
									   text_to_cstring(PG_GETARG_TEXT_PP(2)));
	PG_RETURN_VOID();
}

/* (aggregate text, rule text) */
Datum
count_violation(PG_FUNCTION_ARGS)
{
	outbox_statistics_count_violation(text_to_cstring(PG_GETARG_TEXT_PP(0)),
									  text_to_cstring(PG_GETARG_TEXT_PP(1)));
	PG_RETURN_VOID();
}
