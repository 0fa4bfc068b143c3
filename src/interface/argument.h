/*
 * argument.h
 *		Arguments of SQL functions: 22004 where one is null that must not be.
 */
#ifndef OUTBOX_INTERFACE_ARGUMENT_H
#define OUTBOX_INTERFACE_ARGUMENT_H

#include "infrastructure/postgres/definition.h"

struct FunctionCallInfoBaseData;

extern void outbox_argument_require(struct FunctionCallInfoBaseData *fcinfo, int argument,
									const char *name);
extern char *outbox_argument_text(struct FunctionCallInfoBaseData *fcinfo, int argument,
								  const char *name);

/* NULL of null. */
extern char *outbox_argument_optional(struct FunctionCallInfoBaseData *fcinfo, int argument);

/* An array of text or of names, neither empty nor with nulls. */
extern OutboxNames outbox_argument_names(struct FunctionCallInfoBaseData *fcinfo, int argument,
										 const char *name);

#endif
