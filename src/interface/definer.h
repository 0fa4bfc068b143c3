/*
 * definer.h
 *		What the functions that define and undefine rules have in common.
 *
 * A definition goes: outbox_definer_open, the checks, the rows, outbox_definer_apply.
 * The caller of the SQL function must own the aggregate's tables; they are locked
 * against writers until his transaction ends.
 */
#ifndef OUTBOX_INTERFACE_DEFINER_H
#define OUTBOX_INTERFACE_DEFINER_H

#include <stdbool.h>
#include <stdint.h>

#include "infrastructure/postgres/definition.h"
#include "infrastructure/postgres/expression.h"

/* Refuses a table that cannot be one of an aggregate, or is not the caller's; locks it. */
extern void outbox_definer_take_table(uint32_t table);

/* Its qualified name, quoted; its number where it is gone. */
extern const char *outbox_definer_table_name(uint32_t table);

/* The columns that are named, by one name or by several with commas: 42703 if one is not there. */
extern OutboxNames outbox_definer_columns(uint32_t table, const char *names);
extern void outbox_definer_need_column(uint32_t table, const char *name);

/* What is defined about the root of this aggregate, whose tables are taken: 42704 if nothing is. */
extern OutboxDefinition *outbox_definer_open(const char *aggregate);

/* The same, with one more table taken. */
extern OutboxDefinition *outbox_definer_open_with(const char *aggregate, uint32_t table);

/*
 * A rule's expression over the rows of this table, in its canonical text; NULL of NULL.
 * Errors point into what was written.
 */
extern char *outbox_definer_expression(const char *text, OutboxExpressionKind kind, uint32_t table);

/* Is it a legal action? */
extern void outbox_definer_check_action(const char *action);

/* Sets a parameter of type text; NULL: null. */
extern void outbox_definer_set(uintptr_t *values, char *nulls, int parameter, const char *text);

/* The number of the next rule in this table of ours. */
extern int outbox_definer_next_number(const char *aggregate, const char *table);

/*
 * The call that was made, as SQL: the function's name, and its arguments, NULL for null.
 * Nulls at the end are left out.
 */
extern char *outbox_definer_call(const char *function, int count, const char *const *arguments);

/*
 * Has the rules take effect that this call has defined, whose first argument is the
 * aggregate: makes the triggers that they need, tries the rules, has all sessions read
 * them anew, and writes the history.
 */
extern void outbox_definer_apply(const char *function, int count, const char *const *arguments);

/* Has all sessions read them anew. */
extern void outbox_definer_refresh(const char *aggregate);

/* Writes the history only. */
extern void outbox_definer_record(const char *aggregate, const char *call);

#endif
