/*
 * statement.c
 *		Statements on the extension's own tables, prepared when first run.
 */
#include "postgres.h"

#include "executor/spi.h"

#include "infrastructure/postgres/statement.h"

void
outbox_statement_run(OutboxStatement *statement, uintptr_t *values)
{
	int count = 0;

	while (count < OUTBOX_STATEMENT_ARGUMENTS && statement->types[count] != InvalidOid)
		count++;
	if (statement->plan == NULL)
	{
		SPIPlanPtr plan = SPI_prepare(statement->text, count, statement->types);

		if (plan == NULL)
			elog(ERROR, "could not prepare \"%s\"", statement->text);
		SPI_keepplan(plan);
		statement->plan = plan;
	}
	if (SPI_execute_plan(statement->plan, values, NULL, false, 0) < 0)
		elog(ERROR, "could not execute \"%s\"", statement->text);
}

uintptr_t
outbox_statement_value(uint64_t row, int column, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, isnull);
}
