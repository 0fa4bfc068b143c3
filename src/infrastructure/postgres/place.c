/*
 * place.c
 *		The place of an error in an expression.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "infrastructure/postgres/place.h"

static void report_place(void *text);
static void report_hint(void);

void
outbox_place_push(struct ErrorContextCallback *callback, const char *text)
{
	callback->callback = report_place;
	callback->arg = unconstify(char *, text);
	callback->previous = error_context_stack;
	error_context_stack = callback;
}

void
outbox_place_pop(const struct ErrorContextCallback *callback)
{
	error_context_stack = callback->previous;
}

/* A place is one in the expression, not in the statement that has to do with it. */
static void
report_place(void *text)
{
	int position = geterrposition();

	if (position > 0)
	{
		errposition(0);
		internalerrposition(position);
		internalerrquery(text);
		report_hint();
	}
	else
		errcontext("expression \"%s\"", (const char *) text);
}

/* Core's own hints are kept; of a function it always has one. */
static void
report_hint(void)
{
	MemoryContext errors = MemoryContextSwitchTo(TopTransactionContext);
	ErrorData *error = CopyErrorData();

	MemoryContextSwitchTo(errors);
	if (error->sqlerrcode == ERRCODE_UNDEFINED_FUNCTION && error->hint != NULL)
		errhint("%s Names outside pg_catalog must be qualified with their schema.", error->hint);
	else if (error->hint == NULL && (error->sqlerrcode == ERRCODE_UNDEFINED_FUNCTION ||
									 error->sqlerrcode == ERRCODE_UNDEFINED_TABLE ||
									 error->sqlerrcode == ERRCODE_UNDEFINED_OBJECT))
		errhint("Names outside pg_catalog must be qualified with their schema.");
	FreeErrorData(error);
}
