/*
 * argument.c
 *		Arguments of SQL functions.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "interface/argument.h"

void
outbox_argument_require(FunctionCallInfo fcinfo, int argument, const char *name)
{
	if (PG_ARGISNULL(argument))
		ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				errmsg("%s must not be null", name));
}

char *
outbox_argument_text(FunctionCallInfo fcinfo, int argument, const char *name)
{
	outbox_argument_require(fcinfo, argument, name);
	return text_to_cstring(PG_GETARG_TEXT_PP(argument));
}

char *
outbox_argument_optional(FunctionCallInfo fcinfo, int argument)
{
	return PG_ARGISNULL(argument) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(argument));
}

/* An array of text or of names. */
OutboxNames
outbox_argument_names(FunctionCallInfo fcinfo, int argument, const char *name)
{
	OutboxNames names = {0};
	ArrayType *array;
	Datum *elements;
	bool *nulls;
	bool are_names;

	outbox_argument_require(fcinfo, argument, name);
	array = PG_GETARG_ARRAYTYPE_P(argument);
	are_names = ARR_ELEMTYPE(array) == NAMEOID;
	deconstruct_array(array, ARR_ELEMTYPE(array), are_names ? NAMEDATALEN : -1, false,
					  are_names ? TYPALIGN_CHAR : TYPALIGN_INT, &elements, &nulls, &names.count);
	if (names.count == 0)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("%s must not be empty", name));
	names.names = palloc(sizeof(char *) * names.count);
	for (int i = 0; i < names.count; i++)
	{
		if (nulls[i])
			ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					errmsg("%s must not hold nulls", name));
		names.names[i] = are_names ? pstrdup(NameStr(*DatumGetName(elements[i])))
								   : TextDatumGetCString(elements[i]);
	}
	return names;
}
