/*
 * ledger.h
 *		The store with a memory: fills OutboxStoreRoutine over the log's store.
 *
 * The ledger passes everything on to the store, and keeps the trail beside it: what
 * is noted is written down in the transaction that writes the store's cursor.  When
 * something was lost, it hands that out again (rebuild.h) before the store is asked
 * for anything more; the store stands still meanwhile.
 *
 * A trail belongs to a stream, by its name.
 */
#ifndef OUTBOX_INFRASTRUCTURE_POSTGRES_LEDGER_H
#define OUTBOX_INFRASTRUCTURE_POSTGRES_LEDGER_H

#include "application/ports.h"
#include "infrastructure/postgres/store.h"

typedef struct OutboxLedger OutboxLedger;

/* Over this store.  Lives in the current memory context, for as long as the process. */
extern OutboxLedger *outbox_ledger_create(OutboxStore *store);

/*
 * The stream that everything is about from now on; nothing may be in flight.  Runs
 * transactions of its own.
 */
extern void outbox_ledger_follow(OutboxLedger *ledger, const char *stream);

extern const OutboxStoreRoutine outbox_postgres_ledger;

#endif
