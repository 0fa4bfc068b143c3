/*
 * census.c
 *		What waits in the tables of the outbox.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "storage/lockdefs.h"

#include "infrastructure/postgres/catalog.h"
#include "infrastructure/postgres/census.h"
#include "infrastructure/postgres/statement.h"
#include "infrastructure/postgres/transaction.h"

static OutboxStatement count = {
	.text = "SELECT CASE WHEN s.is_called THEN s.last_value ELSE 0 END,"
			"       (SELECT pg_catalog.count(*) FROM outbox.dead_letter d"
			"         WHERE d.discarded_at IS NULL),"
			"       (SELECT pg_catalog.count(*) FROM outbox.blocked),"
			"       (SELECT pg_catalog.count(*) FROM outbox.waiting)"
			"  FROM outbox.event_id_seq s",
};

void
outbox_census_take(OutboxCensus *census)
{
	int64_t *const values[] = {&census->last_id, &census->dead_letters, &census->blocked,
							   &census->waiting};
	bool isnull;

	outbox_transaction_begin();
	/* Before any table (log.h): then DROP EXTENSION has taken all of them, or none. */
	(void) outbox_catalog_lock("event_id_seq", AccessShareLock);
	SPI_connect();
	outbox_statement_run(&count, NULL);
	for (int i = 0; i < lengthof(values); i++)
		*values[i] = DatumGetInt64(outbox_statement_value(0, i + 1, &isnull));
	SPI_finish();
	outbox_transaction_commit();
}
