/*
 * statement.h
 *		Statements on the extension's own tables, prepared when first run.
 */
#ifndef OUTBOX_INFRASTRUCTURE_POSTGRES_STATEMENT_H
#define OUTBOX_INFRASTRUCTURE_POSTGRES_STATEMENT_H

#include <stdbool.h>
#include <stdint.h>

#define OUTBOX_STATEMENT_ARGUMENTS 5

/* Lives as long as the process. */
typedef struct OutboxStatement
{
	const char *text;
	uint32_t types[OUTBOX_STATEMENT_ARGUMENTS]; /* 0: no further argument */
	struct _SPI_plan *plan;
} OutboxStatement;

/*
 * Runs a statement, inside SPI_connect, as SPI_execute does: its result is in
 * SPI_processed and SPI_tuptable.  Sees what has committed by now.
 */
extern void outbox_statement_run(OutboxStatement *statement, uintptr_t *values);

/* A value of the result. */
extern uintptr_t outbox_statement_value(uint64_t row, int column, bool *isnull);

#endif
