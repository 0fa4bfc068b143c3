/*
 * store.h
 *		The log as the relay's store: fills OutboxStoreRoutine.
 */
#ifndef OUTBOX_INFRASTRUCTURE_POSTGRES_STORE_H
#define OUTBOX_INFRASTRUCTURE_POSTGRES_STORE_H

#include "application/ports.h"

typedef struct OutboxStore OutboxStore;

/*
 * Makes a store at the persisted cursor.  Runs a transaction of its own, as
 * every call of the routine does: none may be open.  The store lives in the
 * memory context that is current, for as long as the process.
 */
extern OutboxStore *outbox_store_create(void);

/*
 * Announce on this channel (NOTIFY) what persist writes down; NULL or "": none.
 * The string must outlive the store or the next call.
 */
extern void outbox_store_announce_on(OutboxStore *store, const char *channel);

/* Shall later events of its aggregate wait behind an event refused from now on? */
extern void outbox_store_block_on_refusal(OutboxStore *store, bool blocking);

/* Shall the synchronous standbys have what is collected from now on first? */
extern void outbox_store_publish_after_standbys(OutboxStore *store, bool after);

/* Words for why events are withheld. */
extern void outbox_store_explain_withheld(const OutboxStore *store, char *text, size_t size);

/* Was a dump restored since the store was made?  Then nothing new is fetched. */
extern bool outbox_store_is_restored(const OutboxStore *store);

/* Called inside each transaction that writes the cursor, before it does; NULL: nothing. */
extern void outbox_store_on_save(OutboxStore *store, void (*save)(void *context), void *context);

/*
 * Something is settled that is no event of the store's, and the stream stands there:
 * the next persist writes it down, with what outbox_store_on_save adds.
 */
extern void outbox_store_stand_at(OutboxStore *store, uint64_t sequence, int64_t created);

/*
 * A snapshot below which every event is settled and persisted; NULL while
 * something is settled and not persisted.
 */
extern const char *outbox_store_settled_snapshot(const OutboxStore *store);

/* No event with a higher id has been settled. */
extern int64_t outbox_store_highest_id(const OutboxStore *store);

extern const OutboxStoreRoutine outbox_postgres_store;

#endif
